# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that get in each other's way as often as the interpreter lets them."""

from __future__ import annotations

from collections.abc import Callable
import sys
import threading

__all__ = ['at_once']

_SECONDS = 60.0


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
