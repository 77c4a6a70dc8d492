# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the order of more slices than are sorted, and of few."""

from __future__ import annotations

from focus_stacking_ros.core.align.chain import Entry, Link
from focus_stacking_ros.core.depth.focus_history import FocusHistory
from focus_stacking_ros.core.focus.measure import focus_measure
from focus_stacking_ros.core.stack.order_check import FoundOrder, looked_through
import numpy as np

SHAPE = (96, 96)
NOISE = focus_measure('ring_difference').noise[1]


def found_of(order: list[int]) -> FoundOrder | None:
    """
    Return what is found of a sweep over a tilted plane.

    :param order: in which its positions were taken
    """
    history = FocusHistory(SHAPE)
    peaks = np.linspace(0, len(order), 48)[None, :]
    for position in order:
        response = 800 * np.exp(-np.square((position - peaks) / (0.1 * len(order))))
        history.add(np.repeat(response, 48, axis=0).astype(np.int16), np.eye(3), 1.0)
    entries = [Entry(number, number, Link(np.eye(3)), None) for number in range(len(order))]
    found, shaken = looked_through(entries, SHAPE, history, 0.1, NOISE)
    assert shaken == ()
    return found


def test_of_three_hundred_slices_every_other_one_is_looked_at() -> None:
    positions = list(range(300))
    assert found_of(positions) is None
    found = found_of([*positions[:100], *positions[260:280], *positions[100:260],
                      *positions[280:]])
    assert found is not None
    assert found.displaced == tuple(range(100, 120, 2))
    assert found.numbers == ()
    assert not found.certain
    assert 'fewer of them' in found.note(sorts=False, known=False)


def test_fewer_are_sorted() -> None:
    positions = list(range(150))
    order = [*positions[:50], *positions[90:110], *positions[50:90], *positions[110:]]
    found = found_of(order)
    assert found is not None
    ranks = [order[number] for number in found.numbers]
    assert ranks in (positions, positions[::-1])


def test_four_are_sorted() -> None:
    found = found_of([0, 2, 1, 3])
    assert found is not None
    assert found.numbers in ((0, 2, 1, 3), (3, 1, 2, 0))
