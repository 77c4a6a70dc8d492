# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where each slice shows detail: its focus response, reduced to a few thousand blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from focus_stacking_ros.core.align.warping import reduced, valid_mask, warp
from focus_stacking_ros.core.depth.volume import falls_in, widths_of
from focus_stacking_ros.core.focus.measure import GREY_STEPS, half_size, NoiseResponse
from focus_stacking_ros.core.focus.validity import halved_mask
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['BlockSignals', 'FocusHistory']

_LEAST_SIDE = 4  # half-size pixels of a block
_MOST_BLOCKS = 16384
_FINER = 4  # times finer along each axis
_FEWEST_BLOCKS = 600  # fewer are not made of noisier ones
_LEAST_NOISE = 0.02  # of a block, as a share of the usual signal: then it decides nothing
_CLEAR, _CLEAR_SIGNAL = 20.0, 0.3  # signal that tells: in scatters of the noise, grey levels
_TELLING = 100  # blocks without which nothing is told
_PARTS = 8  # of the picture along each axis, of which every other one is in either half


@dataclass(frozen=True)
class BlockSignals:
    """
    What of the response of each slice is neither noise nor seen in all slices.

    :param values: (n, blocks) float32, 8-bit grey levels, not negative
    :param half: (blocks,) bool, in which of two halves of the picture a block lies, which are
        interleaved like the fields of a chessboard
    """

    values: FloatImage
    half: NDArray[np.bool_]


class FocusHistory:
    """
    The responses of all slices so far in blocks, in the grid of the first slice.

    At most 32 kilobytes a slice.

    :param shape: height and width of the slices, pixels
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._side = _side(shape)
        self._planes: list[NDArray[np.int16]] = []

    @staticmethod
    def bytes_per_slice(shape: tuple[int, ...]) -> int:
        """Return what is kept of a slice of so many rows and columns."""
        height, width = _blocks(shape, _side(shape))
        return height * width * np.dtype(np.int16).itemsize

    def add(self, response: NDArray[np.int16], transform: Transform, gain: float,
            valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add a slice.

        :param response: (h, w) int16 at half the size, in 1/16 grey level
        :param transform: first slice's pixel -> this slice's pixel, full size
        :param gain: factor on its grey values that gives the first slice's brightness
        :param valid: (H, W) uint8, 0 where the slice has no data; None where it has it everywhere
        """
        # Warped finer than it is kept: interpolation would smooth the blocks of some slices.
        fine = max(self._side // _FINER, 1)
        place = reduced(transform, 2 * fine)
        plane = np.clip(_averaged(response, fine).astype(np.float32) * np.float32(gain), 0, 32767)
        blocks = _averaged(warp(plane, place), self._side // fine).astype(np.int16)
        shape = (plane.shape[0], plane.shape[1])
        if valid is not None or valid_mask(shape, place) is not None:
            seen = np.full(shape, 255, np.uint8) if valid is None else _averaged(
                halved_mask(valid), fine)
            blocks[_averaged(warp(seen, place), self._side // fine) < 255] = -1
        self._planes.append(blocks)

    def span(self, numbers: Sequence[int], steps: NDArray[np.float32], floor: float,
             noise: NoiseResponse) -> float:
        """
        Return about how wide the focus curves are, by what blocks tell.

        :param numbers: of slices near to far, from 0 in the order they were added in
        :param steps: (n,) coordinate of every one of them
        :param floor: mean response to noise, 8-bit grey levels
        :param noise: what the focus measure makes of noise
        :returns: standard deviation of the whole curve in the coordinate
        """
        volume = np.stack([self._planes[number] for number in numbers])
        floors = np.full(volume.shape[1:], floor, np.float32)
        falls = falls_in(volume, steps, floors, noise.scatter_of(self._side))
        return widths_of([falls], lambda: None).whole

    def signals(self, numbers: Sequence[int], floor: float,
                noise: NoiseResponse) -> BlockSignals | None:
        """
        Return the signals of some slices; None where too few blocks have any.

        :param numbers: of the slices, from 0 in the order they were added in
        :param floor: mean response to noise, 8-bit grey levels
        :param noise: what the focus measure makes of noise
        """
        planes = np.stack([self._planes[number] for number in numbers]).astype(np.float32)
        inside = planes.min(axis=0) >= 0
        planes *= np.float32(1 / GREY_STEPS)
        side = self._side
        while True:
            # What is in all slices, as noise or an edge that is out of focus in all, is no signal.
            values = np.maximum(planes - np.maximum(planes.min(axis=0), np.float32(floor)), 0)
            highest = values.max(axis=0)
            scatter = floor * noise.scatter_of(side)
            telling = inside & (highest > _CLEAR * scatter + _CLEAR_SIGNAL)
            usual = float(highest[telling].mean()) if telling.any() else 0.0
            if scatter <= _LEAST_NOISE * usual or inside.size < _FEWEST_BLOCKS:
                break
            planes, inside, side = _halved(planes), _halved(inside[None])[0] == 1, 2 * side
        if np.count_nonzero(telling) < _TELLING:
            return None
        row, column = np.nonzero(telling)
        parts = row * _PARTS // telling.shape[0] + column * _PARTS // telling.shape[1]
        return BlockSignals(values[:, telling], parts % 2 == 1)


def _averaged(plane: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the means of whole blocks of pixels."""
    height, width = max(plane.shape[0] // side, 1), max(plane.shape[1] // side, 1)
    return cv2.resize(plane[:height * side, :width * side], (width, height),
                      interpolation=cv2.INTER_AREA)


def _side(shape: tuple[int, ...]) -> int:
    side = _LEAST_SIDE
    while np.prod(_blocks(shape, side)) > _MOST_BLOCKS:
        side *= 2
    return side


def _blocks(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    height, width = half_size(shape)
    return max(height // side, 1), max(width // side, 1)


def _halved(planes: NDArray[np.generic]) -> FloatImage:
    """Return (n, h, w) planes averaged over 2 by 2."""
    count, height, width = planes.shape[0], planes.shape[1] // 2, planes.shape[2] // 2
    quads = planes[:, :2 * height, :2 * width].reshape(count, height, 2, width, 2)
    return np.asarray(quads.mean(axis=(2, 4), dtype=np.float32), np.float32)
