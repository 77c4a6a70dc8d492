# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which slices a stack takes: the refusals of the stack contract."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.calibration import is_distance
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import Image, MAX_SLICES, Slice, SliceError
from focus_stacking_ros.core.stack.accumulation import retained_bytes
import numpy as np

__all__ = ['Admission']

_LEAST_SIDE = 3  # pixels: what the noise is estimated from


class Admission:
    """
    Checks each slice against the stack so far.

    :param options: method and memory limit
    """

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._first: tuple[tuple[int, ...], np.dtype[np.generic]] | None = None
        self._metric = False
        self._positions: list[float] = []

    def check(self, image: Image, focus_distance_m: float | None, position: float | None,
              number: int, magnification: float | None = None) -> Slice:
        """
        Return the slice, if the stack can take it.

        :raises SliceError: it cannot; nothing has changed
        """
        self._check_image(image)
        where = self._checked_position(focus_distance_m, position, number)
        self._check_room(image, where)
        return Slice(image, None if focus_distance_m is None else where, where, number,
                     self._checked_magnification(focus_distance_m, magnification))

    def admit(self, item: Slice) -> bool:
        """Count a checked slice in; returns whether it continues a monotone sweep."""
        self._first = (item.image.shape, item.image.dtype)
        self._metric = item.focus_distance_m is not None
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

    def _checked_magnification(self, focus_distance_m: float | None,
                               magnification: float | None) -> float | None:
        if magnification is None and self._options.alignment_magnification == 'known':
            slope = self._options.alignment_magnification_per_dioptre
            if slope and focus_distance_m is None:
                raise SliceError(
                    Refusal.POSITION, 'alignment.magnification_per_dioptre needs focus distances '
                    'and the slices have none; set it to 0 or alignment.magnification to '
                    'estimated')
            magnification = 1 + slope / focus_distance_m if focus_distance_m is not None else 1.0
        if magnification is not None and not (math.isfinite(magnification) and magnification > 0):
            raise SliceError(
                Refusal.MAGNIFICATION, f'the magnification is {magnification}; it must be finite '
                'and positive')
        return magnification

    def _check_room(self, image: Image, position: float) -> None:
        if len(self._positions) >= MAX_SLICES and position not in self._positions:
            raise SliceError(Refusal.MEMORY, f'a stack holds at most {MAX_SLICES} slices; end it '
                             'sooner')
        if self._options.method == 'streaming':
            if not self._continues(position):
                raise SliceError(
                    Refusal.ORDER, f'position {position:g} is out of order or repeated, and '
                    'streaming fusion keeps no slices to sort; send a monotone sweep or use the '
                    'default method')
            return
        limit = self._options.fusion_max_retained_megabytes
        size = retained_bytes(self._options, image) / 1e6
        others = len(self._positions) - (position in self._positions)
        if (others + 1) * size > limit:
            raise SliceError(Refusal.MEMORY, f'{len(self._positions)} slices fill the {limit} '
                             'megabytes of fusion.max_retained_megabytes; raise it or use '
                             'streaming fusion')


def _described(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> str:
    channels = shape[2] if len(shape) == 3 else 1
    size = f'{shape[1]}x{shape[0]} pixels' if len(shape) > 1 else f'of shape {shape}'
    return f'{size}, {channels} channel{"s" * (channels > 1)}, {dtype}'
