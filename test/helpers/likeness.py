# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How alike results are whose stages of floating point different backends have done."""

from __future__ import annotations

from focus_stacking_ros.core.slices import StackResult
import numpy as np
from numpy.typing import NDArray

__all__ = ['assert_alike', 'assert_mostly_within']

_MOST = 0.999  # share of the pixels that hw_accel/SPECIFICATION.md demands
_INDEX, _GREY_LEVEL, _CONFIDENCE = 1 / 64, 1, 0.01


def assert_mostly_within(found: NDArray[np.generic], expected: NDArray[np.generic],
                         tolerance: float, what: str = '') -> None:
    """Fail unless 99.9 % of the values differ by no more than a tolerance."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
    unknown = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), unknown, what)
    away = np.abs(found.astype(np.float64) - expected.astype(np.float64))[~unknown]
    share = float((away <= tolerance).mean()) if away.size else 1.0
    assert share >= _MOST, f'{what}: {1 - share:.2%} differ by more than {tolerance}'


def assert_alike(found: StackResult, expected: StackResult) -> None:
    """Fail unless two results of one stack differ by no more than backends may."""
    level = _GREY_LEVEL if expected.all_in_focus.dtype == np.uint8 else 257 * _GREY_LEVEL
    for name, tolerance in (('all_in_focus', level), ('slice_index', _INDEX),
                            ('confidence', _CONFIDENCE)):
        assert_mostly_within(getattr(found, name), getattr(expected, name), tolerance, name)
