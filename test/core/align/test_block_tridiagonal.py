# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of matrices that link only near neighbours, against dense ones."""

from __future__ import annotations

from focus_stacking_ros.core.align.block_tridiagonal import LinkedBlocks
import numpy as np
import pytest


def linked(size: int, count: int, reach: int) -> tuple[LinkedBlocks, np.ndarray]:
    """Return a random matrix in both forms."""
    rng = np.random.default_rng(size + count)
    blocks, dense = LinkedBlocks(size, count, reach), np.zeros((size, count, size, count))
    for row in range(size):
        for column in range(max(row - reach, 0), row + 1):
            block = rng.normal(size=(count, count))
            if row == column:
                block = block @ block.T + 40 * np.eye(count)
            dense[row, :, column] += block
            if row != column:
                dense[column, :, row] += block.T
            # Either side of the diagonal may be named.
            blocks.add(*((row, column, block) if row % 2 else (column, row, block.T)))
    return blocks, dense.reshape(size * count, size * count)


@pytest.mark.parametrize('size', [1, 2, 5, 8, 9, 41])
@pytest.mark.parametrize('reach', [1, 2, 3])
def test_solution_and_diagonal_of_the_inverse_are_those_of_the_dense_matrix(size, reach) -> None:
    blocks, dense = linked(size, 3, reach)
    extra = np.arange(1.0, 3 * size + 1).reshape(size, 3)
    wider = blocks.copy()
    wider.add_to_diagonal(extra)
    right = np.random.default_rng(0).normal(size=(size, 3, 2))
    for matrix, truth in ((blocks, dense), (wider, dense + np.diag(extra.ravel()))):
        expected = np.linalg.solve(truth, right.reshape(3 * size, 2)).reshape(right.shape)
        np.testing.assert_allclose(matrix.solve(right), expected, atol=1e-12)
        np.testing.assert_allclose(matrix.solve(right[..., 0]), expected[..., 0], atol=1e-12)
        np.testing.assert_allclose(matrix.inverse_diagonal().ravel(),
                                   np.diag(np.linalg.inv(truth)), atol=1e-12)
