# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the movement of the camera means for a running stack: positions, and refusals."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.optics.calibration import is_distance
from focus_stacking_ros.core.optics.camera_pose import CameraPose, movement_m, travel_m
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import SliceError
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair

__all__ = ['SweepMotion']


class SweepMotion:
    """
    Compares the poses of a stack's slices with that of its first accepted one.

    With a lens of fixed focus that the arm moves along its optical axis, the movement is the
    focus position: depth is then measured from where the camera was at the first slice.

    :param options: of the node
    """

    def __init__(self, options: NodeOptions) -> None:
        self._moves = options.focus_source == 'tf'
        self._limit = options.motion_max_metres if options.motion_fixed_frame else None
        self._first: CameraPose | None = None

    def position(self, pair: Pair[Any]) -> float:
        """Return the focus position of a slice: its tag's, or its travel in metres."""
        if not self._moves or pair.pose is None:
            return pair.position
        return travel_m(self._first or pair.pose, pair.pose)

    def refusal(self, pair: Pair[Any], distance_m: float | None) -> SliceError | None:
        """
        Return why a slice cannot be taken, None if it can.

        :param distance_m: its focus distance, None where unknown
        """
        if self._moves and pair.pose is None:
            return SliceError(
                Refusal.MOTION, 'TF has no transform at its stamp, and so no focus position; see '
                'motion.fixed_frame and motion.wait')
        if self._limit is None or self._first is None or pair.pose is None:
            return None
        # A distance that is none is refused for that, whatever the camera does.
        if distance_m is None or not is_distance(distance_m):
            distance_m = 0.0
        moved = movement_m(self._first, pair.pose, distance_m, across_only=self._moves)
        if moved <= self._limit:
            return None
        return SliceError(
            Refusal.MOTION, f'the camera has moved by {1000 * moved:.2f} mm since the first '
            f'slice, more than the {1000 * self._limit:g} mm of motion.max_metres; hold the arm '
            'still during a sweep')

    def accepted(self, pair: Pair[Any]) -> None:
        """Take note of a slice that is part of the stack."""
        if self._first is None:
            self._first = pair.pose
