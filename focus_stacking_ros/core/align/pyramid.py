# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What alignment keeps of a slice: an image pyramid with gradients and local sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
from focus_stacking_ros.core.align.warping import Pixel
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLIPPED', 'GAMMA', 'AlignmentFrame', 'Level', 'level_of', 'linear_light', 'prepare',
           'sample', 'sample_level']

_COARSEST_SIDE = 40  # pixels: a smaller level has too little texture left
_FULL_SIZE_PIXELS = 200_000  # images up to this size are aligned at full resolution
CLIPPED = 250  # 8-bit grey level from which a pixel may be clipped
_FINE_POWER, _COARSE_POWER = 3.0, 0.5  # of the sharpness, on the finest level and on others

# Defocus blurs light, not grey levels: in these, edges move as they blur. Cameras encode light by
# a power of about 1 / 2.2; undoing all of it would leave the dark parts to the noise.
GAMMA = 1.3
_EXPANDED = (255 * (np.arange(256 * GREY_STEPS) / (255 * GREY_STEPS)) ** GAMMA
             ).astype(np.float32)
# Second difference along both axes (Immerkaer 1996), and white noise's energy in the Laplacian and
# the gradient over that in it, all after the smoothing.
_CORNERS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_DETAIL, _NOISE_SLOPE = 2.1, 0.26
_MANY_PIXELS = 500_000  # from which energies are averaged at half the resolution, to save time
_NOTHING: FloatImage = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Level:
    """
    One level of a slice's pyramid; images are (h, w) float32.

    :param factor: full-size pixels per pixel of this level
    :param grey: smoothed luma, 0 to 255, nearer to linear in light than grey levels
    :param sharpness: local sharpness
    :param power: of the sharpness in a pixel's weight
    """

    factor: int
    grey: FloatImage
    sharpness: FloatImage
    power: float

    @cached_property
    def gradient_x(self) -> FloatImage:
        """Return the derivative of grey along x per pixel of this level."""
        return np.asarray(cv2.Scharr(self.grey, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)

    @cached_property
    def gradient_y(self) -> FloatImage:
        """Return the derivative of grey along y per pixel of this level."""
        return np.asarray(cv2.Scharr(self.grey, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)


@dataclass(frozen=True)
class AlignmentFrame:
    """
    What alignment keeps of a slice: a pyramid, finest level first.

    :param levels: the pyramid
    :param shape: height and width of the slice, pixels
    """

    levels: tuple[Level, ...]
    shape: tuple[int, int]


def _sharpness(level: Level, radius: int) -> FloatImage:
    """Local Laplacian energy over gradient energy, both less or plus their noise floor."""
    grey, gradient_x, gradient_y = level.grey, level.gradient_x, level.gradient_y
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    half = -(-grey.shape[1] // 2), -(-grey.shape[0] // 2)
    size = half if grey.size >= _MANY_PIXELS else None
    side = radius + 1 if size is not None else 2 * radius + 1

    def averaged(energy: FloatImage) -> FloatImage:
        if size is not None:
            energy = cv2.resize(energy, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.boxFilter(energy, -1, (side, side)), np.float32)

    detail = averaged(cv2.multiply(laplacian, laplacian))
    slope = averaged(cv2.add(cv2.multiply(gradient_x, gradient_x),
                             cv2.multiply(gradient_y, gradient_y)))
    # Where texture is everywhere, the faintest of it is no noise: then corners tell, it has few.
    corners = cv2.filter2D(grey, cv2.CV_32F, _CORNERS)
    noise = _faintest(averaged(cv2.multiply(corners, corners)))
    floor_detail = min(_faintest(detail), _NOISE_DETAIL * noise)
    floor_slope = min(_faintest(slope), _NOISE_SLOPE * noise)
    sharp = cv2.divide(cv2.max(cv2.subtract(detail, 2 * floor_detail), 0.0),
                       cv2.add(slope, floor_slope + 2.0))
    if size is not None:
        sharp = cv2.resize(sharp, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(sharp, np.float32)


def _faintest(energy: FloatImage) -> float:
    return float(np.percentile(energy[::4, ::4], 5))


def _halved(image: NDArray[Pixel]) -> NDArray[Pixel]:
    """Mean of 2x2 pixels; an odd last row or column is left out, so the factor is exactly 2."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return cv2.resize(image[:2 * height, :2 * width], (width, height),
                      interpolation=cv2.INTER_AREA)


def linear_light(grey: NDArray[np.int16]) -> FloatImage:
    """
    Return grey levels nearer to linear in light, (H, W) float32, 0 to 255.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return _EXPANDED[np.clip(grey, 0, len(_EXPANDED) - 1)]


def level_of(image: FloatImage, factor: int) -> Level:
    """
    Return a level without sharpness.

    :param image: (h, w) float32 as linear_light gives it
    :param factor: full-size pixels per pixel
    """
    smooth = cv2.GaussianBlur(image, (0, 0), 0.7)
    return Level(factor, smooth, _NOTHING, 0.0)


def prepare(grey: NDArray[np.int16], count: int | None = None,
            valid: NDArray[np.uint8] | None = None) -> AlignmentFrame:
    """
    Build what alignment needs of a slice.

    :param grey: (H, W) int16 luma in 1/16 grey level
    :param count: levels wanted, the finest first; None for all
    :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
    """
    factor = 1 if grey.size <= _FULL_SIZE_PIXELS else 2
    image = linear_light(grey if factor == 1 else _halved(grey))
    levels: list[Level] = []
    radius = 6
    while True:
        level = level_of(image, factor)
        sharp = _sharpness(level, radius)
        # What is clipped grows and shrinks with the focus, mostly away from the light.
        clipped = cv2.compare(image, float(_EXPANDED[CLIPPED * GREY_STEPS]), cv2.CMP_GE)
        sharp[cv2.dilate(clipped, np.ones((5, 5), np.uint8)) > 0] = 0
        if valid is not None:
            seen = cv2.resize(valid, sharp.shape[::-1], interpolation=cv2.INTER_AREA)
            sharp[cv2.erode(seen, np.ones((5, 5), np.uint8)) < 255] = 0
        power = _COARSE_POWER if levels else _FINE_POWER
        levels.append(Level(factor, level.grey, sharp, power))
        if len(levels) == count or min(image.shape) < 2 * _COARSEST_SIDE:
            return AlignmentFrame(tuple(levels), (grey.shape[0], grey.shape[1]))
        image = _halved(image)
        factor *= 2
        radius = max(radius // 2, 2)


def sample(image: FloatImage, u: FloatImage, v: FloatImage, interpolation: int) -> FloatImage:
    """
    Return an image's values at points between its pixels, (N,) float32.

    :param image: (h, w) float32
    :param u: (N,) float32 column, N a multiple of 64
    :param v: (N,) float32 row
    :param interpolation: an OpenCV interpolation constant
    """
    # remap takes maps of up to 32767 columns, so a list of points is folded into rows.
    return cv2.remap(image, u.reshape(-1, 64), v.reshape(-1, 64), interpolation,
                     borderMode=cv2.BORDER_REPLICATE).ravel()


def sample_level(level: Level, u: FloatImage, v: FloatImage
                 ) -> tuple[FloatImage, FloatImage, FloatImage]:
    """
    Return grey values and gradients of a level at points between pixels.

    :param level: the level
    :param u: (N,) float32 column, N a multiple of 64
    :param v: (N,) float32 row
    :returns: grey, gradient along x, gradient along y; (N,) float32 each
    """
    # remap rounds to 1/32 pixel, all points of a mere shift alike; the gradient makes up for it.
    u_near, v_near = (np.rint(each * 32) * np.float32(1 / 32) for each in (u, v))
    slope_x = sample(level.gradient_x, u_near, v_near, cv2.INTER_LINEAR)
    slope_y = sample(level.gradient_y, u_near, v_near, cv2.INTER_LINEAR)
    grey = sample(level.grey, u_near, v_near, cv2.INTER_CUBIC)
    grey = grey + slope_x * (u - u_near) + slope_y * (v - v_near)
    return np.asarray(grey, np.float32), slope_x, slope_y
