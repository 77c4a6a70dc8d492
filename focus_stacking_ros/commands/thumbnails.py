# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slices as an overview shows them."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.files.pictures import reduced_to, strip_ranks, strip_width
from focus_stacking_ros.core.slices import Image

__all__ = ['Thumbnail', 'thumbnail_width']

_THUMBNAIL_WIDTH = 800  # pixels


@dataclass(frozen=True)
class Thumbnail:
    """
    A slice for the overview, reduced so that a long stack stays small.

    :param image: at most 800 pixels wide, which the one in the middle of the stack needs
    :param position: what orders the slices near to far
    :param label: its caption
    """

    image: Image
    position: float
    label: str

    @classmethod
    def of(cls, image: Image, position: float, *, metric: bool, width: int = _THUMBNAIL_WIDTH
           ) -> Thumbnail:
        """Reduce an image; ``metric`` says whether the position is in metres."""
        label = f'{position * 1e3:.2f} mm' if metric else f'{position:g}'
        if width == 1:  # for one that is only counted
            image = image[:1, :1]
        width = min(width, image.shape[1])
        height = max(round(image.shape[0] * width / image.shape[1]), 1)
        return cls(reduced_to(image, width, height), position, label)


def thumbnail_width(place: int, count: int, *, in_order: bool = False) -> int:
    """
    Return how wide a thumbnail has to be if all slices are accepted, pixels.

    :param place: of the slice in the stack, counted from 0
    :param count: slices of the stack
    :param in_order: whether places are counted near to far and none can be missing: then it is 1
        for a slice that the overview does not show
    """
    if abs(place - count // 2) <= 1:
        return _THUMBNAIL_WIDTH
    return 1 if in_order and place not in strip_ranks(count) else strip_width(count)
