# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how the focus of a simulated lens moves."""

from __future__ import annotations

import math

from focus_stacking_ros.simulation.lens_drive import LensDrive
import numpy as np
import pytest


def drive() -> LensDrive:
    return LensDrive(0.2, 0.2, 0.5, dead_seconds=0.1, settling_seconds=1.0)


def test_a_move_begins_after_the_dead_time_and_ends_exactly_at_its_goal() -> None:
    lens = drive()
    assert lens.command(0.4, 10.0) == 0.4
    assert lens.distance_m(10.1) == 0.2
    assert 0.2 < lens.distance_m(10.3) < 0.4
    assert 1 / lens.distance_m(10.6) == pytest.approx((1 / 0.2 + 1 / 0.4) / 2)
    assert lens.distance_m(11.1) == lens.distance_m(99.0) == 0.4
    path = [lens.distance_m(at) for at in np.linspace(10, 11.2, 100)]
    assert np.all(np.diff(path) >= 0)


def test_a_command_under_way_starts_from_where_the_lens_is() -> None:
    lens = drive()
    lens.command(0.4, 10.0)
    before = lens.distance_m(10.7)
    lens.command(0.2, 10.6)
    assert lens.distance_m(10.7) == pytest.approx(before)
    times = np.linspace(10.0, 11.8, 1000)
    assert np.abs(np.diff([lens.distance_m(at) for at in times])).max() < 0.002  # no jump
    assert lens.distance_m(11.7) == 0.2


def test_the_past_does_not_change() -> None:
    lens = drive()
    lens.command(0.4, 10.0)
    before = [lens.distance_m(at) for at in (10.0, 10.3, 10.6)]
    lens.command(0.3, 10.6)
    assert [lens.distance_m(at) for at in (10.0, 10.3, 10.6)] == before


def test_the_lens_stops_at_the_ends_of_its_travel() -> None:
    lens = drive()
    assert (lens.command(0.1, 0.0), lens.command(9.0, 1.0)) == (0.2, 0.5)
    assert lens.distance_m(9.0) == 0.5
    with pytest.raises(ValueError, match='in this order'):
        LensDrive(0.2, 0.5, 0.2)
    with pytest.raises(ValueError, match='finite'):
        LensDrive(0.2, 0.1, math.inf)


def test_a_lens_may_settle_at_once() -> None:
    lens = LensDrive(0.2, 0.2, 0.5, 0.0, 0.0)
    lens.command(0.3, 5.0)
    assert (lens.distance_m(4.9), lens.distance_m(5.0)) == (0.2, 0.3)


def test_a_lens_moves_from_after_its_dead_time_until_it_has_settled() -> None:
    lens = LensDrive(0.2, 0.2, 0.5, 0.2, 1.0)
    assert not lens.moves(0.0)
    lens.command(0.4, 10.0)
    assert [lens.moves(at) for at in (10.1, 10.3, 11.1, 11.3)] == [False, True, True, False]
    lens.command(0.4, 20.0)  # where it is already
    assert not lens.moves(20.5)
