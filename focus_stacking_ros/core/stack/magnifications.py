# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the slices of a stack magnify: as its camera says, or as an option says, never as both."""

from __future__ import annotations

import math

from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import FocalLength, Magnification, SliceError

__all__ = ['Magnifications']


class Magnifications:
    """
    Tells the magnifications of one stack, all from one source.

    The source is the camera where its focal lengths differ. Where they do not, as those of a
    camera with one calibration, they say nothing: then ``alignment.magnification`` does, where
    it is known. With that option the second slice decides for the whole stack.

    :param options: what is known of the lens
    """

    def __init__(self, options: StackOptions) -> None:
        self._known = options.alignment_magnification == 'known'
        self._slope = options.alignment_magnification_per_dioptre  # 1 / dioptre
        self._first: tuple[float | None, float | None] | None = None
        self._by_camera: bool | None = None  # None until it is decided

    def of(self, focus_distance_m: float | None, focal_length: FocalLength | None
           ) -> Magnification | None:
        """
        Return the magnification of the next slice; None where it is to be estimated.

        :param focus_distance_m: metres, None where unknown
        :param focal_length: that the camera says the slice has, None where it says nothing
        :raises SliceError: it can be none; nothing has changed
        """
        pixels = None if focal_length is None else _checked(focal_length.pixels, 'focal length')
        share = self._of_infinity(focus_distance_m)
        if self._first is None:
            self._first = pixels, share
            return None if pixels is None and share is None else Magnification(1.0)
        first_pixels, first_share = self._first
        differs = pixels is not None and first_pixels is not None and pixels != first_pixels
        if self._by_camera is None:
            self._by_camera = differs or not self._known
        if not self._by_camera:
            assert share is not None
            assert first_share is not None
            return Magnification(share / first_share)
        if not differs:
            return None
        assert pixels is not None
        assert first_pixels is not None
        return Magnification(pixels / first_pixels)

    def _of_infinity(self, focus_distance_m: float | None) -> float | None:
        """Return the share of the magnification at infinity that the options say."""
        if not self._known:
            return None
        if focus_distance_m is None:
            if self._slope:
                raise SliceError(
                    Refusal.POSITION, 'alignment.magnification_per_dioptre needs focus distances '
                    'and the slices have none; set it to 0 or alignment.magnification to '
                    'estimated')
            return 1.0
        return _checked(1 + self._slope / focus_distance_m, 'magnification')


def _checked(value: float, what: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise SliceError(
            Refusal.MAGNIFICATION, f'the {what} is {value}; it must be finite and positive')
    return value
