# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is told of faults, and for how long."""

from __future__ import annotations

from focus_stacking_ros.ros.node.faults import Faults
from helpers.threads import at_once
import pytest


class _Log:
    """Keeps lines with their severity."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def warning(self, words: str) -> None:
        """Keep a warning."""
        self.lines.append(('warning', words))

    def error(self, words: str) -> None:
        """Keep an error."""
        self.lines.append(('error', words))


class _Bench:
    """Faults with a log and a clock that the test moves."""

    def __init__(self) -> None:
        self.log, self.now = _Log(), 100.0
        self.faults = Faults(self.log, lambda: self.now)


@pytest.fixture
def bench() -> _Bench:
    """Return new faults."""
    return _Bench()


def test_each_kind_is_logged_at_once_and_then_throttled(bench: _Bench) -> None:
    for _ in range(3):
        bench.faults.note('stack', 'refused', 'too small', variant='size')
        bench.faults.note('stack', 'refused', 'grey', variant='encoding', is_error=True)
    assert bench.log.lines == [('warning', 'too small'), ('error', 'grey')]
    bench.now += 5.0
    bench.faults.note('stack', 'refused', 'too large', variant='size')
    assert bench.log.lines[-1] == ('warning', 'too large')


def test_a_fault_stands_in_its_entry_until_a_stack_went_well(bench: _Bench) -> None:
    bench.faults.note('stack', 'refused', 'too small', variant='size')
    bench.faults.note('input', 'lost', 'one is lost', shown='1 lost')
    assert bench.faults.warning('stack') == 'too small'
    assert bench.faults.warning('input') == '1 lost'
    bench.faults.stack_ended()  # the stack in which it was
    assert bench.faults.warning('stack') == 'too small'
    bench.faults.stack_ended()
    assert bench.faults.warning('stack') == bench.faults.warning('input') == ''


def test_a_fault_stands_until_it_was_shown_however_fast_stacks_end(bench: _Bench) -> None:
    bench.faults.note('stack', 'refused', 'too small')
    for _ in range(3):
        bench.faults.stack_ended()
    assert bench.faults.warning('input') == ''
    assert bench.faults.warning('stack') == 'too small'
    bench.faults.stack_ended()
    assert bench.faults.warning('stack') == ''


def test_the_latest_of_those_that_stand_together_is_shown(bench: _Bench) -> None:
    bench.faults.note('stack', 'refused', 'first', variant='size')
    bench.faults.stack_ended()
    bench.faults.note('stack', 'refused', 'second', variant='encoding')
    bench.faults.note('stack', 'incomplete', 'third')
    assert bench.faults.warning('stack') == 'second; third'


def test_what_is_throttled_in_the_log_stands_anew(bench: _Bench) -> None:
    bench.faults.note('stack', 'refused', 'first', variant='size')
    bench.faults.stack_ended()
    bench.faults.note('stack', 'refused', 'second', variant='size')
    bench.faults.stack_ended()
    assert bench.faults.warning('stack') == 'second'
    assert len(bench.log.lines) == 1


def test_no_fault_is_lost_where_two_threads_note_them(bench: _Bench) -> None:
    def note(status: str) -> None:
        for number in range(400):
            bench.faults.note(status, f'{status} {number}', f'{number}')

    for _ in range(5):
        at_once(lambda: note('input'), lambda: note('stack'))
        for status in ('input', 'stack'):
            assert len(bench.faults.warning(status).split('; ')) == 400
        bench.faults.stack_ended()
        bench.faults.stack_ended()
        assert bench.faults.warning('input') == ''


def test_what_nobody_expected_is_an_error_with_its_traceback(bench: _Bench) -> None:
    def fail() -> None:
        raise KeyError('a bug')

    bench.faults.note('node', 'service', 'a service is refused')
    try:
        fail()
    except KeyError as error:
        bench.faults.unexpected('node', 'a callback failed', error)
        bench.faults.unexpected('node', 'a callback failed', error)
    assert bench.faults.error('node') == "a callback failed: KeyError('a bug')"
    assert bench.faults.warning('node') == 'a service is refused'
    (_, _), (severity, words) = bench.log.lines
    assert severity == 'error'
    assert words.startswith("a callback failed: KeyError('a bug')\nTraceback ")
    assert ', in fail\n' in words
    bench.faults.stack_ended()
    bench.faults.stack_ended()
    assert bench.faults.error('node') == ''


def test_what_is_said_once_is_said_once_whoever_says_it(bench: _Bench) -> None:
    said: list[bool] = []
    at_once(*8 * [lambda: said.append(bench.faults.say_once('no calibration'))])
    assert sorted(said) == [False] * 7 + [True]
    assert bench.log.lines == [('warning', 'no calibration')]
