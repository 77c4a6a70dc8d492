# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From pixels to rays: what a camera info says, or nominal intrinsics where it says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Intrinsics', 'IntrinsicsError', 'find_intrinsics', 'pixel_rays']

_BAND = 64  # rows that are undistorted at once
_CRITERIA = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-4)  # pixels
# Pixels between which a focal length is one, and how far the principal point and the coefficients
# of the distortion may be from 0: beyond, rays overflow.
_SHORTEST, _LARGEST = 1e-3, 1e9
_MISSED = 0.1  # pixels from which on a ray does not belong to its pixel
_FISHEYE = ('equidistant', 'fisheye')
_POLYNOMIAL = ('', 'plumb_bob', 'rational_polynomial')
_POLYNOMIAL_LENGTHS = (4, 5, 8, 12, 14)


class IntrinsicsError(ValueError):
    """The rays of the pixels are not known; the message says why and what to do."""


@dataclass(frozen=True)
class Intrinsics:
    """
    A pinhole with lens distortion; pixel centres are at integer coordinates.

    :param focal_pixels: horizontal and vertical focal length, pixels
    :param centre_pixels: principal point, pixels
    :param distortion: OpenCV's coefficients, empty where there is none
    :param fisheye: whether they are those of cv2.fisheye
    :param origin: camera_info, or nominal where the camera is not calibrated
    """

    focal_pixels: tuple[float, float]
    centre_pixels: tuple[float, float]
    distortion: tuple[float, ...] = ()
    fisheye: bool = False
    origin: str = 'camera_info'

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Return the (3, 3) camera matrix."""
        return np.array([[self.focal_pixels[0], 0, self.centre_pixels[0]],
                         [0, self.focal_pixels[1], self.centre_pixels[1]], [0, 0, 1]], np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Return the intrinsics as JSON-ready values."""
        return {'origin': self.origin, 'focal_pixels': list(self.focal_pixels),
                'centre_pixels': list(self.centre_pixels), 'distortion': list(self.distortion)}


def find_intrinsics(camera_info: Any | None, width: int, height: int, *, rectified: bool,
                    nominal_focal_pixels: float) -> Intrinsics:
    """
    Return the intrinsics of an image: its camera's, or nominal ones where options give them.

    Region of interest and binning are applied as image_geometry does: the camera matrix of a
    sensor_msgs/CameraInfo is that of the whole sensor.

    :param camera_info: sensor_msgs/CameraInfo, or None
    :param width: of the image, pixels
    :param height: of the image, pixels
    :param rectified: whether the images are rectified, so that P holds instead of K and D
    :param nominal_focal_pixels: of a camera that is not calibrated, pixels; 0 where none is given
    :raises IntrinsicsError: the camera is not calibrated, and no nominal intrinsics are given;
        or its distortion is of an unknown model
    """
    matrix = None
    if camera_info is not None:
        matrix = (np.array(camera_info.p, np.float64).reshape(3, 4)[:, :3]
                  if rectified else np.array(camera_info.k).reshape(3, 3))
    if matrix is None or not (
            (np.abs(matrix) <= _LARGEST).all() and abs(matrix[0, 0]) >= _SHORTEST
            and abs(matrix[1, 1]) >= _SHORTEST):
        if not nominal_focal_pixels:
            missing = 'there is no camera_info' if matrix is None else (
                f'the camera is not calibrated ({"P" if rectified else "K"}[0] of '
                f'its camera_info is {matrix[0, 0]:g})')
            raise IntrinsicsError(f'{missing}: no point cloud; calibrate the camera, or give '
                                  'camera.nominal_focal_length')
        return Intrinsics((nominal_focal_pixels, nominal_focal_pixels),
                          ((width - 1) / 2, (height - 1) / 2), origin='nominal')
    assert camera_info is not None
    binning = max(camera_info.binning_x, 1), max(camera_info.binning_y, 1)
    corner = camera_info.roi.x_offset, camera_info.roi.y_offset
    focal_pixels = float(matrix[0, 0]) / binning[0], float(matrix[1, 1]) / binning[1]
    centre_pixels = (float(matrix[0, 2] - corner[0]) / binning[0],
                     float(matrix[1, 2] - corner[1]) / binning[1])
    distortion = tuple(float(value) for value in camera_info.d)
    if rectified or not any(distortion):
        return Intrinsics(focal_pixels, centre_pixels)
    if not (np.abs(distortion) <= _LARGEST).all():
        raise IntrinsicsError(f'the distortion of the camera_info is {distortion}, which is none '
                              'of a lens: no point cloud; calibrate the camera')
    fisheye = camera_info.distortion_model in _FISHEYE
    lengths = (4,) if fisheye else _POLYNOMIAL_LENGTHS
    known = fisheye or camera_info.distortion_model in _POLYNOMIAL
    if not known or len(distortion) not in lengths:
        raise IntrinsicsError(
            f'the distortion model {camera_info.distortion_model!r} with {len(distortion)} '
            f'coefficients is none of {", ".join((*_POLYNOMIAL[1:], _FISHEYE[0]))}: no point '
            'cloud; rectify the images and set input.rectified')
    return Intrinsics(focal_pixels, centre_pixels, distortion, fisheye)


@lru_cache(maxsize=1)
def pixel_rays(intrinsics: Intrinsics, width: int, height: int) -> NDArray[np.float32]:
    """
    Return where the ray of each pixel meets the plane Z = 1 of the optical frame.

    :returns: (H, W, 2) float32, X and Y, not a number where the distortion has no inverse; not
        to be written to
    """
    focal, centre = intrinsics.focal_pixels, intrinsics.centre_pixels
    rays = np.empty((height, width, 2), np.float32)
    if not intrinsics.distortion:
        rays[..., 0] = (np.arange(width) - centre[0]) / focal[0]
        rays[..., 1] = ((np.arange(height) - centre[1]) / focal[1])[:, np.newaxis]
    else:
        for top in range(0, height, _BAND):
            rays[top:top + _BAND] = _undistorted(intrinsics, width, top,
                                                 min(top + _BAND, height))
    rays.flags.writeable = False
    return rays


def _undistorted(intrinsics: Intrinsics, width: int, top: int, bottom: int
                 ) -> NDArray[np.float64]:
    """Return the rays of some rows."""
    matrix, distortion = intrinsics.matrix, np.array(intrinsics.distortion)
    pixels = np.stack(np.meshgrid(np.arange(width, dtype=np.float64),
                                  np.arange(top, bottom, dtype=np.float64)), -1).reshape(-1, 1, 2)
    if intrinsics.fisheye:
        rays = cv2.fisheye.undistortPoints(pixels, matrix, distortion)
        back = cv2.fisheye.distortPoints(rays, matrix, distortion)
    else:
        if hasattr(cv2, 'undistortPointsIter'):  # OpenCV 4
            rays = cv2.undistortPointsIter(pixels, matrix, distortion, None, None, _CRITERIA)
        else:
            rays = cv2.undistortPoints(pixels, matrix, distortion, criteria=_CRITERIA)
        points = np.concatenate([rays, np.ones_like(rays[..., :1])], -1)
        back, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, distortion)
    missed = ~(np.abs(back - pixels).max(-1) <= _MISSED)
    rays[missed] = np.nan
    return rays.reshape(bottom - top, width, 2)
