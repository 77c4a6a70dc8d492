# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the threads that stay."""

from __future__ import annotations

import threading
import weakref

from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.threads import lasting_threads, parts_of
import numpy as np
import pytest


def test_results_come_in_order_and_from_the_same_threads_each_time() -> None:
    seen: set[int] = set()

    def square(number: int) -> int:
        seen.add(threading.get_ident())
        return number * number

    for _ in range(3):
        with lasting_threads('test', 2) as pool:
            squares = list(pool.results(square, range(20)))
            assert squares == [number * number for number in range(20)]
            assert pool.submit(square, 7).result() == 49
    assert len(seen) <= 2


def test_what_runs_is_waited_for_and_what_waits_is_given_up_when_one_fails() -> None:
    ended = []
    release = threading.Event()

    def slow(number: int) -> None:
        release.wait(5)
        ended.append(number)

    def fail() -> None:
        raise ValueError('no')

    def work() -> None:
        with lasting_threads('test', 2) as pool:
            pool.submit(slow, 1)
            failing = pool.submit(fail)
            for number in range(2, 20):
                pool.submit(slow, number)
            threading.Timer(0.05, release.set).start()
            failing.result()

    with pytest.raises(ValueError, match='no'):
        work()
    assert 1 in ended
    known = list(ended)
    with lasting_threads('test', 2) as pool:
        pool.submit(len, ()).result()
    assert ended == known
    assert len(known) < 19


def test_an_error_in_a_call_is_that_of_its_result() -> None:
    with pytest.raises(ZeroDivisionError), lasting_threads('test', 2) as pool:
        list(pool.results(lambda number: 1 / number, [1, 0, 2]))


def test_the_second_stack_begins_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenCV keeps for each thread that ever called it would add up in a node."""
    texture = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)

    def stack() -> None:
        stacker = FocusStacker(backend='opencv')
        for number in range(4):
            image = texture.copy()
            stacker.add(image, 0.1 + 0.01 * number)
        stacker.finish()

    stack()
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, 'start', lambda self: (
        started.append(self.name), start(self))[1])
    stack()
    assert started == []


def test_what_a_call_has_returned_is_not_kept() -> None:
    class Large:
        """What a call returns."""

    with lasting_threads('test', 1) as pool:
        returned = weakref.ref(pool.submit(Large).result())
        pool.submit(int).result()  # now the thread has let go of the first call, too
        assert returned() is None


@pytest.mark.parametrize('processors', [1, 2, 3, 8, None])
def test_each_number_is_in_one_part(processors, monkeypatch) -> None:
    monkeypatch.setattr('os.cpu_count', lambda: processors)
    for count in (1, 2, 5, 8, 9):
        parts = parts_of(count)
        assert [number for part in parts for number in part] == list(range(count))
        assert len(parts) == min(processors or 1, count)
