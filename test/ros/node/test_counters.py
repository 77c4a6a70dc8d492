# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the counters that threads share."""

from __future__ import annotations

from focus_stacking_ros.ros.node.counters import Counters
from helpers.threads import at_once


def test_what_was_not_counted_is_none() -> None:
    counters = Counters()
    assert counters['pairs'] == 0
    assert 'pairs' not in counters
    counters['pairs'] += 1
    assert counters.count('pairs', 2) == 3
    assert counters == {'pairs': 3}
    assert {**counters} == {'pairs': 3}
    assert (len(counters), repr(counters)) == (1, "{'pairs': 3}")
    del counters['pairs']
    assert 'pairs' not in counters


def test_several_threads_may_count_the_same() -> None:
    counters = Counters()
    at_once(*4 * [lambda: [counters.count('lost') for _ in range(2000)]])
    assert counters['lost'] == 8000


def test_what_is_being_counted_can_be_shown() -> None:
    counters = Counters()

    def count() -> None:
        for number in range(2000):
            counters[f'{number}'] += 1

    shown: list[int] = []
    at_once(count, lambda: [shown.append(len(dict(counters))) for _ in range(200)])
    assert shown == sorted(shown)
    assert len(counters) == 2000
