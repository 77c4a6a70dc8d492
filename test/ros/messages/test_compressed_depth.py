# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of compressed depth maps, read as image_transport's subscriber reads them."""

from __future__ import annotations

import struct
from typing import Any

import cv2
from focus_stacking_ros.ros.messages.compressed_depth import depth_to_compressed
import numpy as np
from numpy.typing import NDArray
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

HEADER = Header(frame_id='camera_optical_frame')


def decoded(message: Any) -> NDArray[np.float32]:
    """Return metres, by the arithmetic of compressed_depth_image_transport: float32."""
    encoding, _, transport = message.format.partition('; ')
    assert transport == 'compressedDepth png'
    data = bytes(message.data)
    form, a, b = struct.unpack_from('=iff', data)
    assert form == 0
    values = cv2.imdecode(np.frombuffer(data, np.uint8, offset=12), cv2.IMREAD_UNCHANGED)
    assert values.dtype == np.uint16
    if encoding == '16UC1':
        return np.where(values == 0, np.nan, values / 1000).astype(np.float32)
    metres = np.full(values.shape, np.nan, np.float32)
    known = values > 0
    metres[known] = np.float32(a) / (values[known].astype(np.float32) - np.float32(b))
    return metres


@pytest.mark.parametrize(('near', 'far', 'most'), [
    (0.2, 0.25, 0.5e-6), (0.2427, 0.2508, 0.1e-6), (0.2, 2.0, 0.15e-3), (0.02, 0.0201, 0.01e-6),
    (0.3, 0.3, 0.1e-6)])
def test_depth_comes_back_within_half_a_step(near: float, far: float, most: float) -> None:
    depth = np.linspace(near, far, 48 * 64, dtype=np.float32).reshape(48, 64)
    depth[3, :5] = np.nan
    depth[4, 0] = np.inf
    message = depth_to_compressed(depth, HEADER, '32FC1')
    assert message.header == HEADER
    back = decoded(message)
    known = np.isfinite(depth)
    np.testing.assert_array_equal(np.isfinite(back), known)
    # A float32 of these numbers is itself exact to a part in 2 ** 24 only.
    assert np.abs(back - depth)[known].max() <= most + far / 2 ** 24


def test_depth_in_millimetres_stays_in_millimetres() -> None:
    depth = np.array([[0.25, 0.2504], [np.nan, 0.3]], np.float32)
    np.testing.assert_array_equal(
        decoded(depth_to_compressed(depth, HEADER, '16UC1')),
        np.array([[0.25, 0.25], [np.nan, 0.3]], np.float32))


@pytest.mark.parametrize('value', [np.nan, -1.0, 0.0])
def test_a_map_without_a_depth_has_none(value: float) -> None:
    message = depth_to_compressed(np.full((4, 6), value, np.float32), HEADER, '32FC1')
    assert np.isnan(decoded(message)).all()
