# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the threads that stay."""

from __future__ import annotations

import threading
import weakref

from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.threads import by_bands, lasting_threads, parts_of
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


@pytest.mark.parametrize('shape', [(1080, 1920), (300, 4000), (2, 1 << 18), (480, 640)])
def test_bands_are_all_rows_once_in_few_parts_of_little_memory(shape: tuple[int, int]) -> None:
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    seen: list[int] = []

    def doubled(rows: slice) -> np.ndarray:
        seen.append(numbers[rows].size)
        return 2 * numbers[rows]

    found = by_bands(doubled, np.zeros_like(numbers), 'test')
    np.testing.assert_array_equal(found, 2 * numbers)
    assert sum(seen) == numbers.size
    # Of double precision a band fits into 2 MB, beside a row that does not.
    assert max(seen) <= max(1 << 18, shape[1])
    # A call of some functions of NumPy costs as much as some thousand pixels.
    assert len(seen) <= 1 + numbers.size / 50_000
