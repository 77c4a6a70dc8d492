# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated camera: a lens that obeys commands, images at a rate, and what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
import sys
import time
from typing import Any

from focus_stacking_ros.core.optics.calibration import FocusScale, is_distance
from focus_stacking_ros.core.optics.lens_scale import focus_position
from focus_stacking_ros.ros.messages.camera_info import pinhole_camera_info
from focus_stacking_ros.ros.messages.images import array_encoding, array_to_image, depth_to_image
from focus_stacking_ros.ros.node.faults import with_traceback
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.node.qos import input_profile, output_profile
from focus_stacking_ros.ros.node.running import run_node
from focus_stacking_ros.ros.sim_camera.frame_pipeline import FramePipeline
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions
from focus_stacking_ros.simulation.camera import ThinLens
from focus_stacking_ros.simulation.lamps import Lamps
from focus_stacking_ros.simulation.lens_drive import LensDrive
from focus_stacking_ros.simulation.live_camera import LiveCamera, SCENES
from geometry_msgs.msg import PointStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Float64, Header, UInt8

__all__ = ['SimCameraNode', 'main']

_DEPTH = 20
_SPARE_FRAMES = 4  # that may wait to be rendered, beyond those that the latency keeps under way
_THROTTLE_SECONDS = 10.0


@dataclass(frozen=True)
class _Frame:
    """An exposure: its number, its header and when it began, on a steady clock."""

    number: int
    header: Header
    began: float


