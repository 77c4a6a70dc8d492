# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a stack hands out: its result, how far it is, what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.core.stack.stacker import FocusStacker
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.view import View

__all__ = ['Delivery', 'Listener', 'Progress']


@dataclass(frozen=True)
class Delivery:
    """
    A result with what its messages need besides.

    :param result: the stack's result
    :param report: JSON-ready report, see core.stack.report.stack_report, with ``stamp`` and
        ``frame_id``
    :param header: std_msgs/Header that every output carries
    :param encoding: encoding of the input images
    :param reference_stamp: stamp of the reference slice
    :param options: of the node, as they were when the stack began
    :param view: which part of the images it is of; None for all
    """

    result: StackResult
    report: dict[str, Any]
    header: Any
    encoding: str
    reference_stamp: Stamp
    options: NodeOptions
    view: View | None = None

    def camera_info(self, infos: CameraInfoHistory) -> Any | None:
        """Return the sensor_msgs/CameraInfo of the reference slice; None if none fits."""
        height, width = self.result.depth_m.shape
        view = self.view or View(width, height)
        return infos.find(self.reference_stamp, view.width, view.height)


@dataclass(frozen=True)
class Progress:
    """
    How far the running stack is, once a slice has come.

    :param header: std_msgs/Header of its image
    :param taken: slices in the stack
    :param refused: slices that were refused since it began
    :param expected: slices that end it, 0 where their number does not
    :param reason: why the slice was refused, '' where it was taken
    :param stacker: the running stack, which is not to be changed
    """

    header: Any
    taken: int
    refused: int
    expected: int
    reason: str
    stacker: FocusStacker


class Listener(Protocol):
    """Who is told what happens to the stacks; called in the thread that feeds them."""

    def delivered(self, delivery: Delivery) -> None:
        """Take the result of a stack."""

    def refused(self, refusal: Refusal, reason: str) -> None:
        """Take note of a slice that is not part of its stack."""

    def progressed(self, progress: Progress) -> None:
        """Take note of a slice that is part of its stack, or is not."""

    def failed(self, reason: str) -> None:
        """Take note of a stack that gave no result."""

    def incomplete(self, reason: str) -> None:
        """Take note of a stack that ended before all its slices had come."""

    def ignored(self, reason: str) -> None:
        """Take note of a region of interest that cannot be used: all of the images is."""
