# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which slices a stack takes: the refusals of the stack contract."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.calibration import is_distance
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import (
    FocalLength,
    Image,
    MAX_SLICES,
    NARROW_SLICES,
    Slice,
    SliceError,
)
from focus_stacking_ros.core.stack.accumulation import retained_bytes
from focus_stacking_ros.core.stack.magnifications import Magnifications
import numpy as np
from numpy.typing import NDArray

__all__ = ['Admission']

_LEAST_SIDE = 3  # pixels: what the noise is estimated from
_LONGEST_SIDE = 32766  # pixels: OpenCV's remap and warpAffine number them in 16 bits


class Admission:
    """
    Checks each slice against the stack so far.

    :param options: method and memory limit
    :param expected: slices that the stack will have, None where that is not known
    """

    def __init__(self, options: StackOptions, expected: int | None = None) -> None:
        self._options, self._expected = options, expected or 0
        self._first: tuple[tuple[int, ...], np.dtype[np.generic]] | None = None
        self._metric = False
        self._positions: list[float] = []
        self._retained: dict[float, int] = {}  # bytes of the slice at each position
        self._magnifications = Magnifications(options)

    def check(self, image: Image, focus_distance_m: float | None, position: float | None,
              number: int, focal_length: FocalLength | None = None,
              valid: NDArray[np.bool_] | None = None,
              lights: tuple[Image, ...] = ()) -> Slice:
        """
        Return the slice, if the stack can take it.

        :raises SliceError: it cannot; nothing has changed
        """
        self._check_image(image)
        where = self._checked_position(focus_distance_m, position, number)
        self._check_lights(image, lights)
        mask = _checked_mask(valid, image)
        self._check_room(self._bytes(image, mask), where)
        # Last: it takes note of the slice, which is nothing to undo where it refuses.
        magnification = self._magnifications.of(focus_distance_m, focal_length)
        return Slice(image, None if focus_distance_m is None else where, where, number,
                     magnification, mask, lights)

    def admit(self, item: Slice) -> bool:
        """Count a checked slice in; returns whether it continues a monotone sweep."""
        self._first = (item.image.shape, item.image.dtype)
        self._metric = item.focus_distance_m is not None
        self._retained[item.position] = self._bytes(item.image, item.valid)
        if item.position in self._positions:
            self._positions.remove(item.position)
            self._positions.append(item.position)
            return False
        monotone = self._continues(item.position)
        self._positions.append(item.position)
        return monotone

    def _continues(self, position: float) -> bool:
        known = self._positions
        if not known:
            return True
        if len(known) == 1:
            return position != known[0]
        return position > known[-1] > known[-2] or position < known[-1] < known[-2]

    def _check_image(self, image: Image) -> None:
        if not isinstance(image, np.ndarray):
            raise SliceError(
                Refusal.ENCODING, f'the image is a {type(image).__name__}; it must be a NumPy '
                'array')
        if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3) or (
                image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
            raise SliceError(
                Refusal.ENCODING, f'the image is {_described(image.shape, image.dtype)}; it must '
                'be grey or of three channels, uint8 or uint16')
        if min(image.shape[:2]) < _LEAST_SIDE:
            raise SliceError(
                Refusal.SIZE, f'the image is {_described(image.shape, image.dtype)}; a slice has '
                f'at least {_LEAST_SIDE} pixels along each side')
        if max(image.shape[:2]) > _LONGEST_SIDE:
            raise SliceError(
                Refusal.SIZE, f'the image is {_described(image.shape, image.dtype)}; a side has '
                f'at most {_LONGEST_SIDE} pixels, which is as far as OpenCV warps: cut the slices '
                'into overlapping parts and stack each')
        if self._first is None:
            return
        if image.shape[:2] != self._first[0][:2]:
            raise SliceError(
                Refusal.SIZE, f'the image is {_described(image.shape, image.dtype)}, the first '
                f'slice is {_described(*self._first)}; start a new stack to change the size')
        if (image.shape, image.dtype) != self._first:
            raise SliceError(
                Refusal.ENCODING, f'the image is {_described(image.shape, image.dtype)}, the '
                f'first slice is {_described(*self._first)}; start a new stack to change the '
                'encoding')

    def _check_lights(self, image: Image, lights: tuple[Image, ...]) -> None:
        count = 1 + len(lights)
        if count != self._options.stack_lights:
            raise SliceError(
                Refusal.LIGHTS, f'the slice has {count} image{"s" * (count != 1)} and '
                f'stack.lights is {self._options.stack_lights}; give one for each light')
        for number, light in enumerate(lights, 1):
            self._check_image(light)
            if (light.shape, light.dtype) != (image.shape, image.dtype):
                raise SliceError(
                    Refusal.SIZE if light.shape[:2] != image.shape[:2] else Refusal.ENCODING,
                    f'the image of light {number} is {_described(light.shape, light.dtype)}, '
                    f'that of light 0 is {_described(image.shape, image.dtype)}; all of a slice '
                    'are alike')

    def _checked_position(self, focus_distance_m: float | None, position: float | None,
                          number: int) -> float:
        if self._positions and (focus_distance_m is not None) != self._metric:
            raise SliceError(
                Refusal.POSITION, 'either all slices of a stack have a focus distance or none has')
        if focus_distance_m is not None:
            if not is_distance(focus_distance_m):
                raise SliceError(
                    Refusal.POSITION, f'the focus distance is {focus_distance_m} metres; it must '
                    'be finite and positive')
            return float(focus_distance_m)
        where = float(number if position is None else position)
        if not math.isfinite(where):
            raise SliceError(Refusal.POSITION, f'the focus position is {where}; it must be finite')
        return where

    def _bytes(self, image: Image, mask: NDArray[np.bool_] | None) -> int:
        return retained_bytes(self._options, image, masked=mask is not None)

    def _check_room(self, size: int, position: float) -> None:
        most = NARROW_SLICES if self._options.method == 'notebook' else MAX_SLICES
        if len(self._positions) >= most and position not in self._positions:
            raise SliceError(
                Refusal.MEMORY, f'a stack of the method {self._options.method} holds at most '
                f'{most} slices; end it sooner')
        if self._options.method == 'streaming':
            if not self._continues(position):
                raise SliceError(
                    Refusal.ORDER, f'position {position:g} is out of order or repeated, and '
                    'streaming fusion keeps no slices to sort; send a monotone sweep or use the '
                    'default method')
            return
        limit = self._options.fusion_max_retained_megabytes
        others = sum(self._retained.values()) - self._retained.get(position, 0)
        expected = self._expected * size / 1e6
        if not others and expected > limit:
            raise SliceError(
                Refusal.MEMORY, f'{self._expected} slices of {size / 1e6:.0f} megabytes do not '
                f'fit the {limit} megabytes of fusion.max_retained_megabytes; set it to '
                f'{math.ceil(expected)} if there is so much memory, or the method to streaming, '
                'which keeps none')
        if (others + size) / 1e6 > limit:
            raise SliceError(Refusal.MEMORY, f'{len(self._positions)} slices fill the {limit} '
                             'megabytes of fusion.max_retained_megabytes; raise it or use '
                             'streaming fusion')


def _checked_mask(valid: NDArray[np.bool_] | None, image: Image) -> NDArray[np.bool_] | None:
    """Return the mask, None where all is valid."""
    if valid is None:
        return None
    if not isinstance(valid, np.ndarray) or valid.dtype != bool or valid.shape != image.shape[:2]:
        what = _described(valid.shape, valid.dtype) if isinstance(
            valid, np.ndarray) else f'a {type(valid).__name__}'
        raise SliceError(
            Refusal.MASK, f'the mask of valid pixels is {what}; it must be bool, and as many rows '
            'and columns as the image')
    if not valid.any():
        raise SliceError(Refusal.MASK, 'no pixel of the slice is valid: it is transparent')
    return None if valid.all() else valid


def _described(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> str:
    channels = shape[2] if len(shape) == 3 else 1
    size = f'{shape[1]}x{shape[0]} pixels' if len(shape) > 1 else f'of shape {shape}'
    return f'{size}, {channels} channel{"s" * (channels > 1)}, {dtype}'
