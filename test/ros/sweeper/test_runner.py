# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how lens, camera and stacking node are led through a sweep, with stand-ins for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import threading
import time
from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    LensError,
    Outcome,
    StackerError,
    SweepError,
    SweepStoppedError,
)
from focus_stacking_ros.ros.sweeper.runner import SweepRunner
from focus_stacking_ros.ros.sweeper.sequence import Now
from helpers.ros_helpers import wait_until
import pytest

POSITIONS = (0.2, 0.21, 0.22)
OPTIONS = SweepOptions(settle_time=0.01, settle_timeout=0.3, camera_timeout=0.3,
                       stacker_patience=0.05, stacker_timeout=0.3)


def header(nanoseconds: int) -> Any:
    return SimpleNamespace(frame_id='camera', stamp=SimpleNamespace(
        sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9))


class _Lens:
    """Takes every command unless told otherwise."""

    def __init__(self) -> None:
        self.commands: list[float] = []
        self.accepts: Callable[[], bool] = lambda: True

    def command(self, position: float) -> None:
        self.commands.append(position)

    def accepted(self) -> bool:
        return self.accepts()


class _Stacker:
    """A stacking node by the book: keeps tags, reports a stack when it is complete."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.slices: list[dict[str, int]] = []
        self.reports: list[dict[str, Any]] = []
        self.end, self.size = 'service', 0
        self.lost = 0
        self.further: list[dict[str, int]] = []  # of images under further lights
        self.fails: dict[str, str] = {}

    def add(self, tag: Any) -> None:
        if self.lost:
            self.lost -= 1
            return
        stamp = vars(tag.header.stamp)
        (self.further if tag.light else self.slices).append(stamp)
        if not tag.is_last:
            return
        if self.end == 'count' and len(self.slices) == self.size:
            self.finish()
        elif self.end == 'reversal' and len(self.slices) == self.size + 1:
            kept = self.slices.pop()
            self.finish()
            self.slices = [kept]

    def finish(self) -> None:
        self.reports.append({
            'frames': [{'stamp': stamp, 'accepted': True, 'light_stamps': list(self.further)}
                       for stamp in self.slices],
            'stamp': self.slices[-1], 'frame_id': 'camera'})
        self.slices = []

    def prepare(self, end: str, size: int) -> None:
        self._call(('prepare', end, size))
        self.slices, self.end, self.size = [], end, size

    def report(self, stamps: set[Any], _timeout_seconds: float) -> dict[str, Any] | None:
        for report in reversed(self.reports):
            if stamps & {(frame['stamp']['sec'], frame['stamp']['nanosec'])
                         for frame in report['frames']}:
                return report
        return None

    def process(self) -> dict[str, Any]:
        self._call('process')
        if len(self.slices) < 2:
            raise StackerError('at least two slices')
        self.finish()
        return {'stamp': self.reports[-1]['stamp'], 'slices': len(self.reports[-1]['frames'])}

    def reset(self) -> int:
        self._call('reset')
        dropped, self.slices = len(self.slices), []
        return dropped

    def cancel(self, cancelled: bool) -> None:
        pass

    def _call(self, what: Any) -> None:
        self.calls.append(what)
        name = what[0] if isinstance(what, tuple) else what
        if name in self.fails:
            raise StackerError(self.fails[name])


class _Cell:
    """A runner with a camera that exposes every 5 ms, until it stops."""

    def __init__(self, stacker: _Stacker | None) -> None:
        self.lens, self.stacker, self.light = _Lens(), stacker, _Lens()
        self.tags: list[Any] = []
        self.on_tag: Callable[[], None] = lambda: None
        self.runner = SweepRunner(stacker, self._publish, self.now, self.light)
        self.exposing = threading.Event()
        self.exposing.set()
        self._ended = threading.Event()
        self._camera = threading.Thread(target=self._expose)
        self._camera.start()

    @staticmethod
    def now() -> Now:
        return Now(time.time_ns(), time.monotonic())

    def __enter__(self) -> _Cell:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._camera.join()

    def sweep(self, options: SweepOptions = OPTIONS) -> dict[str, Any]:
        return self.runner.sweep(self.lens, POSITIONS, options)

    def half_sweep(self, options: SweepOptions = OPTIONS) -> None:
        self.runner.half_sweep(self.lens, POSITIONS, options)

    def _publish(self, tag: Any) -> None:
        self.tags.append(tag)
        if self.stacker is not None:
            self.stacker.add(tag)
        self.on_tag()

    def _expose(self) -> None:
        while not self._ended.wait(0.005):
            if self.exposing.is_set():
                self.runner.exposer.exposure(header(time.time_ns()))


def test_a_sweep_goes_through_the_positions_and_returns_what_came_out() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        answer = cell.sweep()
    assert cell.lens.commands == list(POSITIONS)
    assert [tag.position for tag in cell.tags] == list(POSITIONS)
    assert stacker.calls == [('prepare', 'count', 3)]
    assert answer == {'positions': 3, 'slices': 3, 'refused': 0, 'missing': 0,
                      'frame_id': 'camera', 'stamp': stacker.reports[0]['stamp']}


def test_under_several_lights_slices_are_counted_and_not_exposures() -> None:
    stacker = _Stacker()
    lit = replace(OPTIONS, light_count=2, light_settle_time=0.01, light_settle_timeout=0.3)
    with _Cell(stacker) as cell:
        answer = cell.sweep(lit)
        assert (answer['positions'], answer['slices'], answer['missing']) == (3, 3, 0)
        assert cell.lens.commands == list(POSITIONS)
        assert cell.light.commands == [0, 1] * 3
        assert [(tag.position, tag.light) for tag in cell.tags] == [
            (position, light) for position in POSITIONS for light in (0, 1)]
        assert cell.runner.counters['positions'] == 3
        cell.light.accepts = lambda: False
        with pytest.raises(SweepError, match='light did not take the command for light 0') as told:
            cell.sweep(lit)
        assert told.value.outcome is Outcome.LIGHT_FAILED


def test_without_a_stacking_node_the_last_tag_is_the_answer() -> None:
    with _Cell(None) as cell:
        answer = cell.sweep()
    assert answer['stamp'] == vars(cell.tags[-1].header.stamp)
    assert 'slices' not in answer


def test_a_slice_that_is_lost_is_waited_for_and_then_missing() -> None:
    stacker = _Stacker()
    stacker.lost = 1
    with _Cell(stacker) as cell:
        answer = cell.sweep()
    assert stacker.calls == [('prepare', 'count', 3), 'process']
    assert (answer['slices'], answer['missing']) == (2, 1)


def test_a_stack_that_ends_too_early_is_a_failure_with_the_reason() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        cell.on_tag = lambda: stacker.finish() if len(cell.tags) == 2 else None
        with pytest.raises(SweepError, match=r'after 2 of 3 slices.*stack\.timeout.*dropped'):
            cell.sweep()
    assert stacker.calls[-1] == 'reset'


def test_a_stack_that_times_out_without_its_last_slice_is_the_result() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        waited = []

        def report(stamps: set[Any], timeout_seconds: float) -> Any:
            waited.append(timeout_seconds)
            if len(waited) == 2:  # the stack times out while its end is waited for
                stacker.finish()
            return _Stacker.report(stacker, stamps, timeout_seconds)

        stacker.report = report
        cell.on_tag = lambda: setattr(stacker, 'lost', 1) if len(cell.tags) == 2 else None
        answer = cell.sweep()
    assert (answer['slices'], answer['missing']) == (2, 1)
    # Its last slice may be late.
    assert stacker.calls == [('prepare', 'count', 3), 'reset']


def test_a_stack_that_cannot_be_fused_is_a_failure_with_the_reason() -> None:
    stacker = _Stacker()
    stacker.lost = 2
    with _Cell(stacker) as cell, pytest.raises(SweepError, match='no result: at least two'):
        cell.sweep()
    assert stacker.calls[-1] == 'reset'


@pytest.mark.parametrize(('on_failure', 'last'), [('reset', 'reset'), ('process', 'process')])
def test_a_camera_that_stops_ends_the_sweep_and_leaves_the_stack_as_configured(
        on_failure: str, last: str) -> None:
    stacker = _Stacker()
    options = SweepOptions(settle_time=0.01, camera_timeout=0.2, stacker_on_failure=on_failure)
    with _Cell(stacker) as cell:
        cell.on_tag = lambda: cell.exposing.clear() if len(cell.tags) == 2 else None
        with pytest.raises(SweepError, match=r'no exposure came for position 0\.22') as caught:
            cell.sweep(options)
    assert stacker.calls[-1] == last
    assert stacker.slices == []
    assert ('"slices": 2' in str(caught.value)) == (on_failure == 'process')


def test_a_lens_that_refuses_ends_the_sweep() -> None:
    stacker = _Stacker()

    def refuse() -> bool:
        raise LensError('beyond its travel')

    with _Cell(stacker) as cell:
        cell.lens.accepts = refuse
        with pytest.raises(SweepError, match='beyond its travel'):
            cell.sweep()
    assert stacker.calls[-1] == 'reset'


def test_a_lens_that_does_not_answer_ends_the_sweep() -> None:
    with _Cell(_Stacker()) as cell:
        cell.lens.accepts = lambda: False
        with pytest.raises(SweepError, match='did not take the command'):
            cell.sweep()
    assert cell.tags == []


def test_the_next_sweep_works_after_one_that_failed() -> None:
    with _Cell(_Stacker()) as cell:
        cell.lens.accepts = lambda: False
        with pytest.raises(SweepError):
            cell.sweep()
        cell.lens.accepts = lambda: True
        assert cell.sweep()['slices'] == 3
        assert cell.runner.counters['failed'] == cell.runner.counters['sweeps'] == 1


@pytest.mark.parametrize('service', ['prepare', 'process'])
def test_a_stacking_node_that_refuses_ends_the_sweep_in_its_own_words(service: str) -> None:
    stacker = _Stacker()
    stacker.fails = {service: 'the node is not active'}
    stacker.lost = 1
    with _Cell(stacker) as cell, pytest.raises(SweepError, match='the node is not active'):
        cell.sweep()


@pytest.mark.parametrize('closed', [False, True])
def test_a_sweep_can_be_stopped_and_says_nothing_more_where_the_node_ends(closed: bool) -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        cell.exposing.clear()
        done = []

        def run() -> None:
            try:
                cell.sweep(SweepOptions(camera_timeout=60.0))
            except SweepStoppedError as error:
                done.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: cell.runner.progress == (0, 3))
        (cell.runner.close if closed else cell.runner.stop)()
        thread.join(2)
        assert not thread.is_alive()
        assert 'stopped' in done[0]
        assert (stacker.calls[-1] == 'reset') == (not closed)
        assert cell.runner.progress == (0, 0)


def test_half_sweeps_go_up_and_down_and_each_gives_a_result() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        for _ in range(4):
            cell.half_sweep()
    assert cell.lens.commands == [*POSITIONS, *POSITIONS[::-1]] * 2
    assert stacker.calls == [('prepare', 'reversal', 3)]
    assert len(stacker.reports) == 3


def test_half_sweeps_begin_anew_where_results_fail_to_come() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        cell.half_sweep()
        stacker.end = 'nothing'  # as where the stacking node was started anew
        with pytest.raises(SweepError, match='no result came'):
            cell.half_sweep()
        cell.half_sweep()
        cell.half_sweep()
    assert stacker.calls == [('prepare', 'reversal', 3), 'reset', ('prepare', 'reversal', 3)]
    assert cell.lens.commands[6:9] == list(POSITIONS)
    assert len(stacker.reports) == 1


@pytest.mark.parametrize('on_failure', ['reset', 'process'])
def test_no_half_sweep_is_left_when_there_is_no_other(on_failure: str) -> None:
    stacker = _Stacker()
    options = SweepOptions(settle_time=0.01, stacker_on_failure=on_failure)
    with _Cell(stacker) as cell:
        cell.runner.end(options)
        assert stacker.calls == []
        cell.half_sweep()
        cell.half_sweep()
        with pytest.raises(SweepStoppedError, match='has ended'):
            cell.runner.end(options)
        cell.runner.end(options)
        assert stacker.calls == [('prepare', 'reversal', 3), on_failure]
        assert stacker.slices == []
        cell.half_sweep()
        assert cell.lens.commands[-3:] == list(POSITIONS)


def test_what_was_waited_for_when_a_sweep_is_stopped_is_not_what_went_wrong() -> None:
    stacker = _Stacker()
    with _Cell(stacker) as cell:
        stacker.lost = 3
        cell.on_tag = lambda: cell.runner.stop() if len(cell.tags) == 3 else None
        with pytest.raises(SweepStoppedError, match=r'^the sweep was stopped; its slices'):
            cell.sweep()
        assert stacker.calls[-1] == 'reset'
        cell.runner.stop(False)
        stacker.fails = {'prepare': 'interrupted'}
        cell.runner.stop()
        with pytest.raises(SweepStoppedError, match=r'^the sweep was stopped$'):
            cell.sweep()
    assert cell.runner.counters['stopped'] == 2
    assert not cell.runner.counters['failed']


def test_a_node_that_ends_while_a_failed_sweep_is_tidied_up_does_not_wait_for_answers() -> None:
    stacker, cancelled = _Stacker(), []
    with _Cell(stacker) as cell:
        def cancel(value: bool) -> None:
            if not value and not cancelled:
                cancelled.append(value)
                cell.runner.close()
            cancelled.append(value)

        stacker.cancel = cancel
        cell.lens.accepts = lambda: False
        with pytest.raises(SweepError):
            cell.sweep()
    assert cancelled[-1] is True
