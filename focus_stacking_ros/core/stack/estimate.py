# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth of a stack: from its responses to a dense slice index and what to trust of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from focus_stacking_ros.core.align.chain import Entry
from focus_stacking_ros.core.align.warping import is_identity, nearest, reduced
from focus_stacking_ros.core.depth.binning import Bins, bins_of, mean_of
from focus_stacking_ros.core.depth.curves import sweep_coordinate
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.narrower import (
    bends_within,
    NARROW,
    narrow_share,
    with_narrower,
)
from focus_stacking_ros.core.depth.stages import StackPeaks, SurfaceOptions
from focus_stacking_ros.core.focus.measure import focus_measure
from focus_stacking_ros.core.focus.noise import noise_floor
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.stack.accumulation import Accumulation, half_window, operators
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['DepthEstimate', 'Placed', 'estimate_depth']


@dataclass(frozen=True)
class Placed:
    """
    The slices of a stack in the pixel grid of its reference.

    :param entries: near to far
    :param transforms: reference pixel -> slice pixel
    :param gains: factor on the slice's grey values that gives the reference's brightness
    :param origin: reference pixel -> first slice's pixel
    :param backwards: whether the slices came far to near
    :param left_out: ranks of the slices that are no part of the focus curves
    :param state_gain: factor on the responses of a running state that gives their brightness,
        which is the first slice's, that of the result
    """

    entries: list[Entry]
    transforms: Sequence[Transform]
    gains: Sequence[float]
    origin: Transform
    backwards: bool
    left_out: Sequence[int] = ()
    state_gain: float = 1.0

    @property
    def measured(self) -> list[int]:
        """Return the ranks of the slices that the focus curves are made of."""
        return [rank for rank in range(len(self.entries)) if rank not in self.left_out]

    def added(self, ranks: Sequence[int]) -> list[int]:
        """Return the numbers of slices, from 0 in the order they were added in."""
        return [len(self.entries) - 1 - rank if self.backwards else rank for rank in ranks]


@dataclass(frozen=True)
class DepthEstimate:
    """
    A dense slice index and what to trust; planes are (h, w) float32, at half the size.

    At full size they are with `core.depth.upsampling`, where they are used.

    :param index: fractional slice index
    :param confidence: 0 to 1
    :param deviation: standard deviation of the index, slices
    :param calm: slice index that wanders less where it is not confident, for fusion
    :param continuity: 0 to 1, low where that index jumps
    :param span: standard deviation of the whole focus curve, in the coordinate of the sweep
    """

    index: FloatImage
    confidence: FloatImage
    deviation: FloatImage
    calm: FloatImage
    continuity: FloatImage
    span: float


def estimate_depth(accumulation: Accumulation, placed: Placed, guide: FloatImage,
                   distances_m: Sequence[float | None], channels: int,
                   options: StackOptions) -> DepthEstimate:
    """
    Estimate the depth of a stack.

    :param accumulation: its responses, noise and brightness
    :param placed: its slices
    :param guide: (h, w) float32 luma of the average image at half the size, 8-bit grey levels
    :param distances_m: focus distance of each slice, near to far, None where unknown
    :param channels: colour channels of the slices
    :param options: tunables
    """
    steps = sweep_coordinate(distances_m, [entry.position for entry in placed.entries])
    peaks = _peaks(accumulation, placed, steps, accumulation.noise_levels.sigma(guide), channels,
                   options)
    stages, span = accumulation.depth, peaks.span
    # What has served is let go: beside the slices there is much of it.
    peaks = peaks.without_significances(stages.evidence(peaks))
    surface = stages.surface(peaks, guide, SurfaceOptions(
        options.depth_edge_contrast, options.depth_smoothing, options.depth_outlier))
    peaks = peaks.without_layers()
    found = stages.judge(peaks, surface, steps)
    return DepthEstimate(found.index, found.confidence, found.deviation, found.calm,
                         found.continuity, span)


