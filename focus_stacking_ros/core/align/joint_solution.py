# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All transforms of a stack that fit many comparisons of two slices best, by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.align.block_tridiagonal import LinkedBlocks
from focus_stacking_ros.core.align.motion import adjoints, generator
from focus_stacking_ros.core.align.usual_course import Course, log_scale
from focus_stacking_ros.core.align.warping import identity, joined, rescaled
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['PairFit', 'changed', 'fitted_changes', 'frame_of']

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

    def solve(self, weights: NDArray[np.float64], first: int, course: Course | None
              ) -> tuple[NDArray[np.float64], LinkedBlocks, NDArray[np.float64]]:
        """
        Return the changes that fit all pairs best.

        :param weights: of each pair
        :param first: rank of the slice that stays
        :param course: where slices usually lie, None where that is not known
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
        fixed[first] += 1e12 if course is None else 1e12 * (course.certainty == 0)
        if course is not None:
            fixed += course.certainty
            right += course.certainty * course.change
        normal.add_to_diagonal(fixed)
        solution = normal.solve(right)
        moved = (solution[self._second] - solution[self._first])[..., None]
        rest = (self._adjoints @ moved)[..., 0] - self._steps
        squared = (rest[:, None] @ self._information @ rest[..., None])[:, 0, 0]
        return solution, normal, np.sqrt(np.maximum(squared, 0) / count)


def fitted_changes(pairs: Sequence[PairFit], transforms: Sequence[Transform], model: str,
                   shape: tuple[int, int], course: Course | None = None,
                   first: int = 0) -> tuple[NDArray[np.float64], LinkedBlocks]:
    """
    Return the changes that fit all pairs best, with less weight for pairs that contradict others.

    :param pairs: at least one
    :param course: where slices usually lie, None where that is not known
    :param first: rank of the slice that stays
    :returns: (n, p) change of each transform, and its inverse covariance
    """
    equations = _Pairs(pairs, adjoints(model, np.stack(transforms), *frame_of(shape)))
    weights = np.ones(len(pairs))
    for _ in range(4):
        solution, normal, distances = equations.solve(weights, first, course)
        weights = 1 / np.maximum(distances / _OUTLIER, 1)
    return solution, normal


def changed(transforms: Sequence[Transform], changes: NDArray[np.float64], model: str,
            shape: tuple[int, int]) -> list[Transform]:
    """Return transforms with the (n, p) changes of their parameters."""
    result = [joined(transform, identity() + generator(model, change, *frame_of(shape)))
              for transform, change in zip(transforms, changes, strict=True)]
    if model == 'rigid':  # a small rotation is one but to the first order
        return [rescaled(each, float(np.exp(log_scale(before))), shape)
                for each, before in zip(result, transforms, strict=True)]
    return result
