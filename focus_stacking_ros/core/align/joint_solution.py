# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All transforms of a stack that fit many comparisons of two slices best, by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.align.block_tridiagonal import LinkedBlocks
from focus_stacking_ros.core.align.motion import adjoints, generator, PARAMETERS
from focus_stacking_ros.core.align.warping import identity, joined, rescaled
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['PairFit', 'changed', 'fitted_changes', 'frame_of', 'smooth_scales']

_OWN_ERROR, _CERTAIN = 0.03, 0.3  # pixels at the rim: of any scale; at most, of a reliable one
_SMOOTH = 0.15  # pixels at the rim by which magnifications may miss a smooth function of focus
_BEND = 0.75  # of the logarithm of the magnification, times the square of the breathing
_OUTLIER = 3.0  # standard deviations beyond which a comparison counts less


@dataclass(frozen=True)
class PairFit:
    """
    Two slices compared.

    :param first: rank of the one
    :param second: rank of the other
    :param step: (p,) parameters by which first -> second differs from the transforms so far
    :param information: (p, p) inverse covariance of the step, 1/pixels²
    """

    first: int
    second: int
    step: NDArray[np.float64]
    information: NDArray[np.float64]


def frame_of(shape: tuple[int, int]) -> tuple[tuple[float, float], float]:
    """Return centre and unit of the parameters of a full-size image."""
    height, width = shape
    return ((width - 1) / 2, (height - 1) / 2), max(height / 2, width / 2)


class _Pairs:
    """
    The normal equations of pairs.

    :param pairs: at least one; each second rank greater than the first
    :param adjoints: of every slice, (n, p, p)
    """

    def __init__(self, pairs: Sequence[PairFit], adjoints: NDArray[np.float64]) -> None:
        self._first, self._second = (np.array(ranks) for ranks in zip(
            *((pair.first, pair.second) for pair in pairs), strict=True))
        self._size, self._count = adjoints.shape[:2]
        self._reach = int((self._second - self._first).max())
        self._steps = np.stack([pair.step for pair in pairs])
        self._information = np.stack([pair.information for pair in pairs])
        self._adjoints = adjoints[self._first]
        scores = self._adjoints.transpose(0, 2, 1) @ self._information
        self._blocks = scores @ self._adjoints
        self._rights = (scores @ self._steps[..., None])[..., 0]

    def solve(self, weights: NDArray[np.float64], first: int, wanted: NDArray[np.float64] | None
              ) -> tuple[NDArray[np.float64], LinkedBlocks, NDArray[np.float64]]:
        """
        Return the changes that fit all pairs best.

        :param weights: of each pair
        :param first: rank of the slice that stays
        :param wanted: (n,) change of the scale that each is to have, pixels, None where free
        :returns: (n, p) change of each transform, its inverse covariance, and each pair's distance
            from the solution in standard deviations
        """
        size, count = self._size, self._count
        normal, right = LinkedBlocks(size, count, self._reach), np.zeros((size, count))
        blocks = weights[:, None, None] * self._blocks
        normal.add_all(self._first, self._first, blocks)
        normal.add_all(self._second, self._second, blocks)
        normal.add_all(self._second, self._first, -blocks)
        rights = weights[:, None] * self._rights
        np.add.at(right, self._second, rights)
        np.subtract.at(right, self._first, rights)
        # The first slice stays; a slice without any comparison, where it is.
        fixed = np.full((size, count), 1e-9)
        fixed[first] += 1e12
        if wanted is not None:
            fixed[:, 2] += 1e9
            right[:, 2] += 1e9 * wanted
        normal.add_to_diagonal(fixed)
        solution = normal.solve(right)
        moved = (solution[self._second] - solution[self._first])[..., None]
        rest = (self._adjoints @ moved)[..., 0] - self._steps
        squared = (rest[:, None] @ self._information @ rest[..., None])[:, 0, 0]
        return solution, normal, np.sqrt(np.maximum(squared, 0) / count)


