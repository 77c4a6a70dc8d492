# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Camera infos of a stack's slices, found again by their stamps."""

from __future__ import annotations

from collections import OrderedDict
import copy
import math
import threading
from typing import Any

from focus_stacking_ros.core.region import Region
from focus_stacking_ros.core.slices import FocalLength
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.messages.stamp import Stamp

__all__ = ['CameraInfoHistory', 'pinhole_camera_info', 'with_header', 'with_region']


class CameraInfoHistory:
    """
    The latest camera infos, bounded; safe to use from several threads.

    :param depth: messages to keep
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._messages: OrderedDict[Stamp, Any] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, message: Any) -> None:
        """Keep a sensor_msgs/CameraInfo."""
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        with self._lock:
            self._messages.pop(stamp, None)  # so that it becomes the latest
            self._messages[stamp] = message
            if len(self._messages) > self._depth:
                self._messages.popitem(last=False)

    def focal_length(self, stamp: Stamp, width: int, height: int, *, rectified: bool
                     ) -> FocalLength | None:
        """
        Return the focal length that the camera info with an image's own stamp says it has.

        :param stamp: the image's stamp
        :param width: the image's width, pixels
        :param height: the image's height, pixels
        :param rectified: whether the image is rectified, so that P holds instead of K
        :returns: None where there is no such camera info, or the camera is not calibrated
        """
        with self._lock:
            message = self._messages.get(stamp)
        if message is None or _image_size(message) != (width, height):
            return None
        pixels = float((message.p if rectified else message.k)[0]) / max(message.binning_x, 1)
        return FocalLength(pixels) if math.isfinite(pixels) and pixels > 0 else None

    def find(self, stamp: Stamp, width: int, height: int) -> Any | None:
        """
        Return the camera info of an image, or the latest one; None if there is none that fits.

        :param stamp: the image's stamp
        :param width: the image's width, pixels; another size, after the camera's region of
            interest and binning, does not fit
        :param height: the image's height, pixels
        """
        with self._lock:
            exact = self._messages.get(stamp)
            candidates = ([exact] if exact is not None else []) + list(
                reversed(self._messages.values()))
        for message in candidates:
            if _image_size(message) == (width, height):
                return message
        return None


def _image_size(message: Any) -> tuple[int, int]:
    """Return width and height of the images a sensor_msgs/CameraInfo belongs to."""
    roi = message.roi  # all 0 is the whole sensor; its pixels are not binned yet
    return ((roi.width or message.width) // max(message.binning_x, 1),
            (roi.height or message.height) // max(message.binning_y, 1))


def with_header(message: Any, header: Any) -> Any:
    """Return a copy of a camera info under another header."""
    result = copy.deepcopy(message)
    result.header = header
    return result


def with_region(message: Any, region: Region) -> Any:
    """
    Return a copy of a camera info for a part of its image.

    As sensor_msgs/CameraInfo has it: size, K, D and P stay those of the whole sensor, in whose
    pixels the region of interest is; the image may be one of a region already.

    :param message: sensor_msgs/CameraInfo of the whole image
    :param region: of that image, in its pixels
    """
    result = copy.deepcopy(message)
    across, down = max(message.binning_x, 1), max(message.binning_y, 1)
    result.roi.x_offset += region.x_offset * across
    result.roi.y_offset += region.y_offset * down
    result.roi.width, result.roi.height = region.width * across, region.height * down
    return result


def pinhole_camera_info(header: Any, size: tuple[int, int], focal_length_px: float,
                        centre_px: tuple[float, float]) -> Any:
    """
    Return the sensor_msgs/CameraInfo of a camera without distortion.

    :param header: std_msgs/Header of its image
    :param size: (width, height) of the image, pixels
    :param focal_length_px: distance of the image plane, pixels
    :param centre_px: (x, y) where the optical axis meets it, pixel centres at integers
    """
    x, y = centre_px
    message = message_type('sensor_msgs/msg/CameraInfo')(
        header=header, width=size[0], height=size[1], distortion_model='plumb_bob')
    message.d = [0.0] * 5
    message.k = [focal_length_px, 0.0, x, 0.0, focal_length_px, y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal_length_px, 0.0, x, 0.0, 0.0, focal_length_px, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message
