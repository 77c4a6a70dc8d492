# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Camera poses from TF; tf2_ros is imported only where it is asked for."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.optics.camera_pose import CameraPose, pose_from_quaternion
from focus_stacking_ros.core.option import OptionError
from rclpy.time import Time

__all__ = ['TransformLookup']


class TransformLookup:
    """
    Finds the pose of a camera at the stamp of an image.

    :param node: rclpy.node.Node that listens to TF
    :param fixed_frame: frame that does not move with the camera
    :raises OptionError: tf2_ros is not installed
    """

    def __init__(self, node: Any, fixed_frame: str) -> None:
        try:
            from tf2_ros import Buffer, TransformException, TransformListener
        except ImportError as error:
            raise OptionError(
                f'motion.fixed_frame is {fixed_frame!r}, and tf2_ros, which it needs, cannot be '
                f'imported ({error}): install ros-$ROS_DISTRO-tf2-ros, or set neither it nor '
                'focus.source tf') from error
        self._fixed_frame = fixed_frame
        self._no_transform: type[Exception] = TransformException
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)

    def find(self, header: Any) -> CameraPose | None:
        """
        Return the camera's pose in the fixed frame, None while TF does not have it.

        :param header: std_msgs/Header of an image
        """
        time = Time.from_msg(header.stamp)
        if not time.nanoseconds:  # tf2 takes 0 for the latest transform
            return None
        try:
            found = self._buffer.lookup_transform(
                self._fixed_frame, header.frame_id, time).transform
            shift, turn = found.translation, found.rotation
            return pose_from_quaternion((shift.x, shift.y, shift.z),
                                        (turn.x, turn.y, turn.z, turn.w))
        except (self._no_transform, ValueError):
            return None

    def destroy(self) -> None:
        """Stop listening."""
        self._listener.unregister()
