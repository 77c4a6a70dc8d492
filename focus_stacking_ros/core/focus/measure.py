# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Focus measures: how sharp each pixel of one slice is.

What the per-slice work uses is integer arithmetic, as hw_accel/SPECIFICATION.md writes it down, so
that every version of OpenCV, every processor and every backend gives the same numbers. Floating
point occurs only where every intermediate value is exact or no rounding can tip over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from typing import Any

import cv2
from focus_stacking_ros.core.slices import Image, stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['FOCUS_MEASURES', 'GREY_STEPS', 'LOG_KERNEL', 'LUMA_SHARES', 'RESPONSE_LIMIT',
           'FocusMeasure', 'NoiseResponse', 'averaged', 'coarse_sharpness', 'focus_measure',
           'focus_response', 'half_size', 'halved', 'log_norm', 'luma', 'modified_laplacian',
           'ring_difference', 'sharpness']

#: Steps of ``luma`` per 8-bit grey level: 12-bit luma, whatever the depth of the input.
GREY_STEPS = 16

#: Greatest response at half the size: sums of products with the weights of a bilinear warp (10
#: bits) then have 24 bits, which single precision holds exactly.
RESPONSE_LIMIT = 16383

# Offsets (x, y) of the pairs on a ring of radius 2 (Ashfaq and Mahmood 2023).
_RING = ((2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2))
_CROSSES = ((1, 0), (0, 1), (2, 0), (0, 2))
#: Shares of blue, green and red in luma, in 1/256 (ITU-R BT.601).
LUMA_SHARES = (29, 150, 77)
_LUMA = np.array([[*LUMA_SHARES, 0]], np.float32)
_LUMA_8_BIT = _LUMA / np.float32(16) + np.array([[0, 0, 0, 0.5]], np.float32)  # rounds
_LUMA_16_BIT = _LUMA / np.float32(4096)
_GREATEST_LAPLACIAN = 2040  # 1/32 grey level: a sharpness of 255
_GREATEST_COARSE = 510  # 1/16 grey level: soft structures have less, edges count as faint ones
_SMOOTH = np.array([1, 2, 1], np.float32)
_BAND = 128  # rows at a time: what is in between stays in the cache


def _log_kernel() -> NDArray[np.int32]:
    """Laplacian-of-Gaussian kernel, sigma 1, radius 3, zero sum: (7, 7) in 1/1024."""
    y, x = np.mgrid[-3:4, -3:4].astype(np.float64)
    square = (x * x + y * y) / 2
    kernel = (square - 1) / np.pi * np.exp(-square)
    scaled = np.rint((kernel - kernel.mean()) * 1024).astype(np.int32)
    scaled[3, 3] -= scaled.sum()
    return scaled


#: Coefficients of `log_norm`, (7, 7) int32 in 1/1024.
LOG_KERNEL = _log_kernel()


def luma(image: Image) -> NDArray[np.int16]:
    """
    Return the luma of an image as (H, W) int16 in 1/16 of an 8-bit grey level.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    """
    if image.ndim == 2:
        if image.dtype == np.uint16:
            return np.right_shift(image, 4).view(np.int16)
        return np.left_shift(image, 4, dtype=np.int16)
    # Rounded to 8 bits, luma would lose what three noisy channels tell beyond that. All products
    # and sums have at most 24 bits: single precision is exact, whatever the order.
    pixels, reverse = stored(image)
    weights = _LUMA_16_BIT if image.dtype == np.uint16 else _LUMA_8_BIT
    if reverse:
        weights = weights[:, [2, 1, 0, 3]]
    grey = np.empty(image.shape[:2], np.int16)
    for start in range(0, len(image), _BAND):
        band = pixels[start:start + _BAND].astype(np.float32)
        grey[start:start + _BAND] = cv2.transform(band, weights)
    return grey


