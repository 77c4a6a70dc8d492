# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A service waits for the worker, with executors that make futures and those that do not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


class Executor:
    """Notes its tasks, as one that is weakly referred to."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def create_task(self, callback: Callable[..., Any], *_: Any) -> None:
        """Note a task."""
        self.tasks.append(callback)


@pytest.mark.parametrize('makes_futures', [True, False])
@pytest.mark.parametrize('fails', [True, False])
def test_answer_of_waits_for_the_worker_with_and_without_create_future(
        makes_futures: bool, fails: bool) -> None:
    from focus_stacking_ros.ros.node.answering import answer_of
    from rclpy.task import Future

    jobs: list[Callable[[], None]] = []
    made: list[Any] = []

    class Maker(Executor):
        """Makes futures itself."""

        def create_future(self) -> Any:
            """Return a future of this executor."""
            made.append(Future(executor=self))
            return made[-1]

    executor = Maker() if makes_futures else Executor()

    def job() -> int:
        if fails:
            raise ValueError('no slices')
        return 42

    def submit(work: Callable[[], None], urgent: bool) -> bool:
        assert urgent
        jobs.append(work)
        return True

    worker = SimpleNamespace(submit=submit)
    waiting = answer_of(executor, worker, job)
    waiting.send(None)  # runs to where the answer is waited for
    assert len(made) == makes_futures
    if fails:
        with pytest.raises(ValueError, match='no slices'):
            jobs[0]()
        with pytest.raises(ValueError, match='no slices'):
            waiting.send(None)
    else:
        jobs[0]()
        with pytest.raises(StopIteration) as end:
            waiting.send(None)
        assert end.value.value == 42
    assert executor.tasks  # what wakes the executor
