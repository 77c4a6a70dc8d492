# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the values that go into a stack and come out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
import json

from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import Slice, SliceError, SliceReport, StackError
import numpy as np
import pytest


def test_report_as_json_keeps_every_field() -> None:
    transform = np.array([[1.01, 0, 2.5], [0, 1.01, -1], [0, 0, 1]])
    report = SliceReport(3, 0.25, 1, transform, 1.05, 0.7, reason='why',
                         gains=(1.0, 1.05, 1.1), misfit=0.4)
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert told == {'number': 3, 'focus_distance_m': 0.25, 'rank': 1,
                    'transform': [[1.01, 0, 2.5], [0, 1.01, -1], [0, 0, 1]], 'gain': 1.05,
                    'residual': 0.7, 'accepted': True, 'reason': 'why', 'gains': [1.0, 1.05, 1.1],
                    'misfit_px': 0.4, 'refusal': None}


def test_report_of_a_refused_input_has_nulls() -> None:
    told = SliceReport(0, accepted=False, reason='no', refusal=Refusal.ORDER).as_dict()
    assert told['refusal'] == 'order'
    assert (told['transform'], told['rank'], told['residual'], told['focus_distance_m']) == (
        None, None, None, None)


def test_values_are_frozen() -> None:
    item = Slice(np.zeros((2, 2), np.uint8), None, 0.0, 0)
    with pytest.raises(FrozenInstanceError):
        item.position = 1.0  # type: ignore[misc]


def test_errors_are_value_errors_with_a_code() -> None:
    error = SliceError(Refusal.SIZE, 'too large')
    assert (error.refusal, error.code, str(error)) == (Refusal.SIZE, 'size', 'too large')
    assert isinstance(error, ValueError)
    assert issubclass(StackError, ValueError)
