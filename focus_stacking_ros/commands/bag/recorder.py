# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages as they come, serialised as they are, into a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
import time
from typing import Any

from focus_stacking_ros.commands.bag.choice import Chosen, chosen_topics
from focus_stacking_ros.commands.bag.recording import RecordingError
from focus_stacking_ros.commands.bag.writer import McapFile
from focus_stacking_ros.commands.terminal import say, show_progress
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.node.own_context import in_own_context
from focus_stacking_ros.ros.node.qos import input_profile, wanted_reliability
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy

__all__ = ['recorded']

_DEPTH = 100  # messages that may wait to be written
_POLL_SECONDS = 0.1
_QUIET_SECONDS = 1.0  # after the last image its position may still come


def recorded(file: McapFile, wanted: Mapping[str, str], besides: Mapping[str, str], *, image: str,
             focus: str, camera_info: str, count: int, wait_seconds: float) -> dict[str, int]:
    """
    Record until enough images have come, or Ctrl-C; returns how many messages came by topic.

    :param file: to write
    :param wanted: type by name of the topics that tell the focus position
    :param besides: type by topic of what is recorded where it is published
    :param image: topic of the images, '' to find it
    :param focus: topic of the focus positions, '' to find it
    :param camera_info: topic of the camera infos, '' to find it
    :param count: images after which it ends; 0: by Ctrl-C
    :param wait_seconds: how long the topics may take to appear
    :raises RecordingError: the topics are not there, no image came, or the file cannot be written
    """
    came: Counter[str] = Counter()
    last = [time.monotonic()]

    def take(node: Node, topic: str, kind: str, data: bytes) -> None:
        file.write(topic, kind, node.get_clock().now().nanoseconds, data)
        came[topic] += 1
        last[0] = time.monotonic()
        show_progress(', '.join(f'{number} of {name}' for name, number in sorted(came.items()))
                      + ' ')

    with in_own_context(Node, node_name='sweep_recorder') as (node, executor):
        chosen, topics = _appeared(node, wanted, image, focus, camera_info, wait_seconds)
        with file:
            listened = {chosen.image, *chosen.focus.values()}
            if chosen.camera_info:
                listened.add(chosen.camera_info)
            subscribed: set[str] = set()
            say(f'recording {", ".join(sorted(listened | set(besides)))}')
            with suppress(KeyboardInterrupt):  # the way to end it
                while not (count and came[chosen.image] >= count
                           and time.monotonic() - last[0] >= _QUIET_SECONDS):
                    _subscribe(node, (listened | set(besides)) - subscribed,
                               {**besides, **topics}, subscribed, take)
                    executor.spin_once(timeout_sec=_POLL_SECONDS)
            show_progress('')
            if not came[chosen.image]:
                raise RecordingError(f'no image has come on {chosen.image}')
    return dict(came)


def _appeared(node: Node, wanted: Mapping[str, str], image: str, focus: str, camera_info: str,
              wait_seconds: float) -> tuple[Chosen, dict[str, str]]:
    """Return the topics to record once they are published, and the types of all by topic."""
    until = time.monotonic() + wait_seconds
    while True:
        # A topic that somebody only listens to is not there yet.
        topics = {name: kinds[0] for name, kinds in node.get_topic_names_and_types()
                  if node.count_publishers(name)}
        try:
            return chosen_topics(topics, wanted, image=image, focus=focus,
                                 camera_info=camera_info), topics
        except RecordingError as error:
            if time.monotonic() >= until:
                words = str(error).replace('the recording', 'what is published')
                raise RecordingError(words) from error
        time.sleep(_POLL_SECONDS)


def _subscribe(node: Node, topics: set[str], kinds: Mapping[str, str], subscribed: set[str],
               take: Any) -> None:
    """Subscribe to what is published by now, as its publishers offer it."""
    for topic in topics:
        offered = node.get_publishers_info_by_topic(topic)
        if not offered:
            continue
        profile = input_profile(wanted_reliability(node, topic, 'auto'), _DEPTH)
        if all(each.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
               for each in offered):
            profile.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
        try:
            kind = message_type(kinds[topic])
        except ModuleNotFoundError as error:
            raise RecordingError(f'{topic} is of {kinds[topic]}, and {error}') from error
        node.create_subscription(kind, topic, partial(take, node, topic, kinds[topic]), profile,
                                 raw=True)
        subscribed.add(topic)
