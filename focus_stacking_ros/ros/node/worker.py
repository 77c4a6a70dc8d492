# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that does a node's heavy work in the order it was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading

__all__ = ['MOST_REQUESTS', 'Worker']

Job = Callable[[], object]

#: Urgent jobs that may wait; callers that ask faster than they are answered are told so.
MOST_REQUESTS = 100


class Worker:
    """
    Runs jobs one after the other in a thread of its own; any thread may call.

    Three queues, so that one kind of work never takes the room of another: jobs proper, such as
    slices, up to a capacity; urgent ones, such as requests of services, up to ``MOST_REQUESTS``;
    and those that are done once, however often they were asked for while they waited. The first
    two run in the order in which they came, the last before both.

    :param idle: called when no job came for as long as ``wait_seconds`` said
    :param wait_seconds: called before waiting; how long to wait for a job, None for ever
    :param failed: called with the exception of a job that raised
    :param capacity: jobs that may wait, besides the urgent ones and those done once
    """

    def __init__(self, idle: Job, wait_seconds: Callable[[], float | None],
                 failed: Callable[[Exception], None], capacity: int) -> None:
        self._idle, self._wait_seconds, self._failed = idle, wait_seconds, failed
        self._capacity = capacity
        self._changed = threading.Condition()
        self._jobs: deque[tuple[bool, Job]] = deque()  # whether urgent, and what to do
        self._once: deque[Job] = deque()
        self._urgent = 0  # of the jobs
        self._ended = False
        self._thread = threading.Thread(target=self._run, name='stacking', daemon=False)
        self._thread.start()

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """
        Queue a job; returns False if its queue is full, or the worker has been stopped.

        :param job: called in the worker's thread
        :param urgent: count it among the requests instead of against the capacity
        """
        with self._changed:
            full = (self._urgent >= MOST_REQUESTS if urgent
                    else self._waiting() >= self._capacity)
            if full or self._ended:
                return False
            self._jobs.append((urgent, job))
            self._urgent += urgent
            self._changed.notify()
        return True

    def submit_once(self, job: Job) -> None:
        """
        Do a job next, once, unless it waits already; dropped if the worker has been stopped.

        :param job: called in the worker's thread; known again by equality, as bound methods are
        """
        with self._changed:
            if not self._ended and job not in self._once:
                self._once.append(job)
                self._changed.notify()

    def waiting(self) -> int:
        """Return the number of jobs that wait, without the urgent ones and those done once."""
        with self._changed:
            return self._waiting()

    def forget(self) -> None:
        """Forget the jobs that :meth:`waiting` counts."""
        with self._changed:
            self._jobs = deque(item for item in self._jobs if item[0])

    def stop(self, *, drop: bool = True, timeout_seconds: float | None = None) -> bool:
        """
        Take no more jobs, and wait for the thread to end; may be called again to wait on.

        :param drop: forget the jobs that wait instead of doing them
        :param timeout_seconds: longest wait, None for as long as the jobs take
        :returns: whether the thread has ended
        """
        with self._changed:
            if drop:
                self._jobs.clear()
                self._once.clear()
                self._urgent = 0
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _waiting(self) -> int:
        return len(self._jobs) - self._urgent

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception as error:
                self._failed(error)

    def _next(self) -> Job | None:
        """Return the next job, ``idle`` where none came in time, None at the end."""
        seconds = self._wait_seconds()
        with self._changed:
            self._changed.wait_for(lambda: self._once or self._jobs or self._ended, seconds)
            if self._once:
                return self._once.popleft()
            if self._jobs:
                urgent, job = self._jobs.popleft()
                self._urgent -= urgent
                return job
            return None if self._ended else self._idle
