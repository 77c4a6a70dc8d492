# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Camera infos of a stack's slices, found again by their stamps."""

from __future__ import annotations

from collections import OrderedDict
import copy
import math
import threading
from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from sensor_msgs.msg import CameraInfo

__all__ = ['CameraInfoHistory', 'FocalLengths', 'pinhole_camera_info', 'with_header']


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

    def find_exact(self, stamp: Stamp, width: int, height: int) -> Any | None:
        """Return the camera info with an image's own stamp; None if there is none that fits."""
        with self._lock:
            message = self._messages.get(stamp)
        fits = message is not None and _image_size(message) == (width, height)
        return message if fits else None

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


class FocalLengths:
    """
    The focal lengths of a stack's slices, where they tell how the lens magnifies.

    A camera that publishes one calibration for all slices says nothing of their magnification.

    :param history: camera infos
    """

    def __init__(self, history: CameraInfoHistory) -> None:
        self._history = history
        self._first: float | None = None

    def magnification(self, stamp: Stamp, width: int, height: int, *,
                      is_first: bool) -> float | None:
        """
        Return a slice's focal length in pixels; None where it is unknown or that of the first.

        :param stamp: the image's stamp
        :param width: the image's width, pixels
        :param height: the image's height, pixels
        :param is_first: whether the slice is the first of its stack
        """
        message = self._history.find_exact(stamp, width, height)
        length = 0.0 if message is None else float(message.k[0])
        known = length if math.isfinite(length) and length > 0 else None
        if is_first:
            self._first = known
            return known
        return None if known == self._first else known


def with_header(message: Any, header: Any) -> Any:
    """Return a copy of a camera info under another header."""
    result = copy.deepcopy(message)
    result.header = header
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
    message = CameraInfo(header=header, width=size[0], height=size[1],
                         distortion_model='plumb_bob')
    message.d = [0.0] * 5
    message.k = [focal_length_px, 0.0, x, 0.0, focal_length_px, y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal_length_px, 0.0, x, 0.0, 0.0, focal_length_px, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message
