# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a focus position means in metres."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.calibration import (
    CalibrationTable,
    FOCUS_UNITS,
    FocusScale,
    is_distance,
    parse_table,
)
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


RISING = ((100.0, 0.1), (400.0, 0.2), (900.0, 0.5))
FALLING = tuple((1000 - raw, distance) for raw, distance in RISING)


@pytest.mark.parametrize('pairs', [RISING, FALLING, RISING[::-1]])
def test_a_table_gives_its_pairs_and_dioptres_between_them(pairs) -> None:
    table = CalibrationTable(pairs)
    for raw, distance in pairs:
        assert table.distance_m(raw) == pytest.approx(distance, rel=1e-12)
        assert table.raw(distance) == pytest.approx(raw, rel=1e-12)
    between = (pairs[0][0] + pairs[1][0]) / 2
    assert 1 / table.distance_m(between) == pytest.approx(
        (1 / pairs[0][1] + 1 / pairs[1][1]) / 2)
    assert table.raw(table.distance_m(between)) == pytest.approx(between)


def test_nothing_is_known_beyond_a_table() -> None:
    table = CalibrationTable(RISING)
    assert all(math.isnan(table.distance_m(raw)) for raw in (99.9, 900.1, math.nan))
    assert all(math.isnan(table.raw(distance)) for distance in (0.09, 0.6, 0.0, math.nan))


@pytest.mark.parametrize(('pairs', 'words'), [
    (((1.0, 0.1),), 'at least two'), (((1.0, 0.1), (2.0, 0.0)), 'positive'),
    (((1.0, 0.1), (math.nan, 0.2)), 'positive'), (((1.0, 0.1), (1.0, 0.2)), 'monotone'),
    (((1.0, 0.1), (2.0, 0.3), (3.0, 0.2)), 'monotone'), (((1.0, 0.1), (2.0, 0.1)), 'monotone')])
def test_a_table_that_is_none_is_an_error(pairs, words) -> None:
    with pytest.raises(ValueError, match=words):
        CalibrationTable(pairs)


def test_a_table_is_written_as_pairs() -> None:
    assert parse_table(' 400: 0.2, 100:0.1,900 : 0.5 ') == CalibrationTable(RISING)
    assert parse_table('') is None
    for text in ('100', '100: near, 200: 0.2', '100: 0.1; 200: 0.2'):
        with pytest.raises(ValueError, match='no pair of a raw value and metres'):
            parse_table(text)


def test_raw_positions_have_the_distance_of_the_table_and_the_offset() -> None:
    scale = FocusScale('raw', -0.05, CalibrationTable(RISING))
    assert scale.distance_m(400.0) == pytest.approx(0.15)
    assert math.isnan(scale.distance_m(901.0))
