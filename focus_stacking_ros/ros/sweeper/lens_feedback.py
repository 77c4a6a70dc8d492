# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a lens says it is: a number without a header, or the position of a joint."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from focus_stacking_ros.core.optics.lens_scale import LensScale, LensScaleError
from focus_stacking_ros.ros.node.qos import input_profile
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32, Float64, Int32

__all__ = ['LensFeedback']

_DEPTH = 20


class LensFeedback:
    """
    Subscribes what the lens says.

    :param node: rclpy.node.Node that subscribes
    :param options: which message, joint and unit
    :param heard: called with the focus position, in focus.unit; not a number where what the lens
        says has none
    """

    _TYPES: ClassVar[dict[str, type]] = {
        'float64': Float64, 'float32': Float32, 'int32': Int32, 'joint_state': JointState}

    def __init__(self, node: Any, options: SweepOptions, heard: Callable[[float], None]) -> None:
        self._heard = heard
        self.use(options)
        of_joint = options.feedback_message == 'joint_state'
        node.create_subscription(
            self._TYPES[options.feedback_message],
            'joint_states' if of_joint else 'focus_feedback',
            self._take_joint if of_joint else self._take, input_profile('best_effort', _DEPTH))

    def use(self, options: SweepOptions) -> None:
        """Follow these options, but for the message; any thread may call."""
        scale: LensScale | None = None
        # Without a scale there is no sweep either, and it is said why.
        with suppress(LensScaleError):
            scale = options.lens_scale() if options.feedback_unit == 'lens' else None
        self._follows = options.feedback_joint, scale

    def _take(self, message: Any) -> None:
        self._tell(float(message.data), self._follows[1])

    def _take_joint(self, message: Any) -> None:
        joint, scale = self._follows  # read once: another thread may replace it
        try:
            value = message.position[list(message.name).index(joint)]
        except (ValueError, IndexError):
            return  # joint states may come in parts, from several publishers
        self._tell(value, scale)

    def _tell(self, value: float, scale: LensScale | None) -> None:
        self._heard(value if scale is None else scale.position(value))
