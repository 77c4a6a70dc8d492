# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tells of the depth of stacks with truth, and how far it is off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any
from unittest import mock

from confidence_scenes import confidence_stack
import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.depth import stages
from focus_stacking_ros.core.depth.clues import Clues, clues_of
import numpy as np
from numpy.typing import NDArray

__all__ = ['HALF_DEPTH_OF_FIELD', 'Sample', 'rendered_sample', 'sampled']

#: Half the depth of field of a circle of confusion of one pixel, in units (`clues.depth_unit`):
#: at one unit from the focus the blur has a standard deviation of some 1.1 pixels, and a disc of
#: one pixel's diameter has one of a quarter.
HALF_DEPTH_OF_FIELD = 0.25
_BORDER = 6  # half-size pixels that are not judged
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """
    The judged pixels of one stack, at half the size; planes are flat, of the same length.

    :param name: of the stack
    :param kind: class of stacks
    :param unit: see `clues.depth_unit`, slices
    :param clues: what tells of the depth
    :param error: of the slice index, with its sign, units; infinite where there is nothing to see
    :param worst: the greatest size of an error among the pixel and its eight neighbours, units
    :param occluded: whether something nearer hides a part of what the pixel shows in some slice
    """

    name: str
    kind: str
    unit: float
    clues: Clues
    error: Array
    worst: Array
    occluded: NDArray[np.bool_]


def rendered_sample(number: int, method: str = 'default') -> Sample:
    """Return the sample of a stack of `confidence_scenes`."""
    drawn = confidence_stack(number)
    stack = drawn.stack
    truth = stack.slice_index()
    if drawn.kind == 'nothing':
        truth += np.inf
    return sampled(drawn.name, drawn.kind, drawn.slices, truth,
                   distances_m=stack.focus_distances_m, occluded=stack.occluded,
                   alignment_model=drawn.alignment, method=method)


def sampled(name: str, kind: str, slices: Sequence[NDArray[Any]], truth: Array, *,
            distances_m: Sequence[float] | None = None,
            occluded: NDArray[np.bool_] | None = None, **options: Any) -> Sample:
    """
    Return the sample of a stack.

    :param name: of the stack
    :param kind: class of stacks
    :param slices: images
    :param truth: (H, W) true slice index in the pixels of the first slice, NaN where unknown
    :param distances_m: focus distances in metres
    :param occluded: (H, W)
    :param options: of StackOptions
    """
    stacker = FocusStacker(StackOptions(reference='first', **options), 'opencv')
    for image, distance in zip(slices, distances_m or [None] * len(slices), strict=True):
        stacker.add(image, distance)
    with _recorded() as seen:
        result = stacker.finish()
    (clues, unit), = seen
    error = _mean_of_four((truth - result.slice_index) / np.float32(-unit))
    worst = cv2.dilate(np.where(np.isnan(error), 0, np.abs(error)), np.ones((3, 3), np.uint8))
    hidden = np.zeros(truth.shape, np.float32) if occluded is None else np.float32(occluded)
    inner = np.zeros(error.shape, bool)
    inner[_BORDER:-_BORDER, _BORDER:-_BORDER] = True
    inner &= ~np.isnan(error)
    rows, columns = error.shape
    return Sample(name, kind, unit, Clues(**{
        field.name: getattr(clues, field.name)[:rows, :columns][inner]
        for field in fields(Clues)}), error[inner], np.asarray(worst[inner], np.float32),
                  _mean_of_four(hidden)[inner] > 0)


@contextmanager
def _recorded() -> Iterator[list[tuple[Clues, float]]]:
    """Give the clues that `finish` goes by, and their unit."""
    seen: list[tuple[Clues, float]] = []
    real = clues_of

    def recording(evidence: Any, own: Any, surface: Any, unit: float) -> Clues:
        clues = real(evidence, own, surface, unit)
        seen.append((clues, unit))
        return clues
    with mock.patch.object(stages, 'clues_of', recording):
        yield seen


def _mean_of_four(plane: Array) -> Array:
    """Return a plane at half the size, without an odd last row or column."""
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    return np.asarray(plane[:2 * rows, :2 * columns].reshape(rows, 2, columns, 2).mean(
        axis=(1, 3)), np.float32)
