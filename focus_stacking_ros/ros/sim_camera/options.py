# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SimCameraOptions: the tunables of the simulated camera node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focus_stacking_ros.core.option import check_options, HoldsFrom, option

__all__ = ['SimCameraOptions']


@dataclass(frozen=True)
class SimCameraOptions:
    """
    Tunables of the simulated camera; declared like StackOptions, used in the same way.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    HOLDS_FROM: ClassVar[HoldsFrom] = 'start'

    scene: str = option(
        'circuit_board', 'what the camera looks at, at 0.25 m', choices=(
            'circuit_board', 'crossing_wires', 'dome', 'solder_joints', 'textureless_parts',
            'tilted_plane'))
    seed: int = option(0, 'of the scene and the noise', limits=(0, 2**31 - 1))
    frame_id: str = option(
        'camera_optical_frame', 'frame of the images: z forward, x right, y down (REP-103)')
    focus_unit: str = option(
        'metres', 'unit of focus_command and focus_feedback', group='focus',
        choices=('metres', 'millimetres', 'dioptres'))

    camera_width: int = option(
        480, 'width of the images', group='camera', unit='pixels', limits=(64, 4096))
    camera_height: int = option(
        360, 'height of the images', group='camera', unit='pixels', limits=(64, 4096))
    camera_rate: float = option(
        10.0, 'images per second; one that is not rendered in time is left out', group='camera',
        unit='hertz', limits=(0.1, 100.0))
    camera_exposure_time: float = option(
        0.02, 'duration of an exposure; the stamp of an image is its beginning', group='camera',
        unit='seconds', limits=(0.0, 10.0))
    camera_latency: float = option(
        0.05, 'from the beginning of an exposure to the publication of its image',
        group='camera', unit='seconds', limits=(0.0, 10.0))
    camera_pixel_size: float = option(
        6e-6, 'distance of two pixels on the sensor', group='camera', unit='metres',
        limits=(1e-7, 1e-4))
    camera_stopped: bool = option(
        False, 'a fault: the camera exposes no images', group='camera', holds_from='now')

    lens_focal_length: float = option(
        0.05, 'focal length of the lens', group='lens', unit='metres', limits=(0.001, 0.2))
    lens_f_number: float = option(
        4.0, 'focal length over the diameter of the aperture', group='lens', limits=(0.5, 64.0))
    lens_breathing: float = option(
        -0.04, 'relative change of the magnification from the nearest to the farthest focus',
        group='lens', limits=(-0.5, 0.5))
    lens_near: float = option(
        0.24, 'nearest focus distance', group='lens', unit='metres', limits=(0.01, 10.0))
    lens_far: float = option(
        0.26, 'farthest focus distance', group='lens', unit='metres', limits=(0.01, 10.0))
    lens_dead_time: float = option(
        0.01, 'from a command to the beginning of the move', group='lens', unit='seconds',
        limits=(0.0, 10.0))
    lens_settling_time: float = option(
        0.1, 'from the beginning of a move to its end, however far it goes', group='lens',
        unit='seconds', limits=(0.0, 60.0))
    lens_feedback_rate: float = option(
        25.0, 'messages on focus_feedback per second', group='lens', unit='hertz',
        limits=(0.1, 200.0))
    lens_stuck: bool = option(
        False, 'a fault: the lens does not move', group='lens', holds_from='now')

    light_count: int = option(
        1, 'lamps that light_command switches; lamp 0 is even, the others shine from one side',
        group='light', unit='lights', limits=(1, 16))
    light_settling_time: float = option(
        0.05, 'for which the light fades from one lamp to the other', group='light',
        unit='seconds', limits=(0.0, 60.0))
    light_stuck: bool = option(
        False, 'a fault: the light does not change', group='light', holds_from='now')

    truth_focus: float = option(
        0.0, 'focus distance of the image whose pixel grid the truth is in; 0: lens.near',
        group='truth', unit='metres', limits=(0.0, 10.0))

    def __post_init__(self) -> None:
        check_options(self)
