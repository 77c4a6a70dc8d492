# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image: a running weighted average and the depth-gated pass over the slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
from focus_stacking_ros.core.threads import lasting_threads
from focus_stacking_ros.core.warping import identity, is_identity, valid_mask, warp
import numpy as np
from numpy.typing import NDArray

__all__ = ['FusionGuide', 'FusionSlice', 'WeightedAverage', 'fuse']

_AVERAGE_POWER = 6.0  # of the sharpness in the running average
_FAINT = 1e-7  # weight of no sharpness at all: flat areas average over all slices
_TILE = 256  # pixels
_BAND = 64  # rows at a time: what is in between stays in the cache
_BLUR_PER_SLICE = 0.5  # standard deviation of the blur of a slice's neighbour, pixels
_NARROWEST = 0.3  # gate, slices: the two neighbours of a fractional index still enter
_LEAST_NOISE = 0.1  # 8-bit grey levels: quantisation alone has more
_NOISE_SHARPNESS = 7.1  # `sharpness` of white noise of standard deviation 1
_MISSED = 20.0  # sharpness beyond that at the index at which the index loses half its trust
_REACH = 3.5  # standard deviations of the gate beyond which a slice does not count
_FARTHEST = 2.45  # slices from the index beyond which none is gathered, however wide the gate
_TRUSTED = 0.99  # trust that needs no average


def _weight_table(power: float) -> NDArray[np.float32]:
    """Weight of each value of a uint8 sharpness map."""
    return ((np.arange(256) / 32.0) ** power + _FAINT).astype(np.float32)


class WeightedAverage:
    """
    Running average of slices weighted by sharpness, in the grid of the first slice.

    ``sharpest`` is the greatest sharpness so far, (H, W) uint8.

    :param shape: (H, W) or (H, W, 3) of what is averaged
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sharpest = np.zeros(shape[:2], np.uint8)
        self._sum = np.zeros(shape, np.float32)
        self._weight = np.zeros(shape[:2], np.float32)
        self._table = _weight_table(_AVERAGE_POWER)

    def add(self, image: NDArray[np.generic], sharpness: NDArray[np.uint8],
            transform: Transform, gain: float | tuple[float, ...]) -> None:
        """
        Add one slice.

        :param image: (H, W) or (H, W, 3), any depth, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: grid of the average -> slice pixel
        :param gain: factor on the image's grey values, or one for each channel
        """
        valid = valid_mask(sharpness.shape, transform)
        factor = np.asarray(gain, np.float32)

        def work(top: int) -> None:
            rows = slice(top, min(top + _BAND, len(sharpness)))
            sharp = _warped_rows(sharpness, transform, rows, cv2.BORDER_CONSTANT)
            cv2.max(self.sharpest[rows], sharp, self.sharpest[rows])
            weight = cv2.LUT(sharp, self._table)
            if valid is not None:
                weight = cv2.bitwise_and(weight, weight, mask=valid[rows])
            here = _warped_rows(image, transform, rows, cv2.BORDER_REPLICATE).astype(np.float32)
            cv2.add(self._weight[rows], weight, self._weight[rows])
            here *= (weight if here.ndim == 2 else weight[..., None]) * factor
            cv2.add(self._sum[rows], here, self._sum[rows])

        with lasting_threads('fusion') as pool:
            list(pool.map(work, range(0, len(sharpness), _BAND)))

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32, in the grey values of the input."""
        weight = self._weight + np.float32(_FAINT * 1e-3)
        return self._sum / (weight if self._sum.ndim == 2 else weight[..., None])


def _warped_rows(plane: NDArray[Any], transform: Transform, rows: slice,
                 border: int) -> NDArray[Any]:
    """Return some rows of a warped plane."""
    if is_identity(transform):
        return plane[rows]
    down = identity()
    down[1, 2] = rows.start
    return warp(plane, transform @ down, border=border,
                size=(plane.shape[1], rows.stop - rows.start))


@dataclass(frozen=True)
class FusionSlice:
    """
    One retained slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16, unwarped
    :param sharpness: (H, W) uint8, unwarped
    :param transform: result pixel -> slice pixel
    :param gain: factor on the image's grey values, or one for each channel
    """

    image: Image
    sharpness: NDArray[np.uint8]
    transform: Transform
    gain: float | tuple[float, ...]


@dataclass(frozen=True)
class FusionGuide:
    """
    What decides how much of each slice enters a pixel, in the grid of the result.

    :param index: (H, W) float32 slice index
    :param trust: (H, W) float32, 0 to 1: 1 where only slices near the index may enter
    :param sharpest: (H, W) uint8, greatest sharpness of all slices
    :param noise: (H, W) float32, standard deviation of the noise, 8-bit grey levels
    :param widest: (H, W) float32, standard deviation of the widest gate, slices
    """

    index: FloatImage
    trust: FloatImage
    sharpest: NDArray[np.uint8]
    noise: FloatImage
    widest: FloatImage

    def tile(self, area: tuple[slice, slice]) -> FusionGuide:
        """Return the part of a tile."""
        return FusionGuide(self.index[area], self.trust[area], self.sharpest[area],
                           self.noise[area], self.widest[area])


def _gate(detail: FloatImage, guide: FusionGuide) -> FloatImage:
    """
    Return how far from the index slices may lie, as a standard deviation in slices.

    A slice d slices away is blurred by b d pixels and errs by about (b d)² / 2 times the
    Laplacian; up to where that reaches the noise, averaging slices gains more than it blurs.
    """
    noise = np.maximum(guide.noise, np.float32(_LEAST_NOISE))
    blur = detail * np.square(np.square(guide.trust))
    blur *= np.float32(_BLUR_PER_SLICE ** 2)
    gate = np.sqrt(2 * noise / (blur + np.float32(1e-3)))
    return np.clip(gate, np.minimum(guide.widest, np.float32(_NARROWEST)), guide.widest)


