# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics a focal stack comes in on: images, focus positions, camera infos, paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.focus_position import Claim
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.node.publisher_watch import PublisherWatch
from focus_stacking_ros.ros.node.qos import (
    input_profile,
    mismatch_events,
    OVERRIDABLE,
    wanted_reliability,
)
from focus_stacking_ros.ros.stacker.focus_sources import create_source
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair, StampPairing
from focus_stacking_ros.ros.stacker.pose_gate import PoseGate
from focus_stacking_ros.ros.stacker.time_jumps import LEAST_JUMP_NS, TimeJumps
from focus_stacking_ros.ros.stacker.transforms import TransformLookup
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.qos import qos_check_compatible, QoSCompatibility, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

__all__ = ['SliceInput']


class SliceInput:
    """
    Subscribes the inputs of a stacking node and pairs them.

    :param node: rclpy.node.Node that subscribes
    :param options: transport, reliability, depth, source of the focus positions
    :param paired: called with each slice in the executor's thread
    :param warn: called with a kind of fault and a sentence when a publisher is missing, one too
        many or does not fit, an image is lost, a stamp is repeated, time jumps back, or a tag or
        transform is missing or doubtful
    :raises OptionError: a QoS override is illegal, or TF or a message is asked for and not
        installed
    """

    def __init__(self, node: Any, options: NodeOptions, paired: Callable[[Pair[Any]], None],
                 warn: Callable[[str, str], None]) -> None:
        self._node, self._options, self._paired, self._warn = node, options, paired, warn
        # Those that tell what is missing where nothing happens are there from the beginning.
        self.counters: Counter[str] = Counter(dict.fromkeys(
            ('images', 'focus positions', 'camera infos', 'pairs'), 0))
        self.pairing: StampPairing[Any] = StampPairing(options.input_depth)
        self.camera_infos = CameraInfoHistory(max(2 * options.input_depth, 255))
        if options.focus_source == 'tf' and not options.motion_fixed_frame:
            raise OptionError('motion.fixed_frame is empty; focus.source tf needs the frame that '
                              'the camera moves in')
        self._transforms = TransformLookup(
            node, options.motion_fixed_frame) if options.motion_fixed_frame else None
        self._gate = None if self._transforms is None else PoseGate(
            self._transforms.find, options.motion_wait, options.input_depth, self._through)
        self._source = create_source(options, self._take_position, self._doubt,
                                     lambda: int(node.get_clock().now().nanoseconds))
        compressed = options.input_transport == 'compressed'
        self._topics: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
            'image/compressed' if compressed else 'image': (
                CompressedImage if compressed else Image, self._take_image),
            **{name: (self._type_of(kind), callback)
               for name, (kind, callback) in self._source.topics.items()},
            'camera_info': (CameraInfo, self._take_camera_info)}
        # A camera without infos is a camera; joint states and diagnostics have many sources.
        self._watch = PublisherWatch(node, [node.resolve_topic_name(name) for name in (
            next(iter(self._topics)), *self._source.topics)
            if name not in ('joint_states', '/diagnostics')], warn, self.counters)
        self._jumps = TimeJumps()
        self._jump_handle = node.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-LEAST_JUMP_NS),
                          on_clock_change=False), post_callback=self._clock_jumped)
        self._mismatched: set[str] = set()
        self._subscriptions: dict[str, tuple[Any, str]] = {}
        # Subscriptions are not made anew within an event of one of them.
        self._followed = node.create_guard_condition(self.follow_publishers)
        try:
            self.follow_publishers()
        except Exception:
            self.destroy()
            raise

    def _type_of(self, kind: str) -> type[Any]:
        try:
            return message_type(kind)
        except ModuleNotFoundError as error:
            raise OptionError(
                f'focus.source {self._options.focus_source} needs {kind}, which is not installed '
                'here; build its package and source it, or take another source') from error

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the resolved names of the subscribed topics."""
        return tuple(subscription.topic_name for subscription, _ in self._subscriptions.values())

    @property
    def mismatched(self) -> tuple[str, ...]:
        """Return the topics with a publisher whose quality of service does not fit ours."""
        return tuple(sorted(
            subscription.topic_name for subscription, _ in self._subscriptions.values()
            if subscription.topic_name in self._mismatched and self._has_misfit(subscription)))

    def follow_publishers(self) -> None:
        """Subscribe, anew where publishers offer another reliability than before."""
        for name, (kind, callback) in self._topics.items():
            resolved = self._node.resolve_topic_name(name)
            reliability = wanted_reliability(self._node, resolved, self._setting(resolved))
            current = self._subscriptions.get(name)
            # Where nobody publishes there is nothing to follow, but there may be messages left.
            if current is not None and (current[1] == reliability
                                        or not self._node.count_publishers(resolved)):
                continue
            if current is not None:
                self._node.destroy_subscription(current[0])
            self._mismatched.discard(resolved)
            self._subscriptions[name] = (
                self._subscribe(name, resolved, kind, callback, reliability), reliability)
        self._watch.look()

    @property
    def publishers(self) -> str:
        """Return what is wrong with the publishers of the inputs now, '' for nothing."""
        return self._watch.state

    def poll(self) -> None:
        """Let through the slices whose transform has come; to be called from time to time."""
        if self._gate is not None:
            self._gate.poll()

    def clear(self) -> None:
        """Give up what waits for its counterpart, and take stamps that were there before anew."""
        lost = self.pairing.tags_without_image
        self.pairing.clear()
        self._tell_lost_images(lost)
        self._jumps.forget()
        self._source.clear()
        if self._gate is not None:
            self._gate.clear()

    def destroy(self) -> None:
        """Remove the subscriptions from the node."""
        if self._jump_handle is not None:
            self._jump_handle.unregister()
            self._jump_handle = None
        if self._transforms is not None:
            self._transforms.destroy()
            self._transforms = None
        for subscription, _ in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._node.destroy_guard_condition(self._followed)

    def _subscribe(self, name: str, resolved: str, kind: type[Any],
                   callback: Callable[[Any], None], reliability: str) -> Any:
        def mismatch() -> None:
            if wanted_reliability(self._node, resolved, self._setting(resolved)) != reliability:
                self._followed.trigger()  # what comes until then is lost
            elif resolved not in self._mismatched:
                self._mismatched.add(resolved)
                self.counters['quality-of-service mismatches'] += 1
                self._warn(
                    f'mismatch of {resolved}', f'a publisher of {resolved} offers a quality of '
                    f'service that does not fit the subscription ({reliability}), so nothing '
                    'comes from it; set input.reliability or the publisher')

        profile: QoSProfile = input_profile(reliability, self._options.input_depth)
        try:
            return self._node.create_subscription(
                kind, name, callback, profile, event_callbacks=mismatch_events(mismatch),
                qos_overriding_options=QoSOverridingOptions(OVERRIDABLE))
        except (ParameterException, RuntimeError) as error:  # rclpy's words for an illegal value
            raise OptionError(f'{resolved} cannot be subscribed: {error}; see its parameters '
                              f'qos_overrides.{resolved}.subscription.*') from error

    def _has_misfit(self, subscription: Any) -> bool:
        return any(qos_check_compatible(publisher.qos_profile, subscription.qos_profile)[0]
                   == QoSCompatibility.ERROR for publisher
                   in self._node.get_publishers_info_by_topic(subscription.topic_name))

    def _setting(self, resolved: str) -> str:
        """
        Return the reliability that is set for a topic: that of its QoS override, if there is one.

        The parameter is declared here and not by rclpy, which would freeze the first choice of
        ``auto`` in it.
        """
        name = f'qos_overrides.{resolved}.subscription.reliability'
        if not self._node.has_parameter(name):
            described = ParameterDescriptor(read_only=True, description=(
                f'reliability of the subscription of {resolved}: auto, reliable or best_effort'))
            try:
                self._node.declare_parameter(name, self._options.input_reliability, described)
            except ParameterException as error:
                raise OptionError(f'{error}; {name} takes one of: auto, reliable, best_effort'
                                  ) from error
        value = str(self._node.get_parameter(name).value)
        if value not in ('auto', 'reliable', 'best_effort'):
            raise OptionError(f'{name} is {value!r}; it takes one of: auto, reliable, '
                              'best_effort')
        return value

    def _take_image(self, message: Any) -> None:
        self.counters['images'] += 1
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if self._deliver('an image', stamp, self.pairing.add_image, message):
            self._source.image_came(stamp)

    def _take_position(self, stamp: Stamp, position: float, claim: Claim | None = None) -> None:
        self.counters['focus positions'] += 1
        self._deliver('a focus position', stamp, partial(
            self.pairing.add_tag, claim=claim), position)

    def _take_camera_info(self, message: Any) -> None:
        self.counters['camera infos'] += 1
        self.camera_infos.add(message)

    def _deliver(self, what: str, stamp: Stamp, add: Callable[[Stamp, Any], Pair[Any] | None],
                 item: Any) -> bool:
        """Hand over what came and the pair it makes; returns whether its stamp was new."""
        if self._jumps.stamped(what, stamp):
            self._begin_anew(f'{what} has the stamp {stamp[0]}.{stamp[1]:09d}')
        repeated, lost = self.pairing.repeated_stamps, self.pairing.tags_without_image
        pair = add(stamp, item)
        self._tell_lost_images(lost)
        if self.pairing.repeated_stamps > repeated:
            self._warn('repeated stamps', f'{what} has the stamp {stamp[0]}.{stamp[1]:09d} of an '
                       'earlier one and is left out; stamp every exposure anew, or call ~/start '
                       'before a recording is played again')
            return False
        if pair is not None:
            self.counters['pairs'] += 1
            pair = replace(pair, jumps=self._jumps.count)
            if self._gate is None:
                self._paired(pair)
            else:
                self._gate.add(pair)
        return True

    def _clock_jumped(self, _jump: Any) -> None:
        now = self._node.get_clock().now().nanoseconds
        if self._jumps.clock(now):
            self._begin_anew(f'the clock says {now / 1e9:.9f}')

    def _begin_anew(self, why: str) -> None:
        """Forget the stamps before a jump of time; the sources notice it by theirs."""
        self.counters['time jumps'] += 1
        self.pairing.clear()
        if self._gate is not None:
            self._gate.clear()
        self._warn('time jumps', f'time has jumped back: {why}; what waited for its counterpart '
                   'is given up, and the next slice begins a new stack')

    def _through(self, pair: Pair[Any]) -> None:
        if pair.pose is None:
            self.counters['slices without transform'] += 1
            self._warn('no transform', f'TF has no transform from {pair.image.header.frame_id!r} '
                       f'to {self._options.motion_fixed_frame!r} at the stamp of a slice; check '
                       'motion.fixed_frame, the frame of the images and their clock')
        self._paired(pair)

    def _doubt(self, kind: str, words: str) -> None:
        """Warn of tags that are missing or doubtful."""
        self.counters['doubtful tags'] += 1
        self._warn(kind, words)

    def _tell_lost_images(self, before: int) -> None:
        """Warn of focus positions that were given up, beyond as many as before."""
        if (lost := self.pairing.tags_without_image - before) > 0:
            self._warn('lost images', f'{lost} focus position{"s" * (lost > 1)} came without an '
                       'image: images are lost on the way, or their stamps differ')
