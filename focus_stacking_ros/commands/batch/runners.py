# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who does the jobs of a batch: processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import as_completed, ThreadPoolExecutor
import os
import subprocess
import threading
from typing import Any

from focus_stacking_ros.commands.batch.jobs import do, Job, Outcome
from focus_stacking_ros.commands.errors import CommandError

__all__ = ['on_cluster', 'on_this_machine', 'processors']

_TRIES = 2  # of a job whose process somebody or something ends
_REACHED_SECONDS = 10


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on all systems
        return os.cpu_count() or 1


def on_this_machine(jobs: Sequence[Job], count: int) -> Generator[Outcome, None, None]:
    """
    Do jobs in processes of this machine; yields what becomes of them as they end.

    Who stops iterating, by an exception or by closing, ends those that run.

    :param jobs: all that are to be done
    :param count: how many at a time
    """
    running: set[subprocess.Popen[str]] = set()
    stopping = threading.Event()
    lock = threading.Lock()

    def begun(process: subprocess.Popen[str]) -> None:
        with lock:
            running.add(process)
            if stopping.is_set():
                process.terminate()

    def tried(job: Job) -> Outcome:
        outcome = Outcome(job, 'the batch was stopped')
        for _ in range(_TRIES):
            if stopping.is_set():
                break
            outcome = do(job, begun)
            if not outcome.is_killed:
                break
        return outcome

    with ThreadPoolExecutor(count) as threads:
        pending = [threads.submit(tried, job) for job in jobs]
        try:
            for future in as_completed(pending):
                yield future.result()
        finally:
            with lock:
                stopping.set()
                for process in running:
                    if process.poll() is None:
                        process.terminate()


def on_cluster(jobs: Sequence[Job], scheduler: str) -> Generator[Outcome, None, None]:
    """
    Do jobs on the workers of a Dask cluster, which see the same folders; yields as they end.

    A job whose worker dies is done by another one.

    :param jobs: all that are to be done
    :param scheduler: its address, as tcp://host:8786
    :raises CommandError: `distributed` is not installed, or nothing answers there
    """
    try:
        import distributed
    except ImportError as error:
        raise CommandError(f'--scheduler takes the package distributed: {error}; '
                           'pip install distributed') from error
    dask: Any = distributed  # it has no types
    try:
        client = dask.Client(scheduler, timeout=_REACHED_SECONDS)
    except (OSError, ValueError) as error:
        raise CommandError(f'--scheduler {scheduler}: nothing answers there: {error}') from error
    with client:
        futures = {client.submit(do, job, pure=False, retries=_TRIES - 1): job for job in jobs}
        try:
            for future in dask.as_completed(futures):
                if future.status == 'finished':
                    yield future.result()
                else:
                    yield Outcome(futures[future], f'its workers failed: {future.exception()}')
        finally:
            client.cancel(list(futures))
