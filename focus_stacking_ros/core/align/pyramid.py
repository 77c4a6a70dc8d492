# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What alignment keeps of a slice: an image pyramid with gradients and local sharpness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
import math

import cv2
from focus_stacking_ros.core.align.warping import Pixel
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLIPPED', 'CLIPPED_LUMA', 'EXPANDED', 'GAMMA', 'NOISE_DETAIL', 'NOISE_SLOPE',
           'SAMPLED_CELLS', 'SMOOTHING', 'AlignmentFrame', 'Level', 'Planes', 'level_of',
           'linear_light', 'prepare', 'radius_of', 'sample', 'sample_level', 'side_of_window']

_COARSEST_SIDE = 40  # pixels: a smaller level has too little texture left
_FULL_SIZE_PIXELS = 200_000  # images up to this size are aligned at full resolution
CLIPPED = 250  # 8-bit grey level from which a pixel may be clipped
CLIPPED_LUMA = CLIPPED * GREY_STEPS
_RADII = 6, 3, 2  # pixels: reach of the window of the sharpness on the finest level, the next, ...
FINE_POWER, COARSE_POWER = 3.0, 0.5  # of the sharpness, on the finest level and on others

# Defocus blurs light, not grey levels: in these, edges move as they blur. Cameras encode light by
# a power of about 1 / 2.2; undoing all of it would leave the dark parts to the noise.
GAMMA = 1.3
#: The table from luma in 1/16 grey level to grey levels nearer to linear in light.
EXPANDED = np.float32(255) * ((
    np.arange(256 * GREY_STEPS) / (255 * GREY_STEPS)) ** GAMMA).astype(np.float32)
