# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node's point cloud and compressed images over real topics."""

from __future__ import annotations

from collections.abc import Iterator

from focus_stacking_ros import FocusStacker
from focus_stacking_ros.ros.messages.images import compressed_to_array, image_to_array
from helpers.cell import Cell, focal_stack
from helpers.ros_helpers import RosContext
import numpy as np
import pytest
from rclpy.impl.rcutils_logger import RcutilsLogger
from sensor_msgs.msg import CameraInfo, PointCloud2

pytestmark = pytest.mark.ros

STACK = focal_stack(size=(80, 60))
WIDTH, HEIGHT = 80, 60


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what nodes warn of."""
    words: list[str] = []
    monkeypatch.setattr(RcutilsLogger, 'warning', lambda _self, text, **_: words.append(text))
    return words


def send_with_camera_info(cell: Cell, focal_length: float) -> None:
    """Publish a stack with a camera info; 0 is what an uncalibrated camera says."""
    info = CameraInfo(width=WIDTH, height=HEIGHT)
    info.k = [focal_length, 0.0, 39.5, 0.0, focal_length, 29.5, 0.0, 0.0, float(focal_length > 0)]
    for image, position in STACK:
        info.header = cell.send(image, position)
        cell.camera_infos.publish(info)


def places(cloud: PointCloud2) -> np.ndarray:
    """Return x, y and z as (H, W, 3) float32."""
    values = np.frombuffer(cloud.data, np.float32).reshape(cloud.height, cloud.width, -1)
    assert [field.offset for field in cloud.fields[:3]] == [0, 4, 8]
    return values[..., :3]


@pytest.mark.parametrize(('calibrated', 'nominal', 'origin'), [
    (300.0, 0.0, 'camera_info'), (0.0, 300.0, 'nominal')])
def test_points_are_the_depth_along_the_rays(ros_context: RosContext, calibrated, nominal,
                                             origin) -> None:
    with Cell(ros_context, stack__size=len(STACK), camera__nominal_focal_length=nominal,
              subscribe=('points', 'depth/image', 'report')) as cell:
        cell.connect()
        # The camera info of the last slice may come after it: that of an earlier stack serves.
        send_with_camera_info(cell, calibrated)
        cell.report()
        send_with_camera_info(cell, calibrated)
        assert cell.report(2)['intrinsics']['origin'] == origin
        cloud, depth = (message for message in cell.wait_for('points', 'depth/image', count=2))
        assert cloud.header == depth.header
        points, z = places(cloud), image_to_array(depth)
        np.testing.assert_array_equal(points[..., 2], z)
        known = np.isfinite(z)
        assert known.mean() > 0.2
        column = np.broadcast_to(np.arange(WIDTH), z.shape)
        np.testing.assert_allclose(points[..., 0][known],
                                   ((column - 39.5) / 300 * z)[known], rtol=1e-5, atol=1e-9)


def test_an_uncalibrated_camera_is_warned_of_once_and_only_where_points_are_wanted(
        ros_context: RosContext, warnings) -> None:
    with Cell(ros_context, stack__size=len(STACK)) as cell:
        cell.connect()
        send_with_camera_info(cell, 0.0)
        assert 'no point cloud' in cell.report()['intrinsics']
        assert not [words for words in warnings if 'point cloud' in words]
        cell.subscribe('points')
        for count in (2, 3):
            send_with_camera_info(cell, 0.0)
            cell.report(count)
        assert len([words for words in warnings if 'point cloud' in words]) == 1
        assert cell.messages['points'] == []


def test_who_comes_late_gets_points_and_compressed_images(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK), camera__nominal_focal_length=300.0,
              output__compressed_format='png', subscribe=('report',)) as cell:
        cell.connect()
        cell.send_stack(STACK)
        cell.report()
        for name in ('points', 'all_in_focus/image', 'all_in_focus/image/compressed'):
            cell.subscribe(name)
        cloud, image, compressed = cell.wait_for(
            'points', 'all_in_focus/image', 'all_in_focus/image/compressed')
        assert (cloud.height, cloud.width) == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(compressed_to_array(compressed), image_to_array(image))


def test_the_standard_deviation_is_that_of_the_library_where_there_is_depth(
        ros_context: RosContext) -> None:
    stacker = FocusStacker()
    for image, position in STACK:
        stacker.add(image, position)
    expected = stacker.finish()
    with Cell(ros_context, stack__size=len(STACK),
              subscribe=('depth_std/image', 'depth/image', 'report')) as cell:
        cell.connect()
        cell.send_stack(STACK)
        deviation, depth = cell.wait_for('depth_std/image', 'depth/image')
    assert (deviation.encoding, deviation.header) == ('32FC1', depth.header)
    np.testing.assert_array_equal(image_to_array(deviation), expected.depth_std_m)
    np.testing.assert_array_equal(np.isnan(image_to_array(deviation)),
                                  np.isnan(image_to_array(depth)))
