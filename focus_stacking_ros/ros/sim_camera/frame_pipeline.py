# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames that take time: made in one thread, sent in another when they are due, in order."""

from __future__ import annotations

from collections.abc import Callable
import queue
import threading
import time
from typing import Generic, TypeVar

__all__ = ['FramePipeline']

FrameT = TypeVar('FrameT')
MessageT = TypeVar('MessageT')


class FramePipeline(Generic[FrameT, MessageT]):
    """
    Makes and sends frames some time after they began.

    :param make: turns a frame into what is sent, in a thread of its own
    :param send: called with that, in another thread, when it is due or as soon as it is made
    :param failed: called with the exception of either
    :param capacity: frames that may be under way before :meth:`begin` refuses more
    :param clock: steady clock, seconds
    """

    def __init__(self, make: Callable[[FrameT], MessageT], send: Callable[[MessageT], None],
                 failed: Callable[[Exception], None], capacity: int,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._send, self._failed = make, send, failed
        self._capacity, self._clock = capacity, clock
        self._begun: queue.Queue[tuple[FrameT, float, float] | None] = queue.Queue()
        self._made: queue.Queue[tuple[MessageT, float] | None] = queue.Queue()
        self._under_way = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=target, name=name, daemon=False)
                         for target, name in ((self._make_all, 'rendering'),
                                              (self._send_all, 'sending'))]
        for thread in self._threads:
            thread.start()

    def begin(self, frame: FrameT, ready: float, due: float) -> bool:
        """
        Begin a frame; returns False if too many are under way.

        :param frame: what ``make`` is called with
        :param ready: when it may be made, on the clock
        :param due: when it is to be sent, on the clock
        """
        with self._lock:
            if self._under_way >= self._capacity:
                return False
            self._under_way += 1
        self._begun.put((frame, ready, due))
        return True

    def stop(self) -> None:
        """Forget what is under way, and wait for the threads."""
        self._stopped.set()
        self._begun.put(None)
        self._made.put(None)
        for thread in self._threads:
            thread.join()

    def _make_all(self) -> None:
        while (begun := self._begun.get()) is not None and not self._wait(begun[1]):
            try:
                self._made.put((self._make(begun[0]), begun[2]))
            except Exception as error:
                self._end(error)

    def _send_all(self) -> None:
        while (made := self._made.get()) is not None and not self._wait(made[1]):
            try:
                self._send(made[0])
            except Exception as error:
                self._end(error)
            else:
                self._end(None)

    def _wait(self, until: float) -> bool:
        """Wait for a moment; returns whether everything has been stopped."""
        return self._stopped.wait(max(until - self._clock(), 0))

    def _end(self, error: Exception | None) -> None:
        with self._lock:
            self._under_way -= 1
        if error is not None:
            self._failed(error)