def fitted_changes(pairs: Sequence[PairFit], transforms: Sequence[Transform], model: str,
                   shape: tuple[int, int], scales: NDArray[np.float64] | None = None,
                   first: int = 0) -> tuple[NDArray[np.float64], LinkedBlocks]:
    """
    Return the changes that fit all pairs best, with less weight for pairs that contradict others.

    :param pairs: at least one
    :param scales: (n,) logarithms of the magnification that all are to have, None where free
    :param first: rank of the slice that stays
    :returns: (n, p) change of each transform, and its inverse covariance
    """
    equations = _Pairs(pairs, adjoints(model, np.stack(transforms), *frame_of(shape)))
    wanted = None
    if scales is not None:
        wanted = (scales - np.array([_log_scale(each) for each in transforms])) * frame_of(
            shape)[1]
    weights = np.ones(len(pairs))
    for _ in range(4):
        solution, normal, distances = equations.solve(weights, first, wanted)
        weights = 1 / np.maximum(distances / _OUTLIER, 1)
    return solution, normal


def _log_scale(transform: Transform) -> float:
    return 0.5 * float(np.log(abs(np.linalg.det(transform[:2, :2]))))


def smooth_scales(transforms: Sequence[Transform], normal: LinkedBlocks, model: str,
                  shape: tuple[int, int], focus: Sequence[float], first: int = 0
                  ) -> NDArray[np.float64] | None:
    """
    Return (n,) logarithms of the magnification as a smooth function of the focus.

    A lens that breathes by b magnifies by 1 + b t or, a thin lens, by 1 / (1 - b t), t linear in
    dioptres: the logarithm bends by b² / 2 either way, no more. Only where that contradicts what
    is reliable, as where the positions are but numbers, may it bend freely. None where the slices
    do not support that either: too few, or a lens that does not breathe so.

    :param normal: inverse covariance of the transforms' parameters
    :param first: rank of the slice that stays
    """
    unit: float = frame_of(shape)[1]
    others = np.arange(len(transforms)) != first
    variance = normal.inverse_diagonal()[others, 2] + _OWN_ERROR ** 2
    known = variance < _CERTAIN ** 2
    if np.count_nonzero(known) < 4:
        return None
    position = np.asarray(focus, np.float64)
    position = (position - position.mean()) / (np.ptp(position) or 1.0)
    powers = np.stack([position, position ** 2], axis=1)
    powers = powers[others] - powers[first]
    scales = np.array([_log_scale(each) for each in transforms])
    measured = (scales[others] - scales[first]) * unit
    certain = _certainty_times(np.column_stack([powers, measured]), normal, others,
                               PARAMETERS[model])
    breathing = np.ptp(np.append(scales[first], scales[others][known]))
    bends = [_BEND * unit * breathing ** 2 + _OWN_ERROR]
    if np.count_nonzero(known) >= 6:
        bends.append(np.inf)
    for bend in bends:
        prior = np.diag([0.0, bend ** -2])
        factors = np.linalg.solve(powers.T @ certain[:, :2] + prior, powers.T @ certain[:, 2])
        fitted = powers @ factors
        if np.sqrt(np.mean(np.square(measured - fitted)[known])) <= _SMOOTH:
            result = scales.copy()
            result[others] = scales[first] + fitted / unit
            return result
    return None


def _certainty_times(columns: NDArray[np.float64], normal: LinkedBlocks,
                     others: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
    """
    Return (C + e²)⁻¹ columns, C the covariance of the scales and e the error that each has.

    C is a part of the inverse of ``normal``; by Woodbury's identity no inverse is needed.

    :param columns: (m, k) values of the scales of ``others``
    """
    share = 1 / _OWN_ERROR ** 2
    more = np.zeros((len(others), count))
    more[others, 2] = share
    widened = normal.copy()
    widened.add_to_diagonal(more)
    right = np.zeros((len(others), count, columns.shape[1]))
    right[others, 2] = share * columns
    return np.asarray(share * columns - share * widened.solve(right)[others, 2], np.float64)


def changed(transforms: Sequence[Transform], changes: NDArray[np.float64], model: str,
            shape: tuple[int, int]) -> list[Transform]:
    """Return transforms with the (n, p) changes of their parameters."""
    result = [joined(transform, identity() + generator(model, change, *frame_of(shape)))
              for transform, change in zip(transforms, changes, strict=True)]
    if model == 'rigid':  # a small rotation is one but to the first order
        return [rescaled(each, float(np.exp(_log_scale(before))), shape)
                for each, before in zip(result, transforms, strict=True)]
    return result
