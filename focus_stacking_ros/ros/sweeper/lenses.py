# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lenses that are moved over ROS: by a topic, or by a parameter of another node."""

from __future__ import annotations

import threading
from typing import Any

from focus_stacking_ros.core.optics.lens_scale import LensScale, LensScaleError
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import LensError
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Float64

__all__ = ['FocusCommand', 'Lenses', 'ParameterLens', 'RosLens', 'TopicLens']


class FocusCommand:
    """
    The topic ``focus_command``: one publisher, whose latest command a lens that starts anew gets.

    All is called in the executor's thread, but for :meth:`send` and :meth:`is_heard`.

    :param node: rclpy.node.Node that publishes
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._sender: object = None
        self._publisher = self._advertise()

    def send(self, message: Float64, sender: object) -> None:
        """Publish a command, and keep it in the name of its sender."""
        with self._lock:
            self._publisher.publish(message)
            self._sender = sender

    def is_heard(self) -> bool:
        """Return whether there is a lens."""
        with self._lock:
            return bool(self._publisher.get_subscription_count() > 0)

    def withdraw(self, sender: object) -> None:
        """Keep no command of this sender any longer, for who comes late."""
        with self._lock:
            if self._sender is not sender:
                return
            # DDS keeps what was published for as long as its publisher is there.
            self._node.destroy_publisher(self._publisher)
            self._publisher, self._sender = self._advertise(), None

    def _advertise(self) -> Any:
        return self._node.create_publisher(Float64, 'focus_command', output_profile())


class TopicLens:
    """
    A lens that listens to ``focus_command``.

    :param topic: where it is told
    :param scale: what it takes for a position
    """

    def __init__(self, topic: FocusCommand, scale: LensScale) -> None:
        self._topic, self._scale = topic, scale
        self._pending: Float64 | None = None

    def command(self, position: float) -> None:
        """Tell the lens where to go; see Lens."""
        self._pending = Float64(data=_value(self._scale, position))

    def accepted(self) -> bool:
        """Return whether there is a lens, which has then been told."""
        if self._pending is not None and self._topic.is_heard():
            self._topic.send(self._pending, self)
            self._pending = None
        return self._pending is None

    def retire(self) -> None:
        """Take back the latest command: another lens may understand it otherwise."""
        self._topic.withdraw(self)


class ParameterLens:
    """
    A lens that is moved by a parameter of another node.

    :param node: rclpy.node.Node that sets it
    :param options: name of node and parameter, and its type
    :param scale: what it takes for a position
    :raises LensError: a name is missing
    """

    def __init__(self, node: Any, options: SweepOptions, scale: LensScale) -> None:
        if not (options.lens_node and options.lens_parameter):
            raise LensError('the parameter driver needs lens.node and lens.parameter')
        self._node, self._scale = node, scale
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

    def retire(self) -> None:
        """Ask the other node no more; to be called in the executor's thread."""
        self._node.destroy_client(self._client)


#: A lens of this module.
RosLens = ParameterLens | TopicLens


class Lenses:
    """
    Makes the lens that options name; all is called in the executor's thread.

    :param node: rclpy.node.Node that moves the lenses
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._topic: FocusCommand | None = None
        self._latest: tuple[Any, RosLens] | None = None

    def lens(self, options: SweepOptions) -> RosLens:
        """
        Return the lens; the same as before where the options name it in the same way.

        :raises LensError: the options name no lens
        """
        latest, self._latest = self._latest, None  # where there is no lens the latest retires
        try:
            scale = options.lens_scale()
        except LensScaleError as error:
            raise LensError(str(error)) from error
        key = (options.lens_driver, options.lens_node, options.lens_parameter,
               options.lens_parameter_type, scale)
        lens = latest[1] if latest and latest[0] == key else self._make(options, scale)
        self._latest = key, lens
        return lens

    def _make(self, options: SweepOptions, scale: LensScale) -> RosLens:
        if options.lens_driver == 'parameter':
            return ParameterLens(self._node, options, scale)
        if self._topic is None:
            self._topic = FocusCommand(self._node)
        return TopicLens(self._topic, scale)


def _value(scale: LensScale, position: float) -> float:
    try:
        return float(scale.value(position))
    except LensScaleError as error:
        raise LensError(str(error)) from error