class _Tile:
    """
    One tile of the result.

    :param slices: all of them
    :param masks: where each slice has pixels, None for everywhere
    :param guide: of the tile
    :param corner: (left, top) of the tile in the result
    """

    def __init__(self, slices: Sequence[FusionSlice],
                 masks: Sequence[NDArray[np.uint8] | None], guide: FusionGuide,
                 corner: tuple[int, int]) -> None:
        self._slices, self._masks, self._guide = slices, masks, guide
        height, width = guide.index.shape
        self._size = width, height
        self._offset = np.array([[1, 0, corner[0]], [0, 1, corner[1]], [0, 0, 1]], np.float64)
        self._sharpness: dict[int, NDArray[np.uint8]] = {}

    def fused(self, power: float) -> NDArray[np.float32]:
        """Return the tile, in the grey values of the slices."""
        guide = self._guide
        low, high = float(guide.index.min()), float(guide.index.max())
        focused = self._focused(low, high)
        detail = np.maximum(focused - np.float32(_NOISE_SHARPNESS) * guide.noise, 0)
        # A far sharper slice elsewhere belies the index: a structure finer than its smoothing.
        missed = np.maximum(guide.sharpest - np.float32(1.1) * focused, 0)
        trust = guide.trust / (1 + np.square(np.square(missed * np.float32(1 / _MISSED))))
        gates = _gate(detail * np.float32(0.5), guide)
        reach = min(_REACH * float(gates.max()), _FARTHEST)
        gated = self._average(_weight_table(power), low - reach, high + reach, gates)
        # Where a slice ends, those near the index may have nothing: then all are asked.
        whole = all(mask is None for mask in self._masks)
        if whole and float(trust.min()) >= _TRUSTED:
            return self._divided(*gated)
        average = self._average(_weight_table(_AVERAGE_POWER), -np.inf, np.inf, None)
        share = np.where(gated[1] > 0, trust, 0)
        share = share if gated[0].ndim == 2 else share[..., None]
        return self._divided(*average) * (1 - share) + self._divided(*gated) * share

    def _focused(self, low: float, high: float) -> FloatImage:
        """Return the greatest sharpness of the slices next to the index."""
        best = np.zeros(self._guide.index.shape, np.uint8)
        for number in range(len(self._slices)):
            if low - 1 < number < high + 1:
                near = np.abs(self._guide.index - np.float32(number)) < 1
                np.maximum(best, self._sharp(number), out=best, where=near)
        return best.astype(np.float32)

    def _sharp(self, number: int) -> NDArray[np.uint8]:
        if number not in self._sharpness:
            item = self._slices[number]
            self._sharpness[number] = warp(item.sharpness, item.transform @ self._offset,
                                           size=self._size)
        return self._sharpness[number]

    def _average(self, table: FloatImage, low: float, high: float, gates: FloatImage | None
                 ) -> tuple[NDArray[np.float32], FloatImage]:
        """Return the weighted sum of the slices from ``low`` to ``high`` and their weight."""
        shape = (*self._guide.index.shape, *self._slices[0].image.shape[2:])
        total, weights = np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
        for number, (item, mask) in enumerate(zip(self._slices, self._masks, strict=True)):
            if not low <= number <= high:
                continue
            local = item.transform @ self._offset
            weight = cv2.LUT(self._sharp(number), table)
            if gates is not None:
                distance = (self._guide.index - np.float32(number)) / gates
                weight *= cv2.exp(distance * distance * np.float32(-0.5))
            if mask is not None:
                weight *= warp(mask, local, cv2.INTER_NEAREST, size=self._size)
            here = warp(item.image, local, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE, self._size)
            here = here.astype(np.float32)
            here *= (weight if here.ndim == 2 else weight[..., None]) * np.asarray(
                item.gain, np.float32)
            total += here
            weights += weight
        return total, weights

    @staticmethod
    def _divided(total: NDArray[np.float32], weights: FloatImage) -> NDArray[np.float32]:
        weights = np.maximum(weights, np.float32(1e-20))
        return total / (weights if total.ndim == 2 else weights[..., None])


def _masks(slices: Sequence[FusionSlice]) -> list[NDArray[np.uint8] | None]:
    """Return ones in each slice's grid; None if the whole result lies within the slice."""
    ones = np.ones_like(slices[0].sharpness)
    return [None if valid_mask(item.sharpness.shape, item.transform) is None else ones
            for item in slices]


def fuse(slices: Sequence[FusionSlice], guide: FusionGuide, power: float) -> Image:
    """
    Fuse retained slices into the all-in-focus image.

    With trust only slices near the index enter, so nothing of a blurred neighbour shines
    through: the nearest where there is detail, more where averaging them only lowers the noise.
    Without trust all slices enter, weighted by their sharpness.

    :param slices: in the order of the slice index
    :param guide: how much of each slice enters, (H, W) of the slices
    :param power: power of the sharpness in the weight near the index
    :returns: shape and dtype of the slices
    """
    first = slices[0].image
    result = np.empty_like(first)
    top_value = float(np.iinfo(first.dtype).max)
    height, width = guide.index.shape
    masks = _masks(slices)

    def work(corner: tuple[int, int]) -> None:
        top, left = corner
        area = np.s_[top:min(top + _TILE, height), left:min(left + _TILE, width)]
        tile = _Tile(slices, masks, guide.tile(area), (left, top)).fused(power)
        result[area] = np.rint(np.clip(tile, 0, top_value)).astype(first.dtype)

    corners = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    with lasting_threads('fusion_tiles') as pool:
        list(pool.map(work, corners))
    return result
