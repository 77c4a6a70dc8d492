# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of the depth takes time, as a backend may do it, and how NumPy and OpenCV do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from focus_stacking_ros.core.depth.bending import bending
from focus_stacking_ros.core.depth.clues import clues_of, depth_unit, evidence_of, jumps
from focus_stacking_ros.core.depth.confidence import confidence_of, deviation_of, EITHER
from focus_stacking_ros.core.depth.curves import index_of, PeakLayer, SYSTEMATIC
from focus_stacking_ros.core.depth.glow import Deviation
from focus_stacking_ros.core.depth.rims import located_rims, Mask
from focus_stacking_ros.core.depth.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.depth.state_peaks import StatePeaks
from focus_stacking_ros.core.depth.surface import regularise, Surface
from focus_stacking_ros.core.depth.volume import FocusVolume
from focus_stacking_ros.core.focus.measure import NoiseResponse
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['WANDERING', 'DepthStages', 'Judged', 'PortableDepth', 'StackPeaks', 'SurfaceOptions']

WANDERING = 0.6  # jump of the depth, in its units, at which it is half continuous


@dataclass(frozen=True)
class StackPeaks:
    """
    What the focus curves of a whole stack tell.

    :param layers: peaks at windows of rising size; where a finer one tells, wider ones count less
    :param width: standard deviation of the focus curve at its peak, in the coordinate
    :param span: of the whole focus curve
    :param through: (h, w) bool, where surfaces are seen through one another; None: nowhere
    :param joined: (h, w) float32, coordinate of each pixel's own peak where two windows tell it
        together; None: that of the first layer
    :param evidence: (h, w) float32, 0 to 1, see `DepthStages.evidence`; None: what the layers tell
    :param known_bend: ``bend`` where it is known; None: it is found when it is asked for
    """

    layers: Sequence[PeakLayer]
    width: float
    span: float
    through: NDArray[np.bool_] | None = None
    joined: FloatImage | None = None
    evidence: FloatImage | None = None
    known_bend: float | None = None

    @property
    def own(self) -> FloatImage:
        """Return the coordinate of each pixel's own peak, (h, w) float32."""
        return self.layers[0].coordinate if self.joined is None else self.joined

    def without_significances(self, evidence: FloatImage) -> StackPeaks:
        """Return what is needed of them before the surface is laid, with their evidence."""
        none = np.empty((0, 0), np.float32)
        return replace(self, evidence=evidence, known_bend=self.bend,
                       layers=[replace(layer, significance=none) for layer in self.layers])

    def without_layers(self) -> StackPeaks:
        """Return what is needed of them when the surface is laid."""
        return replace(self, joined=self.own, layers=[])

    @cached_property
    def bend(self) -> float:
        """Return how much the surface bends over a window, see `core.depth.bending`."""
        if self.known_bend is not None:
            return self.known_bend
        return bending(self.layers[0], SYSTEMATIC * self.width)


@dataclass(frozen=True)
class SurfaceOptions:
    """
    How smooth a surface is to be.

    :param edge_contrast: step of the guide, grey levels, at which a link falls to 1/e
    :param strength: lambda of the smoothing
    :param outlier: distance from the surface at which a peak has half its weight, in widths of
        the focus curve
    """

    edge_contrast: float
    strength: float
    outlier: float


@dataclass(frozen=True)
class Judged:
    """
    A surface and what to trust of it; (h, w) float32 each, at half the size.

    :param index: fractional slice index
    :param confidence: 0 to 1
    :param deviation: standard deviation of the index, slices
    :param calm: slice index that wanders less where it is not confident
    :param continuity: 0 to 1, low where that index jumps
    """

    index: FloatImage
    confidence: FloatImage
    deviation: FloatImage
    calm: FloatImage
    continuity: FloatImage

    def where_either(self, through: NDArray[np.bool_] | None) -> Judged:
        """
        Return this after what is seen through one another has lost its certainty, in place.

        :param through: (h, w), where that is; None: nowhere
        """
        if through is not None:
            np.minimum(self.confidence, np.float32(EITHER), out=self.confidence, where=through)
            self.continuity[through] = 0  # the image is to show both surfaces
        return self


