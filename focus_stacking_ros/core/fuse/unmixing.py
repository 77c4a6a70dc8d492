# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What is seen beside a nearer surface, without the light that its blur spreads there.

Where the far side of a rim is in focus, the near surface is blurred over it: with a the share of
the lens that the near surface hides from a pixel, a slice shows (near, blurred) + (1 - a) far in
linear light, and the sum of both is all there is. The blur of the near surface is known from its
sharp image and from how far it is out of focus; what is left, divided by 1 - a, is the far side
(Asada et al. 1998, doi:10.1109/34.659933, for the model of the rim).

How fast blur grows from slice to slice is taken from the stack itself: of the rates tried, that at
which the un-mixed pixels differ least from the image fused before, which at a rim mostly is the
far side blurred. Each pixel then is mixed from both in the shares of least expected error, so that
what the model does not explain stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.near_light import (
    Floats,
    GAMMA,
    light_table,
    Mask,
    Pixels,
    REACH,
    Spread,
)
from focus_stacking_ros.core.fuse.stages import FusionStages, PortableFusion
from focus_stacking_ros.core.slices import FloatImage, Image, stored
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np

__all__ = ['unmixed']

_RADIUS_OF_SPAN = 1.6  # of that circle at the width of the focus curve from the focus, pixels
_STEP_OF_RATE, _MOST_STEPS = 1.2, 4  # between rates tried, up and down from it
_UNDERESTIMATED = 1.15  # the image before has part of the light itself, which hides wide circles
_EXPLAINED = 0.6  # greatest share of the misfit that the model may leave
_SURE_OF_EDGE = 0.5  # pixels from the last one of a far side: there it must be the far side
_GAMMA = np.float32(GAMMA)
_TRIED = 3072  # pixels that the trial is made with; of fewer, the best depends on which they are
_FEWEST = 64  # pixels next to a near surface that are worth it
_SHIFT = 0.5  # pixels by which the edge of a near surface may be off
_HIDDEN, _HARDLY = 0.6, 0.3  # share of the lens at which a pixel is left as it was; is not at all
_LEAST_SHARE = 0.01  # of near light that is worth removing
_CHUNK = 1 << 14  # pixels at a time
_ROW = 1 << 12  # pixels in a row of a map for cv2.remap
_AROUND = 2  # pixels around over which errors are averaged
_PORTABLE = PortableFusion()


class _Rims:
    """The pixels beside nearer surfaces, and what they and their surroundings show."""

    def __init__(self, image: Image, index: FloatImage, known: Mask, step: float,
                 slices: Sequence[FusionSlice], stages: FusionStages) -> None:
        self.top = int(np.iinfo(image.dtype).max)
        self._image, self._colours = image, image.reshape(index.size, -1)
        self._index, self.step, self.slices, self._stages = index, step, slices, stages
        widest = _RADIUS_OF_SPAN / step * _STEP_OF_RATE ** _MOST_STEPS * _UNDERESTIMATED
        self._beside = stages.beside(index, known, step, widest)
        self.pixels = self._beside.pixels

    def linear(self, pixels: Pixels) -> Floats:
        """Return the light at some pixels of the image, (n, channels), 0 to 1."""
        return np.asarray(light_table(self.top)[self._colours[pixels]], np.float32)

    def near(self, rate: float, least: float = 0) -> Pixels:
        """
        Return the pixels that light reaches from nearer surfaces.

        :param rate: of the radius of the circle of confusion, pixels a slice
        :param least: distance from the end of a surface, pixels
        """
        away = self._beside.away
        return self.pixels[(away < np.float32(rate) * self._beside.gap + np.float32(0.5))
                           & (away >= np.float32(least))]

    def spread(self, pixels: Pixels, rate: float) -> Spread:
        """Return the light that nearer surfaces spread over some pixels; rate: pixels a slice."""
        return self._stages.spread(self._image, self._index, pixels, rate, self.step)

    def focused(self, pixels: Pixels) -> tuple[Floats, Mask]:
        """Return the light that the slice in focus shows at some pixels, and where it has data."""
        found = np.zeros((len(pixels), self._colours.shape[1]), np.float32)
        inside = np.zeros(len(pixels), np.bool_)
        numbers = np.rint(self._index.ravel()[pixels])
        y, x = np.divmod(pixels, self._index.shape[1])
        for number, item in enumerate(self.slices):
            some = np.flatnonzero(numbers == number)
            if len(some):
                found[some], inside[some] = _at(item, x[some], y[some])
        return np.power(found * np.float32(1 / self.top), _GAMMA), inside


