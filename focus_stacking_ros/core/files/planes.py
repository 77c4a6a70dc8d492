# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planes of numbers from files: what `encode_tiff` has written."""

from __future__ import annotations

from pathlib import Path

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import headers
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['pixel_size_of', 'read_plane']


def read_plane(path: Path) -> FloatImage:
    """
    Return a TIFF of one plane of float32, NaN kept.

    :param path: a file of a result, as depth.tiff
    :returns: (H, W) float32
    :raises ImageFileError: it cannot be read, or holds something else
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageFileError(f'{path}: it cannot be read: {error.strerror or error}') from error
    try:
        plane = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        plane = None
    if plane is None:
        raise ImageFileError(f'{path}: it is no image, or it is damaged')
    if plane.dtype != np.float32 or plane.ndim != 2:
        raise ImageFileError(f'{path}: it holds {plane.dtype} {plane.shape}, and a plane of '
                             'float32 was expected, as `stack` writes it')
    return plane


def pixel_size_of(path: Path) -> float | None:
    """Return the side of a pixel on the object that a TIFF tells, metres; None for none."""
    return headers(path)[0].pixel_m
