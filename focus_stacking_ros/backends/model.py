# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The per-slice work in plain NumPy integers, line by line as hw_accel/SPECIFICATION.md writes it.

Slow. It is what all backends are tested against, and what does the work of an OpenCV function
that was found to compute otherwise on some machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from focus_stacking_ros.backends.front_model import (
    model_half,
    model_light,
    model_luma,
    model_noise,
    model_sharpness,
)
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.focus.front import Front, needs_channel_noise
from focus_stacking_ros.core.focus.measure import LOG_KERNEL, RESPONSE_LIMIT
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.fixed_map import fixed_gain
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.fuse.weights import (
    AVERAGE_STEPS,
    DISTANCE,
    DISTANCE_SHIFT,
    GATE,
    INDEX_STEPS,
    LOG_SHARPNESS,
    WEIGHT,
    WeightPlanes,
)
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.stack.backend import Backend
import numpy as np
from numpy.typing import NDArray

__all__ = ['SPECIFIED', 'ModelBackend', 'interpolated', 'model_luma']

Integers = NDArray[np.int64]

_PAIRS = {
    'ring_difference': ((2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2)),
    'modified_laplacian': ((1, 0), (0, 1), (2, 0), (0, 2)),
}
_OF_CHANNELS = 'log_norm'
#: Focus measures that hw_accel/SPECIFICATION.md has.
SPECIFIED = (*_PAIRS, _OF_CHANNELS)
_MARGIN = 3


def _mirrored(size: int, before: int, after: int, period: int) -> Integers:
    """Return mirrored indices -before to size - 1 + after; period 2 size - 2 omits the edge."""
    index = np.arange(-before, size + after) % max(period, 1)
    return np.where(index < size, index, period - index - (period == 2 * size))


def interpolated(response: NDArray[np.int16], x: NDArray[np.int32],
                 y: NDArray[np.int32]) -> Integers:
    """
    Return a response at positions in 1/32 pixel, 0 outside; halves are rounded to even.

    :param response: (h, w) int16, not negative
    :param x: positions, int32
    :param y: positions, int32, of the same shape
    """
    height, width = response.shape
    padded = np.zeros((height + 2, width + 2), np.int64)
    padded[1:-1, 1:-1] = response
    column, row = x.astype(np.int64) >> 5, y.astype(np.int64) >> 5
    right, down = x & 31, y & 31
    total = np.zeros(x.shape, np.int64)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (right if dx else 32 - right) * (down if dy else 32 - down)
        total += weight * padded[np.clip(row + dy + 1, 0, height + 1),
                                 np.clip(column + dx + 1, 0, width + 1)]
    return (total + 511 + ((total >> 10) & 1)) >> 10


def _cubic_weight(distance: Integers) -> Integers:
    """Weight of the cubic convolution with a = -3/4, in 1/2**17, at a distance in 1/32 pixel."""
    t = np.abs(distance)
    return np.where(t < 32, 5 * t ** 3 - 288 * t ** 2 + 131072,
                    np.where(t < 64, -3 * t ** 3 + 480 * t ** 2 - 24576 * t + 393216, 0))


def _cubic(channel: Integers, x: NDArray[np.signedinteger], y: NDArray[np.signedinteger],
           top: int) -> Integers:
    """Return a channel, whose rim goes on beyond it, at positions in 1/32 pixel."""
    x, y = x.astype(np.int64), y.astype(np.int64)
    down, across = ([(np.clip((place >> 5) + step, 0, length - 1),
                      _cubic_weight(32 * step - (place & 31))) for step in range(-1, 3)]
                    for place, length in zip((y, x), channel.shape, strict=True))
    total = np.zeros(x.shape, np.int64)
    for row, row_weight in down:
        for column, column_weight in across:
            total += column_weight * row_weight * channel[row, column]
    return np.clip((total + (1 << 33)) >> 34, 0, top)


def _bilinear(plane: NDArray[Any], x: NDArray[np.int32], y: NDArray[np.int32]) -> Integers:
    """Return a plane at positions in 1/32 pixel; halves are rounded up."""
    height, width = plane.shape
    column, row = x.astype(np.int64) >> 5, y.astype(np.int64) >> 5
    total = np.zeros(x.shape, np.int64)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (x & 31 if dx else 32 - (x & 31)) * (y & 31 if dy else 32 - (y & 31))
        total += weight * plane[np.clip(row + dy, 0, height - 1),
                                np.clip(column + dx, 0, width - 1)].astype(np.int64)
    return (total + 512) >> 10


