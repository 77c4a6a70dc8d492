# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of when a stack ends."""

from __future__ import annotations

from focus_stacking_ros.core.stack.end import STACK_ENDS, StackEnd
import pytest


def stacks(positions: list[float], rule: str, size: int = 3) -> list[list[float]]:
    """Split a stream of slices as a node does: one list per stack."""
    end = StackEnd(rule, size, 10.0)
    result: list[list[float]] = [[]]
    for position in positions:
        if end.before(position):
            result.append([])
            end.reset()
        result[-1].append(position)
        if end.added(position, len(result[-1]), 0.0):
            result.append([])
            end.reset()
    return result


def test_the_rules_of_the_contract() -> None:
    assert STACK_ENDS == ('count', 'reversal', 'service')


def test_count_ends_with_the_last_slice() -> None:
    assert stacks([1, 2, 3, 4, 5, 6, 7], 'count') == [[1, 2, 3], [4, 5, 6], [7]]


def test_count_counts_accepted_slices_and_not_repeats() -> None:
    end = StackEnd('count', 3, 10.0)
    assert [end.added(position, accepted, 0.0) for position, accepted in (
        (1, 1), (2, 2), (2, 2), (3, 3))] == [False, False, False, True]


@pytest.mark.parametrize(('positions', 'expected'), [
    # A continuous sweep, up and down: one stack per half-sweep.
    ([1, 2, 3, 4, 3, 2, 1, 2, 3], [[1, 2, 3, 4], [3, 2, 1], [2, 3]]),
    # It jumps back.
    ([1, 2, 3, 1, 2, 3], [[1, 2, 3], [1, 2, 3]]),
    ([3, 2, 1, 3, 2, 1], [[3, 2, 1], [3, 2, 1]]),
    # It dwells at its turning points.
    ([1, 2, 3, 3, 2, 1, 1, 2, 3], [[1, 2, 3], [3, 2, 1], [1, 2, 3]]),
    # One step does not make a direction.
    ([5, 1], [[5, 1]]),
    ([1, 2, 3, 4, 5], [[1, 2, 3, 4, 5]])])
def test_reversal_ends_where_the_sweep_turns_or_jumps_back(positions, expected) -> None:
    assert stacks(positions, 'reversal') == expected


def test_service_never_ends_by_itself() -> None:
    assert stacks([1, 2, 3, 2, 1, 1, 5], 'service') == [[1, 2, 3, 2, 1, 1, 5]]


@pytest.mark.parametrize('rule', ['count', 'service'])
def test_only_reversal_looks_at_positions(rule) -> None:
    end = StackEnd(rule, 9, 10.0)
    for position in (1.0, 2.0, 3.0):
        end.added(position, 1, 0.0)
    assert not end.before(2.0)


@pytest.mark.parametrize('rule', STACK_ENDS)
def test_every_stack_times_out_after_its_last_slice(rule) -> None:
    end = StackEnd(rule, 9, 2.5)
    assert end.remaining_seconds(100.0) is None
    end.added(1.0, 1, 100.0)
    end.added(2.0, 2, 101.0)
    assert end.remaining_seconds(101.5) == 2.0
    assert end.remaining_seconds(103.5) == 0.0
    assert end.remaining_seconds(200.0) == 0.0


def test_reset_begins_a_new_stack() -> None:
    end = StackEnd('reversal', 3, 10.0)
    for position in (1.0, 2.0, 3.0):
        end.added(position, 1, 0.0)
    assert end.before(2.0)
    end.reset()
    assert not end.before(2.0)
    assert end.remaining_seconds(0.0) is None
