# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that does a node's heavy work in the order it was asked for."""

from __future__ import annotations

from collections.abc import Callable
import queue
import threading

__all__ = ['Worker']

Job = Callable[[], None]


class Worker:
    """
    Runs jobs one after the other in a thread of its own.

    :param idle: called when no job came for as long as ``wait_seconds`` said
    :param wait_seconds: called before waiting; how long to wait for a job, None for ever
    :param failed: called with the exception of a job that raised
    :param capacity: jobs that may wait before :meth:`submit` refuses more
    """

    def __init__(self, idle: Job, wait_seconds: Callable[[], float | None],
                 failed: Callable[[Exception], None], capacity: int) -> None:
        self._idle, self._wait_seconds, self._failed = idle, wait_seconds, failed
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._capacity = capacity
        self._thread = threading.Thread(target=self._run, name='stacking', daemon=False)
        self._thread.start()

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """
        Queue a job; returns False if the queue is full.

        :param job: called in the worker's thread
        :param urgent: never refuse it
        """
        if not urgent and self._jobs.qsize() >= self._capacity:
            return False
        self._jobs.put(job)
        return True

    def waiting(self) -> int:
        """Return the number of jobs that wait."""
        return self._jobs.qsize()

    def stop(self, *, drop: bool = True) -> None:
        """
        End the thread after the running job and wait for it.

        :param drop: forget the jobs that wait instead of doing them
        """
        if drop:
            try:
                while True:
                    self._jobs.get_nowait()
            except queue.Empty:
                pass
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._wait_seconds())
            except queue.Empty:
                job = self._idle
            if job is None:
                return
            try:
                job()
            except Exception as error:
                self._failed(error)
