# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the rays of pixels: back to the pixels with OpenCV's own projection."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.ros.messages.intrinsics import (
    find_intrinsics,
    Intrinsics,
    IntrinsicsError,
    pixel_rays,
)
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

pytestmark = pytest.mark.ros

WIDTH, HEIGHT = 160, 120
NONE: dict[str, Any] = {'rectified': False, 'nominal_focal_pixels': 0.0}
NOMINAL = {**NONE, 'nominal_focal_pixels': 700.0}
RECTIFIED = {**NONE, 'rectified': True}


def camera_info(distortion: tuple[float, ...] = (), model: str = 'plumb_bob') -> CameraInfo:
    info = CameraInfo(width=WIDTH, height=HEIGHT, d=distortion, distortion_model=model)
    info.k = [200.0, 0.0, 77.0, 0.0, 210.0, 62.0, 0.0, 0.0, 1.0]
    info.p = [180.0, 0.0, 80.0, 0.0, 0.0, 180.0, 60.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def projected(rays: np.ndarray, info: CameraInfo) -> np.ndarray:
    """Return the (H, W, 2) pixels that the rays are seen at."""
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], -1).reshape(-1, 1, 3)
    matrix, distortion = np.array(info.k).reshape(3, 3), np.array(info.d)
    project = (cv2.fisheye.projectPoints if info.distortion_model == 'equidistant'
               else cv2.projectPoints)
    arguments = (np.zeros(3), np.zeros(3), matrix, distortion)
    return project(points.astype(np.float64), *arguments)[0].reshape(*rays.shape)


@pytest.mark.parametrize(('distortion', 'model'), [
    ((), 'plumb_bob'), ((0.0,) * 5, 'plumb_bob'),
    ((-0.28, 0.07, 0.001, -0.0008, 0.0), 'plumb_bob'), ((0.2, 0.05, 0.0, 0.0), ''),
    ((-0.1, 0.02, 0.0005, 0.0005, 0.001, 0.02, 0.001, 0.0), 'rational_polynomial'),
    ((0.02, -0.005, 0.001, 0.0), 'equidistant')])
def test_every_ray_is_seen_at_its_pixel(distortion, model) -> None:
    info = camera_info(distortion, model)
    rays = pixel_rays(find_intrinsics(info, WIDTH, HEIGHT, **NONE), WIDTH, HEIGHT)
    assert (rays.shape, rays.dtype) == ((HEIGHT, WIDTH, 2), np.float32)
    assert np.isfinite(rays).all()
    pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1)
    assert np.abs(projected(rays, info) - pixels).max() < 0.02


def test_rectified_images_have_the_rays_of_p_and_no_distortion() -> None:
    info = camera_info((-0.28, 0.07, 0.0, 0.0, 0.0))
    rays = pixel_rays(find_intrinsics(info, WIDTH, HEIGHT, **RECTIFIED), WIDTH, HEIGHT)
    np.testing.assert_allclose(rays[60, 80], 0, atol=1e-7)
    np.testing.assert_allclose(rays[0, 0], (-80 / 180, -60 / 180), rtol=1e-6)


def test_region_of_interest_and_binning_move_the_pixels() -> None:
    info = camera_info()
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 40, 20, 80, 60
    info.binning_x = info.binning_y = 2
    intrinsics = find_intrinsics(info, 40, 30, **NONE)
    assert intrinsics.focal_pixels == (100.0, 105.0)
    assert intrinsics.centre_pixels == (18.5, 21.0)


def test_pixels_that_no_ray_is_seen_at_have_none() -> None:
    # Barrel distortion this strong folds the picture: nothing is seen at its corners.
    rays = pixel_rays(find_intrinsics(camera_info((-1.0, 0.0, 0.0, 0.0)), WIDTH, HEIGHT, **NONE),
                      WIDTH, HEIGHT)
    assert np.isnan(rays[0, 0]).all()
    assert np.isfinite(rays[62, 77]).all()


@pytest.mark.parametrize('info', [None, CameraInfo(width=WIDTH, height=HEIGHT)])
def test_without_calibration_there_are_nominal_intrinsics_or_none(info) -> None:
    with pytest.raises(IntrinsicsError, match=r'camera\.nominal_focal_length'):
        find_intrinsics(info, WIDTH, HEIGHT, **NONE)
    with pytest.raises(IntrinsicsError, match='calibrate'):
        find_intrinsics(info, WIDTH, HEIGHT, **RECTIFIED)
    nominal = find_intrinsics(info, WIDTH, HEIGHT, **NOMINAL)
    assert nominal == Intrinsics((700.0, 700.0), (79.5, 59.5), origin='nominal')
    assert find_intrinsics(camera_info(), WIDTH, HEIGHT, **NOMINAL).origin == 'camera_info'


@pytest.mark.parametrize(('distortion', 'model'), [
    ((0.1, 0.1), 'plumb_bob'), ((0.1,) * 5, 'equidistant'), ((0.1,) * 4, 'omnidirectional')])
def test_distortion_of_an_unknown_model_is_an_error(distortion, model) -> None:
    with pytest.raises(IntrinsicsError, match=r'distortion model.*input\.rectified'):
        find_intrinsics(camera_info(distortion, model), WIDTH, HEIGHT, **NONE)


def test_rays_are_computed_once_for_a_camera() -> None:
    intrinsics = find_intrinsics(camera_info((0.1, 0.0, 0.0, 0.0)), WIDTH, HEIGHT, **NONE)
    first = pixel_rays(intrinsics, WIDTH, HEIGHT)
    assert pixel_rays(find_intrinsics(camera_info((0.1, 0.0, 0.0, 0.0)), WIDTH, HEIGHT, **NONE),
                      WIDTH, HEIGHT) is first
