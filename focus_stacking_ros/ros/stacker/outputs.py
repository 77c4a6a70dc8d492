# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics a result goes out on: built only for who listens, kept for who comes late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import json
from typing import Any, ClassVar

from focus_stacking_ros.core.files.pictures import confidence_picture, depth_picture, robust_range
from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.ros.messages.camera_info import with_header
from focus_stacking_ros.ros.messages.cloud import cloud_message
from focus_stacking_ros.ros.messages.compressed_images import array_to_compressed
from focus_stacking_ros.ros.messages.images import array_to_image, depth_to_image, output_encoding
from focus_stacking_ros.ros.messages.intrinsics import (
    find_intrinsics,
    Intrinsics,
    IntrinsicsError,
    pixel_rays,
)
from focus_stacking_ros.ros.node.qos import OUTPUT_OVERRIDABLE, output_profile
from focus_stacking_ros.ros.stacker.message_stacker import Delivery
from focus_stacking_ros.ros.stacker.options import NodeOptions
from rclpy.exceptions import ParameterException
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import String

__all__ = ['ResultPublisher', 'build_outputs']

Builder = Callable[[], Any]


def build_outputs(delivery: Delivery, camera_info: Any | None, options: NodeOptions,
                  warn: Callable[[str], None] = lambda _words: None) -> dict[str, Builder]:
    """
    Return how to make the message of each topic; nothing is computed yet.

    :param delivery: the result
    :param camera_info: sensor_msgs/CameraInfo of the reference slice; None: no camera infos
    :param options: encodings, preview range, nominal intrinsics
    :param warn: called with a sentence when there is somebody to see points and no way to them
    :returns: functions without arguments, by topic name, which return None where there is
        nothing to publish; no depth where no slice has a distance, the preview shows the slice
        index then
    """
    result, header = delivery.result, delivery.header
    metric = any(report.focus_distance_m is not None for report in result.reports
                 if report.accepted)
    shown = result.depth_m if metric else result.slice_index
    pictures: dict[str, tuple[Builder, str]] = {
        'all_in_focus/image': (lambda: result.all_in_focus, output_encoding(delivery.encoding)),
        'depth/preview': (lambda: depth_picture(shown, *_preview_range(shown, metric, options)),
                          'rgb8'),
        'confidence/preview': (lambda: confidence_picture(result.confidence), 'rgb8')}
    builders: dict[str, Builder] = {
        'confidence/image': lambda: array_to_image(result.confidence, header, '32FC1'),
        'slice_index/image': lambda: array_to_image(result.slice_index, header, '32FC1')}
    for name, (picture, encoding) in pictures.items():
        builders[name] = partial(_image, picture, header, encoding)
        builders[f'{name}/compressed'] = partial(_compressed, picture, header, encoding, options)
    if metric:
        builders['depth/image'] = lambda: depth_to_image(
            result.depth_m, header, options.depth_encoding)
        builders['points'] = partial(_cloud, delivery, camera_info, options, warn)
        if result.depth_std_m is not None:
            deviation = result.depth_std_m
            builders['depth_std/image'] = lambda: array_to_image(deviation, header, '32FC1')
    if camera_info is not None:
        for output in ('all_in_focus', *(['depth'] if metric else []), 'confidence'):
            builders[f'{output}/camera_info'] = lambda: with_header(camera_info, header)
    builders['report'] = partial(_report, delivery, camera_info, options)
    return builders


def _image(picture: Builder, header: Any, encoding: str) -> Image:
    return array_to_image(picture(), header, encoding)


def _compressed(picture: Builder, header: Any, encoding: str, options: NodeOptions
                ) -> CompressedImage:
    return array_to_compressed(picture(), header, encoding, options.output_compressed_format,
                               options.output_jpeg_quality)


def _intrinsics(delivery: Delivery, camera_info: Any | None, options: NodeOptions) -> Intrinsics:
    height, width = delivery.result.depth_m.shape
    return find_intrinsics(camera_info, width, height, rectified=options.input_rectified,
                           nominal_focal_pixels=options.camera_nominal_focal_length)


def _cloud(delivery: Delivery, camera_info: Any | None, options: NodeOptions,
           warn: Callable[[str], None]) -> PointCloud2 | None:
    result = delivery.result
    height, width = result.depth_m.shape
    try:
        rays = pixel_rays(_intrinsics(delivery, camera_info, options), width, height)
    except IntrinsicsError as error:
        warn(str(error))
        return None
    return cloud_message(result.depth_m, rays, result.all_in_focus, result.confidence,
                         delivery.header, result.significant_bits)


