# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The heights of a result over a plane fitted to it, as a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focus_stacking_ros.core.metrology.plane import fit_plane
from focus_stacking_ros.core.metrology.view import MeasurementError, View
from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.messages.intrinsics import Intrinsics
import numpy as np

__all__ = ['height_message']


def height_message(result: StackResult, intrinsics: Intrinsics | None, header: Any,
                   warn: Callable[[str], object]) -> Any | None:
    """
    Return the heights as sensor_msgs/Image of 32FC1, metres towards the camera, NaN unknown.

    Perpendicular to the plane where intrinsics are known, else along Z.

    :param result: of the stack
    :param intrinsics: of its images, None where they are not known
    :param header: std_msgs/Header
    :param warn: called with a sentence where no plane can be found
    :returns: None where there is none
    """
    view = View() if intrinsics is None else View(
        intrinsics.focal_pixels[0], intrinsics.centre_pixels)
    try:
        plane = fit_plane(result.depth_m, view, confidence=result.confidence,
                          deviation_m=result.depth_std_m)
    except MeasurementError as error:
        warn(f'there are no heights: {error}')
        return None
    return array_to_image(plane.height_m(result.depth_m).astype(np.float32), header, '32FC1')
