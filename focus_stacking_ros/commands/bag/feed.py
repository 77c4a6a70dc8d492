# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recording fed to the same stacks that the stacking node feeds, by the clock it was made by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from focus_stacking_ros.commands.bag.choice import Chosen
from focus_stacking_ros.commands.bag.recording import Recording, RecordingError
from focus_stacking_ros.commands.thumbnails import Thumbnail
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.focus_position import Claim
from focus_stacking_ros.ros.messages.images import (
    compressed_to_array,
    image_to_array,
    ImageError,
)
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.delivery import Delivery, Progress
from focus_stacking_ros.ros.stacker.focus_sources import create_source, FocusSource
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair, StampPairing
from focus_stacking_ros.ros.stacker.time_jumps import TimeJumps

__all__ = ['Feed']

_Delivered = Callable[[Delivery, list[Thumbnail], Any], None]


class Feed:
    """
    Feeds stacks from a recording.

    :param options: of the algorithm
    :param node_options: units, source of the focus positions, ends of stacks
    :param backend: does the per-slice work
    :param delivered: called with each result, its thumbnails and the camera info of its reference
    :param say: called with a sentence of what is amiss
    """

    def __init__(self, options: StackOptions, node_options: NodeOptions, backend: Backend,
                 delivered: _Delivered, say: Callable[[str], None]) -> None:
        if node_options.focus_source == 'tf' or node_options.motion_fixed_frame:
            raise RecordingError('poses of TF are looked up live only: play the recording to a '
                                 'stacking node, with `ros2 bag play --clock`')
        self._options, self._delivered, self._say = node_options, delivered, say
        self._now_ns = 0
        self._stacker = MessageStacker(options, node_options, backend, self,
                                       lambda: self._now_ns / 1e9)
        self._pairing: StampPairing[Any] = StampPairing(node_options.input_depth)
        self._jumps = TimeJumps()
        self._thumbnails: dict[Stamp, Thumbnail] = {}
        self._infos = CameraInfoHistory(1)
        self._told: set[str] = set()
        self.source: FocusSource = create_source(
            node_options, self._tag, lambda _kind, words: self._say_once(words),
            lambda: self._now_ns)
        self.results = self.failures = 0
        self.refusals: Counter[Refusal] = Counter()

    def run(self, recording: Recording, chosen: Chosen) -> None:
        """
        Feed all of a recording.

        :param recording: what is read
        :param chosen: its topics
        """
        if chosen.camera_info:
            self._read_infos(recording, chosen.camera_info)
        takers: dict[str, Callable[[Any], None]] = {
            topic: self.source.topics[name][1] for name, topic in chosen.focus.items()}
        takers[chosen.image] = self._take_image
        for each in recording.messages(set(takers)):
            self._now_ns = max(each.time_ns, self._now_ns)
            self._stacker.check_timeout()
            takers[each.topic](each.message)
        # Nothing comes any more, so the last stack times out.
        self._now_ns += round((self._options.stack_timeout + 1) * 1e9)
        self._stacker.check_timeout()
        if lost := self._pairing.tags_without_image:
            self._say(f'{lost} focus positions have no image')

    def _read_infos(self, recording: Recording, topic: str) -> None:
        """Keep all camera infos beforehand: they are small, and some come after their slice."""
        messages = [each.message for each in recording.messages({topic})]
        self._infos = CameraInfoHistory(max(len(messages), 1))
        for message in messages:
            self._infos.add(message)
        self._stacker.use_camera_infos(self._infos)

    def _take_image(self, message: Any) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        self._jumped(stamp)
        if self._is_new(stamp, self._pairing.add_image, message):
            self.source.image_came(stamp)

    def _tag(self, stamp: Stamp, position: float, claim: Claim | None = None) -> None:
        self._jumped(stamp)
        self._is_new(stamp, partial(self._pairing.add_tag, claim=claim), position)

    def _jumped(self, stamp: Stamp) -> None:
        if self._jumps.stamped('recording', stamp):
            self._pairing.clear()
            self._say_once('stamps jump back in the recording; a new stack begins there')

    def _is_new(self, stamp: Stamp, add: Callable[[Stamp, Any], Pair[Any] | None], item: Any
                ) -> bool:
        repeated = self._pairing.repeated_stamps
        pair = add(stamp, item)
        if pair is not None:
            self._add(replace(pair, jumps=self._jumps.count))
        return self._pairing.repeated_stamps == repeated

    def _add(self, pair: Pair[Any]) -> None:
        try:
            pixels = (image_to_array if hasattr(pair.image, 'encoding') else
                      compressed_to_array)(pair.image)
            self._thumbnails[pair.stamp] = Thumbnail.of(
                pixels, pair.position, metric=self._options.focus_unit == 'metres')
        except ImageError:
            pass  # the stack refuses it, and tells
        self._stacker.add(pair)

    def _say_once(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._say(words)

    # What the stacks tell, see ros.stacker.message_stacker.Listener

    def delivered(self, delivery: Delivery) -> None:
        """Hand on the result of a stack."""
        self.results += 1
        stamps = [(frame['stamp']['sec'], frame['stamp']['nanosec'])
                  for frame in delivery.report['frames'] if frame['accepted']]
        thumbnails = [self._thumbnails[stamp] for stamp in stamps if stamp in self._thumbnails]
        self._thumbnails.clear()
        self._delivered(delivery, thumbnails, delivery.camera_info(self._infos))

    def refused(self, refusal: Refusal, reason: str) -> None:
        """Tell of a slice that is not part of its stack."""
        self.refusals[refusal] += 1
        self._say(reason)

    def failed(self, reason: str) -> None:
        """Tell of a stack that gave no result."""
        self.failures += 1
        self._thumbnails.clear()
        self._say(f'a stack has no result: {reason}')

    def progressed(self, progress: Progress) -> None:
        """Tell nothing: nobody watches a recording grow."""

    def incomplete(self, reason: str) -> None:
        """Tell of a stack that ended before all its slices had come."""
        self._say(reason)

    def ignored(self, reason: str) -> None:
        """Tell of a region of interest that cannot be used."""
        self._say_once(reason)
