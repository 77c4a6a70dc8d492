# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Jumps of an index at the edges of the image, by the native library."""

from __future__ import annotations

import ctypes

from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.depth import rims
from focus_stacking_ros.core.depth.rims import Mask
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np

__all__ = ['native_rims']

_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p


class _RimJob(ctypes.Structure):
    """What is located; see backends/cpp/rims.hpp."""

    _fields_ = (*((name, _INTEGER) for name in ('rows', 'columns', 'channels', 'wide')),
                *((name, _POINTER) for name in ('image', 'index', 'confidence')),
                ('step', _FLOAT),
                *((name, _INTEGER) for name in ('tile', 'margin', 'reach', 'confirmed',
                                                'colours')),
                *((name, _FLOAT) for name in ('outer', 'inner', 'sure', 'clearer',
                                              'least_unlike')),
                *((name, _POINTER) for name in ('result', 'known')))


def native_rims(library: NativeLibrary, index: FloatImage, confidence: FloatImage, image: Image,
                step: float) -> tuple[FloatImage, Mask]:
    """
    Return what `core.depth.rims.located_rims` does.

    :param library: who does it
    :param index: (H, W) float32 slice index, 0 the nearest
    :param confidence: (H, W) float32, 0 to 1
    :param image: (H, W) or (H, W, 3), uint8 or uint16, the all-in-focus image
    :param step: least jump, slices
    """
    shape, wide = index.shape, image.dtype != np.uint8
    image = plain(image, np.uint16 if wide else np.uint8)
    index, confidence = plain(index, np.float32), plain(confidence, np.float32, shape)
    result, known = index.copy(), np.zeros(shape, np.bool_)
    library.call('rims', ctypes.byref(_RimJob(
        *shape, image.shape[2] if image.ndim == 3 else 1, wide, image.ctypes.data,
        index.ctypes.data, confidence.ctypes.data, step, rims.TILE, rims.MARGIN, rims.REACH,
        rims.CONFIRMED, rims.COLOURS, rims.OUTER, rims.INNER, rims.SURE, rims.CLEARER,
        rims.LEAST_UNLIKE, result.ctypes.data, known.ctypes.data)))
    return (result, known) if known.any() else (index, known)
