# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics a result goes out on: built only for who listens, kept for who comes late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any, ClassVar

from focus_stacking_ros.core.pictures import confidence_picture, depth_picture, robust_range
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.interface.camera_info import with_header
from focus_stacking_ros.interface.images import array_to_image, depth_to_image, output_encoding
from focus_stacking_ros.interface.message_stacker import Delivery
from focus_stacking_ros.interface.node_options import NodeOptions
from focus_stacking_ros.interface.qos import output_profile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

__all__ = ['ResultPublisher', 'build_outputs']

Builder = Callable[[], Any]


def build_outputs(delivery: Delivery, camera_info: Any | None, options: NodeOptions
                  ) -> dict[str, Builder]:
    """
    Return how to make the message of each topic; nothing is computed yet.

    :param delivery: the result
    :param camera_info: sensor_msgs/CameraInfo of the reference slice; None: no camera infos
    :param options: depth encoding and preview range
    :returns: functions without arguments, by topic name; no depth where no slice has a distance,
        the preview shows the slice index then
    """
    result, header = delivery.result, delivery.header
    metric = any(report.focus_distance_m is not None for report in result.reports
                 if report.accepted)
    shown = result.depth_m if metric else result.slice_index
    builders: dict[str, Builder] = {
        'all_in_focus/image': lambda: array_to_image(
            result.all_in_focus, header, output_encoding(delivery.encoding)),
        'depth/preview': lambda: array_to_image(
            depth_picture(shown, *_preview_range(shown, metric, options)), header, 'rgb8'),
        'confidence/image': lambda: array_to_image(result.confidence, header, '32FC1'),
        'confidence/preview': lambda: array_to_image(
            confidence_picture(result.confidence), header, 'rgb8'),
        'slice_index/image': lambda: array_to_image(result.slice_index, header, '32FC1'),
        'report': lambda: String(data=json.dumps(delivery.report, allow_nan=False)),
    }
    if metric:
        builders['depth/image'] = lambda: depth_to_image(
            result.depth_m, header, options.depth_encoding)
    if camera_info is not None:
        for output in ('all_in_focus', *(['depth'] if metric else []), 'confidence'):
            builders[f'{output}/camera_info'] = lambda: with_header(camera_info, header)
    return builders


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
    """

    #: Small, or asked for without a subscription of the topic itself: never put off.
    _ALWAYS = frozenset({'report'})
    _TYPES: ClassVar[dict[str, type]] = {
        'all_in_focus/image': Image, 'all_in_focus/camera_info': CameraInfo,
        'depth/image': Image, 'depth/camera_info': CameraInfo, 'depth/preview': Image,
        'confidence/image': Image, 'confidence/camera_info': CameraInfo,
        'confidence/preview': Image, 'slice_index/image': Image, 'report': String}

    def __init__(self, node: Any) -> None:
        self._node = node
        self._topics = {name: _Topic(self._advertise(name), name in self._ALWAYS)
                        for name in self._TYPES}

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
        return self._node.create_lifecycle_publisher(self._TYPES[name], name, output_profile())

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
            topic.publisher.publish(builder())
            topic.published = True
