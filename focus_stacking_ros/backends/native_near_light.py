# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stages around the fusion by the native library."""

from __future__ import annotations

from collections.abc import Sequence
import ctypes

from focus_stacking_ros.backends.native_blocks import native_greatest_blocks
from focus_stacking_ros.backends.native_front import is_known, native_sharpness
from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.align.warping import is_affine
from focus_stacking_ros.core.fuse import near_light
from focus_stacking_ros.core.fuse.detail_energy import BLOCKS, smoothing_taps
from focus_stacking_ros.core.fuse.faint import Plane
from focus_stacking_ros.core.fuse.greatest_blocks import BlockPlane, GreatestBlocks
from focus_stacking_ros.core.fuse.near_light import Beside, Mask, Pixels, Spread
from focus_stacking_ros.core.fuse.stages import PortableFusion
from focus_stacking_ros.core.slices import FloatImage, Image, stored, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeFusion']

_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p


class _BesideJob(ctypes.Structure):
    """Where light may come from nearer surfaces; see cpp/near_light.hpp, as of that below."""

    _fields_ = (*((name, _INTEGER) for name in ('rows', 'columns', 'reach')),
                *((name, _FLOAT) for name in ('step', 'widest')),
                *((name, _POINTER) for name in ('index', 'known', 'pixels', 'away', 'gap',
                                                'count')))


class _SpreadJob(ctypes.Structure):
    """Light spread over some pixels."""

    _fields_ = (*((name, _INTEGER) for name in ('columns', 'reach', 'channels', 'wide')),
                *((name, ctypes.c_double) for name in ('step', 'rate')), ('bright', _INTEGER),
                ('count', ctypes.c_int64),
                *((name, _POINTER) for name in ('image', 'index', 'table', 'pixels', 'share',
                                                'light', 'radius', 'saturated')))


class _FaintJob(ctypes.Structure):
    """A slice's sharpness and a coarser one; see cpp/faint.hpp."""

    _fields_ = (*((name, _INTEGER) for name in ('rows', 'columns')),
                *((name, _POINTER) for name in ('sharpness', 'coarse', 'coarse_share', 'valid',
                                                'result')))


class _EnergyJob(ctypes.Structure):
    """Bands of an image whose detail is wanted; see cpp/energy.hpp."""

    _fields_ = (*((name, _INTEGER) for name in (
        'rows', 'columns', 'channels', 'kind', 'reverse', 'bands', 'across')),
        ('image', _POINTER), ('place', ctypes.c_double * 6),
        *((name, _POINTER) for name in ('tops', 'taps', 'result')))


#: What the library calls the types of grey values.
_KINDS = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.int16): 2}


class NativeFusion(PortableFusion):
    """
    The stages in C++; see `core.fuse.stages.FusionStages` for the methods.

    :param library: who does them
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library

    def beside(self, index: FloatImage, known: Mask, step: float, widest: float) -> Beside:
        """Find the pixels beside nearer surfaces."""
        room = int(np.count_nonzero(known))
        pixels, count = np.empty(room, np.int64), np.zeros(1, np.int64)
        away, gap = np.empty(room, np.float32), np.empty(room, np.float32)
        index = plain(index, np.float32)
        known = plain(known, np.bool_, index.shape)
        self._library.call('beside', ctypes.byref(_BesideJob(
            *index.shape, near_light.REACH, step, widest, *(each.ctypes.data for each in (
                index, known, pixels, away, gap, count)))))
        some = slice(0, int(count[0]))
        return Beside(pixels[some].copy(), away[some].copy(), gap[some].copy())

    def spread(self, image: Image, index: FloatImage, pixels: Pixels, rate: float,
               step: float) -> Spread:
        """Sum up the light spread over some pixels."""
        wide, top = image.dtype != np.uint8, int(np.iinfo(image.dtype).max)
        image = plain(image, np.uint16 if wide else np.uint8)
        channels = image.shape[2] if image.ndim == 3 else 1
        index, pixels = plain(index, np.float32, image.shape[:2]), plain(pixels, np.int64)
        table, count = near_light.light_table(top), len(pixels)
        found = Spread(np.empty(count, np.float32), np.empty((count, channels), np.float32),
                       np.empty(count, np.float32), np.empty(count, np.float32))
        self._library.call('spread', ctypes.byref(_SpreadJob(
            index.shape[1], near_light.REACH, channels, wide, step, rate,
            int(near_light.SATURATED * top), count, *(each.ctypes.data for each in (
                image, index, table, pixels, found.share, found.light, found.radius,
                found.saturated)))))
        return found

    def sharpness(self, image: Image) -> Plane:
        """Return how sharp each pixel of a slice is."""
        return native_sharpness(self._library, image) if is_known(image) else (
            super().sharpness(image))

    def mixed(self, sharpness: Plane, coarse: Plane, share: Plane, valid: Plane | None) -> Plane:
        """Mix a slice's sharpness with a coarser one, in its place."""
        rows, columns = sharpness.shape
        small = -(-rows // 4), -(-columns // 4)
        sharpness = plain(sharpness, np.uint8)
        result = sharpness if sharpness.flags.writeable else np.empty_like(sharpness)
        planes = [sharpness, plain(coarse, np.uint8, small), plain(share, np.uint8, small)]
        if valid is not None:
            valid = plain(valid, np.uint8, sharpness.shape)
        self._library.call('faint', ctypes.byref(_FaintJob(
            rows, columns, *(each.ctypes.data for each in planes),
            None if valid is None else valid.ctypes.data, result.ctypes.data)))
        return result

    def greatest_blocks(self, planes: Sequence[BlockPlane], indices: Sequence[FloatImage],
                        reach: int, *, extended: bool, best: bool = False) -> GreatestBlocks:
        """Find the sharpest of blocks."""
        if not all(is_affine(each.transform) for each in planes):
            return super().greatest_blocks(planes, indices, reach, extended=extended, best=best)
        return native_greatest_blocks(self._library, planes, indices, reach, extended=extended,
                                      best=best)

    def energy(self, image: Image | NDArray[np.int16], transform: Transform,
               tops: Sequence[int], across: int) -> FloatImage:
        """Tell how much detail bands of an image have."""
        if min(image.shape[:2]) < 2 or not tops or not across or not is_affine(transform):
            return super().energy(image, transform, tops, across)
        pixels, reverse = stored(image)
        pixels = plain(pixels, image.dtype.type)
        first, taps = np.array(tops, np.int32), smoothing_taps()
        found = np.empty((BLOCKS * len(tops), across), np.float32)
        self._library.call('energy', ctypes.byref(_EnergyJob(
            *image.shape[:2], image.shape[2] if image.ndim == 3 else 1, _KINDS[image.dtype],
            reverse, len(tops), across, pixels.ctypes.data,
            (ctypes.c_double * 6)(*transform[:2].ravel()),
            *(each.ctypes.data for each in (first, taps, found)))))
        return found
