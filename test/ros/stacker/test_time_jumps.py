# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what tells that time has jumped back from messages that are late or come twice."""

from __future__ import annotations

from collections.abc import Iterable

from focus_stacking_ros.ros.stacker.time_jumps import TimeJumps
import pytest

pytestmark = pytest.mark.ros


def jumps_at(milliseconds: Iterable[int], jumps: TimeJumps | None = None, name: str = 'image'
             ) -> list[int]:
    """Return the places in a stream of stamps at which time has jumped back."""
    jumps = TimeJumps() if jumps is None else jumps
    return [place for place, stamp in enumerate(milliseconds)
            if jumps.stamped(name, (1000 + stamp // 1000, stamp % 1000 * 1_000_000))]


ROUND = [0, 100, 200, 300, 400]


@pytest.mark.parametrize(('stamps', 'expected'), [
    (ROUND * 3, [5, 10]),
    (ROUND + ROUND[1:] + ROUND, [5, 9]),  # the first message of a round is lost
    (ROUND[2:] + ROUND, [3]),  # listening began in the middle
    ([0, 1000] * 3, [2, 4]),
    ([5000, 6000, 7000, *ROUND], [3])], ids=str)
def test_a_stream_that_begins_again_has_jumped(stamps, expected) -> None:
    assert jumps_at(stamps) == expected


@pytest.mark.parametrize('stamps', [
    ROUND,
    [0, 0, 0, 0, 0],  # nobody stamps
    [0, 100, 100, 200, 200, 300, 300],
    [0, 33, 66, 99, 33, 132, 66, 165],  # a second publisher relays them late
    [0, 1000, 2000, 1000, 3000, 2000, 4000],
    [0, 2000, 1000, 3000, 5000, 4000],
    [1000, 0],  # of one message nothing can be told
    [100, 0, 200, 50, 300]], ids=str)
def test_messages_that_are_late_or_come_twice_are_no_jump(stamps) -> None:
    assert jumps_at(stamps) == []


def test_two_clocks_that_differ_are_one_jump_at_most() -> None:
    here, there = range(60_000, 70_000, 100), range(0, 10_000, 100)
    stamps = [stamp for both in zip(here, there, strict=True) for stamp in both]
    assert len(jumps_at(stamps)) <= 1


def test_several_streams_show_a_jump_once() -> None:
    jumps = TimeJumps()
    for name in ('image', 'position'):
        assert jumps_at(ROUND, jumps, name) == []
    for count, order in enumerate((('image', 'position'), ('position', 'image')), 1):
        assert jumps_at(ROUND, jumps, order[0]) == [0]
        assert jumps_at(ROUND, jumps, order[1]) == []
        assert jumps.count == count


def test_the_clock_shows_a_jump_that_the_messages_have_not_shown() -> None:
    jumps = TimeJumps()
    assert not jumps.clock(0)  # there is nothing yet that it contradicts
    jumps_at(ROUND, jumps)
    assert not jumps.clock(1_000_250_000_000)  # messages may be ahead a little
    assert jumps.clock(1_000_100_000_000)
    assert jumps_at(ROUND, jumps) == []  # it is known already
    assert jumps.count == 1


def test_the_clock_says_nothing_new_where_the_messages_came_first() -> None:
    jumps = TimeJumps()
    for name in ('image', 'position'):
        jumps_at(ROUND, jumps, name)
    assert jumps_at([0], jumps) == [0]  # the positions are still to come
    assert not jumps.clock(1_000_000_000_000)
    assert jumps_at([0], jumps, 'position') == []
    assert jumps.count == 1


def test_what_is_forgotten_is_no_reason_for_a_jump() -> None:
    jumps = TimeJumps()
    jumps_at(ROUND, jumps)
    jumps.forget()
    assert jumps_at(ROUND, jumps) == []
    assert jumps.count == 0
