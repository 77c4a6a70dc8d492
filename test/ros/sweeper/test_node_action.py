# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The sweep action: results, cancels, faults, clients that die.

It is asked for by other processes, the example client, where these matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import json
import math
from pathlib import Path
import re
import runpy
import signal
import sys
import threading
from typing import Any

from helpers.bench import Bench, POSITIONS
from helpers.cell import values
from helpers.requests import set_parameter
from helpers.ros_helpers import NodeProcess, RosContext, spin_until
import pytest
from rclpy.action import ActionClient

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator', 'interfaces')]

CLIENT = (sys.executable, Path(__file__).parents[3] / 'examples' / 'sweep_client.py')

Start = Callable[..., Any]


class _Goal:
    """
    A goal of a client in this process.

    :param bench: spins the client, too
    :param goal: fields of Sweep.Goal
    """

    def __init__(self, bench: Bench, **goal: Any) -> None:
        from focus_stacking_interfaces.action import Sweep

        self._bench, self._name_of = bench, runpy.run_path(str(CLIENT[1]))['name_of']
        self._client = ActionClient(bench.node, Sweep, 'sweep')
        spin_until(bench.executor, self._client.server_is_ready, what='the action')
        self._told: list[Any] = []
        self._sent = self._client.send_goal_async(
            Sweep.Goal(**goal), feedback_callback=lambda it: self._told.append(it.feedback))

    def said(self) -> tuple[str, Any]:
        """Spin until it has ended; returns what became of it in words, and the result."""
        spin_until(self._bench.executor, self._sent.done, what='the goal to be taken')
        ended = self._sent.result().get_result_async()
        spin_until(self._bench.executor, ended.done, 60, 'the result')
        self._client.destroy()
        result = ended.result().result
        return (f'{self._name_of(result, "OUTCOME_", result.outcome)}, the stack is '
                f'{self._name_of(result, "STACK_", result.stack)}: {result.exposed} of '
                f'{result.positions} exposed, {result.taken} taken', result)

    def shows(self, phase: str, done: int = 0) -> None:
        """Spin until its feedback has told of a phase, and of so many positions in it."""
        spin_until(self._bench.executor, lambda: any(
            self._name_of(each, 'PHASE_', each.phase) == phase and each.position >= done
            for each in self._told), 60, f'{phase} in the feedback')

    def cancel(self) -> None:
        """Cancel it, once it has been taken."""
        spin_until(self._bench.executor, self._sent.done, what='the goal to be taken')
        self._sent.result().cancel_goal_async()