def _report(delivery: Delivery, camera_info: Any | None, options: NodeOptions) -> String:
    try:
        intrinsics: Any = _intrinsics(delivery, camera_info, options).as_dict()
    except IntrinsicsError as error:
        intrinsics = str(error)
    return String(data=json.dumps({**delivery.report, 'intrinsics': intrinsics},
                                  allow_nan=False))


def _preview_range(shown: FloatImage, metric: bool, options: NodeOptions
                   ) -> tuple[float, float]:
    if options.preview_near == options.preview_far or not metric:
        return robust_range(shown)
    return options.preview_near, options.preview_far


@dataclass
class _Topic:
    publisher: Any
    always: bool
    pending: Builder | None = None
    published: bool = False


class ResultPublisher:
    """
    Publishes results; an output nobody subscribes to is made when its first subscriber comes.

    :param node: rclpy.lifecycle.LifecycleNode
    :param options: reliability and durability
    :raises OptionError: a QoS override is illegal
    """

    #: Small, or asked for without a subscription of the topic itself: never put off.
    _ALWAYS = frozenset({'report'})
    _TYPES: ClassVar[dict[str, type]] = {
        'all_in_focus/image': Image, 'all_in_focus/image/compressed': CompressedImage,
        'all_in_focus/camera_info': CameraInfo,
        'depth/image': Image, 'depth/camera_info': CameraInfo,
        'depth/preview': Image, 'depth/preview/compressed': CompressedImage,
        'depth_std/image': Image,
        'confidence/image': Image, 'confidence/camera_info': CameraInfo,
        'confidence/preview': Image, 'confidence/preview/compressed': CompressedImage,
        'slice_index/image': Image, 'points': PointCloud2, 'report': String}

    def __init__(self, node: Any, options: NodeOptions | None = None) -> None:
        self._options = options or NodeOptions()
        self._node = node
        self._topics: dict[str, _Topic] = {}
        try:
            for name in self._TYPES:
                self._topics[name] = _Topic(self._advertise(name), name in self._ALWAYS)
        except (ParameterException, RuntimeError) as error:  # rclpy's words for an illegal value
            resolved = node.resolve_topic_name(name)
            self.destroy()
            raise OptionError(f'{resolved} cannot be published: {error}; see its parameters '
                              f'qos_overrides.{resolved}.publisher.*') from error

    @classmethod
    def topics(cls) -> dict[str, type]:
        """Return the message types by topic name, relative to the node's namespace."""
        return dict(cls._TYPES)

    def publish(self, builders: dict[str, Builder]) -> None:
        """Publish what has subscribers, keep the rest for later; forgets the result before."""
        for name, topic in self._topics.items():
            topic.pending = builders.get(name)
            if (topic.published and not topic.always
                    and not topic.publisher.get_subscription_count()):
                self._renew(name, topic)
        # The report goes last: who waits for it finds the images published.
        for topic in sorted(self._topics.values(), key=lambda topic: topic.always):
            self._serve(topic)

    def has_late_subscribers(self) -> bool:
        """Return whether a kept output has got its first subscriber."""
        return any(topic.pending is not None and topic.publisher.get_subscription_count()
                   for topic in self._topics.values())

    def serve_late_subscribers(self) -> None:
        """Make and publish the kept outputs that have a subscriber now."""
        for topic in self._topics.values():
            self._serve(topic)

    def forget(self) -> None:
        """Forget the kept outputs."""
        for topic in self._topics.values():
            topic.pending = None

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for topic in self._topics.values():
            self._node.destroy_lifecycle_publisher(topic.publisher)
        self._topics = {}

    def _advertise(self, name: str) -> Any:
        profile = output_profile(self._options.output_reliability,
                                 self._options.output_durability)
        return self._node.create_lifecycle_publisher(
            self._TYPES[name], name, profile,
            qos_overriding_options=QoSOverridingOptions(OUTPUT_OVERRIDABLE))

    def _renew(self, name: str, topic: _Topic) -> None:
        """Give up a publisher that would send the result before to who comes late."""
        old, topic.publisher = topic.publisher, self._advertise(name)
        if old.is_activated:
            topic.publisher.on_activate(None)
        self._node.destroy_lifecycle_publisher(old)
        topic.published = False

    def _serve(self, topic: _Topic) -> None:
        builder = topic.pending
        if builder is not None and (topic.always or topic.publisher.get_subscription_count()):
            topic.pending = None
            message = builder()
            if message is not None:
                topic.publisher.publish(message)
                topic.published = True
