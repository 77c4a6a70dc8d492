# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of where a focus sweep stops."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.sweep_plan import (
    checked_positions,
    Optics,
    sweep_positions,
    SweepPlanError,
)
from focus_stacking_ros.simulation import ThinLens
import numpy as np
import pytest

OPTICS = Optics(4.0, 0.05, 6e-6)


@pytest.mark.parametrize('distance_m', [0.06, 0.25, 1.0, 10.0])
@pytest.mark.parametrize('circle_px', [0.5, 1.0, 3.0])
def test_depth_of_field_is_that_of_the_simulated_thin_lens(distance_m: float, circle_px: float
                                                           ) -> None:
    lens = ThinLens(OPTICS.focal_length_m, OPTICS.f_number, OPTICS.pixel_size_m)
    half = OPTICS.depth_of_field_dioptres(distance_m, circle_px) / 2
    for end in (1 / (1 / distance_m + half), 1 / (1 / distance_m - half)):
        assert lens.circle_of_confusion_px(distance_m, end) == pytest.approx(circle_px)


@pytest.mark.parametrize(('near', 'far', 'unit'), [
    (0.2, 0.3, 'metres'), (200.0, 300.0, 'millimetres'), (5.0, 10 / 3, 'dioptres')])
def test_equal_steps_of_dioptres_are_the_same_in_every_unit(near: float, far: float, unit: str
                                                            ) -> None:
    positions = sweep_positions(near, far, unit, count=6)
    assert (positions[0], positions[-1]) == (near, far)
    metres = {'metres': 1.0, 'millimetres': 0.001}.get(unit)
    dioptres = [1 / (position * metres) if metres else position for position in positions]
    np.testing.assert_allclose(np.diff(dioptres), (10 / 3 - 5) / 5)


def test_linear_steps_are_equal_in_the_unit() -> None:
    np.testing.assert_allclose(
        sweep_positions(0.2, 0.3, 'metres', count=5, spacing='linear'),
        [0.2, 0.225, 0.25, 0.275, 0.3])
    assert sweep_positions(100.0, 40.0, 'raw', count=4) == (100.0, 80.0, 60.0, 40.0)


@pytest.mark.parametrize('share', [0.3, 0.75, 2.0])
def test_the_number_of_positions_follows_from_the_depth_of_field(share: float) -> None:
    positions = sweep_positions(0.2427, 0.2508, 'metres', optics=OPTICS, step_share=share)
    steps = -np.diff([1 / position for position in positions])
    longest = share * OPTICS.depth_of_field_dioptres(0.2427)
    assert steps.max() <= longest * (1 + 1e-9)
    # One position less would not do.
    assert (1 / 0.2427 - 1 / 0.2508) / (len(positions) - 2) > longest


@pytest.mark.parametrize(('arguments', 'reason'), [
    ({'near': 0.3, 'far': 0.2, 'unit': 'metres', 'count': 5}, 'not nearer'),
    ({'near': 3.0, 'far': 5.0, 'unit': 'dioptres', 'count': 5}, 'not nearer'),
    ({'near': 0.0, 'far': 0.2, 'unit': 'metres', 'count': 5}, 'near end'),
    ({'near': 0.2, 'far': math.inf, 'unit': 'metres', 'count': 5}, 'far end'),
    ({'near': 0.2, 'far': 0.3, 'unit': 'metres', 'count': 1}, 'at least 2'),
    ({'near': 0.2, 'far': 0.3, 'unit': 'metres'}, 'not given'),
    ({'near': 1.0, 'far': 9.0, 'unit': 'raw'}, 'raw'),
    ({'near': 0.2, 'far': 10.0, 'unit': 'metres', 'optics': OPTICS}, 'at most 255'),
    ({'near': 0.04, 'far': 0.3, 'unit': 'metres', 'optics': OPTICS}, 'cannot focus'),
])
def test_what_makes_no_sweep_is_refused_with_the_reason(arguments: dict, reason: str) -> None:
    with pytest.raises(SweepPlanError, match=reason):
        sweep_positions(**arguments)


@pytest.mark.parametrize(('positions', 'unit', 'reason'), [
    ([0.2], 'metres', '2 to 255'), ([0.1 + n / 1000 for n in range(256)], 'metres', '2 to 255'),
    ([0.2, 0.3, 0.2], 'metres', 'repeated'), ([0.2, -0.3], 'metres', 'positive'),
    ([0.2, math.nan], 'raw', 'finite'), ([0.0, 1.0], 'dioptres', 'positive')])
def test_lists_are_checked(positions: list[float], unit: str, reason: str) -> None:
    with pytest.raises(SweepPlanError, match=reason):
        checked_positions(positions, unit)


def test_a_list_may_have_any_order_and_raw_values_any_sign() -> None:
    assert checked_positions([3, -1, 2], 'raw') == (3.0, -1.0, 2.0)


@pytest.mark.parametrize('name', ['f_number', 'focal_length_m', 'pixel_size_m'])
@pytest.mark.parametrize('value', [0.0, -1.0, math.nan, math.inf])
def test_optics_are_finite_and_positive(name: str, value: float) -> None:
    with pytest.raises(SweepPlanError, match=name):
        Optics(**{'f_number': 4.0, 'focal_length_m': 0.05, 'pixel_size_m': 6e-6, name: value})
