# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serialised messages into an MCAP file, by rosbag2_py where it is installed, else by rosbags."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
import shutil
from types import TracebackType
from typing import Any, Protocol

from focus_stacking_ros.commands.bag.recording import RecordingError

__all__ = ['McapFile']


class _Writer(Protocol):
    def write(self, topic: str, kind: str, time_ns: int, data: bytes) -> None:
        """Write a message."""

    def close(self) -> None:
        """Finish the recording."""


class McapFile:
    """
    An MCAP file that rviz, `ros2 bag` and Foxglove open; a context manager.

    It is there when all is written, and not at all where something goes wrong before.

    :param path: of the file; must not exist
    :param what: the flag that asks for it, for errors
    :raises RecordingError: it exists or cannot be written, or nothing here can write it
    """

    def __init__(self, path: Path, what: str) -> None:
        if path.exists():
            raise RecordingError(f'{path}: it exists already; name another file')
        if find_spec('rosbag2_py') is None and find_spec('rosbags') is None:
            raise RecordingError(f'{what} takes rosbag2_py, which comes with ROS 2 (package '
                                 'rosbag2), or the rosbags library (pip install rosbags)')
        self._path = path
        self._folder = path.with_name(f'.{path.name}.part')
        self._writer: _Writer

    def __enter__(self) -> McapFile:
        """Open the file."""
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._writer = (_ByRosbag2 if find_spec('rosbag2_py') is not None else _ByRosbags)(
                self._folder)
        except Exception as error:  # OSError, and RuntimeError of rosbag2
            raise RecordingError(f'{self._path}: it cannot be written: {error}') from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the file, and put it in its place where nothing went wrong."""
        self._writer.close()
        if kind is None:
            next(self._folder.glob('*.mcap')).replace(self._path)
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, topic: str, kind: str, time_ns: int, data: bytes) -> None:
        """
        Write a message.

        :param topic: its full name
        :param kind: package, msg and type, as sensor_msgs/msg/Image
        :param time_ns: nanoseconds since the epoch
        :param data: the message, serialised
        :raises RecordingError: the type is not known here
        """
        self._writer.write(topic, kind, time_ns, data)


class _ByRosbag2:
    """A writer by rosbag2_py, whose folder must not exist."""

    def __init__(self, folder: Path) -> None:
        import rosbag2_py
        self._library: Any = rosbag2_py
        self._writer = rosbag2_py.SequentialWriter()
        self._writer.open(rosbag2_py.StorageOptions(uri=str(folder), storage_id='mcap'),
                          rosbag2_py.ConverterOptions('cdr', 'cdr'))
        self._topics: set[str] = set()

    def write(self, topic: str, kind: str, time_ns: int, data: bytes) -> None:
        if topic not in self._topics:
            described = {'name': topic, 'type': kind, 'serialization_format': 'cdr'}
            try:
                metadata = self._library.TopicMetadata(id=len(self._topics), **described)
            except TypeError:  # Humble and Iron have no numbers of topics
                metadata = self._library.TopicMetadata(**described)
            self._writer.create_topic(metadata)
            self._topics.add(topic)
        self._writer.write(topic, data, time_ns)

    def close(self) -> None:
        if hasattr(self._writer, 'close'):  # not in Humble, where its end closes it
            self._writer.close()
        del self._writer


class _ByRosbags:
    """A writer by the rosbags library, whose folder must not exist."""

    def __init__(self, folder: Path) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import get_typestore, Stores
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._writer: Any = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._topics: dict[str, Any] = {}

    def write(self, topic: str, kind: str, time_ns: int, data: bytes) -> None:
        if topic not in self._topics:
            if kind not in self._types.types:
                raise RecordingError(f'{topic}: the rosbags library does not know messages of '
                                     f'{kind}; install rosbag2_py, or record another topic')
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self._types)
        self._writer.write(self._topics[topic], time_ns, data)

    def close(self) -> None:
        self._writer.close()
