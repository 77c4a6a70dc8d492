# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of short tours through the slices of a stack."""

from __future__ import annotations

import itertools

from focus_stacking_ros.core.depth.tour import distances, length, shortened, shortest
from hypothesis import given, settings, strategies
import numpy as np
import pytest

SINGLE_PEAKS = np.exp(-np.square(np.arange(9)[:, None] - np.linspace(-1, 9, 60)[None])
                      / 3).astype(np.float32)


def test_a_tour_in_order_is_twice_the_peaks_of_single_peaked_curves() -> None:
    between = distances(SINGLE_PEAKS)
    assert length(between, range(9)) == pytest.approx(2 * SINGLE_PEAKS.max(axis=0).sum(), rel=1e-5)
    assert length(between, [0, 1, 2, 4, 3, 5, 6, 7, 8]) > 1.01 * length(between, range(9))


@given(strategies.permutations(range(9)))
@settings(max_examples=40, deadline=None)
def test_any_order_of_single_peaked_curves_is_sorted(order) -> None:
    found = shortest(distances(SINGLE_PEAKS[order]), range(9))
    ranks = [order[number] for number in found]
    assert ranks in (list(range(9)), list(range(9))[::-1])


@given(strategies.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_of_six_slices_the_shortest_tour_is_found(seed) -> None:
    between = distances(np.random.default_rng(seed).random((6, 8), np.float32))
    least = min(length(between, order) for order in itertools.permutations(range(6)))
    assert length(between, shortest(between, range(6))) <= 1.02 * least


def test_stretches_of_up_to_twelve_slices_are_moved() -> None:
    peaks = np.linspace(-1, 30, 90)
    between = distances(np.exp(-np.square(np.arange(30)[:, None] - peaks[None])
                               / 1.5).astype(np.float32))
    # Two long stretches exchanged: one that is reversed makes the tour no shorter.
    exchanged = [0, 1, *range(16, 28), *range(2, 16), 28, 29]
    assert shortened(between, exchanged) in (list(range(30)), list(range(30))[::-1])


def test_an_order_that_is_as_short_as_any_stays() -> None:
    flat = np.minimum(np.arange(7), 6 - np.arange(7)).astype(np.float32)[:, None]
    assert shortest(distances(flat), range(7)) == list(range(7))


def test_what_is_shortened_holds_every_slice_once() -> None:
    between = distances(np.random.default_rng(3).random((20, 50), np.float32))
    start = np.random.default_rng(4).permutation(20).tolist()
    found = shortened(between, start)
    assert sorted(found) == list(range(20))
    assert length(between, found) < length(between, start)


def _with_one_change(order):
    """Yield all orders in which one stretch is reversed, or moved with or without that."""
    count = len(order)
    for first, end in itertools.combinations(range(count + 1), 2):
        stretch, rest = order[first:end], [*order[:first], *order[end:]]
        for turned in (stretch, stretch[::-1]):
            for place in range(len(rest) + 1):
                yield [*rest[:place], *turned, *rest[place:]]


@given(strategies.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_single_change_makes_what_is_shortened_shorter(seed) -> None:
    chance = np.random.default_rng(seed)
    between = distances(chance.random((8, 5), np.float32))
    found = shortened(between, chance.permutation(8).tolist())
    least = min(length(between, order) for order in _with_one_change(found))
    assert length(between, found) <= least * (1 + 1e-6)
