# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the results of all methods have in common: reference slice, metric depth, notes."""

from __future__ import annotations

from collections.abc import Sequence

from focus_stacking_ros.core.align.chain import Entry
from focus_stacking_ros.core.align.warping import view_area
from focus_stacking_ros.core.depth.curves import metres
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['choose_reference', 'depth_deviation', 'metric_depth', 'stack_notes']

#: Views whose corners differ by less than this count as equally narrow, pixels.
_SAME_VIEW = 0.25


def choose_reference(entries: Sequence[Entry], rule: str, shape: tuple[int, ...]) -> Entry:
    """
    Choose the slice whose grid the results are delivered in.

    :param entries: near to far
    :param rule: a choice of the option ``reference``
    :param shape: of a slice
    """
    if rule in ('first', 'last'):
        return (min if rule == 'first' else max)(entries, key=lambda entry: entry.number)
    if rule == 'narrowest':
        # A slice that could not be registered may be anywhere: it must not move all the others.
        entries = [entry for entry in entries if not entry.link.reason] or entries
        areas = [view_area(entry.link.transform, (shape[0], shape[1])) for entry in entries]
        tolerance = 2 * _SAME_VIEW / float(np.hypot(shape[0], shape[1]) / 2)
        return next(entry for entry, area in zip(entries, areas, strict=True)
                    if area <= min(areas) * (1 + tolerance))
    return entries[{'nearest': 0, 'farthest': -1, 'middle': len(entries) // 2}[rule]]


def metric_depth(index: FloatImage, distances: Sequence[float | None],
                 unknown: NDArray[np.bool_] | None) -> FloatImage:
    """
    Return the depth in metres, NaN where it is unknown or no slice has a distance.

    :param index: (H, W) float32 slice index
    :param distances: focus distance of each slice in metres, near to far, None where not metric
    :param unknown: (H, W), None where nothing is
    """
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return np.full(index.shape, np.nan, np.float32)
    depth = metres(index, known)
    if unknown is not None:
        depth[unknown] = np.nan
    return depth


def depth_deviation(deviation: FloatImage, index: FloatImage, depth_m: FloatImage,
                    distances: Sequence[float | None]) -> FloatImage:
    """
    Return the standard deviation of the depth in metres, NaN where there is no depth.

    :param deviation: (H, W) float32 standard deviation of the index, slices
    :param index: (H, W) float32 slice index
    :param depth_m: (H, W) float32 metres, NaN where unknown
    :param distances: focus distance of each slice in metres, near to far, None where not metric
    """
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return np.full(index.shape, np.nan, np.float32)
    # The index is linear in dioptres between slices, and dz = z² d(1 / z).
    per_slice = np.abs(np.diff(1 / np.asarray(known, np.float64))).astype(np.float32)
    step = per_slice[np.clip(index.astype(np.intp), 0, len(per_slice) - 1)]
    return np.asarray(depth_m * depth_m * step * deviation, np.float32)


def stack_notes(distances: Sequence[float | None]) -> tuple[str, ...]:
    """
    Return what the number of the slices and their positions mean for the depth.

    :param distances: focus distance of each slice, None where not metric
    """
    notes = []
    if len(distances) == 2:
        notes.append('two slices have no sub-slice peak: the depth is one of two planes')
    if None in distances:
        notes.append('the focus positions are not metric: there is a slice index but no depth')
    return tuple(notes)
