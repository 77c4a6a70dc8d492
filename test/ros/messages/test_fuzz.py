# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Messages with whatever values their fields can have: a result, or a refusal with its reason.

The same examples in every run; no other exception, and no warning of NumPy.
"""

from __future__ import annotations

import math
from typing import Any
import warnings

import cv2
from focus_stacking_ros.core.optics.camera_pose import movement_m, pose_from_quaternion, travel_m
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.images import (
    compressed_to_array,
    image_to_array,
    ImageError,
)
from focus_stacking_ros.ros.messages.intrinsics import (
    find_intrinsics,
    IntrinsicsError,
    pixel_rays,
)
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

hypothesis = pytest.importorskip('hypothesis', reason='hypothesis (test_depend) is missing')
given, st = hypothesis.given, pytest.importorskip('hypothesis.strategies')

pytestmark = pytest.mark.ros

SETTINGS = hypothesis.settings(max_examples=300, derandomize=True, database=None, deadline=None)
ENCODINGS = [
    'mono8', '8UC1', 'mono16', '16UC1', 'bgr8', 'rgb8', 'bgra8', 'rgba8', '8UC3', 'bgr16',
    'rgba16', '16UC3', '32FC1', 'yuv422', 'uyvy', 'yuyv', 'yuv422_yuy2', 'nv12', 'nv21', 'nv16',
    'nv61', 'nv24', 'nv42', 'bayer_rggb8', 'bayer_gbrg16', '', 'mono', '64FC1', 'nv12\0']
UINT32 = 2**32 - 1
FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e-300, 1e300, -1e300, 1.0, 500.0])
sizes = st.integers(0, 9) | st.sampled_from([UINT32, UINT32 - 1, 2**31, 65535])


def checked(action: Any, refusals: type[Exception] | tuple[type[Exception], ...]) -> Any:
    """Return what an action returns, None where it is refused with a reason."""
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            return action()
        except refusals as error:
            reason = str(error)
    assert reason
    return None


@SETTINGS
@given(encoding=st.sampled_from(ENCODINGS), width=sizes, height=sizes,
       step=st.none() | st.integers(0, 80) | st.sampled_from([UINT32, 2**31]),
       length=st.none() | st.integers(0, 700), big=st.integers(0, 255), seed=st.integers(0, 9))
def test_an_image_is_converted_or_refused(encoding, width, height, step, length, big, seed
                                          ) -> None:
    bytes_of_pixel = 8 if width > 9 or height > 9 else 1
    fitting = min(width * bytes_of_pixel, UINT32)
    message = Image(encoding=encoding, width=width, height=height, is_bigendian=big,
                    step=fitting if step is None else step)
    size = min(3 * message.step * max(height, 1), 2000) if length is None else length
    message.data.frombytes(np.random.default_rng(seed).bytes(size))
    pixels = checked(lambda: image_to_array(message), ImageError)
    if pixels is not None:
        assert pixels.shape[:2] == (height, width)
        assert pixels.ndim == 2 or pixels.shape[2] == 3
        assert pixels.dtype in (np.uint8, np.uint16, np.float32)


@SETTINGS
@given(encoding=st.sampled_from([*ENCODINGS, 'bayer_', 'bayer_rggb8 ', 'BAYER_rggb8']),
       form=st.sampled_from(['; png compressed ', '; jpeg compressed bgr8', '', ';', '; ;']),
       shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), channels=st.sampled_from([1, 3, 4]),
       deep=st.booleans(), suffix=st.sampled_from(['.png', '.jpg', '.tiff', '.bmp']),
       cut=st.integers(0, 3), spoiled=st.none() | st.integers(0, 60))
def test_a_compressed_image_is_decoded_or_refused(encoding, form, shape, channels, deep, suffix,
                                                  cut, spoiled) -> None:
    dtype = np.uint16 if deep and suffix in ('.png', '.tiff') else np.uint8
    pixels = np.full((*shape, channels), 77, dtype)
    data = bytearray(cv2.imencode(suffix, pixels)[1].tobytes())
    if cut:
        del data[len(data) * cut // 4:]
    if spoiled is not None and spoiled < len(data):
        data[spoiled] ^= 255
    message = CompressedImage(format=encoding + form)
    message.data.frombytes(bytes(data))
    found = checked(lambda: compressed_to_array(message), ImageError)
    if found is not None:
        assert found.ndim == 2 or found.shape[2] == 3
        assert found.dtype in (np.uint8, np.uint16)


@st.composite
def camera_infos(draw) -> CameraInfo:
    """Return camera infos, most of them with one value that no calibration gives."""
    message = CameraInfo(width=8, height=6, distortion_model=draw(st.sampled_from(
        ['', 'plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', 'thin_prism', '\n'])))
    message.k = [5.0, 0.0, 3.5, 0.0, 5.0, 2.5, 0.0, 0.0, 1.0]
    message.p = [5.0, 0.0, 3.5, 0.0, 0.0, 5.0, 2.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    message.d = [0.0] * draw(st.sampled_from([0, 1, 4, 5, 8, 12, 14, 20]))
    for values in (message.k, message.p, message.d):
        for _ in range(draw(st.integers(0, 2))):
            if len(values):
                values[draw(st.integers(0, len(values) - 1))] = draw(FLOATS)
    message.binning_x, message.binning_y = draw(sizes), draw(sizes)
    message.roi.x_offset, message.roi.y_offset = draw(sizes), draw(sizes)
    message.roi.width, message.roi.height = draw(sizes), draw(sizes)
    return message


@SETTINGS
@given(message=camera_infos(), rectified=st.booleans(), nominal=st.sampled_from([0.0, 5.0]))
def test_a_camera_info_gives_rays_or_why_not(message, rectified, nominal) -> None:
    def rays() -> tuple[Any, np.ndarray]:
        intrinsics = find_intrinsics(message, 8, 6, rectified=rectified,
                                     nominal_focal_pixels=nominal)
        return intrinsics, pixel_rays(intrinsics, 8, 6)

    found = checked(rays, IntrinsicsError)
    if found is not None:
        intrinsics, directions = found
        numbers = (*intrinsics.focal_pixels, *intrinsics.centre_pixels, *intrinsics.distortion)
        assert np.isfinite(numbers).all()  # the report is JSON
        assert directions.shape == (6, 8, 2)
        assert not np.isinf(directions).any()


@SETTINGS
@given(message=camera_infos(), rectified=st.booleans())
def test_a_focal_length_is_positive_and_finite_or_none(message, rectified) -> None:
    history = CameraInfoHistory(2)
    history.add(message)
    found = checked(lambda: history.focal_length((0, 0), 8, 6, rectified=rectified), ())
    assert found is None or 0 < found.pixels < math.inf
    checked(lambda: history.find((0, 0), 8, 6), ())


@SETTINGS
@given(values=st.lists(FLOATS, min_size=14, max_size=14), distance=st.floats(0, 1e30))
def test_a_transform_is_a_pose_or_none(values, distance) -> None:
    def moved() -> list[float]:
        poses = [pose_from_quaternion(tuple(values[first:first + 3]),
                                      tuple(values[first + 3:first + 7])) for first in (0, 7)]
        return [travel_m(*poses), movement_m(*poses, distance),
                movement_m(*poses, distance, across_only=True)]

    found = checked(moved, ValueError)
    assert found is None or np.isfinite(found).all()