def _weights(item: FusionSlice, number: int, planes: WeightPlanes, power: int,
             x: NDArray[np.int32], y: NDArray[np.int32]) -> Integers:
    """Return a slice's weights where it has data."""
    sharp = LOG_SHARPNESS.astype(np.int64)[_bilinear(item.sharpness, x, y)]
    index, reach, near_level, near_offset, far_level, far_offset = (
        plane.astype(np.int64) for plane in planes.planes())
    away = np.minimum(np.abs(index - INDEX_STEPS * number) >> DISTANCE_SHIFT, 255)
    gate = GATE.astype(np.int64)[np.minimum(DISTANCE.astype(np.int64)[away] + reach, 255)]
    near = np.minimum((power * np.maximum(near_level - sharp, 0) + 64) >> 7, 255)
    near = np.minimum(np.minimum(near + gate, 255) + near_offset, 255)
    far = np.minimum(AVERAGE_STEPS * np.maximum(far_level - sharp, 0), 255)
    far = np.minimum(far + far_offset, 255)
    return WEIGHT.astype(np.int64)[np.minimum(near, far)]


class ModelBackend(Backend):
    """Per-slice work as it is specified; see ``core.stack.backend.Backend`` for the methods."""

    name = 'model'

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """Return what later steps need of a slice."""
        grey = model_luma(image)
        responses = {name: self.measure(image, grey, name) for name in operators}
        channels = np.stack([model_noise(model_luma(image[..., channel])).sum(0, np.uint32)
                             for channel in range(3)]) if needs_channel_noise(
                                 image, operators) else None
        return Front(grey if with_luma else None, model_half(grey).astype(np.int16),
                     model_sharpness(grey), model_noise(grey), channels, model_light(image),
                     lambda: responses)

    def measure(self, image: Image, grey: NDArray[np.int16],  # noqa: ARG002
                operator: str) -> NDArray[np.int16]:
        """
        Return the focus response of a slice at half the size; the luma is its own.

        :raises KeyError: the focus measure is not specified
        """
        if operator not in SPECIFIED:
            raise KeyError(f'the focus measure {operator} is not in hw_accel/SPECIFICATION.md, '
                           'which the model follows; specify it there and add it to the model')
        height, width = image.shape[:2]
        half = (height + 1) // 2, (width + 1) // 2
        rows = _mirrored(height, _MARGIN, _MARGIN + height % 2, 2 * height - 2)
        columns = _mirrored(width, _MARGIN, _MARGIN + width % 2, 2 * width - 2)
        size = (2 * half[0], 2 * half[1])

        def shifted(plane: Integers, dx: int, dy: int) -> Integers:
            y, x = _MARGIN + dy, _MARGIN + dx
            return plane[y:y + size[0], x:x + size[1]]

        if operator == _OF_CHANNELS:
            squares = np.zeros(size, np.int64)
            for channel in (image,) if image.ndim == 2 else np.moveaxis(image, 2, 0):
                steps = channel.astype(np.int64)
                steps = steps << 4 if image.dtype == np.uint8 else steps >> 4
                plane = steps[np.ix_(rows, columns)]
                total = np.zeros(size, np.int64)
                for (y, x), weight in np.ndenumerate(LOG_KERNEL):
                    total += int(weight) * shifted(plane, x - 3, y - 3)
                squares += np.square((total + 512) >> 10)
            root = np.sqrt(squares.astype(np.float64)).astype(np.int64)
            response = root + (squares > root * (root + 1))
        else:
            plane = model_luma(image).astype(np.int64)[np.ix_(rows, columns)]
            response = np.zeros(size, np.int64)
            for dx, dy in _PAIRS[operator]:
                response += np.abs(2 * shifted(plane, 0, 0) - shifted(plane, dx, dy)
                                   - shifted(plane, -dx, -dy))
            response = np.minimum(response, 32767)
        total = response.reshape(half[0], 2, half[1], 2).sum(axis=(1, 3))
        return np.minimum((total + 2) >> 2, RESPONSE_LIMIT).astype(np.int16)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        height, width = response.shape
        fixed = fixed_map(reduced(transform, 2), (height, width))
        if fixed is None:
            return np.full_like(response, -1)
        x, y = np.broadcast_arrays(*fixed.positions((height, width)))
        moved = interpolated(response, x, y)
        moved = np.minimum((moved * fixed_gain(gain) + 8192) >> 14, RESPONSE_LIMIT)
        inside = (x >= 0) & (x <= 32 * (width - 1)) & (y >= 0) & (y <= 32 * (height - 1))
        return np.where(inside, moved, -1).astype(np.int16)

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        height, width = response.shape
        before, after = window // 2, window - 1 - window // 2
        padded = response.astype(np.int64)[np.ix_(
            _mirrored(height, before, after, 2 * height),
            _mirrored(width, before, after, 2 * width))]
        total, count = np.zeros((2, height, width), np.int64)
        for y, x in np.ndindex(window, window):
            part = padded[y:y + height, x:x + width]
            total += np.maximum(part, 0)
            count += part >= 0
        valid = response >= 0
        mean = np.where(valid, (2 * total + count) // np.maximum(2 * count, 1), -1)
        number = state.slices
        won = mean > state.best
        if number > 0:
            followed = (state.index == number - 1) & ~won
            state.right[followed] = mean[followed]
        for plane, value in ((state.left, state.previous), (state.best, mean),
                             (state.detail, response)):
            plane[won] = value[won]
        state.right[won], state.index[won] = -1, number
        state.total[:] += np.maximum(mean, 0).astype(np.int32)
        state.count[:] += valid
        state.previous[:] = mean
        state.slices += 1

    def average(self, average: WeightedAverage, image: NDArray[Any],
                sharpness: NDArray[np.uint8], transform: Transform, gains: tuple[float, ...],
                valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average."""
        height, width = sharpness.shape
        fixed = fixed_map(transform, (height, width))
        if fixed is None:
            return
        x, y = np.broadcast_arrays(*fixed.positions((height, width)))
        inside = (x >= 0) & (x <= 32 * (width - 1)) & (y >= 0) & (y <= 32 * (height - 1))
        if valid is not None:
            inside &= _bilinear(valid, x, y) == 255
        sharp = np.where(inside, _bilinear(sharpness, x, y), 0)
        square = np.power(sharp / 32, 2).astype(np.float32)
        weight = np.where(inside, square * square + np.float32(2e-7), np.float32(0))
        average.weight[:] += weight
        for channel, gain in enumerate(gains):
            plane, total = ((image, average.total) if image.ndim == 2 else
                            (image[..., channel], average.total[..., channel]))
            total[:] += _bilinear(plane, x, y).astype(np.float32) * (weight * np.float32(gain))

    def average_luma(self, average: LumaAverage, grey: NDArray[np.int16],
                     sharpness: NDArray[np.uint8], transform: Transform, gain: float,
                     valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average of luma."""
        height, width = sharpness.shape
        fixed = fixed_map(transform, (height, width))
        if fixed is None:
            return
        x, y = (each[::2, ::2] for each in np.broadcast_arrays(*fixed.positions((height, width))))
        inside = (x >= 0) & (x <= 32 * (width - 1)) & (y >= 0) & (y <= 32 * (height - 1))

        def of_four(plane: NDArray[Any]) -> NDArray[np.int64]:
            padded = plane.astype(np.int64)
            for axis, size in enumerate(plane.shape):  # mirrored
                padded = np.concatenate([padded, padded.take([max(size - 2, 0)], axis)], axis)
            return padded[:-1, :-1] + padded[:-1, 1:] + padded[1:, :-1] + padded[1:, 1:]

        if valid is not None:
            inside &= (_bilinear(np.where(of_four(valid) == 4 * 255, 255, 0).astype(
                np.uint8), x, y) == 255)
        sharp, value = (interpolated(of_four(plane).astype(np.int16), x, y)
                        for plane in (sharpness, grey))
        sharp = np.where(inside, sharp, 0)
        np.maximum(average.sharpest, sharp + 2 >> 2, out=average.sharpest, casting='unsafe')
        share = sharp.astype(np.float32) / np.float32(128)
        square = share * share
        weight = np.where(inside, square * square + np.float32(2e-7), np.float32(0))
        average.weight[:] += weight
        average.total[:] += value.astype(np.float32) * (weight * np.float32(gain))

    def fuse(self, job: FusionJob) -> Image:
        """Return the all-in-focus image: the weighted mean of retained slices."""
        planes = WeightPlanes.empty(job.shape, wide=job.is_wide)
        for area in job.areas():
            for whole, part in zip(planes.planes(), job.tile(area).planes.planes(), strict=True):
                whole[area] = part
        first = job.slices[0].image
        top, narrow = int(np.iinfo(first.dtype).max), first.dtype == np.uint8
        channels = first.shape[2] if first.ndim == 3 else 1
        height, width = job.shape
        total = np.zeros((channels, height, width), np.int64)
        whole_weight = np.zeros((height, width), np.int64)
        for number, (item, fixed) in enumerate(zip(job.slices, job.maps, strict=True)):
            if fixed is None:
                continue
            x, y = np.broadcast_arrays(*fixed.positions(job.shape))
            inside = (x >= 0) & (x <= 32 * (width - 1)) & (y >= 0) & (y <= 32 * (height - 1))
            if item.valid is not None:
                inside &= _bilinear(item.valid, x, y) == 255
            weight = np.where(inside, _weights(item, number, planes, job.power, x, y), 0)
            pixels = item.image.reshape(height, width, channels).astype(np.int64)
            for channel, gain in enumerate(item.gains()):
                value = _cubic(pixels[..., channel], x, y, top) * gain
                value = (value + 512) >> 10 if narrow else (value + 8192) >> 14
                total[channel] += weight * np.minimum(value, 65535)
            whole_weight += weight
        divisor = np.maximum(whole_weight, 1) * (16 if narrow else 1)
        mean = np.minimum((total + (divisor >> 1)) // divisor, top)
        return np.moveaxis(mean, 0, -1).reshape(first.shape).astype(first.dtype)
