# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What decides how much of each slice enters, in planes of a half and a quarter of the size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
from focus_stacking_ros.core.align.warping import nearest
from focus_stacking_ros.core.depth.glow import enlarged
from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.focus.noise import noise_by_brightness
from focus_stacking_ros.core.fuse.faint import BLOCK, Plane
from focus_stacking_ros.core.fuse.job import FusionGuide, NARROWEST
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.stack.fusion_guide import calm_of, trust_of, widest_gate
import numpy as np

__all__ = ['Blocks', 'GuideSource', 'GuideStages', 'PortableGuide']


@dataclass
class GuideSource:
    """
    What a `FusionGuide` is made from, whoever makes it.

    h = ceil(H / 2), w = ceil(W / 2), at half the size.

    :param shape: height and width of the result, pixels
    :param index: (h, w) float32 slice index
    :param confidence: (h, w) float32, 0 to 1, of the depth
    :param continuity: (h, w) float32, 0 to 1, low where the index jumps
    :param luma: (h, w) float32 luma of the average image, 8-bit grey levels
    :param sharpest: (h, w) uint8, greatest sharpness of all slices
    :param missed: (h, w) uint8, see `FusionGuide`, or None
    :param change: (ceil(H / 4), ceil(W / 4)) float32, greatest change of the brightness over the
        stack, 8-bit grey levels, in the grid of the first slice
    :param origin: result pixel -> first slice's pixel
    :param noises: (256,) float32, standard deviation of the noise by brightness, 8-bit grey levels
    :param blur_px: see `FusionGuide`
    :param gate: see `FusionGuide`
    :param alike: see `FusionGuide`
    :param raised: (ceil(H / 4), ceil(W / 4)) float32, factor on the noise from which a sharpness
        has to stand out; None where that is 1
    :param narrow: (ceil(H / 4), ceil(W / 4)) uint8, see `FusionGuide`, or None
    :param narrowed: see `FusionGuide`
    """

    shape: tuple[int, int]
    index: FloatImage
    confidence: FloatImage
    continuity: FloatImage
    luma: FloatImage
    sharpest: Plane
    missed: Plane | None
    change: FloatImage
    origin: Transform
    noises: FloatImage
    blur_px: float
    gate: float
    alike: float
    raised: FloatImage | None = None
    narrow: Plane | None = None
    narrowed: float = NARROWEST

    @cached_property
    def noise(self) -> FloatImage:
        """Return the noise that nothing has raised, (H, W) float32, 8-bit grey levels."""
        return noise_by_brightness(doubled([self.luma], self.shape)[0], self.noises)

    @cached_property
    def spread(self) -> FloatImage:
        """Return the change of the brightness, (H, W) float32, 8-bit grey levels."""
        return nearest(enlarged(self.change, self.shape), self.origin)

    @cached_property
    def calm(self) -> FloatImage:
        """Return where the brightness stays what it is, (H, W) float32, 0 to 1."""
        return calm_of(self.spread, self.noise)

    @cached_property
    def large_sharpest(self) -> Plane:
        """Return the greatest sharpness of all slices, (H, W) uint8."""
        return doubled([self.sharpest], self.shape)[0]

    @cached_property
    def _planes(self) -> FusionGuide:
        noise = self.noise
        if self.raised is not None:
            factor = cv2.resize(self.raised, self.shape[::-1], interpolation=cv2.INTER_LINEAR)
            noise = np.asarray(cv2.multiply(noise, factor, factor), np.float32)
        trust = trust_of(self.confidence, self.continuity, self.spread)
        missed = None if self.missed is None else doubled([self.missed], self.shape)[0]
        index, = doubled([self.index], self.shape)
        narrow = None if self.narrow is None else self.narrow.repeat(BLOCK, 0).repeat(BLOCK, 1)[
            :self.shape[0], :self.shape[1]]
        widest = widest_gate(self.calm, self.gate)
        del self.spread, self.calm  # whose place the gate has taken
        return FusionGuide(index, trust, self.large_sharpest, noise, widest, self.blur_px,
                           self.gate, self.alike, missed, narrow, self.narrowed)

    def of_noise(self) -> GuideSource:
        """Return what the noise is made from alone: the luma stands for all else of its size."""
        return GuideSource(
            self.shape, self.luma, self.luma, self.luma, self.luma, self.sharpest, None,
            self.change, self.origin, self.noises, self.blur_px, self.gate, self.alike)

    def full(self) -> FusionGuide:
        """Return all planes at full size, made once."""
        return self._planes


@dataclass(frozen=True)
class Blocks:
    """
    Means of blocks of 4x4 pixels, and their first pixels: (ceil(H / 4), ceil(W / 4)).

    :param sharpest: mean of the greatest sharpness of all slices, uint8
    :param noise: of the standard deviation of the noise, float32, 8-bit grey levels
    :param calm: of where the brightness stays what it is, float32, 0 to 1
    :param first_noise: the first pixels of the noise
    :param first_calm: the first pixels of the other one
    """

    sharpest: Plane
    noise: FloatImage
    calm: FloatImage
    first_noise: FloatImage
    first_calm: FloatImage

    @classmethod
    def of(cls, sharpest: Plane, noise: FloatImage, calm: FloatImage) -> Blocks:
        """Return those of planes of full size."""
        size = (-(-noise.shape[1] // BLOCK), -(-noise.shape[0] // BLOCK))
        means = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
                 for plane in (sharpest, noise, calm))
        return cls(*means, *(plane[::BLOCK, ::BLOCK].copy() for plane in (noise, calm)))


class GuideStages(Protocol):
    """
    The stages of the guide that take time.

    Results of two implementations may differ by their rounding.
    """

    def blocks(self, source: GuideSource) -> Blocks:
        """
        Return what is averaged of the planes before slices are fused.

        :param source: which nothing has raised the noise of
        """

    def noise(self, source: GuideSource) -> FloatImage:
        """
        Return the noise that nothing has raised, (H, W) float32, 8-bit grey levels.

        :param source: what it is made from
        """


class PortableGuide(GuideStages):
    """The stages in NumPy and OpenCV; see `GuideStages` for the methods."""

    def blocks(self, source: GuideSource) -> Blocks:
        """Return what is averaged of the planes before slices are fused."""
        return Blocks.of(source.large_sharpest, source.noise, source.calm)

    def noise(self, source: GuideSource) -> FloatImage:
        """Return the noise that nothing has raised."""
        return source.noise
