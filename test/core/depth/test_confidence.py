# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of confidence and standard deviation of a depth."""

from __future__ import annotations

from dataclasses import fields, replace

from focus_stacking_ros.core.depth.additive import sum_of
from focus_stacking_ros.core.depth.clues import Clues, clues_of, evidence_of
from focus_stacking_ros.core.depth.confidence import confidence_of, COST, deviation_of, POWER
from focus_stacking_ros.core.depth.confidence_table import (
    DEVIATION,
    DEVIATION_CONSTANT,
    ODDS,
    ODDS_CONSTANT,
)
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.surface import Surface
import numpy as np
import pytest

SHAPE = (80, 120)
UNIT = 2.5  # of the depth, in the coordinate
#: What is good of each clue, and what is bad.
BEST = {'support': 1.0, 'agreement': 1.0, 'own_distance': 0.0, 'jump': 0.0, 'sudden_jump': 0.0,
        'spread': 0.0}
WORST = {'support': 0.0, 'agreement': 0.0, 'own_distance': 2.0, 'jump': 4.0, 'sudden_jump': 4.0,
         'spread': 2.0}


def clues(**values: float) -> Clues:
    return Clues(**{name: np.float32([[values.get(name, best)]]) for name, best in BEST.items()})


def sure(**values: float) -> float:
    return float(confidence_of(clues(**values))[0, 0])


def deviation(**values: float) -> float:
    return float(deviation_of(clues(**values), UNIT)[0, 0])


def stepped(step: float, slope: float = 0.0) -> Clues:
    """Return the clues of a textured surface with a step in the middle, in units."""
    depth = np.tile(np.linspace(0, slope * UNIT, SHAPE[1]), (SHAPE[0], 1)).astype(np.float32)
    depth[:, 60:] += np.float32(step * UNIT)
    plane = np.ones(SHAPE, np.float32)
    peaks = PeakLayer(depth, 0.5 * plane, 20 * plane)
    return clues_of(evidence_of([peaks]), peaks.coordinate,
                    Surface(depth, plane, 0.1 * plane, depth), UNIT)


def test_there_is_a_best_and_a_worst() -> None:
    assert set(BEST) == {field.name for field in fields(Clues)}
    assert sure() > 0.99
    assert sure(**WORST) == 0
    assert deviation() < 0.05 * UNIT < deviation(**WORST)


@pytest.mark.parametrize('clue', BEST)
def test_what_is_worse_is_never_more_certain(clue) -> None:
    steps = np.linspace(BEST[clue], WORST[clue], 50)
    certain = [sure(**{clue: value}) for value in steps]
    assert certain == sorted(certain, reverse=True)
    spread = [deviation(**{clue: value}) for value in steps]
    assert spread == sorted(spread)
    assert spread[-1] > spread[0]


def test_one_half_is_where_a_wrong_depth_costs_as_much_as_it_is_worth() -> None:
    relied = []
    for share in np.linspace(0, 1, 101):
        values = {name: best + share * (WORST[name] - best) for name, best in BEST.items()
                  if name != 'support'}
        odds = float(sum_of(ODDS, ODDS_CONSTANT, clues(**values))[0, 0])
        if abs(odds - np.log(COST)) > 0.01:
            relied.append(sure(**values) >= 0.5)
            assert relied[-1] == (odds > np.log(COST))
    assert {True, False} == set(relied)
    assert COST > 1


def test_the_deviation_is_in_the_coordinate() -> None:
    assert float(deviation_of(clues(), 2 * UNIT)[0, 0]) == pytest.approx(2 * deviation())


@pytest.mark.parametrize('model', [(ODDS, ODDS_CONSTANT), (DEVIATION, DEVIATION_CONSTANT)])
def test_the_table_is_complete_and_its_knots_rise(model) -> None:
    terms, constant = model
    assert np.isfinite(constant)
    assert len({term.clue for term in terms}) == len(terms)
    for term in terms:
        assert term.clue in BEST
        assert len(term.knots) == len(term.values)
        assert all(np.diff(term.knots) > 0)
        rises = np.diff(term.values)
        assert (rises >= 0).all() or (rises <= 0).all()


def test_depth_beside_a_jump_is_trusted_less() -> None:
    found = confidence_of(stepped(1.6))
    assert found[:, 59:61].max() < min(found[:, :50].min(), found[:, 70:].min()) - 0.03
    # Where peaks are mixed, as they are at an occlusion, it is not trusted at all.
    assert sure(jump=1.6, sudden_jump=1.6, own_distance=0.5, agreement=0.6, support=0.6) < 0.5


def test_the_higher_a_step_the_less_is_trusted_beside_it() -> None:
    found = [float(confidence_of(stepped(step))[:, 59:61].mean())
             for step in (0, 0.15, 0.3, 0.6, 1.2)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95


@pytest.mark.parametrize('slope', [6, 10, 24])
def test_a_slope_is_trusted_more_than_a_step_as_high(slope) -> None:
    even = confidence_of(stepped(0, slope))[6:-6, 6:-6]
    height = float(stepped(0, slope).jump[6:-6, 6:-6].mean())
    beside = confidence_of(stepped(height))[:, 59:61]
    assert even.min() >= beside.max() - 1e-5
    assert confidence_of(stepped(0))[6:-6, 6:-6].min() > even.max()


def test_results_are_planes_of_single_precision() -> None:
    found = stepped(1.0)
    for plane in (confidence_of(found), deviation_of(found, UNIT)):
        assert (plane.shape, plane.dtype) == (SHAPE, np.float32)
        assert np.isfinite(plane).all()
    blind = replace(found, support=np.zeros(SHAPE, np.float32))
    assert confidence_of(blind).max() == 0


def test_where_nothing_is_seen_nothing_is_known_however_calm_it_is() -> None:
    assert sure(support=0) == 0
    assert sure(support=0.001) < 0.1
    assert sure(support=0.5) > 0.8


def test_half_of_what_all_else_tells_is_left_at_a_tenth_of_the_support() -> None:
    odds = float(sum_of(ODDS, ODDS_CONSTANT, clues(support=0.1))[0, 0])
    without = 1 / (1 + np.exp(POWER * (np.log(COST) - odds)))
    assert sure(support=0.1) == pytest.approx(1.1 * without / 2, abs=0.01)
