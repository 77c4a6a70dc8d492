# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth of a stack: from its responses to a dense slice index and what to trust of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from focus_stacking_ros.core.align.chain import Entry
from focus_stacking_ros.core.align.warping import is_identity, nearest, reduced
from focus_stacking_ros.core.depth.clues import clues_of, depth_unit, jumps
from focus_stacking_ros.core.depth.confidence import confidence_of, deviation_of, EITHER
from focus_stacking_ros.core.depth.curves import index_of, PeakLayer, sweep_coordinate
from focus_stacking_ros.core.depth.glow import Deviation
from focus_stacking_ros.core.depth.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.depth.state_peaks import StatePeaks
from focus_stacking_ros.core.depth.surface import regularise
from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.depth.volume import FocusVolume
from focus_stacking_ros.core.focus.measure import focus_measure, half_size, halved
from focus_stacking_ros.core.focus.noise import noise_floor
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.stack.accumulation import Accumulation, half_window, operators
import numpy as np
from numpy.typing import NDArray

__all__ = ['DepthEstimate', 'Placed', 'estimate_depth']

_WANDERING = 0.6  # jump of the depth, in its units, at which it is half continuous


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

    entries: Sequence[Entry]
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


@dataclass(frozen=True)
class DepthEstimate:
    """
    A dense slice index and what to trust; planes are (H, W) float32.

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
    :param guide: (H, W) float32 luma of the average image, 8-bit grey levels
    :param distances_m: focus distance of each slice, near to far, None where unknown
    :param channels: colour channels of the slices
    :param options: tunables
    """
    small = halved(guide)
    steps = sweep_coordinate(distances_m, [entry.position for entry in placed.entries])
    layers, width, span, through = _layers(
        accumulation, placed, steps, accumulation.noise_levels.sigma(small), channels, options)
    smoother = FastGlobalSmoother(small, options.depth_edge_contrast)
    surface = regularise(layers, smoother, options.depth_smoothing,
                         options.depth_outlier * width, width)
    del smoother
    # Beyond the ends the index does not go, so that nothing there is a jump of it.
    surface = replace(surface, coordinate=np.clip(surface.coordinate, steps[0], steps[-1]))
    unit = depth_unit(span)
    clues = clues_of(layers, surface, unit)
    confidence = confidence_of(clues)
    if through is not None:
        np.minimum(confidence, np.float32(EITHER), out=confidence, where=through)
    calm = surface.broad + clues.support * (surface.coordinate - surface.broad)
    continuity = 1 / (1 + np.square(jumps(calm, unit) * np.float32(1 / _WANDERING)))
    if through is not None:
        continuity[through] = 0  # the image is to show both surfaces
    planes = [index_of(surface.coordinate, steps), confidence,
              deviation_of(clues, unit), index_of(calm, steps), continuity]
    del layers, surface, clues
    index, sure, deviation, calm, continuity = doubled(planes, (guide.shape[0], guide.shape[1]))
    return DepthEstimate(index, sure, deviation, calm, continuity, span)


def _layers(accumulation: Accumulation, placed: Placed, steps: NDArray[np.float32],
            noise: FloatImage, channels: int,
            options: StackOptions
            ) -> tuple[list[PeakLayer], float, float, NDArray[np.bool_] | None]:
    """
    Return the peaks, and the width of the focus curves at their peak and on the whole.

    Then where surfaces are seen through one another: (h, w) bool, None where none are.
    """
    shape = (noise.shape[0], noise.shape[1])
    history = accumulation.brightness.deviation(placed.origin, shape, reverse=placed.backwards)
    ranks = np.asarray(placed.measured)
    steps = steps[ranks]

    def deviation(operator: str) -> Deviation:
        # What a blurred edge makes of its change of brightness depends on the operator.
        scale = np.float32(focus_measure(operator).curvature
                           / focus_measure('ring_difference').curvature)
        return lambda number, rows: history(ranks[number], rows) * scale

    window = half_window(options)

    def floor(operator: str) -> FloatImage:
        return noise_floor(operator, channels, noise, accumulation.noise_ratio)

    if accumulation.state is not None:
        state = _moved_state(accumulation.state, placed.origin, shape)
        state = state.in_reverse() if placed.backwards else state
        name = options.focus_measure_operator
        peaks = StatePeaks(state, steps, floor(name) / np.float32(placed.state_gain), window,
                           focus_measure(name).noise[channels])
        return [peaks.layer(deviation(name))], peaks.width, peaks.span, None
    layers, width, span = [], 0.0, 0.0
    through: NDArray[np.bool_] | None = None
    names = operators(options)
    for name in names:
        volume = FocusVolume(_aligned(accumulation, placed, name), steps, floor(name), window,
                             focus_measure(name).noise[channels])
        layers += [replace(layer, weight=layer.weight * np.float32(1 / len(names)))
                   for layer in volume.layers(deviation(name), options.depth_prefer)]
        width = max(width, volume.width)
        span = max(span, volume.span)
        if volume.through is not None:
            through = volume.through if through is None else through | volume.through
    return layers, width, span, through


def _aligned(accumulation: Accumulation, placed: Placed, operator: str) -> NDArray[np.int16]:
    """Return the responses of the measured slices in the reference's grid: (n, h, w) int16."""
    responses = np.empty((len(placed.measured), *half_size(accumulation.shape)), np.int16)
    for aligned, rank in zip(responses, placed.measured, strict=True):
        aligned[...] = accumulation.align(placed.entries[rank], operator,
                                          placed.transforms[rank], placed.gains[rank])
    return responses


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
