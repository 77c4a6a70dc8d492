# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services that are answered with what a job in the worker's thread returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from focus_stacking_ros.ros.node.worker import MOST_REQUESTS, Worker

__all__ = ['BusyError', 'answer_of']

AnswerT = TypeVar('AnswerT')


class BusyError(RuntimeError):
    """More requests wait than are kept; the words are for who asked."""


async def answer_of(executor: Any, worker: Worker, job: Callable[[], AnswerT]) -> AnswerT:
    """
    Return what a job in a worker's thread returns; the executor serves others meanwhile.

    To be awaited in a callback of a ReentrantCallbackGroup: as long as it waits in another one,
    rclpy serves no other callback of that group, which by default is all of the node.

    :param executor: that runs the callback
    :param worker: does the job in its turn, and is told of what it raises
    :param job: called in the worker's thread
    :raises BusyError: too many requests wait already
    :raises Exception: what the job raised
    """
    future = _future_of(executor)

    def work() -> None:
        try:
            future.set_result(job())
        except Exception as error:
            future.set_exception(error)
            raise
        finally:
            executor.create_task(lambda: None)  # wakes the executor

    if not worker.submit(work, urgent=True):
        raise BusyError(f'{MOST_REQUESTS} requests wait for an answer already; ask again when '
                        'they are answered')
    answer: AnswerT = await future
    return answer


def _future_of(executor: Any) -> Any:
    """Return a future of an executor, made by itself where it can (Jazzy 7.1.6 and newer)."""
    if (create := getattr(executor, 'create_future', None)) is not None:
        return create()
    from rclpy.task import Future

    return Future(executor=executor)
