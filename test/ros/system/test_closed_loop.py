# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated camera, sweeper and stacker as processes of their own, as in a cell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
import json
from pathlib import Path
import signal
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from focus_stacking_ros.commands.score import score_depth
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from geometry_msgs.msg import PointStamped
from helpers.forked_nodes import ForkedNodes
from helpers.metrics import inner, psnr
from helpers.ros_helpers import NodeProcess, ready_client, RosContext, spin_until
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Float64, String
from std_srvs.srv import Trigger

pytestmark = pytest.mark.ros

#: More delay than a frame lasts: several stale frames arrive while the lens stands still.
CAMERA = {'camera.latency': 0.25, 'truth.focus': 0.2427}
SWEEP = {'sweep.near': 0.2427, 'sweep.far': 0.2508, 'sweep.count': 12}
#: Little blur, as discs take the longest.
SMALL = {'scene': 'tilted_plane', 'camera.width': 96, 'camera.height': 72, 'camera.rate': 25.0,
         'lens.settling_time': 0.05, 'lens.f_number': 16.0}
FEW = {'sweep.near': 0.245, 'sweep.far': 0.255, 'sweep.count': 3, 'settle.time': 0.08}


class _Observer:
    """
    A node that keeps what the processes publish, and calls their services.

    :param ros: the fixture ``ros_context``
    :param namespace: of the cell
    """

    def __init__(self, ros: RosContext, namespace: str = '') -> None:
        self.node = Node('observer', context=ros.context, namespace=namespace,
                         start_parameter_services=False)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)
        self.latest: dict[str, Any] = {}
        self.reports: list[dict[str, Any]] = []
        self.tags: list[PointStamped] = []
        self.true_focus: dict[tuple[int, int], float] = {}
        self.stacker_input: dict[str, str] = {}
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)
        for kind, names in (
                (Image, ('all_in_focus/image', 'depth/image', 'truth/all_in_focus/image',
                         'truth/depth/image')),
                (CameraInfo, ('depth/camera_info', 'truth/depth/camera_info'))):
            for name in names:
                self.node.create_subscription(
                    kind, name, lambda message, name=name: self.latest.update({name: message}),
                    output_profile())
        self.node.create_subscription(
            String, 'report', lambda message: self.reports.append(json.loads(message.data)),
            output_profile())
        self.node.create_subscription(PointStamped, 'focus_position', self.tags.append, 50)
        self.node.create_subscription(PointStamped, 'truth/focus_position', self._focus, 200)

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith('stacker: input'):
                self.stacker_input = {item.key: item.value for item in status.values}

    def _focus(self, message: PointStamped) -> None:
        self.true_focus[stamp_of(message)] = message.point.z

    def wait(self, condition: Any, what: str, seconds: float = 30) -> None:
        spin_until(self.executor, condition, seconds, what)

    def call(self, service: str) -> Any:
        client = ready_client(self.node, self.executor, Trigger, service)
        return client.call_async(Trigger.Request())

    def sweep(self) -> dict[str, Any]:
        """Make a sweep once the camera is there, and heard; returns the answer."""
        self.wait(lambda: self.true_focus, 'the first image')
        self.wait(lambda: self.stacker_input.get('images', '0') != '0',
                  'an image at the stacking node')
        future = self.call('sweeper/sweep')
        self.wait(future.done, 'the answer of the sweep')
        assert future.result().success, future.result().message
        self.wait(lambda: all(stamp_of(tag) in self.true_focus for tag in self.tags),
                  'what is true about the tagged images')
        return json.loads(future.result().message)

    def errors(self) -> list[float]:
        """Return how far from its tag the focus of each tagged image really was, metres."""
        return [abs(tag.point.z - self.true_focus[stamp_of(tag)]) for tag in self.tags]


