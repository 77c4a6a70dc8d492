# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of rosbag2 as a camera and a lens would have made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

rosbag2 = pytest.importorskip('rosbags.rosbag2', reason='recordings are written by rosbags')
typesys = pytest.importorskip('rosbags.typesys')

TYPES = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
IMAGE, POINT = 'sensor_msgs/msg/Image', 'geometry_msgs/msg/PointStamped'


def made(kind: str, **fields: Any) -> Any:
    return TYPES.types[kind](**fields)


def header_at(time_ns: int) -> Any:
    return made('std_msgs/msg/Header', frame_id='camera_optical_frame', stamp=made(
        'builtin_interfaces/msg/Time', sec=time_ns // 10 ** 9, nanosec=time_ns % 10 ** 9))


def image_at(time_ns: int, pixels: np.ndarray) -> Any:
    return made(IMAGE, header=header_at(time_ns), height=pixels.shape[0], width=pixels.shape[1],
                encoding='mono8' if pixels.ndim == 2 else 'bgr8', is_bigendian=0,
                step=pixels.strides[0], data=pixels.reshape(-1))


def jpeg_at(time_ns: int, pixels: np.ndarray) -> Any:
    return made('sensor_msgs/msg/CompressedImage', header=header_at(time_ns), format='bgr8; png',
                data=cv2.imencode('.png', pixels)[1].reshape(-1))


def point_at(time_ns: int, position: float) -> Any:
    return made(POINT, header=header_at(time_ns),
                point=made('geometry_msgs/msg/Point', x=0.0, y=0.0, z=position))


def slices_of(images: Sequence[np.ndarray], positions: Sequence[float], *,
              start_ns: int = START_NS) -> list[tuple[str, int, Any]]:
    """Return the messages of a sweep: topic, time in nanoseconds, message."""
    messages = []
    for number, (image, position) in enumerate(zip(images, positions, strict=True)):
        time_ns = start_ns + number * STEP_NS
        messages += [('/cell/image', time_ns, image_at(time_ns, image)),
                     ('/cell/focus_position', time_ns + 1, point_at(time_ns, position))]
    return messages


def write(path: Path, messages: Sequence[tuple[str, int, Any]], storage: str = 'MCAP') -> Path:
    """Write a recording of messages; returns its folder."""
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        topics: dict[str, Any] = {}
        for topic, time_ns, message in messages:
            kind = message.__msgtype__
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(topics[topic], time_ns, TYPES.serialize_cdr(message, kind))
    return path
