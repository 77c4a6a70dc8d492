# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a lens takes for a focus position."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.calibration import FocusScale, parse_table
from focus_stacking_ros.core.optics.lens_scale import focus_position, LensScale, LensScaleError
import pytest


@pytest.mark.parametrize('unit', ['metres', 'millimetres', 'dioptres'])
def test_a_distance_survives_the_way_there_and_back(unit: str) -> None:
    assert FocusScale(unit).distance_m(focus_position(0.25, unit)) == pytest.approx(0.25)


@pytest.mark.parametrize(('focus', 'position', 'lens', 'expected'), [
    ('metres', 0.25, 'same', 0.25), ('raw', 17.0, 'same', 17.0), ('metres', 0.25, 'dioptres', 4.0),
    ('dioptres', 4.0, 'millimetres', 250.0), ('millimetres', 250.0, 'metres', 0.25)])
def test_units_are_converted(focus: str, position: float, lens: str, expected: float) -> None:
    assert LensScale(focus, lens).value(position) == pytest.approx(expected)


def test_a_table_is_linear_in_dioptres() -> None:
    scale = LensScale('millimetres', 'table', parse_table('100: 0.5, 200: 0.25, 300: 0.2'))
    for millimetres, value in ((500, 100), (250, 200), (200, 300), (1000 / 3, 150)):
        assert scale.value(millimetres) == pytest.approx(value)
    assert scale.value(500 * (1 + 1e-12)) == 100


@pytest.mark.parametrize(('focus', 'lens'), [
    ('metres', 'same'), ('raw', 'same'), ('metres', 'dioptres'), ('dioptres', 'table'),
    ('millimetres', 'table')])
def test_what_the_lens_takes_can_be_taken_back(focus: str, lens: str) -> None:
    scale = LensScale(focus, lens, parse_table('100: 0.5, 200: 0.25, 300: 0.2'))
    position = {'metres': 0.3, 'raw': 17.0, 'dioptres': 3.0, 'millimetres': 300.0}[focus]
    assert scale.position(scale.value(position)) == pytest.approx(position)


@pytest.mark.parametrize(('lens', 'value'), [
    ('table', 99.0), ('table', 301.0), ('dioptres', 0.0), ('metres', -1.0), ('metres', math.nan)])
def test_what_says_no_distance_is_no_position(lens: str, value: float) -> None:
    scale = LensScale('metres', lens, parse_table('100: 0.5, 200: 0.25, 300: 0.2'))
    assert math.isnan(scale.position(value))


@pytest.mark.parametrize('position', [0.199, 0.501, 0.0, -1.0, math.nan])
def test_nothing_is_guessed_beyond_the_table(position: float) -> None:
    with pytest.raises(LensScaleError, match=r'outside|positive'):
        LensScale('metres', 'table', parse_table('1: 0.5, 2: 0.2')).value(position)


@pytest.mark.parametrize(('arguments', 'reason'), [
    (('raw', 'dioptres'), 'raw'), (('feet', 'same'), 'feet'), (('metres', 'steps'), 'steps'),
    (('metres', 'table'), 'there is none')])
def test_units_that_do_not_go_together_are_refused(arguments: tuple, reason: str) -> None:
    with pytest.raises(LensScaleError, match=reason):
        LensScale(*arguments)


def test_raw_values_are_no_distances() -> None:
    with pytest.raises(LensScaleError, match='raw'):
        focus_position(0.25, 'raw')