def stamp_of(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


@pytest.fixture
def observer(ros_context: RosContext) -> Iterator[_Observer]:
    made = _Observer(ros_context)
    yield made
    made.executor.shutdown()
    made.node.destroy_node()


class _Cell:
    """Starts nodes by name, and ends them cleanly at the end of the test."""

    def __init__(self, nodes: ForkedNodes, environment: dict[str, str], folder: Path,
                 stack: ExitStack) -> None:
        self._nodes, self._environment = nodes, environment
        self._folder, self._stack = folder, stack
        self.started: list[NodeProcess] = []

    def start(self, module: str, parameters: dict[str, Any] | None = None,
              namespace: str = '/', *, anew: bool = False) -> NodeProcess:
        """Start a node; anew: with a Python of its own, as the launch files do."""
        arguments = ['--ros-args', '-r', f'__ns:={namespace}']
        for name, value in (parameters or {}).items():
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        log = self._folder / f'log{len(self.started)}'
        process = self._stack.enter_context(NodeProcess.running(
            [sys.executable, '-m', f'focus_stacking_ros.ros.{module}.node', *arguments],
            self._environment, log) if anew else self._nodes.running(
                module, arguments, self._environment, log))
        self.started.append(process)
        return process

    def start_all(self, camera: dict[str, Any], sweep: dict[str, Any]) -> list[NodeProcess]:
        return [self.start('stacker'), self.start('sim_camera', camera),
                self.start('sweeper', sweep)]


@pytest.fixture
def cell(nodes: ForkedNodes, environment: dict[str, str], tmp_path: Path) -> Iterator[_Cell]:
    with ExitStack() as stack:
        yield _Cell(nodes, environment, tmp_path, stack)


@contextmanager
def ending_cleanly(processes: list[NodeProcess]) -> Iterator[None]:
    yield
    for process in processes:
        assert process.stop(signal.SIGINT) == 0, process.log
        assert 'Traceback' not in process.log, process.log


def test_a_simulated_cell_measures_what_is_true(cell: _Cell, observer: _Observer) -> None:
    around = [cell.start('stacker', anew=True), cell.start('sim_camera', CAMERA, anew=True)]
    for settling in ({'settle.by': 'feedback', 'settle.time': 0.1},
                     {'settle.by': 'time', 'settle.time': 0.15}):
        sweeper = cell.start('sweeper', {**SWEEP, **settling},
                             anew=settling['settle.by'] == 'feedback')
        with ending_cleanly([sweeper]):
            measures_what_is_true(observer)
    with ending_cleanly(around):
        pass


def measures_what_is_true(observer: _Observer) -> None:
    observer.tags.clear()
    for name in ('all_in_focus/image', 'depth/image', 'depth/camera_info'):
        observer.latest.pop(name, None)
    answer = observer.sweep()
    assert (answer['positions'], answer['slices'], answer['missing']) == (12, 12, 0)
    assert len(observer.tags) == 12
    assert max(observer.errors()) < 1e-9
    observer.wait(lambda: len(observer.latest) == 6, 'results and truth')
    result = {name: image_to_array(message) for name, message in observer.latest.items()
              if name.endswith('image')}
    assert observer.latest['depth/image'].header.stamp.nanosec == answer['stamp']['nanosec']
    # One pixel grid: that of the slice focused nearest.
    infos = [observer.latest[f'{name}depth/camera_info'].k for name in ('', 'truth/')]
    np.testing.assert_allclose(*infos)
    distances = [frame['focus_distance_m'] for frame in observer.reports[-1]['frames']]
    score = score_depth(result['depth/image'], result['truth/depth/image'], distances)
    assert score.known > 0.9, score
    assert score.rmse_m < 0.00026, score  # a slice is 0.74 mm; rims of parts decide it
    assert score.median_m < 0.00006, score
    assert score.within_one_slice > 0.985, score
    sharp, truth = result['all_in_focus/image'], result['truth/all_in_focus/image']
    assert psnr(sharp, truth, inner(sharp.shape[:2])) > 28


def test_an_exposure_taken_too_early_would_show(cell: _Cell, observer: _Observer) -> None:
    cell.start_all({**SMALL, 'lens.settling_time': 0.1}, {**FEW, 'settle.time': 0.0})
    observer.sweep()
    assert max(observer.errors()) > 0.0003


def test_continuous_sweeping_survives_the_restart_of_any_node(
        cell: _Cell, observer: _Observer) -> None:
    parameters = {
        'sim_camera': SMALL, 'stacker': {},
        'sweeper': {**FEW, 'continuous': True, 'settle.timeout': 1.0, 'camera.timeout': 1.0,
                    'stacker.timeout': 3.0, 'retry.pause': 0.2}}
    running = {name: cell.start(name, values) for name, values in parameters.items()}
    observer.wait(lambda: len(observer.reports) >= 2, 'two results')
    for module, values in parameters.items():
        assert running[module].stop(signal.SIGINT) == 0, running[module].log
        known = len(observer.reports)
        running[module] = cell.start(module, values)
        observer.wait(lambda known=known: len(observer.reports) >= known + 3,
                      f'results after the restart of {module}')
        assert len(observer.reports[-1]['frames']) == 3
    for process in running.values():
        assert process.stop(signal.SIGTERM) == 0, process.log
        assert 'Traceback' not in process.log, process.log


def test_two_cells_on_one_machine_do_not_disturb_each_other(cell: _Cell, ros_context: RosContext
                                                            ) -> None:
    observers = {name: _Observer(ros_context, name) for name in ('/one', '/two')}
    ranges = {'/one': (0.245, 0.249), '/two': (0.251, 0.255)}
    diagnosed: dict[str, Any] = {}
    observers['/two'].node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda message: diagnosed.update(
            {status.name: status for status in message.status}), 50)
    running: dict[str, list[NodeProcess]] = {}
    for name, (near, far) in ranges.items():
        sweep = {**FEW, 'sweep.near': near, 'sweep.far': far, 'continuous': True}
        running[name] = [cell.start('stacker', namespace=name),
                         cell.start('sim_camera', SMALL, name),
                         cell.start('sweeper', sweep, name)]

    def look(count: int, names: tuple[str, ...]) -> None:
        wanted = {name: len(observers[name].reports) + count for name in names}
        observers['/two'].wait(lambda: [
            observers[name].executor.spin_once(timeout_sec=0) for name in names] and all(
            len(observers[name].reports) >= wanted[name] for name in names), 'results')

    look(2, ('/one', '/two'))
    for process in running['/one']:
        assert process.stop(signal.SIGINT) == 0, process.log
    look(3, ('/two',))
    for name, observer in observers.items():
        near, far = ranges[name]
        for report in observer.reports:
            positions = [frame['focus_distance_m'] for frame in report['frames']]
            assert (min(positions), max(positions)) == (near, far)
            assert all(frame['accepted'] for frame in report['frames'])
        observer.executor.shutdown()
        observer.node.destroy_node()
    for entry in ('input', 'stack'):
        status = diagnosed[f'two/stacker: {entry}']
        assert (status.level, status.message) == (DiagnosticStatus.OK, 'ok')
    for process in running['/two']:
        assert process.stop(signal.SIGINT) == 0, process.log


