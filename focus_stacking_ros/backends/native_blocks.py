# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sharpest blocks of all slices by the native library."""

from __future__ import annotations

from collections.abc import Sequence
import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.fuse.faint import BLOCK
from focus_stacking_ros.core.fuse.greatest_blocks import (
    APART,
    Best,
    BlockPlane,
    GreatestBlocks,
    SharpestBlocks,
)
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['native_greatest_blocks']

_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p


class _Slice(ctypes.Structure):
    """A slice; see cpp/greatest_blocks.hpp, as of that below."""

    _fields_ = (('plane', _POINTER), ('valid', _POINTER), ('place', ctypes.c_double * 6),
                ('factor', _FLOAT))


class _Job(ctypes.Structure):
    """All slices."""

    _fields_ = (*((name, _INTEGER) for name in (
        'rows', 'columns', 'count', 'indices', 'sums', 'extended')),
        ('reach', _FLOAT), ('apart', _FLOAT),
        *((name, _POINTER) for name in ('slices', 'index', 'near', 'far', 'best', 'second',
                                        'number')))


def native_greatest_blocks(library: NativeLibrary, planes: Sequence[BlockPlane],
                           indices: Sequence[FloatImage], reach: int, *, extended: bool,
                           best: bool) -> GreatestBlocks:
    """
    Find the sharpest of blocks; see `core.fuse.greatest_blocks.greatest_blocks`.

    :param library: who finds them
    :param planes: in the order of the index; affine
    :param indices: (ceil(H / 4), ceil(W / 4)) float32 each, slices; one at least
    :param reach: slices from the index within which they are next to it
    :param extended: whether beyond its rim a slice is as sharp as there, else not at all
    :param best: whether the sharpest of all is wanted
    """
    shape = indices[0].shape
    kept: list[NDArray[Any]] = []  # what the library is given addresses of

    def address(array: NDArray[Any]) -> int:
        kept.append(array)
        return array.ctypes.data

    sums = planes[0].factor is None
    pixels = planes[0].plane.shape if sums else (BLOCK * shape[0], BLOCK * shape[1])
    slices = (_Slice * len(planes))()
    for each, plane in zip(slices, planes, strict=True):
        each.plane = address(plain(plane.plane, np.uint8, pixels if sums else shape))
        valid = plane.valid_blocks((shape[1], shape[0]))
        each.valid = None if valid is None else address(plain(valid, np.uint8, shape))
        each.place = (ctypes.c_double * 6)(*reduced(plane.transform, BLOCK)[:2].ravel())
        each.factor = 0 if plane.factor is None else plane.factor

    def listed(arrays: Sequence[NDArray[Any]]) -> int:
        return address(np.array([address(array) for array in arrays], np.uintp))

    beside = [SharpestBlocks(np.empty(shape, np.uint16), np.empty(shape, np.uint16))
              for _ in indices]
    found = Best(*(np.empty(shape, np.uint16) for _ in range(3))) if best else None
    library.call('blocks', ctypes.byref(_Job(
        *pixels, len(planes), len(indices), sums, extended, reach, APART,
        ctypes.addressof(slices), listed([plain(index, np.float32, shape) for index in indices]),
        listed([each.near for each in beside]), listed([each.far for each in beside]),
        *([None] * 3 if found is None else map(address, (
            found.best, found.second, found.number))))))
    return GreatestBlocks(beside, found)
