# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated camera over real topics: it obeys, exposes on time, and tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
import threading
from typing import Any

from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sim_camera.node import SimCameraNode
from geometry_msgs.msg import PointStamped
from helpers.cell import LogLines
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Float64

pytestmark = pytest.mark.ros

#: Little blur, as discs take the longest.
SMALL = {'scene': 'tilted_plane', 'camera.width': 160, 'camera.height': 120, 'camera.rate': 25.0,
         'lens.settling_time': 0.05, 'lens.f_number': 8.0}


class _Rig:
    """A simulated camera, and a node that commands its lens and hears all of it."""

    def __init__(self, ros: RosContext, parameters: dict[str, Any]) -> None:
        self.node = Node('rig', context=ros.context)
        self.camera = SimCameraNode(context=ros.context, parameter_overrides=[
            Parameter(name, value=value) for name, value in {**SMALL, **parameters}.items()])
        self.executor = SingleThreadedExecutor(context=ros.context)
        for node in (self.node, self.camera):
            self.executor.add_node(node)
        self.command = self.node.create_publisher(Float64, 'focus_command', output_profile())
        self.images: list[tuple[Any, float]] = []
        self.heard: dict[str, list[Any]] = {}
        self.node.create_subscription(Image, 'image', self._image, 50)
        for kind, name, quality in (
                (CameraInfo, 'camera_info', 50), (Float64, 'focus_feedback', 50),
                (PointStamped, 'truth/focus_position', 50)):
            self._hear(kind, name, quality)

    def _image(self, message: Any) -> None:
        self.images.append((message, self.node.get_clock().now().nanoseconds / 1e9))

    def _hear(self, kind: type[Any], name: str, quality: Any) -> list[Any]:
        self.heard[name] = []
        self.node.create_subscription(kind, name, self.heard[name].append, quality)
        return self.heard[name]

    def tell(self, position: float) -> None:
        spin_until(self.executor, self.command.get_subscription_count)
        self.command.publish(Float64(data=position))

    def wait_for_feedback(self, position: float) -> None:
        spin_until(self.executor, lambda: self.heard['focus_feedback'] and self.heard[
            'focus_feedback'][-1].data == pytest.approx(position, abs=1e-9),
            what=f'feedback of {position}')

    def now(self) -> int:
        """Return the time on the clock of the stamps, nanoseconds."""
        return int(self.node.get_clock().now().nanoseconds)

    def next_image(self) -> Any:
        """Return the image of an exposure that begins from now on, with its true focus."""
        began = self.now()

        def found() -> Any:
            focus = {_stamp(each): each.point.z for each in self.heard['truth/focus_position']}
            return [(image, focus[_stamp(image)]) for image, _ in self.images
                    if _stamp(image) >= began and _stamp(image) in focus]

        return spin_until(self.executor, found, what='a fresh image')[0]

    def close(self) -> None:
        self.camera.close()
        self.executor.shutdown()
        self.camera.destroy_node()
        self.node.destroy_node()


