# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the thread that does a node's heavy work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time
from typing import Any

from focus_stacking_ros.ros.node.worker import MOST_REQUESTS, Worker
from helpers.ros_helpers import wait_until
import pytest

SECONDS = 10.0

MakeWorker = Callable[..., Worker]


class Gate:
    """A job that says when it has begun, and ends when it is let through."""

    def __init__(self) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Wait to be let through."""
        self.begun.set()
        assert self.opened.wait(SECONDS)

    def hold(self, worker: Worker) -> Gate:
        """Occupy a worker."""
        assert worker.submit(self, urgent=True)
        assert self.begun.wait(SECONDS)
        return self


@pytest.fixture
def make_worker() -> Iterator[MakeWorker]:
    """Make workers that are stopped at the end of the test."""
    workers = []

    def make(idle: Callable[[], None] = lambda: None,
             wait_seconds: Callable[[], float | None] = lambda: None,
             failed: Callable[[Exception], None] = lambda _error: None,
             capacity: int = 100) -> Worker:
        workers.append(Worker(idle, wait_seconds, failed, capacity))
        return workers[-1]

    yield make
    for worker in workers:
        worker.stop()


def finish(worker: Worker) -> None:
    """Wait until a worker has done what was asked for so far."""
    done = threading.Event()
    worker.submit(done.set, urgent=True)
    assert done.wait(SECONDS)


def test_jobs_run_in_the_order_they_were_asked_for_in_one_other_thread(make_worker) -> None:
    worker = make_worker()
    done: list[Any] = []
    for number in range(50):
        assert worker.submit(lambda number=number: done.append(
            (number, threading.current_thread())))
    finish(worker)
    assert [number for number, _ in done] == list(range(50))
    threads = {thread for _, thread in done}
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    # A daemon thread would be cut off in the middle of a job at the interpreter's end.
    assert not threads.pop().daemon


def test_urgent_jobs_are_taken_beyond_the_capacity_and_take_none_of_it(make_worker) -> None:
    worker = make_worker(capacity=3)
    gate = Gate().hold(worker)
    done: list[int] = []
    assert [worker.submit(lambda number=number: done.append(number)) for number in range(5)] == [
        True, True, True, False, False]
    assert worker.waiting() == 3
    assert worker.submit(lambda: done.append(99), urgent=True)
    assert worker.waiting() == 3
    gate.opened.set()
    finish(worker)
    assert done == [0, 1, 2, 99]
    assert worker.waiting() == 0
    assert worker.submit(lambda: None)


def test_only_so_many_urgent_jobs_may_wait(make_worker) -> None:
    worker = make_worker(capacity=3)
    gate = Gate().hold(worker)
    done: list[int] = []
    assert all(worker.submit(lambda number=number: done.append(number), urgent=True)
               for number in range(MOST_REQUESTS))
    assert not worker.submit(lambda: done.append(-1), urgent=True)
    assert worker.submit(lambda: done.append(-2))  # which is a queue of its own
    gate.opened.set()
    worker.stop(drop=False)
    assert done == [*range(MOST_REQUESTS), -2]


def test_what_is_done_once_is_asked_for_often_and_goes_first(make_worker) -> None:
    worker = make_worker(capacity=1)
    gate = Gate().hold(worker)
    done: list[str] = []
    assert worker.submit(lambda: done.append('slice'))

    def remind() -> None:
        done.append('reminder')

    for _ in range(1000):
        worker.submit_once(remind)
    worker.submit_once(lambda: done.append('other'))
    assert worker.waiting() == 1
    gate.opened.set()
    finish(worker)
    assert done == ['reminder', 'other', 'slice']
    worker.submit_once(remind)  # it does not wait any more, so it is taken again
    finish(worker)
    assert done[3:] == ['reminder']


def test_slices_can_be_forgotten_without_the_requests_between_them(make_worker) -> None:
    worker = make_worker()
    gate = Gate().hold(worker)
    done: list[str] = []
    worker.submit(lambda: done.append('slice'))
    worker.submit(lambda: done.append('request'), urgent=True)
    worker.submit(lambda: done.append('slice'))
    worker.forget()
    assert worker.waiting() == 0
    gate.opened.set()
    finish(worker)
    assert done == ['request']


def test_stop_waits_only_as_long_as_it_is_told_and_can_be_repeated(make_worker) -> None:
    worker = make_worker()
    gate = Gate().hold(worker)
    assert not worker.stop(timeout_seconds=0.01)
    assert not worker.submit(lambda: None)  # nobody would do it
    assert not worker.submit(lambda: None, urgent=True)
    worker.submit_once(lambda: None)
    gate.opened.set()
    assert worker.stop(timeout_seconds=SECONDS)


def test_a_job_that_raises_is_told_and_the_next_one_runs(make_worker) -> None:
    errors: list[Exception] = []
    worker = make_worker(failed=errors.append)
    error = ValueError('no such slice')

    def fail() -> None:
        raise error

    worker.submit(fail)
    finish(worker)
    assert errors == [error]


def test_idle_is_called_when_no_job_came_for_as_long_as_was_said(make_worker) -> None:
    idle = threading.Event()
    waits: list[float | None] = [None, 0.01]  # only after the first job

    def wait_seconds() -> float | None:
        return waits.pop(0) if waits else None

    worker = make_worker(idle=idle.set, wait_seconds=wait_seconds)
    gate = Gate().hold(worker)
    assert not idle.is_set()
    gate.opened.set()
    assert idle.wait(SECONDS)
    finish(worker)


def test_idle_is_not_called_before_its_time(make_worker) -> None:
    times: list[float] = []
    seconds = iter([0.2])

    def wait_seconds() -> float | None:
        times.append(time.monotonic())
        return next(seconds, None)

    worker = make_worker(idle=lambda: times.append(time.monotonic()), wait_seconds=wait_seconds)
    wait_until(lambda: len(times) == 3, what='idle, and the wait after it')
    assert times[1] - times[0] > 0.19
    finish(worker)


def test_a_job_that_waits_goes_before_idle_also_when_the_time_is_up(make_worker) -> None:
    done: list[str] = []
    times = iter([None, 0.0, 0.0])
    worker = make_worker(idle=lambda: done.append('idle'), wait_seconds=lambda: next(times, None))
    gate = Gate().hold(worker)
    worker.submit(lambda: done.append('job'))
    gate.opened.set()
    finish(worker)
    assert done[0] == 'job'


def test_idle_that_raises_is_told_and_the_worker_goes_on(make_worker) -> None:
    failed = threading.Event()
    times = iter([0.0])

    def idle() -> None:
        raise RuntimeError('the stack could not be fused')

    worker = make_worker(idle=idle, wait_seconds=lambda: next(times, None),
                         failed=lambda _error: failed.set())
    assert failed.wait(SECONDS)
    finish(worker)


def test_stop_waits_for_the_running_job_and_drops_those_that_wait(make_worker) -> None:
    worker = make_worker()
    done: list[str] = []
    gate = Gate().hold(worker)
    worker.submit(lambda: done.append('dropped'))
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    wait_until(lambda: worker.waiting() == 0, what='the jobs to be dropped')
    assert stopper.is_alive()
    gate.opened.set()
    stopper.join(SECONDS)
    assert not stopper.is_alive()
    assert done == []


def test_stop_may_do_the_waiting_jobs_first(make_worker) -> None:
    worker = make_worker()
    done: list[int] = []
    gate = Gate().hold(worker)
    for number in range(5):
        worker.submit(lambda number=number: done.append(number))
    gate.opened.set()
    worker.stop(drop=False)
    assert done == [0, 1, 2, 3, 4]


def test_stop_ends_the_thread_and_may_be_repeated(make_worker) -> None:
    worker = make_worker()
    threads: list[threading.Thread] = []
    worker.submit(lambda: threads.append(threading.current_thread()))
    worker.stop(drop=False)
    assert not threads[0].is_alive()
    worker.stop()


def test_submitting_from_many_threads_loses_nothing(make_worker) -> None:
    worker = make_worker(capacity=10**6)
    done: list[tuple[int, int]] = []

    def submit(source: int) -> None:
        for number in range(200):
            assert worker.submit(lambda number=number: done.append((source, number)))

    threads = [threading.Thread(target=submit, args=(source,)) for source in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    finish(worker)
    assert len(done) == 800
    for source in range(4):  # each in its own order
        assert [number for each, number in done if each == source] == list(range(200))
