# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backend that works everywhere: OpenCV and NumPy on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import cv2
from focus_stacking_ros.backends.model import interpolated
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.focus.front import Front, front_of
from focus_stacking_ros.core.focus.measure import averaged, focus_response, RESPONSE_LIMIT
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.fixed_map import Area, fixed_gain, GAIN_ONE
from focus_stacking_ros.core.fuse.gathering import packed
from focus_stacking_ros.core.fuse.job import FusionJob, FusionTile
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.fuse.weights import (
    AVERAGE_PENALTIES,
    NEVER,
    WEIGHT,
    WeightPlanes,
)
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['OpenCVBackend']


_BAND = 64  # rows at a time: the map stays in the cache


def _remapped(response: NDArray[np.int16], x: NDArray[np.int32],
              y: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return a response at positions in 1/32 pixel, which broadcast to those of the result."""
    return cv2.remap(response, *packed(x, y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                     borderValue=0)


@lru_cache(maxsize=1)
def _remap_is_exact() -> bool:
    """Return whether this build of OpenCV interpolates as specified, ties included."""
    rng = np.random.default_rng(0)
    response = rng.integers(0, RESPONSE_LIMIT + 1, (64, 80)).astype(np.int16)
    x = rng.integers(-64, 32 * 81, response.shape).astype(np.int32)
    y = rng.integers(-64, 32 * 65, response.shape).astype(np.int32)
    return bool(np.array_equal(_remapped(response, x, y), interpolated(response, x, y)))


class OpenCVBackend(Backend):
    """Per-slice work with OpenCV; see ``core.stack.backend.Backend`` for the methods."""

    name = 'opencv'

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        return focus_response(image, grey, operator)

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """Return what later steps need of a slice."""
        return front_of(image, operators, with_luma=with_luma)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        height, width = response.shape
        fixed = fixed_map(reduced(transform, 2), (height, width))
        if fixed is None:
            return np.full_like(response, -1)
        factor = fixed_gain(gain)
        if fixed.is_identity() and factor == GAIN_ONE:
            return response
        result = np.empty_like(response)
        exact = _remap_is_exact()

        def work(band: tuple[slice, NDArray[np.int32], NDArray[np.int32]]) -> None:
            rows, x, y = band
            if exact:
                here = _remapped(response, x, y)
            else:
                here = interpolated(response, *np.broadcast_arrays(x, y)).astype(np.int16)
            if factor != GAIN_ONE:
                product = np.multiply(here, np.int32(factor), dtype=np.int32)
                product += np.int32(GAIN_ONE // 2)
                np.right_shift(product, 14, out=product)
                here = np.minimum(product, RESPONSE_LIMIT).astype(np.int16)
            result[rows] = _without_outside(here, x, y, 32 * (width - 1), 32 * (height - 1))

        with lasting_threads('opencv') as pool:
            list(pool.results(work, fixed.bands((height, width), _BAND)))
        return result

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        here, valid = averaged(response, window)
        number = state.slices
        won = cv2.compare(here, state.best, cv2.CMP_GT)
        if number > 0:
            # Not cv2: there a number may be taken for an array where a plane is very small.
            followed = (state.index == number - 1) & (won == 0)
            cv2.copyTo(here, followed.view(np.uint8), state.right)
        cv2.copyTo(state.previous, won, state.left)
        cv2.copyTo(here, won, state.best)
        cv2.copyTo(response, won, state.detail)
        state.right[won != 0] = -1
        state.index[won != 0] = number
        state.total += np.maximum(here, 0)
        state.count += 1 if valid is None else valid & 1
        np.copyto(state.previous, here)
        state.slices += 1

    def average(self, average: WeightedAverage, image: NDArray[Any],
                sharpness: NDArray[np.uint8], transform: Transform, gains: tuple[float, ...],
                valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average."""
        average.add(image, sharpness, transform, gains, valid)

    def average_luma(self, average: LumaAverage, grey: NDArray[np.int16],
                     sharpness: NDArray[np.uint8], transform: Transform, gain: float,
                     valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average of luma."""
        average.add(grey, sharpness, transform, gain, valid)

    def fuse(self, job: FusionJob) -> Image:
        """Return the all-in-focus image: the weighted mean of retained slices."""
        return self.fused_rows(job, slice(0, job.shape[0]))

    def fused_rows(self, job: FusionJob, rows: slice) -> Image:
        """Return rows of the all-in-focus image that begin and end where tiles do."""
        result = np.empty_like(job.slices[0].image[rows])

        def work(area: Area) -> None:
            here = slice(area[0].start - rows.start, area[0].stop - rows.start)
            result[here, area[1]] = _Fused(job, job.tile(area)).image()

        with lasting_threads('fusion_tiles') as pool:
            list(pool.results(work, job.areas(rows)))
        return result

    def weight_records(self, job: FusionJob, rows: slice, records: NDArray[np.void]) -> set[int]:
        """
        Write the planes that decide the weights of rows that begin and end where tiles do.

        :param job: what is fused
        :param rows: rows wanted
        :param records: (rows, W) with a field for each plane of `WeightPlanes`
        :returns: numbers of the slices of which a pixel may get something
        """
        numbers = set[int]()

        def work(area: Area) -> None:
            tile = job.tile(area)
            here = slice(area[0].start - rows.start, area[0].stop - rows.start)
            for item in fields(WeightPlanes):
                records[item.name][here, area[1]] = getattr(tile.planes, item.name)
            numbers.update(tile.numbers)

        with lasting_threads('fusion_guide') as pool:
            list(pool.results(work, job.areas(rows)))
        return numbers


class _Fused:
    """A tile of the all-in-focus image."""

    def __init__(self, job: FusionJob, tile: FusionTile) -> None:
        self._job, self._tile = job, tile
        first = job.slices[0].image
        shape = tile.planes.index.shape
        self._sum = np.zeros((*shape, *first.shape[2:]), np.uint64 if job.is_wide else np.uint32)
        self._weight = np.zeros(shape, np.uint32)
        self._dtype = first.dtype
        self._averages = int(tile.planes.far_offset.min()) < NEVER

    def image(self) -> Image:
        """Return the tile's pixels."""
        for number in self._tile.numbers:
            self._add(number)
        narrow = self._dtype == np.uint8
        whole = np.maximum(self._weight, 1) << np.uint32(4 if narrow else 0)
        whole = whole if self._sum.ndim == 2 else whole[..., None]
        self._sum += whole >> np.uint32(1)
        self._sum //= whole
        return np.minimum(self._sum, 255 if narrow else 65535).astype(self._dtype)

    def _weights(self, number: int) -> NDArray[np.uint8]:
        """Return a slice's weights."""
        planes, logarithm = self._tile.planes, self._tile.logarithm(number)
        penalty = None
        if number in self._tile.gated:
            penalty = cv2.LUT(cv2.subtract(planes.near_level, logarithm), self._job.penalties)
            cv2.add(penalty, self._tile.gate(number), penalty)
            cv2.add(penalty, planes.near_offset, penalty)
        if self._averages:
            average = cv2.LUT(cv2.subtract(planes.far_level, logarithm), AVERAGE_PENALTIES)
            cv2.add(average, planes.far_offset, average)
            penalty = average if penalty is None else cv2.min(penalty, average)
        weight = cv2.LUT(penalty, WEIGHT)
        view = self._tile.view(number)
        if view is not None and view.inside is not None:
            cv2.bitwise_and(weight, view.inside, weight)
        return weight

    def _add(self, number: int) -> None:
        weight = self._weights(number)
        left, top, width, height = cv2.boundingRect(weight)
        view = self._tile.view(number)
        if width == 0 or view is None:
            return
        # Of a tile, only what gets a weight is gathered.
        area = np.s_[top:top + height, left:left + width]
        weight, item = weight[area], self._job.slices[number]
        values = _exposed(view.gathered(item.image, area), item.gains())
        self._weight[area] += weight
        if values.ndim == 3:
            weight = cv2.merge([weight] * values.shape[2])
        self._sum[area] += np.multiply(values, weight, dtype=np.uint32)


def _exposed(values: Image, gains: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return grey values times gains: of 8 bits in 1/16, of 16 bits in whole steps."""
    if values.dtype == np.uint8:
        if all(gain == GAIN_ONE for gain in gains):
            return np.left_shift(values, 4, dtype=np.uint16)
        tables = np.minimum((np.arange(256)[:, None] * np.array(gains) + 512) >> 10, 65535)
        return cv2.LUT(values, tables.astype(np.uint16)[None])
    if all(gain == GAIN_ONE for gain in gains):
        return values
    factors = np.array(gains if values.ndim == 3 else gains[0])
    product = np.multiply(values, factors, dtype=np.uint64, casting='unsafe')
    return np.minimum((product + 8192) >> np.uint64(14), 65535).astype(np.uint16)


def _without_outside(here: NDArray[np.int16], x: NDArray[np.int32], y: NDArray[np.int32],
                     right: int, bottom: int) -> NDArray[np.int16]:
    """Return a response with -1 where its positions lie outside 0 .. right, 0 .. bottom."""
    # Positions rise or fall steadily along rows and columns: the corners are the extremes.
    columns, rows = (x[::max(len(x) - 1, 1), ::x.shape[1] - 1 or 1],
                     y[::max(len(y) - 1, 1), ::y.shape[1] - 1 or 1])
    if (columns.min() >= 0 and columns.max() <= right and rows.min() >= 0
            and rows.max() <= bottom):
        return here
    inside = ((x >= 0) & (x <= right)) & ((y >= 0) & (y <= bottom))
    return cv2.copyTo(here, inside.view(np.uint8), np.full_like(here, -1))
