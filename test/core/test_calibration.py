# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a focus position means in metres."""

from __future__ import annotations

import math

from focus_stacking_ros.core.calibration import FOCUS_UNITS, FocusScale, is_distance
import numpy as np
import pytest


@pytest.mark.parametrize(('unit', 'position', 'distance'), [
    ('metres', 0.25, 0.25), ('millimetres', 250.0, 0.25), ('dioptres', 4.0, 0.25)])
def test_units(unit, position, distance) -> None:
    assert unit in FOCUS_UNITS
    assert FocusScale(unit).distance_m(position) == pytest.approx(distance)


@pytest.mark.parametrize(('unit', 'position'), [
    ('metres', 0.3), ('millimetres', 300.0), ('dioptres', 1 / 0.3)])
def test_offset_is_in_metres_whatever_the_unit(unit, position) -> None:
    assert FocusScale(unit, -0.05).distance_m(position) == pytest.approx(0.25)


def test_raw_positions_have_no_distance() -> None:
    assert FocusScale('raw', 0.1).distance_m(512.0) is None


def test_zero_dioptres_is_no_distance_and_no_error() -> None:
    distance = FocusScale('dioptres').distance_m(0.0)
    assert distance is not None
    assert math.isnan(distance)


@pytest.mark.parametrize('unit', ['metres', 'millimetres', 'dioptres'])
def test_what_is_no_number_stays_none(unit) -> None:
    distance = FocusScale(unit).distance_m(math.nan)
    assert distance is not None
    assert math.isnan(distance)


def test_unknown_unit_is_an_error() -> None:
    with pytest.raises(ValueError, match='inches'):
        FocusScale('inches').distance_m(1.0)


@pytest.mark.parametrize(('value', 'expected'), [
    (0.3, True), (1e-6, True), (1e6, True), (0.0, False), (-0.3, False), (math.inf, False),
    (math.nan, False), (1e-300, False), (1e300, False)])
def test_a_distance_is_positive_and_fits_a_32_bit_float(value, expected) -> None:
    assert is_distance(value) is expected
    if expected:
        with np.errstate(all='raise'):
            assert 0 < np.float32(value) < np.inf
            assert 0 < np.float32(1 / value) < np.inf
