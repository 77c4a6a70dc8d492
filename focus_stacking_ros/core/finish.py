# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happens once per stack: peak, depth, confidence and the all-in-focus image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from focus_stacking_ros.core.accumulation import Accumulation, Entry
from focus_stacking_ros.core.depth import DepthEstimate, find_peak, metres, regularise
from focus_stacking_ros.core.focus_measure import GREY_STEPS, response_to_noise
from focus_stacking_ros.core.fusion import FusionSlice, fuse
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import (
    FloatImage, Image, Slice, SliceReport, StackResult, Transform)
from focus_stacking_ros.core.state import NO_SLICE, StackState
from focus_stacking_ros.core.warping import is_identity, view_area, warp

__all__ = ['finish']

#: Views whose areas differ by less than this count as equally narrow.
_SAME_VIEW = 2e-4


def finish(accumulation: Accumulation, slices: Mapping[int, Slice],
           reports: Mapping[int, SliceReport], options: StackOptions) -> StackResult:
    """
    Turn an accumulated stack into its result.

    :param accumulation: slices in the order of their positions, rising or falling
    :param slices: the accepted slices by input number
    :param reports: reports of all inputs by input number
    :param options: tunables
    """
    entries, state = accumulation.entries, accumulation.state
    if entries[0].position > entries[-1].position:
        entries, state = entries[::-1], state.reversed()
    reference = _reference(entries, options.reference)
    # reference pixel -> first slice's pixel
    origin = np.linalg.inv(reference.link.transform)
    origin = np.eye(3) if is_identity(reference.link.transform) else origin
    transforms = [np.eye(3) if entry is reference else entry.link.transform @ origin
                  for entry in entries]
    gains = [entry.link.gain / reference.link.gain for entry in entries]

    average = warp(accumulation.average.mean(), origin, border=cv2.BORDER_REPLICATE)
    average = average * np.float32(1 / reference.link.gain)
    some = slices[reference.number].image
    streaming = options.method == 'streaming'
    channels = 1 if average.ndim == 2 and some.ndim == 2 else 3
    floor = (response_to_noise(options.focus_measure_operator, channels) * accumulation.noise
             * GREY_STEPS)
    peak = find_peak(_moved(state, origin), floor)
    guide = _guide(average, some.dtype, streaming)
    estimate = regularise(peak, guide, options.depth_smoothing, options.depth_edge_contrast,
                          options.depth_outlier)
    if streaming:
        top = np.iinfo(some.dtype).max
        image: Image = np.rint(np.clip(average, 0, top)).astype(some.dtype)
    else:
        image = fuse(_fusion_slices(entries, slices, transforms, gains), estimate.index,
                     estimate.confidence, options.fusion_depth_gate,
                     options.fusion_sharpness_power)
    distances = [slices[entry.number].focus_distance_m for entry in entries]
    final = dict(reports)
    for rank, entry in enumerate(entries):
        final[entry.number] = replace(final[entry.number], rank=rank, transform=transforms[rank],
                                      gain=gains[rank])
    return StackResult(
        image, _depth(estimate, distances, options), estimate.confidence, estimate.index,
        tuple(final[number] for number in sorted(final)), reference.number, accumulation.noise,
        _notes(entries, distances), dict(accumulation.timings_ms))


def _reference(entries: list[Entry], rule: str) -> Entry:
    """Choose the slice whose grid the results are delivered in; entries go near to far."""
    if rule in ('first', 'last'):
        return (min if rule == 'first' else max)(entries, key=lambda entry: entry.number)
    if rule == 'narrowest':
        areas = [view_area(entry.link.transform) for entry in entries]
        return next(entry for entry, area in zip(entries, areas)
                    if area <= min(areas) * (1 + _SAME_VIEW))
    return entries[{'nearest': 0, 'farthest': -1, 'middle': len(entries) // 2}[rule]]


def _moved(state: StackState, origin: Transform) -> StackState:
    """Return the state in the reference's pixel grid."""
    if is_identity(origin):
        return state

    def move(plane: NDArray[np.generic], outside: int) -> NDArray[np.generic]:
        # Nearest: an index cannot be interpolated, and its neighbours belong to it.
        return cv2.warpAffine(plane, origin[:2], plane.shape[::-1],
                              flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
                              borderMode=cv2.BORDER_CONSTANT, borderValue=outside)

    return replace(state, best=move(state.best, -1), left=move(state.left, -1),
                   right=move(state.right, -1), index=move(state.index, NO_SLICE),
                   total=move(state.total, 0), count=move(state.count, 0))


def _guide(average: NDArray[np.float32], dtype: np.dtype[np.generic],
           streaming: bool) -> FloatImage:
    """Luma of the average image, 8-bit grey levels."""
    if streaming:
        if average.ndim == 3:
            average = cv2.cvtColor(average, cv2.COLOR_BGR2GRAY)
        return average if dtype == np.uint8 else average * np.float32(1 / 256)
    return average * np.float32(1 / GREY_STEPS)


def _fusion_slices(entries: list[Entry], slices: Mapping[int, Slice],
                   transforms: list[Transform], gains: list[float]) -> list[FusionSlice]:
    fusion_slices = []
    for entry, transform, gain in zip(entries, transforms, gains):
        assert entry.sharpness is not None
        fusion_slices.append(FusionSlice(slices[entry.number].image, entry.sharpness, transform,
                                         gain))
    return fusion_slices


def _depth(estimate: DepthEstimate, distances: list[float | None],
           options: StackOptions) -> FloatImage:
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return np.full(estimate.index.shape, np.nan, np.float32)
    depth = metres(estimate.index, known)
    if not options.depth_fill:
        depth[estimate.confidence < options.depth_min_confidence] = np.nan
    return depth


def _notes(entries: list[Entry], distances: list[float | None]) -> tuple[str, ...]:
    notes = []
    if len(entries) == 2:
        notes.append('two slices have no sub-slice peak: the depth is one of two planes')
    if None in distances:
        notes.append('the focus positions are not metric: there is a slice index but no depth')
    return tuple(notes)
