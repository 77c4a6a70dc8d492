# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Comparison of two slices in C++ (backends/cpp/comparison.hpp)."""

from __future__ import annotations

import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.core.align import portable_comparison as portable
from focus_stacking_ros.core.align.comparison_sums import ACROSS, BLURRED, DOWN, StepSums, Sums
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.level_fit import DOUBT
from focus_stacking_ros.core.align.motion import PARAMETERS
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeComparison']

_POINTER, _INTEGER, _DOUBLE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_double
_MOTIONS = 'translation', 'rigid', 'scale', 'similarity', 'affine', 'projective'
_UNKNOWNS, _PARTS, _LOCAL = 11, ACROSS * DOWN, 13  # as in comparison.hpp


class _Slices(ctypes.Structure):
    _fields_ = (*((name, _POINTER) for name in (
        'coarse', 'cells', 'other_coarse', 'other_cells', 'fine', 'other_fine')),
        *((name, _INTEGER) for name in (
            'rows', 'columns', 'fine_rows', 'fine_columns', 'ratio')),
        ('coarse_transform', _DOUBLE * 9), ('fine_transform', _DOUBLE * 9))


class _Rules(ctypes.Structure):
    _fields_ = (('robust', _DOUBLE * 4), *((name, _DOUBLE) for name in (
        'least_spread', 'tone', 'dark', 'spreading', 'near', 'weakest', 'blurred',
        'doubt', 'even_below')),
        *((name, _INTEGER) for name in (
            'points', 'fewest', 'enough', 'median', 'motion')))


class _Step(ctypes.Structure):
    _fields_ = (('normal', _DOUBLE * _UNKNOWNS ** 2), ('right', _DOUBLE * _UNKNOWNS),
                ('scatter', _DOUBLE * _UNKNOWNS ** 2),
                ('pulls', _DOUBLE * (2 * _PARTS * _UNKNOWNS)))


class _Sums(ctypes.Structure):
    _fields_ = (('transform', _DOUBLE * 9), ('before', _DOUBLE * 9), ('last', _Step),
                ('free', _Step), ('weight', _DOUBLE * _PARTS), ('sharpness', _DOUBLE * _PARTS),
                ('local', _DOUBLE * (_PARTS * _LOCAL)), ('found', _INTEGER))


class NativeComparison(PortableAlignment):
    """
    The stages of alignment with comparisons in C++; see `core.align.stages.AlignmentStages`.

    :param library: the native library
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library

    def compare(self, template: Detail, image: Detail, transform: Transform, model: str, *,
                judged: bool, even_below: float = 0.0) -> Sums | None:
        """Add up what tells how two slices differ."""
        return _sums(self._library, template, image, transform, model, judged=judged,
                     even_below=even_below)

    def forget(self) -> None:
        """Give back the memory that comparisons leave to those after them."""
        self._library.call('forget_comparisons')


def _sums(library: NativeLibrary, template: Detail, image: Detail, transform: Transform,
          model: str, *, judged: bool, even_below: float) -> Sums | None:
    coarse, fine = template.coarse, template.level
    planes = [plain(plane, np.float32, other.shape) for plane, other in (
        (coarse.grey, coarse.grey), (coarse.cells, coarse.cells),
        (image.coarse.grey, coarse.grey), (image.coarse.cells, coarse.cells),
        (fine.grey, fine.grey), (image.level.grey, fine.grey))]
    slices = _Slices(
        *(plane.ctypes.data for plane in planes), *coarse.grey.shape, *fine.grey.shape,
        coarse.factor // fine.factor,
        *((_DOUBLE * 9)(*reduced(transform, factor).ravel().tolist())
          for factor in (coarse.factor, fine.factor)))
    rules = _Rules(
        (_DOUBLE * 4)(*portable.ROBUST), portable.LEAST_SPREAD, portable.TONE,
        portable.DARK, portable.SPREADING, portable.NEAR, portable.WEAKEST, BLURRED,
        DOUBT, even_below, portable.POINTS, portable.FEWEST, portable.ENOUGH, portable.MEDIAN,
        _MOTIONS.index(model))
    sums, count = _Sums(), PARAMETERS[model] + 3
    library.call('compare', ctypes.addressof(slices), ctypes.addressof(rules), int(judged),
                 ctypes.addressof(sums))
    if not sums.found:
        return None
    return Sums(
        template.shape, fine.factor, coarse.factor,
        reduced(_array(sums.transform).reshape(3, 3), 1 / fine.factor),
        reduced(_array(sums.before).reshape(3, 3), 1 / fine.factor),
        _step(sums.last, count), _array(sums.weight), _array(sums.sharpness),
        _step(sums.free, _UNKNOWNS) if judged else None,
        _array(sums.local).reshape(_PARTS, _LOCAL) if judged else None)


def _array(values: Any) -> NDArray[np.float64]:
    return np.array(np.frombuffer(values, np.float64))


def _step(step: _Step, count: int) -> StepSums:
    normal, scatter = (_array(each).reshape(_UNKNOWNS, _UNKNOWNS)[:count, :count]
                       for each in (step.normal, step.scatter))
    return StepSums(normal, _array(step.right)[:count], scatter,
                    _array(step.pulls).reshape(2, _PARTS, _UNKNOWNS)[..., :count])
