# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings by way of rosbag2_py, which comes with ROS 2 and knows all its storages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.bag.recording import Recorded, RecordingError
from focus_stacking_ros.commands.bag.salvaged_recording import salvaged_rest
from focus_stacking_ros.ros.messages.message_types import message_type
from rclpy.serialization import deserialize_message
import rosbag2_py

__all__ = ['Rosbag2Recording']


class Rosbag2Recording:
    """
    See `commands.bag.recording.Recording`.

    :param path: a folder as rosbag2 makes it, or one file
    :raises RecordingError: rosbag2 does not open it
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []
        try:
            self.topics: Mapping[str, str] = {
                each.name: each.type for each in self._reader().get_all_topics_and_types()}
        except Exception as error:  # RuntimeError and what storages throw
            raise RecordingError(f'{path}: it is damaged or incomplete: {error}') from error

    def _reader(self) -> Any:
        reader = rosbag2_py.SequentialReader()
        # An empty storage is found out by rosbag2 itself.
        reader.open(rosbag2_py.StorageOptions(uri=str(self._path), storage_id=''),
                    rosbag2_py.ConverterOptions('', ''))
        return reader

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """Yield the messages of topics; from where rosbag2 fails on, what can be salvaged."""
        seen: set[tuple[str, int]] = set()
        try:
            reader = self._reader()
            reader.set_filter(rosbag2_py.StorageFilter(topics=list(topics)))
            while reader.has_next():
                topic, data, time_ns = reader.read_next()
                seen.add((topic, time_ns))
                yield Recorded(topic, time_ns, deserialize_message(
                    data, message_type(self.topics[topic])))
        except Exception as error:  # see above; what the caller raises does not come here
            yield from salvaged_rest(self._path, error, topics, seen, self.problems)
