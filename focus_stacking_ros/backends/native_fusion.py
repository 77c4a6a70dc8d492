# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image by the native library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from typing import Any

import cv2
from focus_stacking_ros.backends.native_guide import source_structure
from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.fuse import job as deciding
from focus_stacking_ros.core.fuse import weights
from focus_stacking_ros.core.fuse.fixed_map import FixedMap
from focus_stacking_ros.core.fuse.gathering import CUBIC_WEIGHTS
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.slices import Image, stored
from focus_stacking_ros.core.stack.guide_source import GuideSource
import numpy as np
from numpy.typing import NDArray

__all__ = ['fused_rows', 'weight_records']

_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p
#: Rows and columns of a tile: long rows, as processors fetch ahead what follows in memory.
_TILE = 32, 512
_CUBIC = CUBIC_WEIGHTS.astype(np.float64)  # exact
_FARTHEST = np.array([weights.farthest_of(reach) for reach in range(256)], np.float32)


def _fields(kind: Any, names: str) -> tuple[tuple[str, Any], ...]:
    return tuple((name, kind) for name in names.split())


class _Slice(ctypes.Structure):
    """A retained slice; see cpp/fuse.hpp, as of those below."""

    _fields_ = (*_fields(_POINTER, 'image sharpness valid columns_x rows_x columns_y rows_y'),
                ('separable', _INTEGER), ('gains', _INTEGER * 3))


class _Tables(ctypes.Structure):
    """Tables and limits of `core.fuse.weights`."""

    _fields_ = (*_fields(_POINTER, 'penalties weights relative average_weights distances '
                         'gates logarithms drop far_drop cubic farthest gate_limits '
                         'lead_limits'),
                *_fields(_INTEGER, 'full_reach leads centre never octave index_steps '
                         'distance_shift average_steps'))


class _Job(ctypes.Structure):
    """A job."""

    _fields_ = (*_fields(_INTEGER, 'rows columns count channels wide'),
                *_fields(_POINTER, 'slices tables index trust noise widest sharpest missed '
                         'narrow'),
                *_fields(_FLOAT, 'blur narrowest narrowed least_noise noise_sharpness '
                         'sharpness_step trusted distrusted'),
                *_fields(_INTEGER, 'tile_rows tile_columns first last'), ('source', _POINTER))


def fused_rows(library: NativeLibrary, job: FusionJob, rows: slice) -> Image:
    """
    Return rows of the all-in-focus image that begin and end where tiles do.

    :param library: who fuses them
    :param job: what is fused, affine, of 2x2 pixels and more; its integers are narrow
    :param rows: rows wanted
    """
    first = job.slices[0].image
    result = np.empty((rows.stop - rows.start, *first.shape[1:]), first.dtype)
    with _structure(job, rows) as structure:
        library.call('fuse', ctypes.byref(structure), result)
    return cv2.cvtColor(result, cv2.COLOR_RGB2BGR) if _is_reverse(job) else result


def _is_reverse(job: FusionJob) -> bool:
    """Return whether the slices lie in memory with red first; then they are fused so."""
    return all(stored(each.image)[1] for each in job.slices)


def weight_records(library: NativeLibrary, job: FusionJob, rows: slice,
                   records: NDArray[np.void]) -> set[int]:
    """
    Write the planes that decide the weights of rows that begin and end where tiles do.

    :param library: who decides them
    :param job: as for `fused_rows`
    :param rows: rows wanted
    :param records: (rows, W) without gaps, of ``kernel_interface.GUIDE``
    :returns: numbers of the slices of which a pixel may get something
    """
    used = np.zeros(len(job.slices), np.uint8)
    with _structure(job, rows) as structure:
        library.call('guide', ctypes.byref(structure), records, used)
    return set(np.flatnonzero(used).tolist())


@contextmanager
def _structure(job: FusionJob, rows: slice) -> Iterator[_Job]:
    """Give a job as the library knows it; what it points to lives meanwhile."""
    first = job.slices[0].image
    kept: list[NDArray[Any]] = []  # what the library is given addresses of

    def address(array: NDArray[Any]) -> int:
        kept.append(array)
        return array.ctypes.data

    wide, reverse = first.dtype != np.uint8, _is_reverse(job)
    slices = (_Slice * len(job.slices))()
    for each, item, fixed in zip(slices, job.slices, job.maps, strict=True):
        if fixed is None:
            continue
        assert isinstance(fixed, FixedMap)  # what has perspective is OpenCV's
        pixels = stored(item.image)[0] if reverse else item.image
        each.image = address(plain(pixels, np.uint16 if wide else np.uint8, first.shape))
        each.sharpness = address(plain(item.sharpness, np.uint8, job.shape))
        if item.valid is not None:
            each.valid = address(plain(item.valid, np.uint8, job.shape))
        tables = fixed.tables(job.shape)
        for name in ('columns_x', 'rows_x', 'columns_y', 'rows_y'):
            setattr(each, name, address(plain(getattr(tables, name), np.int32)))
        each.separable = int(fixed.is_separable())
        gains = item.gains()
        each.gains = (_INTEGER * 3)(*(gains[::-1] if reverse else gains))
    tables_of_weights = _Tables(
        *(address(table) for table in (
            job.penalties, weights.WEIGHT, deciding.RELATIVE_WEIGHT,
            deciding.AVERAGE_WEIGHT, weights.DISTANCE, weights.GATE, weights.LOG_SHARPNESS,
            job.noise_drop, weights.NOISE_DROP, _CUBIC, _FARTHEST, weights.GATE_LIMITS,
            weights.LEAD_LIMITS)),
        weights.FULL_REACH, len(weights.LEAD_LIMITS), weights.CENTRE, weights.NEVER,
        weights.OCTAVE, weights.INDEX_STEPS, weights.DISTANCE_SHIFT,
        weights.AVERAGE_STEPS)
    with _planes(job) as (source, planes):
        yield _Job(
            *job.shape, len(job.slices), first.shape[2] if first.ndim == 3 else 1, wide,
            ctypes.addressof(slices), ctypes.addressof(tables_of_weights), *planes,
            np.float32(job.source.blur_px ** 2 * deciding.LAPLACIAN),
            deciding.NARROWEST, job.source.narrowed, deciding.LEAST_NOISE,
            deciding.NOISE_SHARPNESS, deciding.SHARPNESS_STEP * job.source.gate,
            deciding.TRUSTED, deciding.DISTRUSTED,
            *_TILE, rows.start, rows.stop, source)


@contextmanager
def _planes(job: FusionJob) -> Iterator[tuple[int | None, list[int | None]]]:
    """Give the address of what the guide's planes are made from, or those of the planes."""
    if isinstance(job.source, GuideSource):
        with source_structure(job.source) as structure:
            yield ctypes.addressof(structure), [None] * 7
        return
    guide = job.guide
    missed = (np.full(job.shape, deciding.MISSED, np.uint8) if guide.missed is None
              else guide.missed)
    narrow = np.zeros(job.shape, np.uint8) if guide.narrow is None else guide.narrow
    planes = [*(plain(plane, np.float32, job.shape) for plane in (
        guide.index, guide.trust, guide.noise, guide.widest)),
        *(plain(plane, np.uint8, job.shape) for plane in (guide.sharpest, missed, narrow))]
    yield None, [plane.ctypes.data for plane in planes]
