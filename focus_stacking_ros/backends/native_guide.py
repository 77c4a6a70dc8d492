# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What decides how much of each slice enters, in C++ (backends/cpp/guide.hpp)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.align.warping import is_affine
from focus_stacking_ros.core.focus.measure import half_size
from focus_stacking_ros.core.fuse import job as deciding
from focus_stacking_ros.core.fuse.faint import BLOCK
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.stack import fusion_guide as rules
from focus_stacking_ros.core.stack.guide_source import Blocks, GuideSource, PortableGuide
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeGuide', 'source_structure']

_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p
_BAND = 128  # rows that blocks are made of at a time


class _Source(ctypes.Structure):
    """What the planes are made from; see cpp/guide.hpp."""

    _fields_ = (*((name, _INTEGER) for name in ('rows', 'columns')),
                *((name, _POINTER) for name in (
                    'index', 'continuity', 'confidence', 'luma', 'sharpest', 'missed', 'change',
                    'raised', 'narrow', 'noises')),
                ('place', ctypes.c_double * 6),
                *((name, _FLOAT * 2) for name in ('glowing', 'smooth', 'sure', 'calm')),
                *((name, _FLOAT) for name in ('gate', 'more')), ('most_missed', _INTEGER))


@contextmanager
def source_structure(source: GuideSource) -> Iterator[_Source]:
    """Give a source, affine, as the library knows it; what it points to lives meanwhile."""
    half = half_size(source.shape)
    quarter = half_size(half)
    kept: list[NDArray[Any]] = []  # what the library is given addresses of

    def address(plane: NDArray[Any] | None, shape: tuple[int, ...],
                dtype: type = np.float32) -> int | None:
        if plane is None:
            return None
        kept.append(plain(plane, dtype, shape))
        return kept[-1].ctypes.data

    yield _Source(
        *source.shape,
        *(address(plane, half) for plane in (
            source.index, source.continuity, source.confidence, source.luma)),
        address(source.sharpest, half, np.uint8), address(source.missed, half, np.uint8),
        address(source.change, quarter), address(source.raised, quarter),
        address(source.narrow, quarter, np.uint8),
        address(source.noises, (256,)),
        (ctypes.c_double * 6)(*source.origin[:2].ravel().tolist()),
        *((_FLOAT * 2)(*rule) for rule in (
            (1 / rules.GLOWING, rules.GLOWING_FROM), (rules.SMOOTH, 1 / rules.SMOOTH_RANGE),
            (rules.SURE, 1 / rules.SURE_RANGE), (rules.CALM, rules.CALM_NOISE))),
        source.gate, rules.MORE, int(deciding.MISSED))


class NativeGuide(PortableGuide):
    """
    The stages in C++; see `core.stack.guide_source.GuideStages` for the methods.

    :param library: who does them
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library

    def blocks(self, source: GuideSource) -> Blocks:
        """Return what is averaged of the planes before slices are fused."""
        if not is_affine(source.origin):
            return super().blocks(source)
        height, width = source.shape
        # Blocks of a size that 4 does not divide have parts of pixels, of more than their bands.
        step = _BAND if height % BLOCK == 0 and width % BLOCK == 0 else height
        found = []
        with source_structure(source) as structure:
            for first in range(0, height, step):
                last = min(first + step, height)
                shape = (last - first, width)
                planes = np.empty(shape, np.uint8), *np.empty((2, *shape), np.float32)
                self._library.call('guide_rows', ctypes.byref(structure), first, last, *planes)
                found.append(Blocks.of(*planes))
        return Blocks(*(np.concatenate([getattr(each, name) for each in found]) for name in (
            'sharpest', 'noise', 'calm', 'first_noise', 'first_calm')))

    def noise(self, source: GuideSource) -> FloatImage:
        """Return the noise that nothing has raised."""
        if not is_affine(source.origin):
            return super().noise(source)
        result = np.empty(source.shape, np.float32)
        with source_structure(source) as structure:
            self._library.call('guide_rows', ctypes.byref(structure), 0, source.shape[0], None,
                               result, None)
        return result
