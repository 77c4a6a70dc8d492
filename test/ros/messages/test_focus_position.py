# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of typed focus positions: units that fit, units that do not, and distances beside them."""

from __future__ import annotations

import math
from types import SimpleNamespace

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS
from focus_stacking_ros.ros.messages.focus_position import (
    Claim,
    claim_of,
    focus_position,
    unit_number,
)
import pytest


def kind(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(**fields)


@pytest.mark.parametrize('unit', FOCUS_UNITS)
def test_what_is_made_is_taken_in_its_unit_and_in_no_other(unit: str) -> None:
    message = focus_position(kind, 'header', 3.0, unit, light=2)
    assert (message.header, message.position, message.unit) == ('header', 3.0, unit_number(unit))
    claim = claim_of(message)
    assert claim.light == message.light == 2
    assert claim.objection(3.0, unit) == ''
    for other in set(FOCUS_UNITS) - {unit}:
        assert f'has {unit}, and focus.unit is {other}' in claim.objection(3.0, other)


@pytest.mark.parametrize('number', [0, 5, 255])
def test_a_unit_that_is_not_filled_in_or_not_known_is_none(number: int) -> None:
    claim = claim_of(SimpleNamespace(unit=number, distance=math.nan, light=0))
    assert 'has no unit' in claim.objection(0.3, 'metres')


def test_the_distance_is_what_position_and_unit_say() -> None:
    distances = {unit: focus_position(kind, None, 4.0, unit).distance for unit in FOCUS_UNITS}
    assert distances['metres'] == 4.0
    assert distances['millimetres'] == pytest.approx(0.004)
    assert distances['dioptres'] == 0.25
    assert math.isnan(distances['raw'])


@pytest.mark.parametrize(('unit', 'position', 'distance', 'fits'), [
    ('metres', 0.12, math.nan, True),
    ('metres', 0.12, 0.1201, True),  # rounded
    ('metres', 0.12, 120.0, False),
    ('metres', 0.12, 1 / 0.12, False),
    ('metres', 0.12, math.inf, False),
    ('millimetres', 120.0, 0.12, True),
    ('millimetres', 120.0, 120.0, False),
    ('dioptres', 8.0, 0.125, True),
    ('dioptres', 8.0, 8.0, False),
    ('raw', 310.0, 0.12, True),  # nothing says what it is
    ('metres', math.nan, 0.12, True),  # refused as a position
    ('dioptres', 0.0, 0.12, True),
])
def test_a_distance_that_contradicts_the_position_is_told(
        unit: str, position: float, distance: float, fits: bool) -> None:
    objection = Claim(unit, distance).objection(position, unit)
    assert (objection == '') is fits
    assert fits or 'mixes up units' in objection