SMOOTHING = 0.7  # pixels: standard deviation of the blur before derivatives
# Second difference along both axes (Immerkaer 1996), and white noise's energy in the Laplacian and
# the gradient over that in it, all after the smoothing.
_CORNERS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
NOISE_DETAIL, NOISE_SLOPE = 2.1, 0.26
SAMPLED_CELLS = 8000  # and fewer than four times as many tell the energy of noise
_NOTHING: FloatImage = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Level:
    """
    One level of a slice's pyramid; images are (h, w) float32.

    :param factor: full-size pixels per pixel of this level
    :param grey: smoothed luma, 0 to 255, nearer to linear in light than grey levels
    :param cells: ((h + 1) // 2, (w + 1) // 2) float32 local sharpness of cells of 2x2 pixels
    :param power: of the sharpness in a pixel's weight
    """

    factor: int
    grey: FloatImage
    cells: FloatImage
    power: float

    @cached_property
    def gradient_x(self) -> FloatImage:
        """Return the derivative of grey along x per pixel of this level."""
        return np.asarray(cv2.Scharr(self.grey, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)

    @cached_property
    def gradient_y(self) -> FloatImage:
        """Return the derivative of grey along y per pixel of this level."""
        return np.asarray(cv2.Scharr(self.grey, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)

    @cached_property
    def sharpness(self) -> FloatImage:
        """Return the local sharpness of each pixel."""
        height, width = self.grey.shape
        size = (2 * self.cells.shape[1], 2 * self.cells.shape[0])
        sharp = cv2.resize(self.cells, size, interpolation=cv2.INTER_LINEAR)
        sharp[cv2.resize(self.cells, size, interpolation=cv2.INTER_NEAREST) == 0] = 0
        return np.ascontiguousarray(sharp[:height, :width])


@dataclass(frozen=True)
class AlignmentFrame:
    """
    What alignment keeps of a slice: a pyramid, finest level first.

    :param levels: the pyramid
    :param shape: height and width of the slice, pixels
    """

    levels: tuple[Level, ...]
    shape: tuple[int, int]


def _in_cells(plane: FloatImage) -> FloatImage:
    """Return the mean of each cell of 2x2 pixels; of fewer at an odd end."""
    height, width = plane.shape
    plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = (plane.shape[1] // 2, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _sharpness(level: Level, radius: int) -> FloatImage:
    """Local Laplacian energy over gradient energy, both less or plus their noise floor."""
    grey, gradient_x, gradient_y = level.grey, level.gradient_x, level.gradient_y
    side = side_of_window(radius)

    def averaged(energy: FloatImage) -> FloatImage:
        return np.asarray(cv2.blur(_in_cells(energy), (side, side)), np.float32)

    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    detail = averaged(cv2.multiply(laplacian, laplacian))
    slope = averaged(cv2.add(cv2.multiply(gradient_x, gradient_x),
                             cv2.multiply(gradient_y, gradient_y)))
    # Where texture is everywhere, the faintest of it is no noise: then corners tell, it has few.
    corners = cv2.filter2D(grey, cv2.CV_32F, _CORNERS)
    noise = _faintest(averaged(cv2.multiply(corners, corners)))
    floor_detail = min(_faintest(detail), NOISE_DETAIL * noise)
    floor_slope = min(_faintest(slope), NOISE_SLOPE * noise)
    sharp = cv2.divide(cv2.max(cv2.subtract(detail, 2 * floor_detail), 0.0),
                       cv2.add(slope, floor_slope + 2.0))
    return np.asarray(sharp, np.float32)


def radius_of(number: int) -> int:
    """Return the reach of the window of the sharpness on a level, its pixels; 0 is the finest."""
    return _RADII[min(number, len(_RADII) - 1)]


def side_of_window(radius: int) -> int:
    """Return the side of the window of the sharpness, cells, from its reach in pixels."""
    return 2 * (radius // 2) + 1


def _faintest(energy: FloatImage) -> float:
    """Return what one cell in twenty falls short of, from some of them."""
    step = max(1, math.isqrt(energy.size // SAMPLED_CELLS))
    some = energy[::step, ::step].ravel()
    rank = (len(some) - 1) // 20
    return float(np.partition(some, rank)[rank])


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
    return EXPANDED[np.clip(grey, 0, len(EXPANDED) - 1)]


def level_of(image: FloatImage, factor: int) -> Level:
    """
    Return a level without sharpness.

    :param image: (h, w) float32 as linear_light gives it
    :param factor: full-size pixels per pixel
    """
    return Level(factor, cv2.GaussianBlur(image, (5, 5), SMOOTHING), _NOTHING, 0.0)


#: Builds the levels of a slice from int16 luma; whether the finest level is of its means over 2x2
#: pixels; and how many there are. Returns grey and cells of each.
Planes = Callable[[NDArray[np.int16], bool, int], Sequence[tuple[FloatImage, FloatImage]]]


def _planes(grey: NDArray[np.int16], halve: bool, count: int
            ) -> Sequence[tuple[FloatImage, FloatImage]]:
    """Build the levels of a slice with OpenCV: see `Planes`."""
    image = linear_light(_halved(grey) if halve else grey)
    result: list[tuple[FloatImage, FloatImage]] = []
    for number in range(count):
        image = _halved(image) if number else image
        level = level_of(image, 1)
        cells = _sharpness(level, radius_of(number))
        # What is clipped grows and shrinks with the focus, mostly away from the light.
        brightest = cv2.dilate(image, np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2]
        cells[cv2.dilate(brightest, np.ones((3, 3), np.uint8)) >= EXPANDED[CLIPPED_LUMA]] = 0
        result.append((level.grey, cells))
    return result


def prepare(grey: NDArray[np.int16], count: int | None = None,
            valid: NDArray[np.uint8] | None = None, half: NDArray[np.int16] | None = None,
            planes: Planes = _planes) -> AlignmentFrame:
    """
    Build what alignment needs of a slice.

    :param grey: (H, W) int16 luma in 1/16 grey level
    :param count: levels wanted, the finest first; None for all
    :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
    :param half: means of its 2x2 pixels, where they are known, `half_size`
    :param planes: who builds the levels
    """
    first = 1 if grey.size <= _FULL_SIZE_PIXELS else 2
    some, side = 1, min(grey.shape) // first
    while some != count and side >= 2 * _COARSEST_SIDE:
        some, side = some + 1, side // 2
    if half is None or first == 1:
        built = planes(grey, first == 2, some)
    else:  # an odd end is left out, so that the factor is exactly 2
        built = planes(half[:grey.shape[0] // 2, :grey.shape[1] // 2], False, some)
    levels = [Level(first << number, smooth, cells, COARSE_POWER if number else FINE_POWER)
              for number, (smooth, cells) in enumerate(built)]
    if valid is not None:
        for level in levels:
            size = (level.cells.shape[1], level.cells.shape[0])
            seen = cv2.resize(valid, size, interpolation=cv2.INTER_AREA)
            level.cells[cv2.erode(seen, np.ones((3, 3), np.uint8)) < 255] = 0
    return AlignmentFrame(tuple(levels), (grey.shape[0], grey.shape[1]))


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
