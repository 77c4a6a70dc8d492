# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Peaks of focus curves of which only the running state is known."""

from __future__ import annotations

from focus_stacking_ros.core.depth.curves import (
    Curve,
    doubt_borrowed,
    doubt_glow,
    half_gaps,
    in_bands,
    layer_of,
    PeakLayer,
    strongest_near,
)
from focus_stacking_ros.core.depth.glow import Deviation
from focus_stacking_ros.core.depth.peaks import curvature_of, fit_peak, Sample, typical_fall
from focus_stacking_ros.core.focus.measure import GREY_STEPS, NoiseResponse
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['StatePeaks', 'state_curvature', 'state_limits']


def state_curvature(fall: tuple[float, float] | None) -> float:
    """
    Return the curvature of a stack's focus curves at their peaks, by the slices beside them.

    :param fall: see `core.depth.peaks.typical_fall`
    """
    return max(0.5 if fall is None else curvature_of(*fall), 1e-3)


def state_limits(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Return the greatest shift of a peak from its best slice, for every slice (n,).

    :param steps: (n,) float32, coordinate of every slice
    """
    return np.maximum(half_gaps(steps), np.float32(0.5))


class StatePeaks:
    """
    What the state of a stack tells of the peaks.

    :param state: in the grid and the order that results are wanted in
    :param steps: (n,) float32, coordinate of every slice
    :param floor: (h, w) float32, mean response to noise, 8-bit grey levels
    :param window: side of the averaging window, half-size pixels
    :param noise: what the focus measure makes of noise
    """

    def __init__(self, state: StackState, steps: NDArray[np.float32], floor: FloatImage,
                 window: int, noise: NoiseResponse) -> None:
        self._state, self._steps, self._floor = state, steps, floor
        self._scatter = noise.scatter_of(window)
        self._number = np.where(state.index == state.none, 0, state.index).astype(np.intp)
        self.width = self.span = 1 / np.sqrt(self._curvature())

    def layer(self, deviation: Deviation) -> PeakLayer:
        """
        Return what the state tells.

        :param deviation: returns how far the brightness of given slices is from its usual value
        """
        limits = state_limits(self._steps)

        near = strongest_near(self._state.best)

        def work(rows: slice) -> PeakLayer:
            number, floor, state = self._number[rows], self._floor[rows], self._state
            best = self._signal(0, rows)
            count = state.count[rows]
            mean = state.total[rows] / (GREY_STEPS * np.maximum(count, 1).astype(np.float32))
            fit = fit_peak((self._sample(side, rows) for side in (-1, 0, 1)), best, floor,
                           self._scatter, 1 / self.width ** 2)
            curve = Curve(best, (mean - floor).astype(np.float32), self._steps[number], floor,
                          count == state.slices, fit)
            layer = layer_of(curve, self._scatter, self.width,
                             (float(self._steps[0]), float(self._steps[-1])),
                             limits[number])
            weight = doubt_glow(layer.weight, deviation(number, rows), best, near[rows])
            detail = state.detail[rows].astype(np.float32) * np.float32(1 / GREY_STEPS)
            weight = doubt_borrowed(weight, detail, best, floor)
            return PeakLayer(layer.coordinate, weight, layer.significance)

        return in_bands(work, (self._floor.shape[0], self._floor.shape[1]))

    def _plane(self, side: int) -> NDArray[np.int16]:
        return (self._state.best, self._state.right, self._state.left)[side]

    def _signal(self, side: int, rows: slice = slice(None)) -> FloatImage:
        return np.asarray(self._plane(side)[rows].astype(np.float32) * np.float32(
            1 / GREY_STEPS) - self._floor[rows], np.float32)

    def _gap(self, side: int, rows: slice = slice(None)) -> FloatImage:
        number = self._number[rows]
        other = np.clip(number + side, 0, len(self._steps) - 1)
        return self._steps[other] - self._steps[number]

    def _sample(self, side: int, rows: slice) -> Sample:
        return Sample(self._gap(side, rows), self._signal(side, rows),
                      self._plane(side)[rows] >= 0)

    def _curvature(self) -> float:
        valid = (self._state.left >= 0) & (self._state.right >= 0)
        sides = [Sample(self._gap(side), self._signal(side), valid) for side in (-1, 1)]
        return state_curvature(
            typical_fall(self._signal(0), sides, np.float32(self._scatter) * self._floor))
