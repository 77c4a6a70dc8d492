# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes as processes of their own: they end with exit code 0 on a signal, in any state."""

from __future__ import annotations

from pathlib import Path
import re
import signal
import sys

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from focus_stacking_ros.launch_environment import SEGMENT_BYTES
from helpers.cell import Cell, focal_stack, values
from helpers.forked_nodes import ForkedNodes
from helpers.ros_helpers import NodeProcess, RosContext, spin_until, wait_until
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest

pytestmark = pytest.mark.ros

STACKER = [sys.executable, '-m', 'focus_stacking_ros.ros.stacker.node', '--ros-args']


def expect_clean_exit(node: NodeProcess, number: signal.Signals) -> None:
    assert node.stop(number) == 0, node.log
    assert node.log.count(f'ending on {number.name}') == 1, node.log
    for trouble in ('Traceback', 'terminate called', 'rcl_shutdown', 'RCLError'):
        assert trouble not in node.log, node.log


# Both signals where the worker has something to do, which is where they could differ.
@pytest.mark.parametrize(('state', 'number'), [
    ('unconfigured', signal.SIGINT), ('inactive', signal.SIGTERM), ('idle', signal.SIGINT),
    ('collecting', signal.SIGINT), ('collecting', signal.SIGTERM), ('fusing', signal.SIGINT),
    ('fusing', signal.SIGTERM), ('deactivated', signal.SIGINT), ('finalized', signal.SIGTERM)])
def test_the_stacker_ends_cleanly(state: str, number: signal.Signals, tmp_path: Path,
                                  ros_context: RosContext, environment: dict[str, str]) -> None:
    size = (1600, 1200) if state == 'fusing' else (160, 120)
    stack = focal_stack(3, size)
    managed = {'unconfigured': (), 'inactive': ('CONFIGURE',),
               'deactivated': ('CONFIGURE', 'ACTIVATE', 'DEACTIVATE'),
               'finalized': ('CONFIGURE', 'ACTIVATE', 'ACTIVE_SHUTDOWN')}
    arguments = ['-p', f'stack.size:={3 if state == "fusing" else 9}',
                 '-p', f'autostart:={str(state not in managed).lower()}']
    # Not forked: how the interpreter ends, with all libraries, is what is looked at.
    with NodeProcess.running([*STACKER, *arguments], environment, tmp_path / 'log') as node, \
            Cell(ros_context, node=False) as cell:
        if state in managed:
            client = cell.client(ChangeState, '/stacker/change_state')
            # What has been heard of the node since says that it has heard of the client too.
            cell.diagnostics.clear()
            cell.wait_for_diagnostics('node', lambda status: 'not active' in status.message)
            for name in managed[state]:
                future = client.call_async(ChangeState.Request(transition=Transition(
                    id=getattr(Transition, f'TRANSITION_{name}'))))
                spin_until(cell.executor, future.done, what=name)
                assert future.result().success, name
            cell.diagnostics.clear()
            cell.wait_for_diagnostics('node', lambda status: 'not active' in status.message)
        else:
            cell.connect()
        if state in ('collecting', 'fusing'):
            cell.send_stack(stack)
            cell.wait_for_diagnostics('stack', lambda status: any(
                item.key == 'slices' and int(item.value) for item in status.values))
        expect_clean_exit(node, number)
        if state != 'fusing':  # which may not have begun
            assert ('is dropped' in node.log) == (state == 'collecting'), node.log


@pytest.mark.parametrize(('state', 'number'), [
    ('waiting', signal.SIGTERM), ('playing', signal.SIGINT), ('playing', signal.SIGTERM)])
def test_the_player_ends_cleanly(state: str, number: signal.Signals, tmp_path: Path,
                                 ros_context: RosContext, environment: dict[str, str],
                                 nodes: ForkedNodes) -> None:
    write_folder(tmp_path / 'images')
    arguments = ['--ros-args', '-p', f'folder:={tmp_path / "images"}', '-p', 'loop:=true', '-p',
                 'rate:=50.0']
    with nodes.running('player', arguments, environment, tmp_path / 'log') as node:
        with Cell(ros_context, stack__size=3) as cell:
            if state == 'playing':
                cell.report(2)
            else:
                spin_until(cell.executor, lambda: cell.node.count_publishers('/image') == 2)
            expect_clean_exit(node, number)


