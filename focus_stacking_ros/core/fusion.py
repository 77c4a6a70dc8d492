# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image: a running weighted average and the depth-gated pass over the slices."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import os

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
from focus_stacking_ros.core.warping import valid_mask, warp
import numpy as np
from numpy.typing import NDArray

__all__ = ['FusionSlice', 'WeightedAverage', 'fuse']

_AVERAGE_POWER = 6.0  # of the sharpness in the running average
_FAINT = 1e-7  # weight of no sharpness at all: flat areas average over all slices
_TILE = 256  # pixels


def _weight_table(power: float) -> NDArray[np.float32]:
    """Weight of each value of a uint8 sharpness map."""
    return ((np.arange(256) / 32.0) ** power + _FAINT).astype(np.float32)


class WeightedAverage:
    """
    Running average of slices weighted by sharpness, in the grid of the first slice.

    :param shape: (H, W) or (H, W, 3) of what is averaged
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = np.zeros(shape, np.float32)
        self._weight = np.zeros(shape[:2], np.float32)
        self._table = _weight_table(_AVERAGE_POWER)

    def add(self, image: NDArray[np.generic], sharpness: NDArray[np.uint8],
            transform: Transform, gain: float) -> None:
        """
        Add one slice.

        :param image: (H, W) or (H, W, 3), any depth, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: grid of the average -> slice pixel
        :param gain: factor on the image's grey values
        """
        weight = cv2.LUT(warp(sharpness, transform), self._table)
        valid = valid_mask(sharpness.shape, transform)
        if valid is not None:
            weight = cv2.bitwise_and(weight, weight, mask=valid)
        here = warp(image, transform, border=cv2.BORDER_REPLICATE).astype(np.float32)
        cv2.add(self._weight, weight, self._weight)
        if here.ndim == 3:
            weight = cv2.merge([weight] * here.shape[2])
        cv2.add(self._sum, cv2.multiply(here, weight, scale=gain), self._sum)

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32, in the grey values of the input."""
        weight = self._weight + np.float32(_FAINT * 1e-3)
        return self._sum / (weight if self._sum.ndim == 2 else weight[..., None])


@dataclass(frozen=True)
class FusionSlice:
    """
    One retained slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16, unwarped
    :param sharpness: (H, W) uint8, unwarped
    :param transform: result pixel -> slice pixel
    :param gain: factor on the image's grey values
    """

    image: Image
    sharpness: NDArray[np.uint8]
    transform: Transform
    gain: float


def _fuse_tile(slices: Sequence[FusionSlice], masks: Sequence[NDArray[np.uint8] | None],
               index: FloatImage, trust: FloatImage, left: int, top: int, gate: float,
               tables: tuple[FloatImage, FloatImage]) -> NDArray[np.float32]:
    """Fuse one tile whose first pixel is (left, top) of the result."""
    height, width = index.shape
    shape = (height, width, *slices[0].image.shape[2:])
    gated, gated_weight = np.zeros(shape, np.float32), np.zeros((height, width), np.float32)
    average, average_weight = np.zeros(shape, np.float32), np.zeros((height, width), np.float32)
    offset = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    low, high = float(index.min()), float(index.max())
    # Where a slice ends, those near the index may have nothing: then all are asked.
    all_trusted = float(trust.min()) >= 1 and all(mask is None for mask in masks)
    for number, (item, mask) in enumerate(zip(slices, masks, strict=True)):
        near = low - 4 * gate <= number <= high + 4 * gate
        if all_trusted and not near:
            continue
        local = item.transform @ offset
        size = (width, height)
        here = warp(item.image, local, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE, size)
        here = here.astype(np.float32) * np.float32(item.gain)
        sharp = warp(item.sharpness, local, size=size)
        valid = None if mask is None else warp(mask, local, cv2.INTER_NEAREST, size=size)
        for used, table, sums, weights in (
                (near, tables[0], gated, gated_weight),
                (not all_trusted, tables[1], average, average_weight)):
            if not used:
                continue
            weight = cv2.LUT(sharp, table)
            if table is tables[0]:
                distance = (index - np.float32(number)) * np.float32(1 / gate)
                weight *= cv2.exp(distance * distance * np.float32(-0.5))
            if valid is not None:
                weight *= valid
            np.add(weights, weight, out=weights)
            np.add(sums, here * (weight if here.ndim == 2 else weight[..., None]), out=sums)
    tiny = np.float32(1e-20)
    share = np.where(gated_weight > 0, trust, 0) if not all_trusted else trust

    def divided(total: NDArray[np.float32], weight: FloatImage) -> NDArray[np.float32]:
        return total / (np.maximum(weight, tiny) if total.ndim == 2
                        else np.maximum(weight, tiny)[..., None])

    if all_trusted:
        return divided(gated, gated_weight)
    share = share if len(shape) == 2 else share[..., None]
    return divided(average, average_weight) * (1 - share) + divided(gated, gated_weight) * share


def _masks(slices: Sequence[FusionSlice]) -> list[NDArray[np.uint8] | None]:
    """Return ones in each slice's grid; None if the whole result lies within the slice."""
    ones = np.ones(slices[0].sharpness.shape, np.uint8)
    return [None if valid_mask(ones.shape, item.transform) is None else ones for item in slices]


def fuse(slices: Sequence[FusionSlice], index: FloatImage, trust: FloatImage, gate: float,
         power: float) -> Image:
    """
    Fuse retained slices into the all-in-focus image.

    With trust only slices near the index enter, so nothing of a blurred neighbour shines
    through; without it all slices enter, weighted by their sharpness.

    :param slices: in the order of the slice index
    :param index: (H, W) float32 slice index
    :param trust: (H, W) float32, 0 to 1: 1 where only slices near the index may enter
    :param gate: standard deviation of the weight around the index, slices
    :param power: power of the sharpness in the weight near the index
    :returns: shape and dtype of the slices
    """
    first = slices[0].image
    result = np.empty_like(first)
    top_value = float(np.iinfo(first.dtype).max)
    tables = _weight_table(power), _weight_table(_AVERAGE_POWER)
    height, width = index.shape
    masks = _masks(slices)

    def work(corner: tuple[int, int]) -> None:
        top, left = corner
        area = np.s_[top:min(top + _TILE, height), left:min(left + _TILE, width)]
        tile = _fuse_tile(slices, masks, index[area], trust[area], left, top, gate, tables)
        result[area] = np.rint(np.clip(tile, 0, top_value)).astype(first.dtype)

    corners = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(work, corners))
    return result