class _Client:
    """The example client, as a process of its own."""

    def __init__(self, process: NodeProcess) -> None:
        self.process = process

    def ended(self, bench: Bench) -> tuple[int, str]:
        """Spin until it has ended; returns its exit code and the line of the result."""
        code = spin_until(bench.executor, lambda: (self.process.process.poll(),)
                          if self.process.process.poll() is not None else None,
                          60, 'the end of the client')[0]
        lines = [line for line in self.process.log.splitlines() if ', the stack is ' in line]
        assert len(lines) == 1, self.process.log
        assert 'Traceback' not in self.process.log
        return code, lines[0]

    def shows(self, bench: Bench, words: str) -> None:
        """Spin until its output has some words."""
        def shown() -> bool:
            assert self.process.process.poll() is None, self.process.log
            return words in self.process.log

        spin_until(bench.executor, shown, 60, f'{words!r} in the output of the client')

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.process.kill()
        self.process.process.wait()

    def cancel(self) -> None:
        """Have it cancel its goal."""
        self.process.process.send_signal(signal.SIGINT)


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Return what starts the client with arguments of its command line."""
    started: list[NodeProcess] = []

    def begin(*arguments: str) -> _Client:
        log = tmp_path / f'client_{len(started)}'
        started.append(NodeProcess(
            [*CLIENT, '--timeout', '60', *arguments], environment, log))
        return _Client(started[-1])

    yield begin
    for process in started:
        if process.process.poll() is None:
            process.process.kill()
        process.process.wait()


def expect_ready(bench: Bench) -> None:
    """Check that no slice is left anywhere, and that the next sweep works."""
    spin_until(bench.executor, lambda: len(bench.stacker._stacker) == 0, what='an empty stack')
    bench.exposing = bench.moving = True
    bench.image_delay = 0.0
    answer = bench.sweep()
    assert answer.success, answer.message
    assert json.loads(answer.message)['slices'] == len(POSITIONS)


def log_lines(bench: Bench, words: str) -> int:
    """Return how many lines of the log have words, once one has; the client may know before."""
    bench.wait_for_log(words)
    return sum(words in line for line in bench.log.lines())


def test_a_goal_of_another_process_is_swept_and_watched(
        start: Start, ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        client = start()
        code, line = client.ended(bench)
        stamp = bench.report()['stamp']
        assert code == 0
        assert line == ('done, the stack is fused: 5 of 5 exposed, 5 taken, 0 refused, stamp '
                        f'{stamp["sec"]}.{stamp["nanosec"]:09d}')
        for rank, position in enumerate(POSITIONS):
            assert f'slice {rank} at {position:g}: rank {rank}' in client.process.log
        watched = client.process.log
        for phase in ('preparing', 'moving', 'exposing', 'fusing'):
            assert f'{phase}: ' in watched
        for number in range(1, 6):
            assert f'{number} of 5 exposed' in watched
        assert re.search(r'5 taken, 0 refused, (nan|\d)', watched)
        assert re.search(r': 3 of 5 exposed, \d taken, 0 refused, \d', watched)
        expect_ready(bench)
        assert bench.commands == POSITIONS * 2


def test_a_goal_has_positions_of_its_own(start: Start, ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        code, line = start('--near', '0.102', '--far', '0.106', '--count', '3').ended(bench)
        assert (code, '3 of 3 exposed, 3 taken' in line) == (0, True)
        assert bench.commands == pytest.approx([0.102, 0.104, 0.106], abs=1e-4)
        assert bench.stacker.get_parameter('stack.size').value == 3
        expect_ready(bench)


def test_a_goal_that_is_not_to_be_fused_leaves_the_slices(ros_context: RosContext) -> None:
    with Bench(ros_context, stacker={'stack__timeout': 60.0}) as bench:
        assert _Goal(bench, fuse=False).said()[0].startswith('done, the stack is kept: 5 of 5')
        bench.wait_for_slices(5)
        assert bench.call('process').success
        assert len(bench.report()['frames']) == 5
        expect_ready(bench)


def test_an_impossible_goal_ends_with_its_reason(start: Start, ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        client = start('--near', '0.1', '--far', '0.2', '--step', '0.5')
        code, line = client.ended(bench)
        assert (code, line.partition(',')[0]) == (1, 'invalid goal')
        assert 'the number of positions is not given' in client.process.log
        for number, (near, far, count, step, words) in enumerate((
                (0.3, 0.2, [3], [], 'is not nearer than the far end'),
                (0.1, 0.1, [3], [], 'there is nothing to sweep'),
                (0.1, 0.2, [1], [], 'a count of 1; a stack takes at least 2'),
                (math.nan, 0.2, [3], [], 'near of the goal is nan'),
                (-0.1, 0.2, [3], [], 'it must be a finite, positive distance'),
                (0.1, 0.2, [], [0.5], 'the number of positions is not given'),
                (0.1, 0.2, [3], [1.0], 'a count, 3, and a step'))):
            line, result = _Goal(bench, near=[near], far=[far], count=count, step=step).said()
            assert line.startswith('invalid goal, the stack is untouched: 0 of 0 exposed')
            assert words in result.message
            assert log_lines(bench, words) == 1 + ('not given' in words)
            bench.wait_for_diagnostics('sweep', lambda status: sum(int(
                values(status).get(name, 0)) for name in (
                    'failed', 'services refused')) == number + 2)  # noqa: B023
        assert bench.tags == bench.commands == []
        expect_ready(bench)


def hold(bench: Bench) -> threading.Event:
    """Keep the worker of the sweeper busy until the event is set."""
    free = threading.Event()
    bench.sweeper._worker.submit(lambda: free.wait(60), urgent=True)
    return free


@pytest.mark.parametrize('phase', ['waiting', 'preparing', 'moving', 'exposing', 'fusing'])
def test_a_sweep_is_canceled_in_every_phase(phase: str, ros_context: RosContext) -> None:
    with Bench(ros_context, {'settle.by': 'feedback' if phase == 'moving' else 'time'}) as bench:
        free = None
        if phase == 'waiting':
            free = hold(bench)
        elif phase == 'preparing':
            bench.end_stacker()
        elif phase == 'moving':
            bench.lens_m, bench.moving = 1.0, False
        elif phase == 'exposing':
            bench.exposing = False
        else:
            bench.image_delay = 60.0
        goal = _Goal(bench)
        goal.shows(phase)
        goal.cancel()
        if free is not None:
            spin_until(bench.executor, bench.sweeper._runner._stopped.is_set, what='the cancel')
            free.set()
        line, _ = goal.said()
        fate = 'untouched' if phase in ('waiting', 'preparing') else 'dropped'
        exposed = 5 if phase == 'fusing' else 0
        assert line.startswith(f'canceled, the stack is {fate}: {exposed} of 5 exposed')
        assert log_lines(bench, 'the sweep was stopped') == 1
        bench.wait_for_diagnostics('sweep', lambda status: values(status).get('stopped') == '1')
        bench._late.clear()
        if phase == 'preparing':
            bench.start_stacker()
            bench.connect()
        expect_ready(bench)


def test_a_cancel_after_the_last_exposure_tells_where_the_result_is_out(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench(ros_context) as bench:
        fusing, go_on = threading.Event(), threading.Event()
        finish = type(bench.stacker._stacker).finish

        def slowly(stacker: Any) -> Any:
            fusing.set()
            go_on.wait(60)
            return finish(stacker)

        monkeypatch.setattr(type(bench.stacker._stacker), 'finish', slowly)
        goal = _Goal(bench)
        spin_until(bench.executor, fusing.is_set, 60, 'the fusing')
        goal.shows('fusing', 5)
        goal.cancel()
        goal.shows('ending')
        go_on.set()
        line, result = goal.said()
        assert line.startswith('canceled, the stack is fused: 5 of 5 exposed')
        assert 'its slices are fused already' in result.message
        assert len(bench.report()['frames']) == 5
        expect_ready(bench)


def test_what_there_is_may_be_fused_where_a_sweep_is_canceled(
        start: Start, ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.on_failure': 'process'}) as bench:
        client = start()
        bench.wait_for_tags(3)
        bench.exposing = False
        bench.wait_for_slices(3)
        client.cancel()
        _, line = client.ended(bench)
        assert line.startswith('canceled, the stack is fused: 3 of 5 exposed, 3 taken')
        assert client.process.log.count('  slice ') == len(bench.report()['frames']) == 3
        expect_ready(bench)


def test_a_client_that_dies_costs_nothing(start: Start, ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        client = start()
        bench.wait_for_tags(2)
        client.kill()
        assert len(bench.report()['frames']) == 5
        spin_until(bench.executor, lambda: not bench.sweeper._busy, what='the end of the goal')
        assert log_lines(bench, 'sweep done') == 1
        bench.wait_for_diagnostics('sweep', lambda status: values(status).get('sweeps') == '1')
        assert _Goal(bench).said()[0].startswith('done, the stack is fused')


def test_a_second_goal_while_one_runs_is_refused_and_told(ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        bench.exposing = False
        first = _Goal(bench)
        first.shows('exposing')
        _, result = _Goal(bench).said()
        assert (result.outcome, result.stack) == (result.OUTCOME_BUSY, result.STACK_UNTOUCHED)
        assert result.message == 'a sweep is running already'
        words = 'a sweep is refused: a sweep is running already'
        bench.expect_told('sweep', words, words, services_refused=1)
        assert bench.answer(bench.begin()).message == result.message  # ~/sweep
        bench.exposing = True
        assert first.said()[0].startswith('done, the stack is fused')
        expect_ready(bench)


def test_two_clients_at_once_get_one_sweep(ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        free = hold(bench)
        goals = _Goal(bench), _Goal(bench)
        free.set()
        outcomes = sorted(goal.said()[0].partition(',')[0] for goal in goals)
        assert outcomes == ['busy', 'done']
        assert len(bench.tags) == len(POSITIONS)
        expect_ready(bench)


@pytest.mark.parametrize('fault', ['lens', 'feedback', 'camera', 'stacker'])
def test_what_is_not_there_ends_the_goal(fault: str, ros_context: RosContext) -> None:
    parameters = {'settle.timeout': 1.0, 'camera.timeout': 1.0, 'stacker.timeout': 1.5}
    if fault == 'feedback':
        parameters['settle.by'] = 'feedback'
    with Bench(ros_context, parameters, listens=fault != 'lens') as bench:
        words = {'lens': 'the lens did not take the command for position 0.1 (1 of 5)',
                 'feedback': 'it says nothing', 'camera': 'the camera says nothing',
                 'stacker': 'stacker is not there after 1.5 s'}[fault]
        if fault == 'feedback':
            bench.node.destroy_publisher(bench.feedback)
            bench.feedback = type('Silent', (), {'publish': lambda *_: None})()
        elif fault == 'camera':
            bench.exposing = False
        elif fault == 'stacker':
            bench.end_stacker()
        line, result = _Goal(bench).said()
        kind = 'lens' if fault == 'feedback' else fault
        fate = 'untouched' if fault == 'stacker' else 'dropped'
        assert line.startswith(f'{kind} failed, the stack is {fate}: 0 of 5 exposed')
        assert words in result.message
        bench.expect_told('sweep', words, words, failed=1)
        if fault != 'stacker':
            assert len(bench.stacker._stacker) == 0


def test_a_stopped_sweep_is_told_to_its_client(ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        bench.exposing = False
        goal = _Goal(bench)
        goal.shows('exposing')
        assert bench.answer(bench.begin('stop')).success
        assert goal.said()[0].startswith('canceled, the stack is dropped')
        expect_ready(bench)


def test_a_goal_is_refused_while_sweeping_is_continuous(ros_context: RosContext) -> None:
    with Bench(ros_context, {'continuous': True}) as bench:
        bench.wait_for_tags(1)
        line, result = _Goal(bench).said()
        assert line.startswith('busy, the stack is untouched')
        assert result.message == 'sweeping is continuous; set continuous to false first'
        assert set_parameter(bench, 'continuous', False, 'sweeper').successful
        spin_until(bench.executor, lambda: not bench.sweeper._runner.progress[1])
        assert _Goal(bench).said()[0].startswith('done, the stack is fused')


def test_a_sweeper_that_ends_while_a_goal_runs_ends_cleanly(
        environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'focus_stacking_ros.ros.sweeper.node', '--ros-args', '-p',
               'sweep.positions:=[0.1, 0.2]', '-p', 'settle.timeout:=60.0', '-p',
               "stacker.node:=''"]
    with NodeProcess.running(command, environment, tmp_path / 'sweeper') as sweeper, \
            NodeProcess.running([*CLIENT, '--timeout', '60'], environment,
                                tmp_path / 'client') as client:
        client.wait_for_log('moving: ', 60)  # there is no lens
        assert sweeper.stop(signal.SIGINT) == 0, sweeper.log
        assert 'Traceback' not in sweeper.log
        assert client.process.wait(60) == 2
        assert 'there is no sweeper, or it has ended' in client.log
        assert 'Traceback' not in client.log


def test_typed_positions_are_published_and_taken(ros_context: RosContext) -> None:
    with Bench(ros_context, stacker={'focus__source': 'typed'}) as bench:
        assert json.loads(bench.sweep().message)['slices'] == 5
        assert [frame['focus_distance_m'] for frame in bench.report()['frames']] == POSITIONS


def test_a_stacking_node_that_takes_typed_positions_is_not_swept_for_without_them(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench(ros_context, stacker={'focus__source': 'typed'}) as bench:
        bench.sweeper._stacker._typed = False  # as where the package is not installed
        assert 'is not installed where the sweeper runs' in bench.sweep().message
        assert bench.tags == []