class DepthStages(Protocol):
    """
    The stages of the depth that take time.

    Results of two implementations may differ by their rounding: the slice index by 1/64 on 99.9 %
    of the pixels.
    """

    def peaks(self, responses: Sequence[NDArray[np.int16]], steps: NDArray[np.float32],
              floor: FloatImage, window: int, noise: NoiseResponse,
              deviation: Deviation, prefer: str = 'nearest') -> StackPeaks:
        """
        Find the peaks of the focus curves.

        :param responses: (h, w) int16 of each slice at half the size in 1/16 grey level, near to
            far, before averaging; -1 where a slice has no data
        :param steps: (n,) float32, coordinate of every slice
        :param floor: (h, w) float32, mean response to noise, 8-bit grey levels
        :param window: side of the averaging window, half-size pixels
        :param noise: what the focus measure makes of noise
        :param deviation: returns how far the brightness of given slices is from its usual value
        :param prefer: surface of several that are seen through one another, see
            `core.depth.seen_through`
        """

    def state_peaks(self, state: StackState, steps: NDArray[np.float32], floor: FloatImage,
                    window: int, noise: NoiseResponse, deviation: Deviation) -> StackPeaks:
        """
        Find the peaks of focus curves of which only the running state is known.

        :param state: in the grid and the order that results are wanted in
        :param steps: (n,) float32, coordinate of every slice
        :param floor: (h, w) float32, mean response to noise, 8-bit grey levels
        :param window: side of the averaging window, half-size pixels
        :param noise: what the focus measure makes of noise
        :param deviation: returns how far the brightness of given slices is from its usual value
        """

    def evidence(self, peaks: StackPeaks) -> FloatImage:
        """
        Tell where focus curves tell a depth; see `core.depth.clues.evidence_of`.

        :param peaks: of the stack, with all of their layers
        :returns: (h, w) float32, 0 to 1
        """

    def surface(self, peaks: StackPeaks, guide: FloatImage, options: SurfaceOptions) -> Surface:
        """
        Lay a smooth surface through peaks; see `core.depth.surface.regularise`.

        :param peaks: of the stack
        :param guide: (h, w) float32 luma of the all-in-focus image, 8-bit grey levels
        :param options: how smooth it is to be
        """

    def judge(self, peaks: StackPeaks, surface: Surface, steps: NDArray[np.float32]) -> Judged:
        """
        Tell what a surface is worth; see `core.depth.clues` and `core.depth.confidence`.

        :param peaks: those it was laid through, whose evidence is not to be used any more
        :param surface: not to be used any more
        :param steps: (n,) float32, coordinate of every slice
        """

    def rims(self, index: FloatImage, confidence: FloatImage, image: Image, step: float
             ) -> tuple[FloatImage, Mask]:
        """
        Move the jumps of an index to the edges of the image; see `core.depth.rims.located_rims`.

        :param index: (H, W) float32 slice index, 0 the nearest
        :param confidence: (H, W) float32, 0 to 1
        :param image: (H, W) or (H, W, 3), uint8 or uint16, the all-in-focus image
        :param step: least jump, slices
        """


class PortableDepth(DepthStages):
    """The stages in NumPy and OpenCV; see `DepthStages` for the methods."""

    def peaks(self, responses: Sequence[NDArray[np.int16]], steps: NDArray[np.float32],
              floor: FloatImage, window: int, noise: NoiseResponse,
              deviation: Deviation, prefer: str = 'nearest') -> StackPeaks:
        """Find the peaks of the focus curves."""
        volume = FocusVolume(responses, steps, floor, window, noise)
        layers = list(volume.layers(deviation, prefer))
        return StackPeaks(layers, volume.width, volume.span, volume.through)

    def state_peaks(self, state: StackState, steps: NDArray[np.float32], floor: FloatImage,
                    window: int, noise: NoiseResponse, deviation: Deviation) -> StackPeaks:
        """Find the peaks of focus curves of which only the running state is known."""
        told = StatePeaks(state, steps, floor, window, noise)
        return StackPeaks([told.layer(deviation)], told.width, told.span)

    def evidence(self, peaks: StackPeaks) -> FloatImage:
        """Tell where focus curves tell a depth."""
        return evidence_of(peaks.layers)

    def surface(self, peaks: StackPeaks, guide: FloatImage, options: SurfaceOptions) -> Surface:
        """Lay a smooth surface through peaks."""
        return regularise(peaks.layers, FastGlobalSmoother(guide, options.edge_contrast),
                          options.strength, options.outlier * peaks.width, peaks.width, peaks.bend)

    def judge(self, peaks: StackPeaks, surface: Surface, steps: NDArray[np.float32]) -> Judged:
        """Tell what a surface is worth."""
        # Beyond the ends the index does not go, so that nothing there is a jump of it.
        surface = replace(surface, coordinate=np.clip(surface.coordinate, steps[0], steps[-1]))
        unit = depth_unit(peaks.span)
        evidence = self.evidence(peaks) if peaks.evidence is None else peaks.evidence
        clues = clues_of(evidence, peaks.own, surface, unit)
        calm = surface.broad + clues.support * (surface.coordinate - surface.broad)
        continuity = 1 / (1 + np.square(jumps(calm, unit) * np.float32(1 / WANDERING)))
        return Judged(index_of(surface.coordinate, steps), confidence_of(clues),
                      deviation_of(clues, unit), index_of(calm, steps),
                      np.asarray(continuity, np.float32)).where_either(peaks.through)

    def rims(self, index: FloatImage, confidence: FloatImage, image: Image, step: float
             ) -> tuple[FloatImage, Mask]:
        """Move the jumps of an index to the edges of the image."""
        return located_rims(index, confidence, image, step)