def _sum_of_second_differences(
    grey: NDArray[np.int16], offsets: tuple[tuple[int, int], ...],
) -> NDArray[np.int16]:
    margin = max(max(abs(x), abs(y)) for x, y in offsets)
    padded = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    total = np.empty_like(grey)
    for start in range(0, len(grey), _BAND):
        here = grey[start:start + _BAND]
        doubled = cv2.add(here, here)

        def moved(x: int, y: int, top: int = start + margin, height: int = len(here)
                  ) -> NDArray[np.int16]:
            return padded[top + y:top + y + height, margin + x:margin + x + grey.shape[1]]

        part = total[start:start + _BAND]
        for number, (x, y) in enumerate(offsets):
            both = cv2.add(moved(x, y), moved(-x, -y))
            if number == 0:
                cv2.absdiff(doubled, both, part)
            else:
                cv2.add(part, cv2.absdiff(doubled, both), part)
    return total


def ring_difference(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Sum of absolute second differences over six opposite pairs on a ring of radius 2.

    Ashfaq and Mahmood 2023 (dual-stage focus measure); sums beyond 32767 saturate.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return _sum_of_second_differences(grey, _RING)


def modified_laplacian(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Return the modified Laplacian of steps 1 and 2, summed.

    S. K. Nayar and Y. Nakagawa, "Shape from focus", PAMI 16(8), 1994, doi:10.1109/34.308479; many
    more are compared in S. Pertuz et al., "Analysis of focus measure operators for
    shape-from-focus", Pattern Recognition 46(5), 2013, doi:10.1016/j.patcog.2012.11.011.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return _sum_of_second_differences(grey, _CROSSES)


def log_norm(image: Image) -> NDArray[np.int16]:
    """
    Euclidean norm over the colour channels of the Laplacian of Gaussian of sigma 1 pixel.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :returns: (H, W) int16, 1/16 of an 8-bit grey level
    """
    if image.ndim == 2:
        return np.abs(_laplacian_of_gaussian(image)).astype(np.int16)
    squares = np.zeros(image.shape[:2], np.int32)
    for channel in range(3):
        squares += np.square(_laplacian_of_gaussian(image[..., channel]))
    # No root of an integer lies halfway between two integers.
    return np.rint(np.sqrt(squares.astype(np.float64))).astype(np.int16)


def _laplacian_of_gaussian(channel: Image) -> NDArray[np.int32]:
    """Return the response of one channel, (H, W) int32 in 1/16 of an 8-bit grey level."""
    steps = np.empty(channel.shape, np.int16)
    if channel.dtype == np.uint16:
        np.right_shift(channel, 4, out=steps.view(np.uint16))
    else:
        np.left_shift(channel, 4, out=steps, dtype=np.int16)
    # 12 bits times coefficients whose sizes sum to less than 4096: exact in single precision. A
    # kernel of 7x7 is below the size from which OpenCV would use a Fourier transform.
    kernel = LOG_KERNEL.astype(np.float32) * np.float32(1 / 1024)
    response = cv2.filter2D(steps, cv2.CV_32F, kernel, delta=0.5)
    return np.floor(response, out=response).astype(np.int32)


@dataclass(frozen=True)
class NoiseResponse:
    """
    What a focus measure makes of white noise of standard deviation 1.

    Averaged over a window, its standard deviation is nearly inverse to the side of the window;
    ``extent`` makes up for small ones, since the values of neighbours are correlated. Both are
    fitted to simulated noise, windows of 2 to 15: they fit within 4 %.

    :param mean: mean response, 8-bit grey levels
    :param scatter: standard deviation of the averaged response, in units of its mean, times the
        side of a large window in half-size pixels
    :param extent: half-size pixels squared
    """

    mean: float
    scatter: float
    extent: float

    def scatter_of(self, window: float) -> float:
        """
        Return the standard deviation of the averaged response, in units of its mean.

        :param window: side of the averaging window, half-size pixels
        """
        return self.scatter / math.sqrt(window * window + self.extent)


@dataclass(frozen=True)
class FocusMeasure:
    """
    Everything that is known of one focus measure.

    :param compute: returns the response to an image, (H, W) or (H, W, 3), uint8 or uint16, and
        its luma: (H, W) int16, 1/16 of an 8-bit grey level
    :param needs_colour: whether it looks at the channels, else at luma only
    :param noise: response to noise, by the number of colour channels, 1 or 3
    :param curvature: response where the brightness is x² / 2, as smooth edges are in parts
    :param kernel_number: argument of the kernel, see hw_accel/SPECIFICATION.md; None where the
        kernel does not have it and the CPU measures instead
    :param companion: measure that the method quality uses besides: what the one is blind to the
        other may see
    """

    compute: Callable[[Image, NDArray[np.int16]], NDArray[np.int16]]
    needs_colour: bool
    noise: dict[int, NoiseResponse]
    curvature: float
    kernel_number: int | None
    companion: str


_HALF_NORMAL = math.sqrt(2 / math.pi)  # E|N(0, 1)|
_LOG_NORM = float(np.linalg.norm(LOG_KERNEL)) / 1024


def _differences(offsets: tuple[tuple[int, int], ...], scatter: float, extent: float,
                 kernel_number: int | None, companion: str) -> FocusMeasure:
    """Return what is known of a sum of second differences of luma."""
    # Each second difference weighs its pixels 2, -1, -1.
    noise = NoiseResponse(len(offsets) * _HALF_NORMAL * math.sqrt(6), scatter, extent)
    return FocusMeasure(
        compute=lambda _image, grey: _sum_of_second_differences(grey, offsets),
        needs_colour=False, noise={1: noise, 3: noise},
        curvature=float(sum(x * x for x, _ in offsets)), kernel_number=kernel_number,
        companion=companion)


#: All focus measures by the name that ``focus_measure.operator`` takes. A line here is enough for
#: one to be used everywhere. That it may have a kernel number, hw_accel/SPECIFICATION.md and
#: backends/model.py say what it is in integers; backends/native.py makes it fast on the CPU.
FOCUS_MEASURES: dict[str, FocusMeasure] = {
    'ring_difference': _differences(_RING, 0.37, 0.88, 0, 'modified_laplacian'),
    'modified_laplacian': _differences(_CROSSES, 0.385, 0.63, 1, 'ring_difference'),
    'log_norm': FocusMeasure(
        compute=lambda image, _grey: log_norm(image), needs_colour=True,
        # Mean of the Euclidean norm of three independent normal values: sqrt(8 / pi).
        noise={1: NoiseResponse(_HALF_NORMAL * _LOG_NORM, 0.540, 0.66),
               3: NoiseResponse(math.sqrt(8 / math.pi) * _LOG_NORM, 0.307, 0.69)},
        curvature=1.0, kernel_number=2, companion='modified_laplacian'),
}


def focus_measure(operator: str) -> FocusMeasure:
    """
    Return what is known of a focus measure.

    :param operator: its name, a key of `FOCUS_MEASURES`
    :raises KeyError: there is none of that name
    """
    try:
        return FOCUS_MEASURES[operator]
    except KeyError:
        raise KeyError(f'there is no focus measure {operator}; known are: '
                       f'{", ".join(FOCUS_MEASURES)}') from None


def half_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) of what `halved` makes of an image of ``shape``."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    """
    Return the mean of 2x2 pixels; an odd last row or column counts as if it were mirrored.

    Pixel i of the result covers the pixels 2 i and 2 i + 1.

    :param plane: (H, W), any type that OpenCV can resize; halves of int16 are rounded up
    """
    height, width = half_size(plane.shape)
    odd = (2 * height - plane.shape[0], 2 * width - plane.shape[1])
    if any(odd):
        plane = cv2.copyMakeBorder(plane, 0, odd[0], 0, odd[1], cv2.BORDER_REFLECT_101)
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)


def focus_response(image: Image, grey: NDArray[np.int16], operator: str) -> NDArray[np.int16]:
    """
    Return the focus measure at half the size, in 1/16 of an 8-bit grey level.

    Windows of several pixels are to follow, for which half the resolution is enough.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param grey: its luma
    :param operator: name of the focus measure
    :returns: int16 of `half_size`, at most `RESPONSE_LIMIT`
    :raises KeyError: there is no focus measure of that name
    """
    response = focus_measure(operator).compute(image, grey)
    return np.asarray(np.minimum(halved(response), RESPONSE_LIMIT), np.int16)


def averaged(response: NDArray[np.int16], window: int
             ) -> tuple[NDArray[np.int16], NDArray[np.uint8] | None]:
    """
    Return the mean of a response over a square window of what has data.

    :param response: (h, w) int16, at most `RESPONSE_LIMIT`; -1 where it has no data
    :param window: side of the window, half-size pixels, at most 15
    :returns: (h, w) int16, -1 where the response has no data, halves rounded up; and where it
        has, 255, elsewhere 0, None for everywhere
    """
    size = (window, window)
    everywhere = int(response.min()) >= 0
    if everywhere and window % 2:
        # The mean of an odd number of integers is never near enough to a half for a rounding
        # error to matter, not even in single precision.
        return cv2.boxFilter(response, -1, size, borderType=cv2.BORDER_REFLECT), None
    valid = None if everywhere else (response >= 0).view(np.uint8) * np.uint8(255)
    total = cv2.boxFilter(np.maximum(response, 0), cv2.CV_32F, size,
                          normalize=False, borderType=cv2.BORDER_REFLECT)
    if valid is None:
        total /= np.float32(window * window)
    else:
        share = cv2.boxFilter(valid & 1, cv2.CV_32F, size, normalize=False,
                              borderType=cv2.BORDER_REFLECT)
        total /= np.maximum(share, 1)
    total += np.float32(0.5)
    mean = total.astype(np.int16)
    if valid is None:
        return mean, None
    return cv2.copyTo(mean, valid, np.full_like(response, -1)), valid


def sharpness(grey: NDArray[np.int16]) -> NDArray[np.uint8]:
    """
    Return the smoothed absolute Laplacian of the smoothed luma, the fusion weight's base.

    What a lens leaves of a scene has little at the scale of single pixels, where most of the noise
    is: smoothed by (1 2 1) x (1 2 1), an edge stands out of it five times as far. Means over 5x5
    and 3x3 pixels are nearly a Gaussian of standard deviation 1.6.

    :param grey: (H, W) int16 luma in 1/16 grey level
    :returns: (H, W) uint8, 1/4 grey level
    """
    padded = cv2.copyMakeBorder(grey, 2, 2, 2, 2, cv2.BORDER_REFLECT_101)
    laplacian = np.empty(grey.shape, np.int16)
    for top in range(0, len(grey), _BAND):
        here = padded[top:top + _BAND + 4]
        sums = cv2.sepFilter2D(here, cv2.CV_32F, _SMOOTH, _SMOOTH)[1:-1, 1:-1].astype(np.uint16)
        smooth = np.right_shift(sums + np.uint16(4), 3)
        laplacian[top:top + _BAND] = _laplacian(smooth.astype(np.int16))
    return _means(np.minimum(laplacian, _GREATEST_LAPLACIAN))


def coarse_sharpness(half: NDArray[np.int16]) -> NDArray[np.uint8]:
    """
    Return the sharpness at a quarter of the size: means over 5x5 and 3x3 of the Laplacian.

    White noise gives as much as noise that a camera smooths gives to that of full size.

    :param half: luma at half the size, int16, 1/16 grey level
    :returns: uint8 of `half_size` of that, 1/4 grey level
    """
    quarter = cv2.copyMakeBorder(halved(half), 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    laplacian = np.minimum(_laplacian(np.asarray(quarter, np.int16)), _GREATEST_COARSE)
    return _means(np.left_shift(laplacian, 1))


def _laplacian(plane: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the magnitude of the Laplacian, of all but the rim."""
    around = cv2.add(cv2.add(plane[1:-1, :-2], plane[1:-1, 2:]),
                     cv2.add(plane[:-2, 1:-1], plane[2:, 1:-1]))
    return np.asarray(cv2.absdiff(around, np.left_shift(plane[1:-1, 1:-1], 2)), np.int16)


def _means(laplacian: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return means over 5x5 and then 3x3 pixels, an eighth of it."""
    mean = _sums(laplacian, 5) + 4 >> 3
    return ((_sums(mean.astype(np.int16), 3) + 112) * 291 >> 16).astype(np.uint8)


def _sums(plane: NDArray[np.int16], side: int) -> NDArray[np.int32]:
    """Return the sums over a square window; in single precision they are exact."""
    total = cv2.boxFilter(plane, cv2.CV_32F, (side, side), normalize=False,
                          borderType=cv2.BORDER_REFLECT_101)
    return total.astype(np.int32)
