# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The other side of the stacking node: a camera that publishes slices, a user of the results."""

from __future__ import annotations

from collections import defaultdict
import json
from pathlib import Path
from typing import Any, TypeVar

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.node import StackerNode
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from geometry_msgs.msg import PointStamped
from helpers.ros_helpers import ready_client, RosContext, spin_until, spin_until_connected
import numpy as np
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

__all__ = ['Cell', 'LogLines', 'focal_stack']

IMAGES = ('all_in_focus/image', 'depth/image', 'confidence/image', 'slice_index/image')


def focal_stack(slices: int = 5, size: tuple[int, int] = (160, 120), seed: int = 1
                ) -> list[tuple[np.ndarray, float]]:
    """
    Return a small focal stack of a staircase: (H, W, 3) uint8 images with metres, near to far.

    Each vertical strip of the texture is sharp in one slice.
    """
    width, height = size
    generator = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(
        generator.integers(0, 255, (height, width, 3)).astype(np.float32), (0, 0), 0.8)
    strip = np.minimum(np.arange(width) * slices // width, slices - 1)
    stack = []
    for index in range(slices):
        image = np.empty_like(texture)
        for other in range(slices):
            blurred = texture if other == index else cv2.GaussianBlur(
                texture, (0, 0), 1.2 * abs(other - index))
            image[:, strip == other] = blurred[:, strip == other]
        stack.append((np.clip(np.rint(image), 0, 255).astype(np.uint8), 0.1 + 0.002 * index))
    return stack


CellType = TypeVar('CellType', bound='Cell')


class LogLines:
    """
    What the nodes of this process have written to their log, that is to standard error.

    :param _capture: pytest's capfd, which makes standard error a file. It reads and then empties
        it, so that what a thread writes between is lost; here it is only read.
    """

    def __init__(self, _capture: Any) -> None:
        self._path = Path('/proc/self/fd/2')

    def lines(self) -> list[str]:
        """Return all lines so far."""
        return self._path.read_text('utf-8', 'replace').splitlines()


class Cell:
    """
    A stacking node and, as another node of the same context, everything around it.

    :param ros: the fixture ``ros_context``
    :param subscribe: names of the outputs to subscribe from the beginning
    :param best_effort: whether the camera publishes its images best effort
    :param node: whether to make a stacking node here
    :param parameters: of the stacking node, by name
    """

    #: Set by the fixture ``operator``.
    log: LogLines

    def __init__(self, ros: RosContext, *, subscribe: tuple[str, ...] = (*IMAGES, 'report'),
                 best_effort: bool = False, node: bool = True, **parameters: Any) -> None:
        # Each service is gone through in each turn of the executor; nobody asks for these.
        self.node = Node('cell', context=ros.context, start_parameter_services=False)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)
        self.messages: dict[str, list[Any]] = defaultdict(list)
        self._clients: dict[str, Client] = {}
        quality = qos_profile_sensor_data if best_effort else QoSProfile(depth=50)
        self.images = self.node.create_publisher(Image, 'image', quality)
        self.positions = self.node.create_publisher(PointStamped, 'focus_position', 50)
        self.camera_infos = self.node.create_publisher(CameraInfo, 'camera_info', 50)
        for name in subscribe:
            self.subscribe(name)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)
        self.diagnostics: dict[str, Any] = {}
        #: All statuses that came, by name, for what lasts only a while.
        self.statuses: dict[str, list[Any]] = {}
        self._stamp = 0
        self.stacker = None
        if node:
            overrides = [Parameter(name.replace('__', '.'), value=value)
                         for name, value in parameters.items()]
            self.stacker = StackerNode(context=ros.context, parameter_overrides=overrides)
            self.executor.add_node(self.stacker)

    def __enter__(self: CellType) -> CellType:
        return self

    def __exit__(self, *_: object) -> None:
        if self.stacker is not None:
            self.stacker.close()
        self.executor.shutdown()
        if self.stacker is not None:
            self.stacker.destroy_node()
        self.node.destroy_node()

    def subscribe(self, name: str) -> None:
        """Subscribe an output; its messages are collected in ``messages``."""
        self.node.create_subscription(ResultPublisher.topics()[name], name,
                                      self.messages[name].append, output_profile())

    def connect(self) -> None:
        """Wait until the stacking node hears everything."""
        spin_until_connected(self.executor, self.node,
                             (self.images, self.positions, self.camera_infos), ('/report',))

    def header(self) -> Header:
        """Return a header with a stamp that was not used before."""
        self._stamp += 1
        header = Header(frame_id='camera_optical_frame')
        header.stamp.sec = self._stamp
        return header

    def send(self, image: Any, position: float, encoding: str = 'bgr8') -> Header:
        """Publish a slice: the image, an array or a message, and its focus position."""
        header = self.header()
        if isinstance(image, np.ndarray):
            image = array_to_image(image, header, encoding)
        image.header = header
        self.images.publish(image)
        self.tag(header, position)
        return header

    def tag(self, header: Header, position: float) -> None:
        """Publish a focus position alone."""
        message = PointStamped(header=header)
        message.point.z = position
        self.positions.publish(message)

    def send_stack(self, stack: list[tuple[np.ndarray, float]]) -> None:
        """Publish the slices of a stack."""
        for image, position in stack:
            self.send(image, position)

    def wait_for(self, *names: str, count: int = 1) -> list[Any]:
        """Spin until each output has sent ``count`` messages; returns the latest of each."""
        spin_until(self.executor, lambda: all(len(self.messages[name]) >= count
                                              for name in names),
                   what=f'{count} messages on {", ".join(names)}')
        return [self.messages[name][-1] for name in names]

    def report(self, count: int = 1) -> dict[str, Any]:
        """Spin until the ``count``-th report has come, and return it."""
        return json.loads(self.wait_for('report', count=count)[0].data)

    def wait_for_slices(self, count: int) -> None:
        """Spin until the running stack has ``count`` slices."""
        spin_until(self.executor, lambda: len(self.stacker._stacker) == count,
                   what=f'{count} slices in the running stack')

    def call(self, service: str) -> Any:
        """Call a Trigger service of the stacking node, and return its response."""
        future = self.client(Trigger, f'/stacker/{service}').call_async(Trigger.Request())
        spin_until(self.executor, future.done, what=f'the answer of {service}')
        return future.result()

    def client(self, kind: Any, name: str) -> Client:
        """Return the client of a service, once it is there; one for all calls of the service."""
        if name not in self._clients:
            self._clients[name] = ready_client(self.node, self.executor, kind, name)
        return self._clients[name]

    def wait_for_diagnostics(self, name: str, predicate: Any) -> Any:
        """Spin until a status satisfies a condition, and return it."""
        def satisfied() -> bool:
            return name in self.diagnostics and predicate(self.diagnostics[name])
        spin_until(self.executor, satisfied, what=f'diagnostics of {name}')
        return self.diagnostics[name]

    def expect_told(self, entry: str, shown: str, log: str, **counters: int) -> Any:
        """
        Spin until a fault has reached the operator: in the diagnostics, counted, in the log.

        Needs the fixture ``operator``. Returns the first status that told of it; the latest one
        may say ok again.

        :param entry: of the diagnostics
        :param shown: is part of its message
        :param log: is part of exactly one line of the log
        :param counters: values of the entry by key, with _ for a space
        """
        wanted = {key.replace('_', ' '): str(value) for key, value in counters.items()}

        def told() -> Any:
            # Any status that came: the log may arrive when the diagnostics say ok again.
            telling = (status for status in self.statuses.get(entry, ())
                       if shown in status.message and wanted.items() <= values(status).items())
            return next(telling, None) if any(
                log in line for line in self.log.lines()) else None
        try:
            status = spin_until(self.executor, told)
        except TimeoutError as error:
            raise AssertionError('\n'.join((*map(str, self.statuses.get(entry, ())),
                                            *self.log.lines()))) from error
        assert sum(log in line for line in self.log.lines()) == 1, self.log.lines()
        return status

    def wait_for_log(self, words: str) -> None:
        """Spin until words are part of a line of the log, or end it; needs ``operator``."""
        spin_until(self.executor, lambda: any(words in f'{line}\n' for line in self.log.lines()),
                   what=f'{words!r} in the log')

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.split(': ')[1]
            self.diagnostics[name] = status
            self.statuses.setdefault(name, []).append(status)


def values(status: Any) -> dict[str, str]:
    """Return the values of a diagnostic status by key."""
    return {item.key: item.value for item in status.values}