@pytest.mark.parametrize(('state', 'number'), [
    ('idle', signal.SIGINT), ('no lens', signal.SIGTERM), ('no camera', signal.SIGINT),
    ('no stacker', signal.SIGTERM), ('continuous', signal.SIGINT), ('continuous', signal.SIGTERM)])
def test_the_sweeper_ends_cleanly_in_every_state(
        state: str, number: signal.Signals, cell: _Cell, observer: _Observer) -> None:
    sweep = {**FEW, 'continuous': state == 'continuous', 'settle.timeout': 60.0,
             'camera.timeout': 60.0, 'stacker.node': '' if state != 'no stacker' else 'stacker'}
    sweeper = cell.start('sweeper', sweep)
    if state == 'continuous':
        cell.start('sim_camera', SMALL)
        observer.wait(lambda: observer.tags, 'a tag')
    elif state == 'no camera':
        told = []
        observer.node.create_subscription(Float64, 'focus_command', told.append, output_profile())
        observer.call('sweeper/sweep')
        observer.wait(lambda: told, 'a command')
    elif state == 'idle':
        observer.wait(lambda: observer.node.count_publishers('/focus_position'), 'the sweeper')
    else:
        # Two clients: either of them may be the first to be heard.
        calls = [observer.call('sweeper/sweep') for _ in range(2)]
        observer.wait(lambda: any(each.done() for each in calls), 'the refusal of another sweep')
        refused = next(each for each in calls if each.done())
        assert 'running already' in refused.result().message
    assert sweeper.stop(number) == 0, sweeper.log
    for trouble in ('Traceback', 'terminate called', 'RCLError', 'never retrieved'):
        assert trouble not in sweeper.log, sweeper.log


@pytest.mark.parametrize(('latency', 'number'), [(0.0, signal.SIGINT), (5.0, signal.SIGTERM)])
def test_the_simulated_camera_ends_cleanly(latency: float, number: signal.Signals, cell: _Cell,
                                           observer: _Observer) -> None:
    camera = cell.start('sim_camera', {**SMALL, 'camera.latency': latency})
    observer.wait(lambda: 'truth/depth/image' in observer.latest if latency else
                  observer.true_focus, 'the camera')
    assert camera.stop(number) == 0, camera.log
    assert 'Traceback' not in camera.log, camera.log


@pytest.mark.parametrize(('module', 'parameters', 'reason'), [
    ('sim_camera', {'lens.near': 0.3, 'lens.far': 0.2}, 'in this order'),
    ('sim_camera', {'scene': 'moon'}, 'scene'),
    ('sim_camera', {'lens.near': 0.03}, 'focal length'),
    ('sweeper', {'settle.by': 'hope'}, 'settle.by'),
    ('sweeper', {'sweep.positions': ['near']}, 'list of numbers')])
def test_what_makes_no_node_is_said(module: str, parameters: dict[str, Any], reason: str,
                                    cell: _Cell) -> None:
    process = cell.start(module, parameters)
    assert process.process.wait(30) == 2
    assert reason in process.log
    assert 'Traceback' not in process.log
