# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics a result goes out on: built only for who listens, kept for who comes late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import threading
import time
from typing import Any, ClassVar

from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.node.qos import (
    matched_events,
    OUTPUT_OVERRIDABLE,
    output_profile,
    UnsupportedEventTypeError,
)
from focus_stacking_ros.ros.node.typed_interfaces import find_interfaces
from focus_stacking_ros.ros.stacker.delivery import Progress
from focus_stacking_ros.ros.stacker.growing import GrowingPreviews
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import Builder, light_topic
from focus_stacking_ros.ros.stacker.progress import ProgressPublisher
from geometry_msgs.msg import PoseArray
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import String

__all__ = ['ResultPublisher']

_ARRIVAL_SECONDS = 1.0  # that the messages of a result are waited for
_POLL_SECONDS = 0.0005
_LEFT_SECONDS = 30.0  # from the last look at an output to when it is put off again


@dataclass
class _Topic:
    """
    A topic, guarded by the lock of its ResultPublisher.

    :param publisher: of the topic
    :param always: whether it is made for every result, whoever listens
    :param pending: what makes the message of the latest result, None once it is made
    :param kept: whether the publisher keeps a message for late subscribers
    :param outdated: whether that is of an older result than the latest
    :param left_at: when its last subscriber was first missed, on the steady clock
    :param put_off: whether it was missed for so long that messages wait for another one
    """

    publisher: Any
    always: bool
    pending: Builder | None = None
    kept: bool = False
    outdated: bool = False
    left_at: float | None = None
    put_off: bool = False

    def is_wanted(self) -> bool:
        """Tell whether its message is to be made now."""
        return bool(self.publisher.is_activated and (
            self.always or (self.kept and not self.put_off)
            or self.publisher.get_subscription_count()))