def test_a_transition_that_is_not_allowed_does_not_end_the_node(
        tmp_path: Path, ros_context: RosContext, environment: dict[str, str],
        nodes: ForkedNodes) -> None:
    with nodes.running('stacker', ['--ros-args', '-p', 'autostart:=false'], environment,
                       tmp_path / 'log') as node, Cell(ros_context, node=False) as cell:
        client = cell.client(ChangeState, '/stacker/change_state')
        # What has been heard of the node says that it has heard of this one too.
        cell.wait_for_diagnostics('node', lambda status: 'not active' in status.message)
        answers = []
        for transition in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_CONFIGURE):
            client.call_async(ChangeState.Request(transition=Transition(id=transition))
                              ).add_done_callback(lambda future: answers.append(future.result()))
        # Some versions of rclpy refuse the first request, others never answer it.
        spin_until(cell.executor, lambda: any(answer.success for answer in answers))
        assert [answer.success for answer in answers] in ([False, True], [True])
        assert node.stop(signal.SIGINT) == 0, node.log
        assert 'Traceback' not in node.log


WAITS = """
import sys
from focus_stacking_ros.ros.node import running
from rclpy.node import Node

class Waits(Node):
    def __init__(self):
        super().__init__('waits')
        self.get_logger().info('it waits')

    def close(self):
        pass

running._SPIN_SECONDS = 3600.0
sys.exit(running.run_node(Waits))
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_for_which_nothing_comes(
        number: signal.Signals, tmp_path: Path, environment: dict[str, str]) -> None:
    with NodeProcess.running([sys.executable, '-c', WAITS], environment,
                             tmp_path / 'log') as node:
        node.wait_for_log('it waits')
        expect_clean_exit(node, number)


LOOKS = """
import gc
import sys
from focus_stacking_ros.ros.stacker.node import StackerNode
from focus_stacking_ros.ros.node.running import run_node

class Looks(StackerNode):
    def __init__(self):
        super().__init__()
        self.looking = self.create_timer(0.05, self.look)

    def look(self):
        self.looking.cancel()
        self.get_logger().info(f'garbage is looked for among {len(gc.get_objects())} objects '
                               f'of {gc.get_freeze_count() + len(gc.get_objects())}')

sys.exit(run_node(Looks))
"""


def test_a_running_node_looks_for_garbage_among_few_of_its_objects(
        tmp_path: Path, environment: dict[str, str]) -> None:
    with NodeProcess.running([sys.executable, '-c', LOOKS], environment,
                             tmp_path / 'log') as node:
        node.wait_for_log('garbage is looked for')
        told = re.search(r'among (\d+) objects of (\d+)', node.log)
        assert told is not None
        assert int(told[1]) < 0.1 * int(told[2])
        expect_clean_exit(node, signal.SIGINT)


CHOKES = """
import sys
from focus_stacking_ros.ros.node.running import run_node
from {module} import {base}

class Chokes({base}):
    def __init__(self):
        super().__init__({name})
        self.times = 0
        self.choking = self.create_timer(0.05, self.choke)

    def choke(self):
        self.times += 1
        if self.times == 1:
            return {{}}['a bug in a callback']
        if self.times == 2:
            self.get_logger().info('it lives')

    def close(self):
        getattr(super(), 'close', lambda: None)()

