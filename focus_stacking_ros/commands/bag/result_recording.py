# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results as a recording: the messages that the stacking node would have published."""

from __future__ import annotations

from pathlib import Path
import shutil
from types import TracebackType
from typing import Any

from focus_stacking_ros.commands.bag.recording import RecordingError
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.stacker.message_stacker import Delivery

__all__ = ['ResultRecording']


class ResultRecording:
    """
    Writes an MCAP file that rviz, `ros2 bag` and Foxglove open; a context manager.

    The file is there when all is written, and not at all where something goes wrong before.

    :param path: of the file; must not exist
    :raises RecordingError: it exists or cannot be written, or ROS 2 or rosbags is not installed
    """

    def __init__(self, path: Path) -> None:
        try:
            from focus_stacking_ros.ros.stacker.output_messages import build_outputs
            from rclpy.serialization import serialize_message
            from rosbags.rosbag2 import StoragePlugin, Writer
            from rosbags.typesys import get_typestore, Stores
        except ImportError as error:
            raise RecordingError(f'--mcap takes ROS 2 and the rosbags library: {error}; source '
                                 'ROS 2 and pip install rosbags') from error
        if path.exists():
            raise RecordingError(f'{path}: it exists already; name another file')
        self._path = path
        self._build, self._serialise = build_outputs, serialize_message
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._folder = path.with_name(f'.{path.name}.part')
        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer: Any = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._topics: dict[str, Any] = {}

    def __enter__(self) -> ResultRecording:
        """Open the file."""
        try:
            self._writer.open()
        except OSError as error:
            raise RecordingError(f'{self._path}: it cannot be written: {error}') from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the file, and put it in its place where nothing went wrong."""
        self._writer.close()
        if kind is None:
            next(self._folder.glob('*.mcap')).replace(self._path)
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, delivery: Delivery, camera_info: Any) -> None:
        """
        Write all messages of a result.

        :param delivery: the result; its header's stamp is the time of all messages
        :param camera_info: of the reference slice, None where there is none
        """
        stamp = delivery.header.stamp
        time_type, header_type = (message_type(name) for name in (
            'builtin_interfaces/msg/Time', 'std_msgs/msg/Header'))
        header = header_type(stamp=time_type(sec=stamp.sec, nanosec=stamp.nanosec),
                             frame_id=delivery.header.frame_id)
        info = None if camera_info is None else _ros_message(
            camera_info, 'sensor_msgs/msg/CameraInfo')
        made = Delivery(delivery.result, delivery.report, header, delivery.encoding,
                        delivery.reference_stamp, delivery.options)
        for name, build in self._build(made, info, delivery.options).items():
            if name.endswith(('/compressed', '/compressedDepth')) or (message := build()) is None:
                continue
            self._writer.write(self._connection(f'/{name}', message),
                               stamp.sec * 1_000_000_000 + stamp.nanosec,
                               self._serialise(message))

    def _connection(self, topic: str, message: Any) -> Any:
        if topic not in self._topics:
            package, kind = type(message).__module__.split('.')[:2]
            self._topics[topic] = self._writer.add_connection(
                topic, f'{package}/{kind}/{type(message).__name__}', typestore=self._types)
        return self._topics[topic]


def _ros_message(message: Any, name: str) -> Any:
    """Return a message of ROS with the fields of one of the same name, whoever made that."""
    made = message_type(name)()
    for field, kind in made.get_fields_and_field_types().items():
        value = getattr(message, field)
        if '/' in kind and 'sequence' not in kind and '[' not in kind:
            package, name_of_it = kind.split('/')
            value = _ros_message(value, f'{package}/msg/{name_of_it}')
        elif hasattr(value, 'tolist'):
            value = value.tolist()
        setattr(made, field, value)
    return made
