# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that takes a result, and the slices that a stacking node is fed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import time
from typing import Any

from focus_stacking_ros.commands.demo.growing_line import GrowingLine
from focus_stacking_ros.commands.demo.result_receiver import (
    DEPTH,
    DEVIATION,
    RESULT_IMAGES,
    ResultReceiver,
)
from focus_stacking_ros.commands.thumbnails import Thumbnail, thumbnail_width
from focus_stacking_ros.core.files.stack_files import StackFile
from focus_stacking_ros.core.slices import SliceReport, StackResult
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.message_stacker import FAILED_STACKS
from focus_stacking_ros.ros.stacker.options import NodeOptions
import numpy as np
from sensor_msgs.msg import Image

__all__ = ['Outcome', 'Receiver', 'received_result', 'summary']

#: How long slices are waited for when the result is there, seconds.
_SLICES_SECONDS = 2.0


@dataclass(frozen=True)
class Outcome:
    """
    What a demonstration came to.

    :param slices: accepted slices
    :param backend: name of the backend
    :param seconds: from the first image sent to the last result received
    :param summary: a line about the result
    :param left_out: files that are not part of the result
    :param files: names of the written files
    """

    slices: int
    backend: str
    seconds: float
    summary: str
    left_out: tuple[Path, ...]
    files: tuple[str, ...]


class Receiver(ResultReceiver):
    """
    Takes the slices, for the overview, and all results.

    :param metric: whether the focus positions are metres
    :param truth: topics with what is true, images, that belong to the results
    :param line: is told of slices and pictures of the growing stack
    :param count: slices of the stack, None where that is not known beforehand
    """

    def __init__(self, metric: bool, truth: tuple[str, ...] = (),
                 line: GrowingLine | None = None, count: int | None = None,
                 **node_arguments: Any) -> None:
        super().__init__((*RESULT_IMAGES, *truth), **node_arguments)
        self._metric, self._line, self._count = metric, line or GrowingLine(), count
        # Without distances there is no metric depth, and no message with it.
        self._wanted = {*RESULT_IMAGES, *truth, 'report'} - (
            set() if metric else {DEPTH, DEVIATION})
        self.results: dict[str, Any] = {}
        self.thumbnails: list[Thumbnail] = []
        self.first_slice = 0.0
        self.create_subscription(Image, 'slice_index/preview', self._grown, output_profile())
        self._slices = SliceInput(self, NodeOptions(input_reliability='reliable'), self._slice,
                                  lambda _kind, words: self.get_logger().error(words))

    def complete(self) -> bool:
        """Return whether everything has come, the slices for the overview too."""
        if not set(self.results) >= self._wanted:
            return False
        frames = json.loads(self.results['report'].data)['frames']
        taken = sum(frame['accepted'] for frame in frames)
        # A result may overtake them; one that was lost on its way here is not waited for long.
        return (len(self.thumbnails) >= taken
                or time.monotonic() - self.last_message > _SLICES_SECONDS)

    @property
    def first_image(self) -> bool:
        """Return whether an image has come, tagged or not."""
        return self._slices.counters['images'] > 0

    @property
    def failure(self) -> str:
        """Return why the node has made nothing of a stack, '' where it has."""
        return str(self.health['stack'].message) if self.count('stack', FAILED_STACKS) else ''

    def take(self, name: str, message: Any) -> None:
        """Keep a message of the result."""
        self.results[name] = message

    def _slice(self, pair: Any) -> None:
        self.last_message = time.monotonic()
        self.first_slice = self.first_slice or self.last_message
        self._line.slice_came()
        wide = {} if self._count is None else {
            'width': thumbnail_width(len(self.thumbnails), self._count)}
        self.thumbnails.append(Thumbnail.of(image_to_array(pair.image), pair.position,
                                            metric=self._metric, **wide))

    def _grown(self, message: Image) -> None:
        self._line.picture_came(image_to_array(message))


def received_result(messages: dict[str, Any], files: Sequence[StackFile] = ()
                    ) -> tuple[StackResult, dict[str, Any]]:
    """Return the result and its report as the topics carried them, with the files' names."""
    report = json.loads(messages['report'].data)
    paths = {file.position: file.name for file in files}
    reports = []
    for frame in report['frames']:
        frame['file'] = paths.get(frame['position'], '')
        transform = frame['transform']
        reports.append(SliceReport(
            frame['number'], frame['focus_distance_m'], frame['rank'],
            None if transform is None else np.array(transform), frame['gain'],
            frame['residual'], frame['accepted'], frame['reason']))
    images = {name: image_to_array(messages[name]) for name in RESULT_IMAGES if name in messages}
    image, depth, confidence, index, deviation = (images.get(name) for name in RESULT_IMAGES)
    assert image is not None
    assert confidence is not None
    assert index is not None
    if depth is None or deviation is None:
        depth = np.full(index.shape, np.nan, np.float32)
        deviation = depth.copy()
    return StackResult(image, depth, confidence, index, tuple(reports), report['reference'],
                       report['noise_sigma'], tuple(report['notes']), report['timings_ms'],
                       report['backend'], depth_std_m=deviation), report


def summary(result: StackResult) -> str:
    """Return a line about a result."""
    trusted = float((result.confidence >= 0.5).mean())
    words = f'{trusted:.0%} of the pixels have a confidence of 0.5 or more'
    known = result.depth_m[np.isfinite(result.depth_m)]
    if known.size:
        near, far = np.percentile(known, (1, 99)) * 1e3
        return f'depth from {near:.2f} to {far:.2f} mm; {words}'
    return f'no focus distances, so the depth is a slice index; {words}'
