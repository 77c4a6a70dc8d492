# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the native library is passed of a depth that is wanted: its depth.hpp, field by field."""

from __future__ import annotations

from collections.abc import Sequence
import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['FALL_COUNT', 'WINDOW_COUNT', 'Falls', 'Judging', 'Peaks', 'StatePeaks', 'Surface',
           'Term', 'Volume', 'addresses']

#: kWindows and kFalls in depth.hpp.
WINDOW_COUNT, FALL_COUNT = 3, 2
_Fields = tuple[tuple[str, Any], ...]
_INTEGER, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p


def _fields(kind: Any, names: str) -> _Fields:
    return tuple((name, kind) for name in names.split())


def addresses(arrays: Sequence[NDArray[Any]]) -> NDArray[np.uintp]:
    """Return the addresses of the first values of arrays, which the caller keeps."""
    return np.array([array.ctypes.data for array in arrays], np.uintp)


class Volume(ctypes.Structure):
    """Responses of all slices in one grid."""

    _fields_ = (*_fields(_POINTER, 'planes'), *_fields(_INTEGER, 'count rows columns window'),
                *_fields(_POINTER, 'steps'))


class Falls(ctypes.Structure):
    """What tells how far the mean focus curve falls."""

    _fields_ = (('volume', Volume), *_fields(_INTEGER * FALL_COUNT, 'wider'),
                *_fields(_INTEGER, 'step ends first_lag lags'),
                *_fields(_POINTER * FALL_COUNT, 'floors'), *_fields(_FLOAT * FALL_COUNT, 'clear'),
                *_fields(_FLOAT, 'clear_signal'))


class Peaks(ctypes.Structure):
    """What peaks are told from, and where they go."""

    _fields_ = (('volume', Volume), *_fields(_INTEGER * WINDOW_COUNT, 'wider'),
                *_fields(_INTEGER, 'reach'), *_fields(_POINTER, 'limits blend'),
                *_fields(_FLOAT, 'seen'), *_fields(_POINTER * WINDOW_COUNT, 'floors'),
                *_fields(_FLOAT * WINDOW_COUNT, 'scatters'),
                *_fields(_FLOAT, 'width curvature ceiling'),
                *_fields(_POINTER, 'near levels usual'),
                *_fields(_INTEGER, 'level_rows level_columns'), *_fields(_FLOAT * 9, 'place'),
                *_fields(_FLOAT, 'glow faint faint_share model_error curvature_spread '
                         'least_curvature systematic doubtful doubtful_range response_error '
                         'least_error weak borrowed settled'),
                *_fields(_POINTER * WINDOW_COUNT, 'coordinate weight significance'),
                *_fields(_INTEGER, 'sparse'),
                *_fields(_FLOAT, 'strong valley clear telling through_error '
                         'through_least_error'),
                *_fields(_POINTER, 'told near_peak far_peak'))


class StatePeaks(ctypes.Structure):
    """What peaks of a running state are told from."""

    _fields_ = (('peaks', Peaks),
                *_fields(_POINTER, 'best left right detail index count total'),
                *_fields(_INTEGER, 'wide none slices'))


class Surface(ctypes.Structure):
    """What a surface is laid through, and where it goes."""

    _fields_ = (*_fields(_INTEGER, 'rows columns layers rounds'),
                *_fields(_POINTER, 'coordinates weights guide shares'),
                *_fields(_FLOAT, 'contrast least_link strength attenuation'),
                *_fields(_INTEGER, 'passes'),
                *_fields(_FLOAT, 'broad_share mean tiny outlier step certain known'),
                *_fields(_POINTER, 'coordinate agreement spread broad'))


class Term(ctypes.Structure):
    """The part of a clue in an additive model."""

    _fields_ = (*_fields(_INTEGER, 'clue logarithmic count'), *_fields(_POINTER, 'knots values'))


class Evidence(ctypes.Structure):
    """Peaks that tell a depth, and where that goes."""

    _fields_ = (*_fields(_INTEGER, 'rows columns layers'),
                *_fields(_POINTER, 'weights significances'),
                *_fields(_FLOAT, 'telling telling_range weighty'),
                *_fields(_POINTER, 'evidence'))


class Judging(ctypes.Structure):
    """What a surface is judged by, and where that goes."""

    _fields_ = (*_fields(_INTEGER, 'rows columns slices'),
                *_fields(_POINTER, 'evidence own_coordinate agreement spread broad steps'),
                *_fields(_FLOAT, 'unit half_evident flat enclosed agreeing agreement_power far '
                         'half steepness'),
                *_fields(_POINTER, 'blur own_blur'),
                *_fields(_INTEGER, 'blur_length own_blur_length mean'),
                *_fields(_POINTER, 'disc'), *_fields(_INTEGER, 'disc_rows near'),
                *_fields(_POINTER, 'odds deviations'),
                *_fields(_INTEGER, 'odds_count deviations_count'),
                *_fields(_FLOAT, 'odds_constant deviations_constant least power cost seen '
                         'systematic wandering'),
                *_fields(_POINTER, 'coordinate index confidence deviation calm continuity'))