class SimCameraNode(Node):
    """
    A camera over a simulated scene; see the README for its topics and parameters.

    The executor's thread begins exposures and moves the lens; a thread renders, another one
    publishes when the latency has passed.

    :raises OptionError: a parameter is illegal
    :raises ValueError: the parameters make no lens
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('sim_camera', **node_arguments)
        declare_options(self, SimCameraOptions)
        options = self._options = read_options(self, SimCameraOptions)
        self._drive = LensDrive(options.lens_near, options.lens_near, options.lens_far,
                                options.lens_dead_time, options.lens_settling_time)
        lens = ThinLens(options.lens_focal_length, options.lens_f_number,
                        options.camera_pixel_size, options.lens_breathing, point_spread_px=0.5,
                        read_noise=0.5, shot_noise=1.5)
        size = (options.camera_height, options.camera_width)
        self._camera = LiveCamera(SCENES[options.scene](options.seed, size), lens,
                                  options.lens_near, options.lens_far, options.seed)
        self._lamps = Lamps(options.light_count, size, options.light_settling_time)
        self._scale = FocusScale(options.focus_unit)
        self._number, self._stamp_ns, self._left_out = 0, -1, 0
        profile = input_profile('reliable', _DEPTH)
        self._images = self.create_publisher(Image, 'image', profile)
        self._camera_infos = self.create_publisher(CameraInfo, 'camera_info', profile)
        self._feedback = self.create_publisher(Float64, 'focus_feedback', profile)
        self._true_focus = self.create_publisher(PointStamped, 'truth/focus_position', profile)
        self._publish_truth()
        # The latest command is kept by its publisher, for a lens that starts after it.
        self.create_subscription(Float64, 'focus_command', self._command, output_profile())
        self._light_feedback: Any = None
        if options.light_count > 1:
            self._light_feedback = self.create_publisher(UInt8, 'light_feedback', profile)
            self.create_subscription(UInt8, 'light_command', self._switch, output_profile())
        self.add_on_set_parameters_callback(options_guard(
            self, (SimCameraOptions,), lambda: ('start',), self._parameters_changed))
        under_way = math.ceil(options.camera_latency * options.camera_rate) + _SPARE_FRAMES
        self._pipeline: FramePipeline[_Frame, tuple[Any, ...]] = FramePipeline(
            self._render, self._publish, self._failed, under_way)
        # Not on the node's clock, which stands still in a paused simulation.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / options.camera_rate, self._expose, clock=steady)
        self.create_timer(1 / options.lens_feedback_rate, self._feed_back, clock=steady)
        self.get_logger().info(
            f'a simulated camera looks at a {options.scene}, depth '
            f'{self._camera.scene.depth_range_m[0]:.4f} to '
            f'{self._camera.scene.depth_range_m[1]:.4f} m')

    def close(self) -> None:
        """Stop the threads; to be called before the node is destroyed."""
        self._pipeline.stop()

    # In the executor's thread

    def _command(self, message: Float64) -> None:
        distance = self._scale.distance_m(message.data)
        if distance is None or not is_distance(distance):
            self.get_logger().error(
                f'the focus command {message.data} {self._options.focus_unit} is no finite, '
                'positive distance', throttle_duration_sec=_THROTTLE_SECONDS)
            return
        if self._options.lens_stuck:
            return
        goal = self._drive.command(distance, time.monotonic())
        if not math.isclose(goal, distance):  # dioptres and back are not exact
            self.get_logger().warning(
                f'the lens cannot focus at {distance:g} m; it goes to {goal:g} m',
                throttle_duration_sec=_THROTTLE_SECONDS)

    def _switch(self, message: UInt8) -> None:
        if self._options.light_stuck:
            return
        try:
            self._lamps.command(message.data, time.monotonic())
        except ValueError as error:
            self.get_logger().error(str(error), throttle_duration_sec=_THROTTLE_SECONDS)

    def _expose(self) -> None:
        if self._options.camera_stopped:
            return
        began = time.monotonic()
        # Every image has a stamp of its own, also where the clock stands still.
        self._stamp_ns = max(self.get_clock().now().nanoseconds, self._stamp_ns + 1)
        header = self._header(self._stamp_ns)
        self._number += 1
        options = self._options
        if not self._pipeline.begin(_Frame(self._number, header, began),
                                    began + options.camera_exposure_time,
                                    began + options.camera_latency):
            self._left_out += 1
            self.get_logger().warning(
                f'{self._left_out} images left out: rendering takes longer than an image has at '
                f'{options.camera_rate:g} Hz; lower camera.rate or the size',
                throttle_duration_sec=_THROTTLE_SECONDS)

    def _feed_back(self) -> None:
        now = time.monotonic()
        self._feedback.publish(Float64(data=focus_position(
            self._drive.distance_m(now), self._options.focus_unit)))
        if self._light_feedback is not None and (number := self._lamps.alone(now)) is not None:
            self._light_feedback.publish(UInt8(data=number))

    # In the pipeline's threads

    def _render(self, frame: _Frame) -> tuple[Any, ...]:
        """Return the messages of an exposure."""
        ended = frame.began + self._options.camera_exposure_time
        begin, end = (self._drive.distance_m(each) for each in (frame.began, ended))
        shading = (None if self._lamps.count == 1
                   else self._lamps.shading_between(frame.began, ended))
        image = self._camera.expose(begin, end, frame.number,
                                    moves=self._drive.moves(frame.began), shading=shading)
        focus = PointStamped(header=frame.header)
        focus.point.z = (begin + end) / 2
        return (array_to_image(image, frame.header, array_encoding(image)),
                self._camera_info(frame.header, begin), focus)

    def _publish(self, messages: tuple[Any, ...]) -> None:
        image, camera_info, focus = messages
        self._camera_infos.publish(camera_info)
        self._images.publish(image)
        self._true_focus.publish(focus)

    def _failed(self, error: Exception) -> None:
        self.get_logger().error(with_traceback(f'an image could not be made: {error!r}', error),
                                throttle_duration_sec=_THROTTLE_SECONDS)

    # The rest

    def _publish_truth(self) -> None:
        focus = self._options.truth_focus or self._options.lens_near
        image, depth = self._camera.truth(focus)
        header = self._header(self.get_clock().now().nanoseconds)
        # The publishers keep the messages for whoever comes later.
        for name, message in (
                ('all_in_focus/image', array_to_image(image, header, array_encoding(image))),
                ('depth/image', depth_to_image(depth, header, '32FC1')),
                ('all_in_focus/camera_info', self._camera_info(header, focus)),
                ('depth/camera_info', self._camera_info(header, focus))):
            self.create_publisher(type(message), f'truth/{name}', output_profile()).publish(
                message)

    def _header(self, stamp_ns: int) -> Header:
        return Header(stamp=Time(nanoseconds=stamp_ns).to_msg(), frame_id=self._options.frame_id)

    def _camera_info(self, header: Header, distance_m: float) -> CameraInfo:
        intrinsics = self._camera.intrinsics(distance_m)
        height, width = self._camera.scene.size
        return pinhole_camera_info(header, (width, height), intrinsics.focal_length_px,
                                   intrinsics.centre_px)

    def _parameters_changed(self, options: dict[type[Any], Any]) -> None:
        self._options = options[SimCameraOptions]


def main(args: Sequence[str] | None = None) -> int:
    """Run the simulated camera."""
    return run_node(SimCameraNode, args, large_messages=True)


if __name__ == '__main__':
    sys.exit(main())
