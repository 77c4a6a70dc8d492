# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The results as MoveIt's octomap updaters read them.

MoveIt is not needed: what PointCloudOctomapUpdater and DepthImageOctomapUpdater do with a message,
as their source has it, is done here; see docs/moveit.md.
"""

from __future__ import annotations

from pathlib import Path
import struct
import sys
from typing import Any

from focus_stacking_ros.core.slices import SliceReport, StackResult
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.delivery import Delivery
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
import numpy as np
import pytest
from rclpy.qos import (
    qos_check_compatible,
    qos_profile_sensor_data,
    qos_profile_services_default,
    QoSCompatibility,
)
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
import yaml

pytestmark = pytest.mark.ros

HEIGHT, WIDTH = 20, 30
#: What the updaters ask for; they do not start without all of it.
REQUIRED = {
    'occupancy_map_monitor/PointCloudOctomapUpdater': {
        'point_cloud_topic', 'max_range', 'padding_offset', 'padding_scale', 'point_subsample',
        'max_update_rate', 'filtered_cloud_topic'},
    'occupancy_map_monitor/DepthImageOctomapUpdater': {
        'image_topic', 'queue_size', 'near_clipping_plane_distance',
        'far_clipping_plane_distance', 'shadow_threshold', 'padding_scale', 'padding_offset',
        'max_update_rate', 'skip_vertical_pixels', 'skip_horizontal_pixels',
        'filtered_cloud_topic'}}


def messages(**options: Any) -> dict[str, Any]:
    """Return the outputs of a made-up result."""
    depth = np.linspace(0.1, 0.12, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    depth[5, 7:9] = np.nan
    result = StackResult(
        all_in_focus=np.full((HEIGHT, WIDTH, 3), 90, np.uint8), depth_m=depth,
        confidence=np.ones_like(depth), slice_index=depth, reports=(SliceReport(0, 0.1),),
        reference=0, noise_sigma=1.0)
    info = CameraInfo(width=WIDTH, height=HEIGHT)
    info.k = [40.0, 0.0, 14.0, 0.0, 42.0, 9.0, 0.0, 0.0, 1.0]
    header = Header(frame_id='camera_optical_frame')
    header.stamp.sec = 9
    delivery = Delivery(result, {}, header, 'bgr8', (9, 0), NodeOptions(**options))
    return {name: build() for name, build in build_outputs(
        delivery, info, delivery.options).items()}


def cloud_points(cloud: PointCloud2) -> np.ndarray:
    """Return the occupied points, read as PointCloudOctomapUpdater does: by the offset of x."""
    start = next(field.offset for field in cloud.fields if field.name == 'x')
    data, points = bytes(cloud.data), []
    for row in range(cloud.height):
        for column in range(cloud.width):
            place = (row * cloud.width + column) * cloud.point_step + start
            point = struct.unpack_from('=3f', data, place)
            if not any(np.isnan(point)):
                points.append(point)
    return np.array(points)


def depth_points(depth: Image, info: CameraInfo) -> np.ndarray:
    """Return the points of pixels that are not too near, as DepthImageOctomapUpdater does."""
    assert bool(depth.is_bigendian) == (sys.byteorder == 'big')
    assert depth.encoding == '16UC1'
    # It takes the rows to follow each other without padding, whatever step says.
    values = np.frombuffer(depth.data, np.uint16).reshape(depth.height, depth.width) * 1e-3
    row, column = np.nonzero(values > 0)
    z = values[row, column]
    return np.stack([(column - info.k[2]) / info.k[0] * z, (row - info.k[5]) / info.k[4] * z, z],
                    -1)


def test_both_updaters_get_the_same_points() -> None:
    outputs = messages(depth_encoding='16UC1')
    cloud = cloud_points(outputs['points'])
    depth = depth_points(outputs['depth/image'], outputs['depth/camera_info'])
    assert cloud.shape == depth.shape == (HEIGHT * WIDTH - 2, 3)
    assert np.abs(cloud - depth).max() < 0.001  # millimetres are all that 16UC1 has


def test_depth_and_its_camera_info_are_found_and_synchronised() -> None:
    outputs = messages()
    # image_transport replaces the last part of the topic's name.
    info = outputs['depth/image'.rpartition('/')[0] + '/camera_info']
    assert info.header == outputs['depth/image'].header
    assert outputs['depth/image'].encoding in ('16UC1', '32FC1')


def test_the_best_effort_subscriptions_of_the_updaters_fit() -> None:
    assert qos_check_compatible(output_profile(), qos_profile_sensor_data)[0] != (
        QoSCompatibility.ERROR)
    best_effort = output_profile('best_effort', 'volatile')
    assert qos_check_compatible(best_effort, qos_profile_services_default)[0] == (
        QoSCompatibility.ERROR)  # so that the check can fail


def test_the_example_has_all_that_the_updaters_ask_for_and_names_what_there_is(
        repository: Path) -> None:
    example = yaml.safe_load((repository / 'config' / 'moveit_sensors_3d.yaml').read_text())
    chosen = example.pop('sensors')
    assert set(chosen) <= set(example)
    plugins = {sensor['sensor_plugin']: sensor for sensor in example.values()}
    assert set(plugins) == set(REQUIRED)
    for plugin, sensor in plugins.items():
        assert set(sensor) == REQUIRED[plugin] | {'sensor_plugin'}
        topic = sensor.get('point_cloud_topic') or sensor['image_topic']
        assert topic.removeprefix('/cell/') in ResultPublisher.topics()
        assert sensor.get('near_clipping_plane_distance', 0) <= 0.05