def unmixed(image: Image, index: FloatImage, known: Mask, slices: Sequence[FusionSlice],
            noise: Callable[[], FloatImage], step: float,
            stages: FusionStages = _PORTABLE) -> Image:
    """
    Return an all-in-focus image without the light that near surfaces spread over their rims.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param index: (H, W) float32 slice index whose jumps lie where the near surfaces end
    :param known: (H, W) bool, where both sides of a jump are known
    :param slices: in the order of the index
    :param noise: returns the standard deviation of the noise, (H, W) float32, 8-bit grey levels,
        where that is needed
    :param step: least jump, and width of the focus curve, slices
    :param stages: who does what takes time
    :returns: as ``image``, which it is itself where there is nothing to remove
    """
    if not known.any():
        return image
    rims = _Rims(image, index, known, step, slices, stages)
    if len(rims.pixels) < _FEWEST:
        return image
    rate = _calibrated(rims, _RADIUS_OF_SPAN / step)
    if rate is None:
        return image
    pixels = rims.near(rate)
    parts = [pixels[first:first + _CHUNK] for first in range(0, len(pixels), _CHUNK)]
    sigma = noise()

    def work(part: Pixels) -> tuple[Floats, ...]:
        return _far_light(rims, part, rate, sigma)

    with lasting_threads('fusion') as pool:
        found = list(pool.results(work, parts))
    if not found:
        return image
    far, error, share, fused = (np.concatenate(each) for each in zip(*found, strict=True))
    weight = _weight(index, pixels, np.square(far - fused).mean(axis=1), error, share)
    some = weight > 0
    light = fused[some] + weight[some, None] * (far[some] - fused[some])
    levels = np.power(np.clip(light, 0, 1), 1 / _GAMMA) * np.float32(rims.top)
    result = image.copy()
    result.reshape(index.size, -1)[pixels[some]] = np.rint(levels).astype(image.dtype)
    return result


