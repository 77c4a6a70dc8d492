# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the point cloud: where its points are, their colours, and what consumers expect."""

from __future__ import annotations

import cv2
from focus_stacking_ros.ros.messages.cloud import cloud_message
from focus_stacking_ros.ros.messages.intrinsics import find_intrinsics, pixel_rays
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, PointCloud2, PointField
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

WIDTH, HEIGHT = 40, 30
MATRIX = np.array([[200.0, 0.0, 17.0], [0.0, 210.0, 16.0], [0.0, 0.0, 1.0]])
DISTORTION = np.array([-0.25, 0.06, 0.001, -0.001, 0.0])
FIELDS = ('x', 'y', 'z', 'rgb', 'confidence')


def depth_map() -> np.ndarray:
    depth = np.linspace(0.08, 0.12, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    depth[0, :3] = np.nan
    depth[1, 0] = np.inf
    return depth


def picture(dtype: type = np.uint8, channels: int = 3) -> np.ndarray:
    shape = (HEIGHT, WIDTH, 3)[:3 if channels == 3 else 2]
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype)


def cloud(image: np.ndarray | None = None, bits: int = 16) -> PointCloud2:
    info = CameraInfo(width=WIDTH, height=HEIGHT, d=DISTORTION, distortion_model='plumb_bob')
    info.k = MATRIX.ravel()
    rays = pixel_rays(find_intrinsics(
        info, WIDTH, HEIGHT, rectified=False, nominal_focal_pixels=0.0), WIDTH, HEIGHT)
    confidence = np.linspace(0, 1, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    header = Header(frame_id='camera_optical_frame')
    header.stamp.sec = 4
    return cloud_message(depth_map(), rays, picture() if image is None else image, confidence,
                         header, bits)


def points_of(message: PointCloud2) -> dict[str, np.ndarray]:
    """Return the fields as (H, W) arrays, read as the message says, as any consumer does."""
    kinds = np.dtype({
        'names': [field.name for field in message.fields],
        'formats': ['>f4' if message.is_bigendian else '<f4'] * len(message.fields),
        'offsets': [field.offset for field in message.fields], 'itemsize': message.point_step})
    assert {field.datatype for field in message.fields} == {PointField.FLOAT32}
    assert {field.count for field in message.fields} == {1}
    assert message.row_step == message.width * message.point_step
    assert len(message.data) == message.height * message.row_step
    points = np.frombuffer(message.data, kinds).reshape(message.height, message.width)
    return {name: points[name] for name in kinds.names}


def test_the_cloud_is_organised_like_the_image() -> None:
    message = cloud()
    assert (message.height, message.width, message.is_dense) == (HEIGHT, WIDTH, False)
    assert tuple(field.name for field in message.fields) == FIELDS
    assert (message.header.frame_id, message.header.stamp.sec) == ('camera_optical_frame', 4)


def test_every_point_is_seen_at_its_pixel_and_has_its_depth() -> None:
    points = points_of(cloud())
    depth = depth_map()
    known = np.isfinite(depth)
    np.testing.assert_array_equal(points['z'][known], depth[known])
    places = np.stack([points[axis][known] for axis in 'xyz'], -1).astype(np.float64)
    seen, _ = cv2.projectPoints(places, np.zeros(3), np.zeros(3), MATRIX, DISTORTION)
    pixels = np.stack(np.nonzero(known)[::-1], -1)
    assert np.abs(seen[:, 0] - pixels).max() < 0.01


def test_where_there_is_no_depth_the_point_is_not_a_number() -> None:
    points = points_of(cloud())
    unknown = ~np.isfinite(depth_map())
    assert unknown.sum() == 4
    for axis in 'xyz':
        np.testing.assert_array_equal(np.isnan(points[axis]), unknown)
    assert np.isfinite(points['confidence']).all()
    np.testing.assert_allclose(points['confidence'][-1, -1], 1)


@pytest.mark.parametrize(('dtype', 'channels'), [
    (np.uint8, 3), (np.uint8, 1), (np.uint16, 3), (np.uint16, 1)])
def test_colours_are_packed_as_red_green_blue(dtype, channels) -> None:
    image = picture(dtype, channels)
    packed = np.ascontiguousarray(points_of(cloud(image))['rgb']).view(np.uint32)
    shown = (image >> (8 * (image.dtype.itemsize - 1))).astype(int)
    if channels == 1:
        shown = np.repeat(shown[..., np.newaxis], 3, -1)
    for shift, channel in ((16, 2), (8, 1), (0, 0)):
        np.testing.assert_array_equal(packed >> shift & 0xff, shown[..., channel])
    assert (packed >> 24 == 0).all()


@pytest.mark.parametrize('bits', [8, 10, 12])
def test_colours_are_those_of_the_significant_bits(bits) -> None:
    image = picture(np.uint16)
    np.testing.assert_array_equal(points_of(cloud(image >> (16 - bits), bits))['rgb'],
                                  points_of(cloud(image))['rgb'])
