# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of frames that are made and sent some time after they began."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time
from typing import Any

from focus_stacking_ros.ros.sim_camera.frame_pipeline import FramePipeline
from helpers.ros_helpers import wait_until
import pytest


class _Sink:
    """Makes pipelines, and keeps what they send, when, and their errors."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, float]] = []
        self.errors: list[Exception] = []
        self._made: list[FramePipeline[Any, Any]] = []

    def pipeline(self, make: Callable[[Any], Any] = lambda frame: frame, capacity: int = 5
                 ) -> FramePipeline[Any, Any]:
        self._made.append(FramePipeline(
            make, lambda message: self.sent.append((message, time.monotonic())),
            self.errors.append, capacity))
        return self._made[-1]

    def stop(self) -> None:
        for pipeline in self._made:
            pipeline.stop()


@pytest.fixture
def sink() -> Iterator[_Sink]:
    made = _Sink()
    yield made
    made.stop()


def test_frames_are_sent_in_order_and_never_before_they_are_due(sink: _Sink) -> None:
    pipeline = sink.pipeline(lambda frame: frame * 10)
    began = time.monotonic()
    due = [began + 0.05 + 0.01 * number for number in range(4)]
    for number in range(4):
        assert pipeline.begin(number, began, due[number])
    wait_until(lambda: len(sink.sent) == 4)
    assert [message for message, _ in sink.sent] == [0, 10, 20, 30]
    assert all(at >= when for (_, at), when in zip(sink.sent, due, strict=True))


def test_a_frame_is_not_made_before_it_is_ready(sink: _Sink) -> None:
    ready = time.monotonic() + 0.05
    pipeline = sink.pipeline(lambda _: time.monotonic())
    pipeline.begin(None, ready, 0.0)
    wait_until(lambda: sink.sent)
    assert sink.sent[0][0] >= ready


def test_making_goes_on_while_a_frame_waits_to_be_sent(sink: _Sink) -> None:
    made = []
    pipeline = sink.pipeline(made.append)
    now = time.monotonic()
    for number in range(3):
        pipeline.begin(number, now, now + 60)
    wait_until(lambda: len(made) == 3)
    assert sink.sent == []


def test_more_than_can_be_made_is_refused_until_there_is_room(sink: _Sink) -> None:
    gate = threading.Event()
    pipeline = sink.pipeline(lambda _: gate.wait(10), capacity=2)
    assert [pipeline.begin(number, 0.0, 0.0) for number in range(4)] == [True, True, False, False]
    gate.set()
    wait_until(lambda: len(sink.sent) == 2)
    assert wait_until(lambda: pipeline.begin(4, 0.0, 0.0))


def test_an_error_is_told_and_the_others_go_on(sink: _Sink) -> None:
    pipeline = sink.pipeline(lambda frame: 1 // frame, capacity=3)
    for frame in (1, 0, 1):
        assert pipeline.begin(frame, 0.0, 0.0)
    wait_until(lambda: len(sink.sent) == 2)
    assert [type(error) for error in sink.errors] == [ZeroDivisionError]
    assert wait_until(lambda: all(pipeline.begin(1, 0.0, 0.0) for _ in range(3)))


def test_stopping_does_not_wait_for_what_is_due_later(sink: _Sink) -> None:
    pipeline = sink.pipeline()
    now = time.monotonic()
    pipeline.begin(1, now, now + 60)
    pipeline.begin(2, now + 60, now + 60)
    pipeline.stop()
    assert time.monotonic() - now < 5
    assert sink.sent == []