def _peaks(accumulation: Accumulation, placed: Placed, steps: NDArray[np.float32],
           noise: FloatImage, channels: int, options: StackOptions) -> StackPeaks:
    """Return the peaks of the focus curves, of all focus measures."""
    shape = (noise.shape[0], noise.shape[1])
    history = accumulation.brightness.deviation(placed.origin, shape, reverse=placed.backwards)
    measured = placed.measured
    steps = steps[measured]

    def deviation(operator: str, ranks: Sequence[int]) -> Glow:
        # What a blurred edge makes of its change of brightness depends on the operator.
        return history.of_slices(ranks, focus_measure(operator).curvature
                                 / focus_measure('ring_difference').curvature)

    window = half_window(options)

    def floor(operator: str) -> FloatImage:
        return noise_floor(operator, channels, noise, accumulation.noise_ratio)

    if accumulation.state is not None:
        state = _moved_state(accumulation.state, placed.origin, shape)
        state = state.in_reverse() if placed.backwards else state
        name = options.focus_measure_operator
        return accumulation.depth.state_peaks(
            state, steps, floor(name) / np.float32(placed.state_gain), window,
            focus_measure(name).noise[channels], deviation(name, measured))
    names = operators(options)
    bins = bins_of(steps, accumulation.focus_span(placed.added(measured), steps))

    def of(operator: str) -> StackPeaks:
        response, least = bins.noise(focus_measure(operator).noise[channels]), floor(operator)
        aligned = _aligned(accumulation, placed, operator, bins)
        glow = deviation(operator, [measured[each[len(each) // 2]] for each in bins.places])

        def averaged(side: int) -> StackPeaks:
            return accumulation.depth.peaks(aligned, bins.steps, least, side, response, glow,
                                            options.depth_prefer)

        peaks = averaged(window)
        if bends_within(peaks, window, response):
            narrow = averaged(NARROW)
            share = narrow_share(peaks.layers[0], narrow.layers[0], peaks.width, window, response)
            peaks = with_narrower(peaks, narrow, share)
        return bins.of_slices(peaks)

    found = [of(name) for name in names]
    if len(found) == 1:
        return found[0]
    share = np.float32(1 / len(names))
    layers = [replace(layer, weight=layer.weight * share)
              for each in found for layer in each.layers]
    through = [each.through for each in found if each.through is not None]
    return StackPeaks(layers, max(each.width for each in found), max(each.span for each in found),
                      np.logical_or.reduce(through) if through else None, found[0].joined)


def _aligned(accumulation: Accumulation, placed: Placed, operator: str,
             bins: Bins) -> list[NDArray[np.int16]]:
    """
    Return the responses of the measured slices in the reference's grid: (h, w) int16 of each bin.

    As they are aligned those in the slices' own grids are let go: nobody needs them any more.
    """
    def aligned(rank: int) -> NDArray[np.int16]:
        entry = placed.entries[rank]
        plane = accumulation.align(entry, operator, placed.transforms[rank], placed.gains[rank])
        entry.responses.pop(operator, None)
        return plane

    measured = placed.measured
    means: list[Future[NDArray[np.int16]]] = []
    with lasting_threads('binning', 1) as pool:
        for each in bins.places:
            planes = [aligned(rank) for rank in measured[each.start:each.stop]]
            if means:
                means[-1].result()  # those of a bin at most wait
            means.append(pool.submit(mean_of, planes))
        return [mean.result() for mean in means]


def _moved_state(state: StackState, origin: Transform, shape: tuple[int, int]) -> StackState:
    """Return a state in the reference's pixel grid."""
    if is_identity(origin):
        return state
    place = reduced(origin, 2)

    def moved(plane: NDArray[Any], outside: int = -1) -> NDArray[Any]:
        return nearest(plane, place, outside, (shape[1], shape[0]))

    return replace(state, best=moved(state.best), left=moved(state.left),
                   right=moved(state.right), previous=moved(state.previous),
                   detail=moved(state.detail), index=moved(state.index, state.none),
                   total=moved(state.total, 0), count=moved(state.count, 0))
