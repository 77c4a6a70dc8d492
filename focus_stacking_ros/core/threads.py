# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that stay, as OpenCV never gives back what it keeps for a thread that called it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
import os
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ['Tasks', 'by_bands', 'lasting_tasks', 'lasting_threads', 'parts_of']

_BAND_PIXELS = 1 << 17  # at a time; with fewer threads wait for Python more than they work

ItemT = TypeVar('ItemT')
ResultT = TypeVar('ResultT')


@cache
def _pool(purpose: str, count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix=f'focus_stacking_{purpose}')


class Tasks:
    """Runs functions in a pool and knows which have not ended."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._pending: set[Future[Any]] = set()

    def submit(self, function: Callable[..., ResultT], *arguments: Any) -> Future[ResultT]:
        """Begin a call, as an Executor does; returns its future."""
        future = self._pool.submit(function, *arguments)
        self._pending.add(future)
        # What has ended is forgotten: its result may be large.
        future.add_done_callback(self._pending.discard)
        return future

    @property
    def pending(self) -> list[Future[Any]]:
        """Return the calls that have not ended."""
        return list(self._pending)

    def results(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]
                ) -> Iterator[ResultT]:
        """Begin a call for each item; yields what they return, in order."""
        futures = [self.submit(function, item) for item in items]
        return (future.result() for future in futures)


def lasting_tasks(purpose: str, count: int = 0) -> Tasks:
    """
    Return what runs functions in threads that are kept, and does not wait for them.

    :param purpose: each has threads of its own, so that none waits for itself
    :param count: threads; 0 for as many as there are processors
    """
    return Tasks(_pool(purpose, count or os.cpu_count() or 1))


@contextmanager
def lasting_threads(purpose: str, count: int = 0) -> Iterator[Tasks]:
    """
    Run functions in threads that are kept for the next time; waits for them in the end.

    With new threads for every slice a process grows by kilobytes per stack, without end.

    :param purpose: each has threads of its own, so that none waits for itself
    :param count: threads; 0 for as many as there are processors
    """
    tasks = lasting_tasks(purpose, count)
    try:
        yield tasks
    except BaseException:
        for future in tasks.pending:
            future.cancel()
        raise
    finally:
        wait(tasks.pending)


def parts_of(count: int) -> list[range]:
    """Return the numbers below ``count``, in one part for each processor."""
    parts = min(os.cpu_count() or 1, count)
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


def by_bands(work: Callable[[slice], NDArray[np.float32]], out: NDArray[np.float32],
             purpose: str) -> NDArray[np.float32]:
    """
    Return a plane of what a function gives of rows: what it needs of a band takes little memory.

    :param work: returns the values of rows
    :param out: (H, W) that they go into
    :param purpose: whose threads do it, see `lasting_threads`
    """
    height = max(_BAND_PIXELS // out.shape[1], 1)

    def band(first: int) -> None:
        rows = slice(first, min(first + height, len(out)))
        out[rows] = work(rows)

    with lasting_threads(purpose) as pool:
        list(pool.results(band, range(0, len(out), height)))
    return out
