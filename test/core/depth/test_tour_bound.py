# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how short a tour through slices can be at best."""

from __future__ import annotations

import itertools

from focus_stacking_ros.core.depth import order
from focus_stacking_ros.core.depth.focus_history import BlockSignals
from focus_stacking_ros.core.depth.tour import distances, length
from focus_stacking_ros.core.depth.tour_bound import lower_bounds
from hypothesis import given, settings, strategies
import numpy as np
import pytest


def _noisy_sweep(slices: int) -> np.ndarray:
    peaks = np.exp(-np.square(np.arange(slices)[:, None] - np.linspace(0, slices, 400)[None]) / 3)
    return (peaks + np.random.default_rng(1).random(peaks.shape) * 0.1).astype(np.float32)


@given(strategies.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_no_tour_is_shorter_than_the_bounds_which_rise(seed) -> None:
    between = distances(np.random.default_rng(seed).random((6, 8), np.float32))
    shortest = min(length(between, each) for each in itertools.permutations(range(6)))
    bounds = list(lower_bounds(between, length(between, range(6))))
    assert bounds == sorted(bounds)
    assert 0.9 * shortest < bounds[-1] <= shortest * (1 + 1e-9)


def test_of_a_sweep_the_bound_comes_near_its_tour() -> None:
    between = distances(_noisy_sweep(40))
    in_order = length(between, range(40))
    assert list(lower_bounds(between, in_order))[-1] == pytest.approx(in_order, rel=0.01)


def test_of_a_sweep_in_order_no_tour_is_looked_for(monkeypatch) -> None:
    def searched(*_):
        raise AssertionError
    monkeypatch.setattr(order, 'shortest', searched)
    values = _noisy_sweep(40)
    half = np.arange(values.shape[1]) % 2 == 0
    assert length(distances(values), range(40)) > 2.1 * values.max(axis=0).sum()
    assert order.sweep_order(BlockSignals(values, half), [1.0] * 40) is None
    with pytest.raises(AssertionError):
        order.sweep_order(BlockSignals(values[np.r_[20:40, 0:20:2, 1:20:2]], half), [1.0] * 40)
