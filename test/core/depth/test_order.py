# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the order that signals tell, at what decides it.

The signals are made of curves of three kinds: a sweep, whose length depends on the order; spikes
in every two slices, which are as long in any order and longer than any tour needs; and constant
ones, which are as long as they need be. How much there is of the latter two sets the shares that
decide.
"""

from __future__ import annotations

from collections.abc import Sequence
import itertools

from focus_stacking_ros.core.depth.focus_history import BlockSignals
from focus_stacking_ros.core.depth.order import sweep_order, SweepOrder
from focus_stacking_ros.core.depth.tour import distances, length
import numpy as np
import pytest

SLICES = 8
SORTED = list(range(SLICES))
EXCHANGED = [0, 1, 2, 4, 3, 5, 6, 7]
SAME_SIZE = [0.0] * SLICES
SWEEP = np.exp(-np.square(np.arange(SLICES)[:, None] - np.linspace(0, SLICES - 1, 29)[None])
               / 8)
SPIKES = np.asarray([[number in pair for pair in itertools.combinations(range(SLICES), 2)]
                     for number in range(SLICES)], float)


def least(values: np.ndarray) -> float:
    """Return the length of a tour without valleys."""
    return 2 * float(values.max(axis=0).sum())


def excess(values: np.ndarray, order: Sequence[int] = SORTED) -> float:
    """Return by how much a tour is longer than that."""
    return length(distances(values), order) - least(values)


def signals_of(*parts: np.ndarray) -> BlockSignals:
    """Return signals whose halves are the same."""
    values = np.concatenate(parts, axis=1).astype(np.float32)
    return BlockSignals(np.repeat(values, 2, axis=1), np.arange(2 * values.shape[1]) % 2 == 1)


def diluted(sweep: np.ndarray, whole: float, rest: float = 0.0) -> BlockSignals:
    """
    Return signals of a sweep and of what tells nothing of the order.

    :param sweep: (n, blocks)
    :param whole: least length of all
    :param rest: by which share of that the shortest tour is longer
    """
    spikes = SPIKES * (rest * whole / excess(SPIKES))
    constant = whole - least(sweep) - least(spikes)
    assert constant >= 0
    return signals_of(sweep, spikes, np.full((SLICES, 1), constant / 2))


def told(signals: BlockSignals, sizes: Sequence[float] = SAME_SIZE) -> list[int] | None:
    found = sweep_order(signals, sizes)
    return None if found is None else list(found.order)


@pytest.mark.parametrize(('gain', 'sorted_anew'), [(0.007, False), (0.014, True)])
def test_an_order_is_told_if_it_is_a_hundredth_better(gain, sorted_anew) -> None:
    given = SWEEP[EXCHANGED]
    signals = diluted(given, excess(given) / gain)
    assert told(signals) == (EXCHANGED if sorted_anew else None)


@pytest.mark.parametrize(('share', 'sorted_anew'), [(0.07, False), (0.14, True)])
def test_it_must_be_better_by_a_tenth_of_what_no_order_explains(share, sorted_anew) -> None:
    given = SWEEP[EXCHANGED]
    signals = diluted(given, excess(given) / (share * 0.3), rest=0.3)
    assert told(signals) == (EXCHANGED if sorted_anew else None)


@pytest.mark.parametrize(('gain', 'begun_anew'), [(0.035, False), (0.07, True)])
def test_where_a_sweep_begins_must_be_told_by_a_twentieth(gain, begun_anew) -> None:
    begun_late = [*SORTED[5:], *SORTED[:5]]
    signals = diluted(SWEEP[begun_late], excess(SWEEP[begun_late]) / gain)
    back = [*SORTED[3:], *SORTED[:3]]
    assert told(signals) in ((back, back[::-1]) if begun_anew else (None,))


@pytest.mark.parametrize(('breathing_px', 'told_by_size'), [(1.4, False), (2.8, True)])
def test_the_size_tells_where_a_sweep_begins_if_it_changes_by_two_pixels(
        breathing_px, told_by_size) -> None:
    # The focus goes round: the signals tell no beginning but by a little that one slice has less.
    apart = np.abs(np.arange(SLICES)[:, None] - np.arange(0, SLICES, 0.25)[None])
    around = np.exp(-np.square(np.minimum(apart, SLICES - apart)) / 2)
    around[0] *= 0.98
    given = [0, 3, 6, 1, 4, 7, 2, 5]
    sizes = np.roll(np.linspace(0, breathing_px, SLICES), 4)  # least in slice 4 of the sweep
    found = told(signals_of(around[given]), sizes[given].tolist())
    assert found is not None
    ends = {given[found[0]], given[found[-1]]}
    assert ends == {3, 4} if told_by_size else 0 in ends


def of_halves(one: Sequence[int], other: Sequence[int]) -> SweepOrder | None:
    """Return what is told where the halves of the picture are in two orders."""
    given = [0, 4, 1, 5, 2, 6, 3, 7]
    values = np.concatenate([SWEEP[np.argsort(order)][given] for order in (one, other)], axis=1)
    return sweep_order(BlockSignals(values.astype(np.float32),
                                    np.arange(values.shape[1]) < SWEEP.shape[1]), SAME_SIZE)


def test_an_order_is_certain_if_both_halves_tell_about_the_same() -> None:
    alike = of_halves(SORTED, SORTED)
    assert alike is not None
    assert alike.certain
    differing = of_halves(SORTED, [0, 1, 2, 6, 3, 4, 5, 7])  # 3 of 28 pairs: agreement of .79
    assert differing is not None
    assert not differing.certain


def test_halves_that_tell_different_orders_tell_none() -> None:
    assert of_halves(SORTED, [4, 0, 5, 1, 6, 2, 7, 3]) is None


def test_what_is_in_order_or_tells_nothing_is_left_as_it_is() -> None:
    assert told(signals_of(SWEEP)) is None
    assert told(signals_of(SWEEP[::-1])) is None
    assert told(signals_of(np.zeros((SLICES, 4)))) is None
