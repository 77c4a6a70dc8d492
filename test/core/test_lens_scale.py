# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a lens takes for a focus position."""

from __future__ import annotations

import math

from focus_stacking_ros.core.calibration import FocusScale
from focus_stacking_ros.core.lens_scale import focus_position, LensScale, LensScaleError
import pytest


@pytest.mark.parametrize('unit', ['metres', 'millimetres', 'dioptres'])
def test_a_distance_survives_the_way_there_and_back(unit: str) -> None:
    assert FocusScale(unit).distance_m(focus_position(0.25, unit)) == pytest.approx(0.25)


@pytest.mark.parametrize(('focus', 'position', 'lens', 'expected'), [
    ('metres', 0.25, 'same', 0.25), ('raw', 17.0, 'same', 17.0), ('metres', 0.25, 'dioptres', 4.0),
    ('dioptres', 4.0, 'millimetres', 250.0), ('millimetres', 250.0, 'metres', 0.25)])
def test_units_are_converted(focus: str, position: float, lens: str, expected: float) -> None:
    assert LensScale(focus, lens).value(position) == pytest.approx(expected)


@pytest.mark.parametrize('falling', [False, True])
@pytest.mark.parametrize('order', [1, -1])
def test_a_table_is_linear_in_dioptres(falling: bool, order: int) -> None:
    values = [100.0, 200.0, 300.0][::-1 if falling else 1]
    scale = LensScale('metres', 'table', (0.5, 0.25, 0.2)[::order], tuple(values[::order]))
    for distance, value in zip((0.5, 0.25, 0.2), values, strict=True):
        assert scale.value(distance) == pytest.approx(value)
    assert scale.value(1 / 3) == pytest.approx((values[0] + values[1]) / 2)  # 3 dioptres
    assert scale.value(1 / 4.5) == pytest.approx((values[1] + values[2]) / 2)


@pytest.mark.parametrize('position', [0.199, 0.501, 0.0, -1.0, math.nan])
def test_nothing_is_guessed_beyond_the_table(position: float) -> None:
    with pytest.raises(LensScaleError, match=r'outside|positive'):
        LensScale('metres', 'table', (0.5, 0.2), (1.0, 2.0)).value(position)


@pytest.mark.parametrize(('arguments', 'reason'), [
    (('raw', 'dioptres'), 'raw'), (('feet', 'same'), 'feet'), (('metres', 'steps'), 'steps'),
    (('metres', 'table'), 'at least two'), (('metres', 'table', (0.1,), (1.0,)), 'at least two'),
    (('metres', 'table', (0.1, 0.2), (1.0,)), 'as many'),
    (('metres', 'table', (0.1, -0.2), (1.0, 2.0)), 'positive'),
    (('metres', 'table', (0.1, 0.2), (1.0, math.nan)), 'finite'),
    (('metres', 'table', (0.1, 0.1), (1.0, 2.0)), 'twice'),
    (('metres', 'table', (0.1, 0.2, 0.3), (1.0, 3.0, 2.0)), 'rise or fall')])
def test_what_is_no_table_is_refused(arguments: tuple, reason: str) -> None:
    with pytest.raises(LensScaleError, match=reason):
        LensScale(*arguments)


def test_raw_values_are_no_distances() -> None:
    with pytest.raises(LensScaleError, match='raw'):
        focus_position(0.25, 'raw')
