# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lenses that are moved over ROS: by a topic, or by a parameter of another node."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.optics.lens_scale import LensScaleError
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.runner import Lens, LensError
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Float64

__all__ = ['Lenses', 'ParameterLens', 'TopicLens']


class TopicLens:
    """
    A lens that listens to ``focus_command``.

    The latest command is kept for a lens that starts anew.

    :param node: rclpy.node.Node that publishes
    :param options: unit and calibration table
    """

    def __init__(self, node: Any, options: SweepOptions) -> None:
        self._scale = options.lens_scale()
        self._publisher = node.create_publisher(Float64, 'focus_command', output_profile())
        self._pending: Float64 | None = None

    def command(self, position: float) -> None:
        """Tell the lens where to go; see Lens."""
        self._pending = Float64(data=_value(self._scale, position))

    def accepted(self) -> bool:
        """Return whether there is a lens, which has then been told."""
        if self._pending is not None and self._publisher.get_subscription_count():
            self._publisher.publish(self._pending)
            self._pending = None
        return self._pending is None


class ParameterLens:
    """
    A lens that is moved by a parameter of another node.

    :param node: rclpy.node.Node that sets it
    :param options: name of node and parameter, its type, unit and calibration table
    :raises LensError: a name is missing
    """

    def __init__(self, node: Any, options: SweepOptions) -> None:
        if not (options.lens_node and options.lens_parameter):
            raise LensError('the parameter driver needs lens.node and lens.parameter')
        self._scale = options.lens_scale()
        self._name, self._whole = options.lens_parameter, options.lens_parameter_type == 'integer'
        self._client = node.create_client(
            SetParameters, f'{options.lens_node.rstrip("/")}/set_parameters')
        self._value: int | float | None = None
        self._answer: Any = None

    def command(self, position: float) -> None:
        """Tell the lens where to go; see Lens."""
        value = _value(self._scale, position)
        if self._answer is not None and not self._answer.done():
            self._client.remove_pending_request(self._answer)
        self._value, self._answer = (round(value) if self._whole else value), None

    def accepted(self) -> bool:
        """Return whether the parameter is set; see Lens."""
        if self._answer is None:
            # A request to a node that is not there would be lost.
            if self._client.service_is_ready():
                self._answer = self._client.call_async(SetParameters.Request(parameters=[
                    Parameter(self._name, value=self._value).to_parameter_msg()]))
            return False
        if not self._answer.done():
            return False
        results = self._answer.result().results
        if not (results and results[0].successful):
            reason = results[0].reason if results else 'no answer'
            raise LensError(f'the lens refuses {self._name} = {self._value}: {reason}')
        return True


class Lenses:
    """
    Makes the lens that options name, and keeps it for when it is asked for again.

    :param node: rclpy.node.Node that moves the lenses
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._made: dict[Any, Lens] = {}

    def lens(self, options: SweepOptions) -> Lens:
        """
        Return the lens; to be called in the executor's thread.

        :raises LensError: the options name no lens
        """
        try:
            scale = options.lens_scale()
        except LensScaleError as error:
            raise LensError(str(error)) from error
        key = (options.lens_driver, options.lens_node, options.lens_parameter,
               options.lens_parameter_type, scale)
        if key not in self._made:
            make = TopicLens if options.lens_driver == 'topic' else ParameterLens
            self._made[key] = make(self._node, options)
        return self._made[key]


def _value(scale: Any, position: float) -> float:
    try:
        return float(scale.value(position))
    except LensScaleError as error:
        raise LensError(str(error)) from error