def _stamp(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@pytest.fixture
def rig(ros_context: RosContext) -> Iterator[Any]:
    """Make rigs that are closed at the end of the test."""
    made = []

    def make(parameters: dict[str, Any] | None = None) -> _Rig:
        made.append(_Rig(ros_context, parameters or {}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_only_a_command_beyond_the_travel_is_complained_of(
        rig: Any, capfd: pytest.CaptureFixture[str]) -> None:
    rig_ = rig({'lens.near': 0.22, 'lens.f_number': 32.0})
    for position in (0.25, 1 / (1 / 0.22), 0.2):  # not quite 0.22
        rig_.tell(position)
        rig_.wait_for_feedback(max(position, 0.22))
    log = LogLines(capfd)
    spin_until(rig_.executor, lambda: 'cannot focus' in ''.join(log.lines()))
    assert [line.partition('] [sim_camera]: ')[2] for line in log.lines()
            if 'cannot focus' in line] == ['the lens cannot focus at 0.2 m; it goes to 0.22 m']


@pytest.mark.parametrize(('unit', 'positions'), [
    ('metres', (0.245, 0.255)), ('millimetres', (245.0, 255.0)),
    ('dioptres', (1 / 0.245, 1 / 0.255))])
def test_the_lens_obeys_and_says_where_it_is(unit: str, positions: tuple[float, ...],
                                             rig: Any) -> None:
    rig_ = rig({'focus.unit': unit})
    for position, metres in zip(positions, (0.245, 0.255), strict=True):
        rig_.tell(position)
        rig_.wait_for_feedback(position)
        assert rig_.next_image()[1] == pytest.approx(metres)


def test_images_differ_with_the_focus_and_each_has_its_camera_info(rig: Any) -> None:
    rig_ = rig()
    pixels, focal = [], []
    for position in (0.244, 0.256):
        rig_.tell(position)
        rig_.wait_for_feedback(position)
        image, _ = rig_.next_image()
        assert (image.width, image.height, image.encoding) == (160, 120, 'bgr8')
        assert image.header.frame_id == 'camera_optical_frame'
        pixels.append(image_to_array(image).astype(float))
        info = spin_until(rig_.executor, lambda image=image: [
            each for each in rig_.heard['camera_info'] if each.header == image.header])[0]
        assert (info.width, info.height) == (160, 120)
        assert info.k[0] == info.k[4] == info.p[0] > 0
        assert (info.k[2], info.k[5]) == (79.5, 59.5)
        focal.append(info.k[0])
    assert np.abs(pixels[0] - pixels[1]).mean() > 2
    assert focal[0] > focal[1]  # the near focus has the narrower view


def test_images_come_at_the_rate_and_after_the_latency(rig: Any) -> None:
    rig_ = rig({'camera.latency': 0.3})
    spin_until(rig_.executor, lambda: len(rig_.images) >= 20, what='20 images')
    stamps = [_stamp(image) / 1e9 for image, _ in rig_.images]
    assert np.median(np.diff(stamps)) == pytest.approx(1 / 25, rel=0.2)
    assert min(heard - stamp for (_, heard), stamp in zip(rig_.images, stamps, strict=True)
               ) >= 0.3


def test_an_exposure_under_way_while_the_lens_moves_is_told_apart(rig: Any) -> None:
    rig_ = rig({'lens.settling_time': 1.0})
    rig_.tell(0.25)
    seen = spin_until(rig_.executor, lambda: [
        focus for focus in rig_.heard['truth/focus_position']
        if 0.241 < focus.point.z < 0.249], what='an exposure of the moving lens')
    assert seen


def test_the_camera_is_told_whether_the_lens_moves(rig: Any) -> None:
    # Exposures of no duration: that they are taken on the way does not show in their ends.
    rig_ = rig({'lens.settling_time': 1.0, 'camera.exposure_time': 0.0})
    expose, told = rig_.camera._camera.expose, {}

    def note(begin: float, end: float, number: int, *, moves: bool, shading: Any) -> Any:
        told[begin] = moves
        assert begin == end
        assert shading is None
        return expose(begin, end, number, moves=moves)

    rig_.camera._camera.expose = note
    rig_.tell(0.25)
    spin_until(rig_.executor, lambda: any(0.241 < focus < 0.249 for focus in told))
    rig_.wait_for_feedback(0.25)
    rig_.next_image()
    assert {moves for focus, moves in told.items() if 0.241 < focus < 0.249} == {True}
    assert told[0.25] is False


def test_what_is_true_is_kept_for_whoever_comes_later(rig: Any) -> None:
    rig_ = rig({'truth.focus': 0.25})
    rig_.next_image()
    depth = rig_._hear(Image, 'truth/depth/image', output_profile())
    sharp = rig_._hear(Image, 'truth/all_in_focus/image', output_profile())
    info = rig_._hear(CameraInfo, 'truth/depth/camera_info', output_profile())
    spin_until(rig_.executor, lambda: depth and sharp and info)
    metres = image_to_array(depth[0])
    assert depth[0].encoding == '32FC1'
    assert 0.24 < metres.min() < metres.max() < 0.26
    rig_.tell(0.25)
    rig_.wait_for_feedback(0.25)
    image, _ = rig_.next_image()
    own = [each for each in rig_.heard['camera_info'] if each.header == image.header]
    assert info[0].k[0] == own[0].k[0]
    inner = np.s_[40:80, 50:110]  # where the plane is at about 0.25 m, and so in focus
    difference = image_to_array(sharp[0])[inner].astype(float) - image_to_array(image)[inner]
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize('command', [float('nan'), 0.0, -0.25, float('inf')])
def test_a_command_that_is_no_distance_is_left_alone(command: float, rig: Any) -> None:
    rig_ = rig()
    rig_.tell(0.25)
    rig_.wait_for_feedback(0.25)
    rig_.tell(command)
    rig_.tell(0.251)
    rig_.wait_for_feedback(0.251)


def test_the_lens_stops_at_the_end_of_its_travel(rig: Any) -> None:
    rig_ = rig()
    rig_.tell(9.0)
    rig_.wait_for_feedback(0.26)


def test_faults_can_be_switched_on_and_off_and_nothing_else_can(rig: Any) -> None:
    rig_ = rig()

    def switch(name: str, value: object) -> Any:
        return rig_.camera.set_parameters([Parameter(name, value=value)])[0]

    rig_.tell(0.25)
    rig_.wait_for_feedback(0.25)
    assert switch('lens.stuck', True).successful
    rig_.tell(0.255)
    rig_.next_image()
    assert rig_.next_image()[1] == 0.25
    assert switch('lens.stuck', False).successful
    rig_.tell(0.255)
    rig_.wait_for_feedback(0.255)
    assert switch('camera.stopped', True).successful
    stopped, known = rig_.now(), len(rig_.heard['focus_feedback'])
    spin_until(rig_.executor, lambda: len(rig_.heard['focus_feedback']) > known + 10)
    resumed = rig_.now()
    assert switch('camera.stopped', False).successful
    rig_.next_image()  # behind all that were exposed before
    assert [stamp for stamp in (_stamp(image) for image, _ in rig_.images)
            if stopped <= stamp < resumed] == []
    refused = switch('camera.rate', 1.0)
    assert (refused.successful, 'starts' in refused.reason) == (False, True)


def test_images_that_are_not_rendered_in_time_are_left_out_and_the_rest_is_sound(rig: Any) -> None:
    rig_ = rig()
    expose, gate = rig_.camera._camera.expose, threading.Event()

    def slow(*arguments: Any, **keywords: Any) -> Any:
        gate.wait(10)
        return expose(*arguments, **keywords)

    rig_.camera._camera.expose = slow
    spin_until(rig_.executor, lambda: rig_.camera._left_out > 0, what='an image left out')
    gate.set()
    rig_.tell(0.25)
    rig_.wait_for_feedback(0.25)
    assert rig_.next_image()[1] == 0.25
    stamps = [_stamp(image) for image, _ in rig_.images]
    assert stamps == sorted(set(stamps))
