# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that get in each other's way, and those that still work when a call has returned."""

from __future__ import annotations

from collections.abc import Callable
import sys
import threading

from focus_stacking_ros.core.threads import lasting_tasks

__all__ = ['at_once', 'wait_for_tasks']

_SECONDS = 60.0
# Whoever gives the next one work comes before it.
_TASKS = 'accumulation', 'planes', 'refinement_ahead', 'repetition'


def at_once(*jobs: Callable[[], object]) -> None:
    """Run jobs in a thread each, beginning together and switching often; raise what they raise."""
    barrier, errors = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], object]) -> None:
        try:
            barrier.wait(_SECONDS)
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_SECONDS)
    finally:
        sys.setswitchinterval(interval)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def wait_for_tasks() -> None:
    """Wait until nothing is under way of what slices leave to be done when they are added."""
    for purpose in _TASKS:
        lasting_tasks(purpose, 1).submit(int).result(_SECONDS)
