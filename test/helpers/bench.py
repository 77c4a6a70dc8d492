# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A sweeper with a stacking node, and a lens and a camera that do as the test tells them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import time
from typing import Any

from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.stacker.node import StackerNode
from focus_stacking_ros.ros.sweeper.node import SweepNode
from geometry_msgs.msg import PointStamped
from helpers.cell import Cell, focal_stack
from helpers.ros_helpers import ready_client, RosContext, spin_until
from rclpy.parameter import Parameter
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Float64, Header
from std_srvs.srv import Trigger

__all__ = ['POSITIONS', 'STACK', 'Bench']

STACK = focal_stack(5, (80, 60))
POSITIONS = [position for _, position in STACK]
#: Long, for a busy machine: what works takes far less, and tests of faults have shorter ones.
TIMES = {'settle.time': 0.08, 'settle.timeout': 10.0, 'camera.timeout': 10.0,
         'stacker.timeout': 30.0, 'retry.pause': 0.2}


class Bench(Cell):
    """
    A Cell with a sweeper; the camera of the cell exposes at 25 Hz while ``exposing`` is set.

    :param ros: the fixture ``ros_context``
    :param parameters: of the sweeper, by name
    :param stacker: parameters of the stacking node; None for no stacking node
    :param camera_info: whether the camera publishes camera infos
    :param listens: whether there is a lens that listens to focus_command
    :param feedback: type and topic of what the lens says; ``feedback_message`` makes it
    """

    def __init__(self, ros: RosContext, parameters: dict[str, Any] | None = None, *,
                 stacker: dict[str, Any] | None = None, with_stacker: bool = True,
                 camera_info: bool = True, listens: bool = True,
                 feedback: tuple[type, str] = (Float64, 'focus_feedback')) -> None:
        super().__init__(ros, subscribe=('report', 'depth/image'), node=with_stacker,
                         **(stacker or {}))
        self._ros = ros
        self.lens_m = POSITIONS[0]
        self.exposing, self.moving, self.image_delay = True, True, 0.0
        #: What the camera sees where the lens is at a distance in metres.
        self.view: Callable[[float], Any] = lambda metres: min(
            STACK, key=lambda item: abs(item[1] - metres))[0]
        self.commands: list[float] = []
        self.tags: list[PointStamped] = []
        self.exposed: dict[tuple[int, int], float] = {}
        self._late: deque[tuple[float, Any]] = deque()
        if listens:
            self.node.create_subscription(Float64, 'focus_command', self._command, 10)
        # One participant of DDS cannot have a topic with two types.
        kind, topic = feedback
        self.feedback = self.node.create_publisher(kind, topic, 10)
        self.feedback_message: Callable[[float], Any] = lambda position: Float64(data=position)
        self.node.create_subscription(PointStamped, 'focus_position', self.tags.append, 50)
        if not camera_info:
            self.node.destroy_publisher(self.camera_infos)
            self.camera_infos = None
        self.node.create_timer(0.04, self._expose)
        overrides = {'sweep.positions': POSITIONS, **TIMES, **(parameters or {})}
        self.sweeper = SweepNode(context=ros.context, parameter_overrides=[
            Parameter(name, value=value) for name, value in overrides.items()])
        self.executor.add_node(self.sweeper)

    def __exit__(self, *arguments: object) -> None:
        self.sweeper.close()
        super().__exit__(*arguments)
        self.sweeper.destroy_node()

    def begin(self, service: str = 'sweep') -> Future:
        """Call a service of the sweeper; returns the future of its answer."""
        client = ready_client(self.node, self.executor, Trigger, f'/sweeper/{service}')
        return client.call_async(Trigger.Request())

    def answer(self, future: Future) -> Any:
        """Spin until a service has answered."""
        spin_until(self.executor, future.done, 30, 'the answer')
        return future.result()

    def sweep(self) -> Any:
        """Make a sweep, and return the answer."""
        return self.answer(self.begin())

    def wait_for_tags(self, count: int) -> None:
        """Spin until so many exposures have been tagged."""
        spin_until(self.executor, lambda: len(self.tags) >= count, what=f'{count} tags')

    def end_stacker(self) -> None:
        """End the stacking node as it ends itself."""
        self.executor.remove_node(self.stacker)
        self.stacker.close()
        self.stacker.destroy_node()
        self.stacker = None

    def start_stacker(self) -> None:
        """Start another stacking node, with default parameters."""
        self.stacker = StackerNode(context=self._ros.context)
        self.executor.add_node(self.stacker)

    def _command(self, message: Float64) -> None:
        self.commands.append(message.data)
        if self.moving:
            self.lens_m = message.data

    def _expose(self) -> None:
        self.feedback.publish(self.feedback_message(self.lens_m))
        while self._late and self._late[0][0] <= time.monotonic():
            self.images.publish(self._late.popleft()[1])
        if not self.exposing:
            return
        header = Header(stamp=self.node.get_clock().now().to_msg(), frame_id='camera_optical')
        self.exposed[header.stamp.sec, header.stamp.nanosec] = self.lens_m
        shown = self.view(self.lens_m)
        if self.camera_infos is not None:
            self.camera_infos.publish(CameraInfo(
                header=header, width=shown.shape[1], height=shown.shape[0]))
        self._late.append((time.monotonic() + self.image_delay,
                           array_to_image(shown, header, 'bgr8')))
