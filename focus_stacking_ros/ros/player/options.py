# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PlayerOptions: the tunables of the node that plays a folder of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focus_stacking_ros.core.option import check_options, HoldsFrom, option

__all__ = ['PlayerOptions']


@dataclass(frozen=True)
class PlayerOptions:
    """
    Tunables of the player node; declared like StackOptions, used in the same way.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    HOLDS_FROM: ClassVar[HoldsFrom] = 'start'

    folder: str = option(
        '', 'folder of images, or of one TIFF of several pages; a meta.json in it gives the '
        'focus_distances_m, else the positions are those of the file or the numbers of the images')
    rate: float = option(5.0, 'images per second', unit='hertz', limits=(0.01, 1000.0))
    loop: bool = option(False, 'play the folder again and again instead of once')
    frame_id: str = option(
        'camera_optical_frame', 'frame of the images: z forward, x right, y down (REP-103)')
    wait_for_subscribers: int = option(
        1, 'subscribers that image and focus_position must have each before the first image; 0 '
        'begins at once', limits=(0, 100))
    depth: int = option(
        20, 'messages that the publishers keep for slow subscribers', unit='messages',
        limits=(1, 1000))

    def __post_init__(self) -> None:
        check_options(self)