class ResultPublisher:
    """
    Publishes results; an output nobody subscribes to is made when its first subscriber comes.

    From then on it is made for every result, so that its publisher keeps none of an older one for
    who comes late; and put off again some time after its last subscriber has left.

    One message goes out after the other: each is made while the one before is on its way, and
    waits for it to arrive; all of a result wait for a second at most, as slices come meanwhile.
    All at once, or two at a time to who has small buffers, are lost on their way, and what is
    lost is replaced by the next result before it is repaired, as a publisher keeps one message: a
    subscriber of several outputs may not see a complete result for long.

    :meth:`publish` and :meth:`serve_late_subscribers` belong to the thread that makes results, all
    else to the executor's, where publishers are made and destroyed too: rclpy goes through the
    entities of a node there.

    :param node: rclpy.lifecycle.LifecycleNode
    :param options: reliability and durability
    :param late: called in the executor's thread when an output that is put off has a subscriber
    :param failed: called with the name of an output that could not be made or published, and why
    :param clock: steady clock, seconds
    :param lights: under which each slice is taken; the further ones have a topic each
    :raises OptionError: a QoS override is illegal
    """

    #: Small, or asked for without a subscription of the topic itself: never put off.
    _ALWAYS = frozenset({'report', 'stack_report'})
    _TYPES: ClassVar[dict[str, type]] = {
        'all_in_focus/image': Image, 'all_in_focus/image/compressed': CompressedImage,
        'all_in_focus/camera_info': CameraInfo,
        'depth/image': Image, 'depth/image/compressedDepth': CompressedImage,
        'depth/camera_info': CameraInfo,
        'depth/preview': Image, 'depth/preview/compressed': CompressedImage,
        'depth_std/image': Image, 'height/image': Image,
        'confidence/image': Image, 'confidence/camera_info': CameraInfo,
        'confidence/preview': Image, 'confidence/preview/compressed': CompressedImage,
        'slice_index/image': Image, 'valid/image': Image, 'points': PointCloud2,
        'normals': PoseArray, 'report': String}

    def __init__(self, node: Any, options: NodeOptions | None = None,
                 late: Callable[[], None] = lambda: None,
                 failed: Callable[[str, Exception], None] = lambda _name, _error: None,
                 clock: Callable[[], float] = time.monotonic, lights: int = 1) -> None:
        log = node.get_logger()
        #: The typed messages, None where they are not installed.
        self.kinds = kinds = find_interfaces(log.debug, log.warning)
        self._types = {**self._TYPES, **{light_topic(light): Image for light in range(1, lights)}}
        if kinds is not None:
            self._types['stack_report'] = kinds.StackReport
        self._options = options or NodeOptions()
        self._node, self._late, self._failed, self._clock = node, late, failed, clock
        self._lock = threading.Lock()
        self._topics: dict[str, _Topic] = {}
        self._progress = None if kinds is None else ProgressPublisher(node, kinds.StackProgress)
        self._previews = GrowingPreviews(node)
        self._events = matched_events(self._matched)
        try:
            for name in self._types:
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

    # In the thread that makes results

    def publish(self, builders: dict[str, Builder]) -> None:
        """Publish what is wanted, keep the rest for later; forgets the result before."""
        with self._lock:
            for name, topic in self._topics.items():
                topic.pending = builders.get(name)
                topic.outdated = topic.kept
            topics = sorted(self._topics.items(), key=lambda item: item[1].always)
        # The report goes last: who waits for it finds the images published.
        self._serve(topics)

    def progressed(self, progress: Progress) -> None:
        """Show the running stack; how far it is where the typed messages are installed."""
        if (publisher := self._progress) is not None:  # read once: another thread may take it away
            publisher.publish(progress)
        if not progress.reason:
            self._previews.update(progress.stacker, progress.header)

    def serve_late_subscribers(self) -> None:
        """Make and publish the kept outputs that have a subscriber now."""
        with self._lock:
            topics = list(self._topics.items())
        self._serve(topics)

    # In the executor's thread

    def has_late_subscribers(self) -> bool:
        """Return whether an output that is put off is wanted now."""
        with self._lock:
            return any(topic.pending is not None and topic.is_wanted()
                       for topic in self._topics.values())

    def follow_subscribers(self) -> None:
        """
        Put off again what nobody listens to any more; to be called from time to time.

        Once there is a newer result its publisher is made anew: the old one would send its last
        message to who comes late. Where there are no matched events, late subscribers are noticed
        here too.
        """
        now = self._clock()
        with self._lock:
            for name, topic in self._topics.items():
                if topic.always or not topic.kept:
                    continue
                if topic.publisher.get_subscription_count():
                    topic.left_at, topic.put_off = None, False
                    continue
                if topic.left_at is None:
                    topic.left_at = now
                topic.put_off = now - topic.left_at >= _LEFT_SECONDS
                if topic.outdated and (topic.put_off or topic.pending is None):
                    self._renew(name, topic)
        if self._events is None and self.has_late_subscribers():
            self._late()

    def destroy(self) -> None:
        """Remove the publishers from the node; what is published then goes nowhere."""
        with self._lock:
            for topic in self._topics.values():
                self._node.destroy_lifecycle_publisher(topic.publisher)
                topic.pending = None
            self._topics = {}
        self._previews.destroy()
        if self._progress is not None:
            self._progress.destroy()
            self._progress = None

    def _advertise(self, name: str) -> Any:
        profile = output_profile(self._options.output_reliability,
                                 self._options.output_durability)
        overriding = QoSOverridingOptions(OUTPUT_OVERRIDABLE)
        if self._events is not None:
            try:
                return self._node.create_lifecycle_publisher(
                    self._types[name], name, profile, event_callbacks=self._events,
                    qos_overriding_options=overriding)
            except UnsupportedEventTypeError:
                self._events = None
        return self._node.create_lifecycle_publisher(
            self._types[name], name, profile, qos_overriding_options=overriding)

    def _renew(self, name: str, topic: _Topic) -> None:
        old, topic.publisher = topic.publisher, self._advertise(name)
        if old.is_activated:
            topic.publisher.on_activate(None)
        self._node.destroy_lifecycle_publisher(old)
        topic.kept = topic.outdated = topic.put_off = False
        topic.left_at = None

    def _matched(self) -> None:
        if self.has_late_subscribers():
            self._late()

    # In the thread that makes results

    def _serve(self, topics: list[tuple[str, _Topic]]) -> None:
        """Make and publish what is wanted; what fails is told, and costs no other output."""
        on_its_way: Any = None
        patience = _ARRIVAL_SECONDS
        for name, topic in topics:
            with self._lock:
                builder = topic.pending
                if builder is None or not topic.is_wanted():
                    continue
            try:
                message = builder()  # takes its time, for which the executor does not wait
                if message is not None and on_its_way is not None and patience > 0:
                    # The next one was made meanwhile.
                    patience -= _wait_for_arrival(on_its_way, patience)
                with self._lock:
                    if topic.pending is not builder:
                        continue  # destroyed meanwhile
                    topic.pending = None
                    if message is None:
                        continue
                    topic.publisher.publish(message)
                    topic.kept, topic.outdated = True, False
                    on_its_way = topic.publisher
            except Exception as error:
                with self._lock:
                    topic.pending = None
                self._failed(name, error)


def _wait_for_arrival(publisher: Any, seconds: float) -> float:
    """Wait until all reliable subscribers have what was published; returns how long it took."""
    began = time.monotonic()
    try:
        # In short turns: rclpy holds the interpreter, and with it the executor, while it waits.
        while not publisher.wait_for_all_acked(Duration()) and time.monotonic() < began + seconds:
            time.sleep(_POLL_SECONDS)
    except RuntimeError:
        pass  # destroyed meanwhile, or the middleware does not say
    return time.monotonic() - began