sys.exit(run_node(Chokes))
"""


@pytest.mark.parametrize(('module', 'base', 'name', 'entry'), [
    ('rclpy.node', 'Node', "'chokes'", ''),
    ('focus_stacking_ros.ros.sim_camera.node', 'SimCameraNode', '', ''),
    ('focus_stacking_ros.ros.stacker.node', 'StackerNode', '', 'node'),
    ('focus_stacking_ros.ros.sweeper.node', 'SweepNode', '', 'sweep')])
def test_an_exception_in_a_callback_is_told_with_its_traceback_and_the_node_goes_on(
        module: str, base: str, name: str, entry: str, tmp_path: Path, ros_context: RosContext,
        environment: dict[str, str]) -> None:
    script = CHOKES.format(module=module, base=base, name=name)
    small = ['--ros-args', '-p', 'camera.width:=64', '-p', 'camera.height:=64']
    with NodeProcess.running([sys.executable, '-c', script, *small], environment,
                             tmp_path / 'log') as node, Cell(ros_context, node=False) as cell:
        node.wait_for_log('it lives')
        assert "an unexpected error in a callback: KeyError('a bug in a callback')" in node.log
        assert ', in choke\n' in node.log
        assert node.log.count('Traceback') == 1
        assert 'request' not in node.log
        if entry:
            status = cell.wait_for_diagnostics(
                entry, lambda status: values(status).get('unexpected errors') == '1')
            assert status.level == DiagnosticStatus.ERROR
            assert 'a bug in a callback' in status.message
        assert node.stop(signal.SIGINT) == 0, node.log


def write_folder(folder: Path) -> None:
    folder.mkdir()
    for number, (image, _) in enumerate(focal_stack(3)):
        cv2.imwrite(str(folder / f'{number}.png'), image)
    (folder / 'meta.json').write_text('{"focus_distances_m": [0.1, 0.102, 0.104]}')


def test_the_player_plays_a_folder_once_and_ends(tmp_path: Path, ros_context: RosContext,
                                                 environment: dict[str, str],
                                                 nodes: ForkedNodes) -> None:
    write_folder(tmp_path / 'images')
    (tmp_path / 'images' / '1.png').write_bytes(b'\x89PNG not really')
    arguments = ['--ros-args', '-p', f'folder:={tmp_path / "images"}', '-p', 'rate:=50.0']
    with Cell(ros_context, stack__end='service', stack__timeout=0.5) as cell, \
            nodes.running('player', arguments, environment, tmp_path / 'log') as node:
        frames = cell.report()['frames']
        assert [frame['focus_distance_m'] for frame in frames] == [0.1, 0.104]
        assert node.process.wait(30) == 0
        assert '1.png' in node.log


@pytest.mark.parametrize(('arguments', 'reason'), [
    (['-p', 'folder:=/nowhere/at/all'], '/nowhere/at/all'),
    ([], 'folder'),
    (['-p', 'folder:=/', '-p', 'rate:=0.0'], 'rate'),
])
def test_the_player_says_why_it_cannot_start(arguments: list[str], reason: str, tmp_path: Path,
                                             environment: dict[str, str],
                                             nodes: ForkedNodes) -> None:
    with nodes.running('player', ['--ros-args', *arguments], environment,
                       tmp_path / 'log') as node:
        assert node.process.wait(30) == 2
        assert reason in node.log
        assert 'Traceback' not in node.log


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_more_signals_do_not_matter(number: signal.Signals, tmp_path: Path,
                                    ros_context: RosContext, environment: dict[str, str],
                                    nodes: ForkedNodes) -> None:
    with nodes.running('stacker', [], environment, tmp_path / 'log') as node, \
            Cell(ros_context, node=False) as cell:
        cell.connect()

        def ended() -> bool:
            node.process.send_signal(number)
            return node.process.poll() is not None

        wait_until(ended, 20, 'the end of the node')
        assert node.process.returncode == 0, node.log


def test_the_player_stamps_each_image_anew_where_the_clock_stands_still(
        tmp_path: Path, ros_context: RosContext, environment: dict[str, str],
        nodes: ForkedNodes) -> None:
    write_folder(tmp_path / 'images')
    arguments = ['--ros-args', '-p', f'folder:={tmp_path / "images"}', '-p', 'rate:=50.0', '-p',
                 'use_sim_time:=true']
    with Cell(ros_context, stack__size=3) as cell, \
            nodes.running('player', arguments, environment, tmp_path / 'log'):
        assert [frame['accepted'] for frame in cell.report()['frames']] == [True] * 3


@pytest.mark.parametrize('with_profile', [False, True])
def test_a_node_without_a_dds_profile_takes_one_and_says_what_to_set(
        with_profile: bool, tmp_path: Path, environment: dict[str, str]) -> None:
    variables = {name: value for name, value in environment.items()
                 if with_profile or not name.endswith('_DEFAULT_PROFILES_FILE')}
    with NodeProcess.running(STACKER, variables, tmp_path / 'log') as node:
        wait_until(lambda: 'a stack ends by' in node.log, what='the node to start')
        maps = Path(f'/proc/{node.process.pid}/maps').read_text()
        expect_clean_exit(node, signal.SIGINT)
    said = 0 if with_profile else 1
    assert node.log.count('no Fast DDS profile is set') == said, node.log
    assert node.log.count('this node takes theirs') == said, node.log
    if not with_profile and 'fast' in maps:
        ranges = [line.split()[0].split('-') for line in maps.splitlines() if '/dev/shm/' in line]
        assert max(int(end, 16) - int(start, 16) for start, end in ranges) >= SEGMENT_BYTES
