# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings by way of the rosbags library, which needs no ROS."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.bag.recording import Recorded, RecordingError
from focus_stacking_ros.commands.bag.salvaged_recording import salvaged_rest
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.typesys import get_typestore, Stores

__all__ = ['RosbagsRecording']


class RosbagsRecording:
    """
    See `commands.bag.recording.Recording`.

    :param path: a folder as rosbag2 makes it, or one file
    :raises RecordingError: the library does not open it
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []
        try:
            with self._reader() as reader:
                self.topics: Mapping[str, str] = {
                    each.topic: each.msgtype for each in reader.connections}
        except Exception as error:  # of the library, of SQLite, of decompression
            raise RecordingError(f'{path}: it is damaged or incomplete: {error}') from error

    def _reader(self) -> Any:
        # Of recordings by sqlite3 before Iron, which hold no definitions.
        return AnyReader([self._path], default_typestore=get_typestore(Stores.ROS2_JAZZY))

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """Yield the messages of topics; from where the library fails on, what can be salvaged."""
        seen: set[tuple[str, int]] = set()
        try:
            with self._reader() as reader:
                wanted: list[Connection] = [each for each in reader.connections
                                            if each.topic in topics]
                for connection, time_ns, data in reader.messages(wanted):
                    seen.add((connection.topic, time_ns))
                    try:
                        message = reader.deserialize(data, connection.msgtype)
                    except AnyReaderError as error:
                        self._cannot_read(connection.topic, error)
                        continue
                    yield Recorded(connection.topic, time_ns, message)
        except Exception as error:  # see above; what the caller raises does not come here
            yield from salvaged_rest(self._path, error, topics, seen, self.problems)

    def _cannot_read(self, topic: str, error: Exception) -> None:
        words = f'{self._path}: a message of {topic} cannot be read: {error}'
        if words not in self.problems:
            self.problems.append(words)
