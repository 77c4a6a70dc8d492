# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results as a recording: the messages that the stacking node would have published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from focus_stacking_ros.commands.bag.recording import RecordingError
from focus_stacking_ros.commands.bag.writer import McapFile
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.stacker.delivery import Delivery

__all__ = ['ResultRecording']


class ResultRecording:
    """
    Writes an MCAP file that rviz, `ros2 bag` and Foxglove open; a context manager.

    The file is there when all is written, and not at all where something goes wrong before.

    :param path: of the file; must not exist
    :raises RecordingError: it exists or cannot be written, or ROS 2 or a writer is not installed
    """

    def __init__(self, path: Path) -> None:
        try:
            from rclpy.serialization import serialize_message
            import sensor_msgs.msg  # noqa: F401 - what results are made of
        except ImportError as error:
            raise RecordingError(f'--mcap takes ROS 2: {error}; source ROS 2') from error
        from focus_stacking_ros.ros.stacker.output_messages import build_outputs
        self._build, self._serialise = build_outputs, serialize_message
        self._file = McapFile(path, '--mcap')

    def __enter__(self) -> ResultRecording:
        """Open the file."""
        self._file.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the file, and put it in its place where nothing went wrong."""
        self._file.__exit__(kind, error, trace)

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
        made = replace(delivery, header=header)
        for name, build in self._build(made, info, delivery.options).items():
            if name.endswith(('/compressed', '/compressedDepth')) or (message := build()) is None:
                continue
            package, module = type(message).__module__.split('.')[:2]
            self._file.write(f'/{name}', f'{package}/{module}/{type(message).__name__}',
                             stamp.sec * 1_000_000_000 + stamp.nanosec, self._serialise(message))


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