def _calibrated(rims: _Rims, usual: float) -> float | None:
    """Return the rate of the blur that explains the rims best, pixels a slice; None if none."""
    pixels = rims.near(_STEP_OF_RATE ** _MOST_STEPS * usual, _SURE_OF_EDGE)
    pixels = pixels[::max(len(pixels) // _TRIED, 1)]
    focused, inside = rims.focused(pixels)
    change = (focused - rims.linear(pixels))[inside]
    pixels = pixels[inside]
    before = rims.linear(pixels)
    found: dict[int, float] = {}

    def misfit(steps: int) -> float:
        if steps not in found:
            spread = rims.spread(pixels, _STEP_OF_RATE ** steps * usual)
            expected = spread.light - spread.share[:, None] * before
            expected[spread.saturated > np.float32(_LEAST_SHARE)] = 0
            found[steps] = float(np.square(change - expected).mean())
        return found[steps]

    if len(pixels) < _FEWEST:
        return None
    best = 0
    for way in (1, -1):
        while abs(best + way) <= _MOST_STEPS and misfit(best + way) < misfit(best):
            best += way
    if misfit(best) > _EXPLAINED * float(np.square(change).mean()):
        return None
    return _STEP_OF_RATE ** (best + _vertex(*(found.get(best + way) for way in (-1, 0, 1)))
                             ) * usual * _UNDERESTIMATED


def _vertex(before: float | None, here: float | None, after: float | None) -> float:
    """Return where the parabola through three values is least, -1/2 to 1/2 from the middle one."""
    if before is None or here is None or after is None:  # the last rate tried
        return 0.0
    bend = before - 2 * here + after
    return min(max((before - after) / (2 * bend), -0.5), 0.5) if bend > 0 else 0.0


def _far_light(rims: _Rims, pixels: Pixels, rate: float,
               noise: FloatImage) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the far side's light, its expected squared error, the share hidden, and before."""
    spread = rims.spread(pixels, rate)
    focused, inside = rims.focused(pixels)
    seen = 1 - np.minimum(spread.share, np.float32(0.8))
    far = (focused - spread.light) / seen[:, None]
    # A disc that a straight edge cuts in its middle grows by 2 / (pi r) of itself a pixel.
    moved = np.minimum(np.float32(_SHIFT * 2 / np.pi) / np.maximum(
        spread.radius, np.float32(0.5)), spread.share) / seen
    near = spread.light / np.maximum(spread.share, np.float32(1e-6))[:, None]
    error = np.square(near - far).mean(axis=1) * np.square(moved)
    error += np.square(spread.saturated / seen)
    # Noise in light, by the slope of the grey levels' curve.
    slope = _GAMMA * np.power(np.maximum(focused, np.float32(1e-4)), 1 - 1 / _GAMMA).mean(axis=1)
    error += np.square(noise.ravel()[pixels] * np.float32(1 / 255) * slope / seen)
    share = np.where(inside, spread.share, 1).astype(np.float32)
    # Wider circles than are followed would be taken for less light than they bring.
    share[spread.radius > np.float32(REACH - 1)] = 1
    return far, np.asarray(error, np.float32), share, rims.linear(pixels)


def _weight(index: FloatImage, pixels: Pixels, change: Floats, error: Floats,
            share: Floats) -> Floats:
    """
    Return the share of the un-mixed light in the result, of least expected error.

    The mean squared difference of two estimates is the sum of their mean squared errors; so what
    the un-mixed one does not explain is the error of the other one.
    """
    kept = np.flatnonzero((share > np.float32(_LEAST_SHARE)) & (share < np.float32(_HIDDEN)))
    place = np.full(index.size, -1, np.int32)
    place[pixels[kept]] = np.arange(len(kept), dtype=np.int32)
    values = np.stack([change, error])[:, kept]
    sums = np.zeros_like(values)
    for down in range(-_AROUND, _AROUND + 1):
        for right in range(-_AROUND, _AROUND + 1):
            other = place[pixels[kept] + (down * index.shape[1] + right)]
            sums += values[:, other] * (other >= 0)
    weight = np.zeros(len(pixels), np.float32)
    weight[kept] = np.clip(1 - sums[1] / np.maximum(sums[0], np.float32(1e-9)), 0, 1)
    weight *= np.clip((np.float32(_HIDDEN) - share) * np.float32(1 / _HARDLY), 0, 1)
    return weight


def _at(item: FusionSlice, x: Pixels, y: Pixels) -> tuple[Floats, Mask]:
    """Return a slice's values at pixels of the result, (n, channels), and where it has data."""
    channels = 1 if item.image.ndim == 2 else item.image.shape[2]
    place = item.transform @ np.stack([x, y, np.ones_like(x)]).astype(np.float64)
    place = (place[:2] / place[2]).astype(np.float32)
    height, width = item.image.shape[:2]
    inside = ((place >= 0).all(axis=0) & (place[0] <= width - 1) & (place[1] <= height - 1))
    values = np.empty((len(x), channels), np.float32)
    pixels, reverse = stored(item.image)
    for some in _rows(len(x)):
        values[some] = cv2.remap(pixels, place[0, some, None], place[1, some, None],
                                 cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                                 ).reshape(-1, channels)
        if item.valid is not None:
            inside[some] &= cv2.remap(item.valid, place[0, some, None], place[1, some, None],
                                      cv2.INTER_LINEAR).ravel() == 255
    if reverse:
        values = values[:, ::-1]
    values *= np.asarray(item.gain, np.float32)
    return np.clip(values, 0, np.iinfo(item.image.dtype).max), inside


def _rows(count: int) -> Iterator[slice]:
    for first in range(0, count, _ROW):
        yield slice(first, min(first + _ROW, count))
