# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Symmetric matrices that link only near neighbours: solved in time linear in their number.

So many neighbours make one block as the farthest link spans; what is left then is block
tridiagonal. Cyclic reduction, block elimination and the diagonal of the inverse from that: Golub
and Van Loan, Matrix Computations, section 4.5; Rue and Held 2005, doi:10.1201/9780203492024,
section 2.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['LinkedBlocks']

Matrix = NDArray[Any]  # float64


class LinkedBlocks:
    """
    A symmetric positive definite matrix of ``size`` times ``size`` blocks of (p, p).

    :param size: blocks along a side
    :param count: p
    :param reach: how far apart two linked blocks may be, at least 1
    """

    def __init__(self, size: int, count: int, reach: int) -> None:
        self._size, self._count, self._reach = size, count, max(reach, 1)
        self._groups = -(-size // self._reach)
        side = self._reach * count
        # What fills the last group up is a matrix of its own that is solved by 0.
        self._diagonal = np.zeros((self._groups, side, side))
        self._diagonal[-1] += np.diag(
            (np.arange(side) >= (size - (self._groups - 1) * self._reach) * count) * 1.0)
        self._lower = np.zeros((max(self._groups - 1, 0), side, side))  # group k + 1, group k

    def copy(self) -> LinkedBlocks:
        """Return a matrix that changes on its own."""
        other = LinkedBlocks(self._size, self._count, self._reach)
        other._diagonal[...], other._lower[...] = self._diagonal, self._lower
        return other

    @property
    def count(self) -> int:
        """Return the side of a block."""
        return self._count

    def _place(self, number: int) -> tuple[int, slice]:
        group, within = divmod(number, self._reach)
        return group, slice(within * self._count, (within + 1) * self._count)

    def add(self, row: int, column: int, block: Matrix) -> None:
        """
        Add a block, and off the diagonal its transpose on the other side.

        :param row: at most ``reach`` from ``column``
        :param block: (p, p)
        """
        if row < column:
            row, column, block = column, row, block.T
        (below, rows), (above, columns) = self._place(row), self._place(column)
        if below != above:
            self._lower[above, rows, columns] += block
            return
        self._diagonal[below, rows, columns] += block
        if row != column:
            self._diagonal[below, columns, rows] += block.T

    def add_all(self, rows: NDArray[np.intp], columns: NDArray[np.intp], blocks: Matrix) -> None:
        """
        Add blocks, and off the diagonal their transposes on the other side.

        :param rows: (m,) none of them less than its column and at most ``reach`` more
        :param columns: (m,)
        :param blocks: (m, p, p)
        """
        (below, down), (above, across) = (divmod(each, self._reach) for each in (rows, columns))
        split = (-1, self._reach, self._count, self._reach, self._count)
        lower, diagonal = self._lower.reshape(split), self._diagonal.reshape(split)

        def add_to(plane: Matrix, group: Matrix, down: Matrix, across: Matrix,
                   some: Matrix) -> None:
            place: Any = (group, down, slice(None), across, slice(None))
            np.add.at(plane, place, some)

        one, two = below == above, below != above
        add_to(lower, above[two], down[two], across[two], blocks[two])
        add_to(diagonal, below[one], down[one], across[one], blocks[one])
        one &= rows != columns
        add_to(diagonal, below[one], across[one], down[one], blocks[one].transpose(0, 2, 1))

    def add_to_diagonal(self, values: Matrix) -> None:
        """Add (size, p) values to the diagonal."""
        every = np.zeros(self._groups * self._reach * self._count)
        every[:values.size] = values.ravel()
        side = np.arange(self._reach * self._count)
        self._diagonal[:, side, side] += every.reshape(self._groups, -1)

    def _eliminated(self) -> tuple[Matrix, Matrix]:
        """Return the inverses of the pivots, and each lower block times the pivot before it."""
        inverse, factor = np.empty_like(self._diagonal), np.empty_like(self._lower)
        inverse[0] = np.linalg.inv(self._diagonal[0])
        for group, lower in enumerate(self._lower):
            factor[group] = lower @ inverse[group]
            inverse[group + 1] = np.linalg.inv(
                self._diagonal[group + 1] - factor[group] @ lower.T)
        return inverse, factor

    def solve(self, right: Matrix) -> Matrix:
        """
        Return x with matrix x = right.

        :param right: (size, p) or (size, p, m)
        :returns: the same shape
        :raises numpy.linalg.LinAlgError: the matrix is singular
        """
        side = self._reach * self._count
        columns = right.reshape(self._size * self._count, -1)
        known = np.zeros((self._groups * side, columns.shape[1]))
        known[:len(columns)] = columns
        result = _solved(self._diagonal, self._lower, known.reshape(self._groups, side, -1))
        return np.asarray(result.reshape(self._groups * side, -1)[:len(columns)].reshape(
            right.shape), np.float64)

    def inverse_diagonal(self) -> Matrix:
        """Return the diagonal of the inverse, (size, p)."""
        inverse, factor = self._eliminated()
        diagonal = np.empty(inverse.shape[:2])
        known = inverse[-1]
        diagonal[-1] = np.diag(known)
        for group in range(self._groups - 2, -1, -1):
            known = inverse[group] + factor[group].T @ known @ factor[group]
            diagonal[group] = np.diag(known)
        return diagonal.ravel()[:self._size * self._count].reshape(self._size, -1)


def _solved(diagonal: Matrix, lower: Matrix, right: Matrix) -> Matrix:
    """
    Return x with matrix x = right, every other unknown eliminated at once (cyclic reduction).

    :param diagonal: (n, p, p)
    :param lower: (n - 1, p, p) row k + 1, column k
    :param right: (n, p, m)
    """
    inverse = np.linalg.inv(diagonal[::2])
    if len(diagonal) == 1:
        return np.asarray(inverse @ right, np.float64)
    # Row k is linked to the eliminated ones before it, k - 1, and behind it, where there is one.
    before, behind = lower[::2], lower[1::2]
    count = len(behind)
    from_before = before @ inverse[:len(before)]
    from_behind = behind.transpose(0, 2, 1) @ inverse[1:count + 1]
    rest, some = diagonal[1::2] - from_before @ before.transpose(0, 2, 1), right[1::2].copy()
    some -= from_before @ right[:2 * len(before):2]
    rest[:count] -= from_behind @ behind
    some[:count] -= from_behind @ right[2::2]
    further = -from_before[1:] @ behind[:len(before) - 1]
    result = np.empty_like(right)
    result[1::2] = known = _solved(rest, further, some)
    eliminated = right[::2].copy()
    eliminated[:len(before)] -= before.transpose(0, 2, 1) @ known
    eliminated[1:count + 1] -= behind @ known[:count]
    result[::2] = inverse @ eliminated
    return result
