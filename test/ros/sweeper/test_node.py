# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sweeper over real topics, with a real stacking node and every fault a cell can have."""

from __future__ import annotations

import json

from diagnostic_msgs.msg import DiagnosticStatus
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from helpers.bench import Bench, POSITIONS, STACK
from helpers.cell import values
from helpers.interfaces import hide, PACKAGE
from helpers.requests import set_parameter
from helpers.ros_helpers import ready_client, RosContext, spin_until, wait_until
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32, Int32

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]


def stamp_of(tag) -> tuple[int, int]:
    return tag.header.stamp.sec, tag.header.stamp.nanosec


@pytest.mark.parametrize('camera_info', [True, False])
@pytest.mark.parametrize('by', ['time', 'feedback'])
def test_one_call_sweeps_and_answers_when_the_result_is_out(
        camera_info: bool, by: str, ros_context: RosContext) -> None:
    with Bench(ros_context, {'settle.by': by}, camera_info=camera_info) as bench:
        for count in (1, 2):
            response = bench.sweep()
            assert response.success, response.message
            answer = json.loads(response.message)
            report = bench.report(count)
            assert answer['stamp'] == report['stamp']
            assert (answer['positions'], answer['slices'], answer['missing']) == (5, 5, 0)
            assert [frame['focus_distance_m'] for frame in report['frames']] == POSITIONS
            depth = bench.wait_for('depth/image', count=count)[0]
            assert stamp_of(depth) == tuple(answer['stamp'].values())
        assert bench.commands == POSITIONS * 2
        assert [bench.exposed[stamp_of(tag)] for tag in bench.tags] == POSITIONS * 2
        assert {tag.header.frame_id for tag in bench.tags} == {'camera_optical'}
        assert all((tag.point.x, tag.point.y) == (0, 0) for tag in bench.tags)


def test_the_stacking_node_is_configured_for_the_sweep_unless_told_not_to(
        ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.configure': False, 'stacker.patience': 2.0},
               stacker={'stack__end': 'service', 'stack__timeout': 60.0}) as bench:
        assert json.loads(bench.sweep().message)['slices'] == 5
        assert bench.stacker.get_parameter('stack.end').value == 'service'
        assert set_parameter(bench, 'stacker.configure', True, 'sweeper').successful
        assert json.loads(bench.sweep().message)['slices'] == 5
        assert bench.stacker.get_parameter('stack.end').value == 'count'
        assert bench.stacker.get_parameter('stack.size').value == 5


def test_without_the_package_there_is_no_action(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch)
    with Bench(ros_context) as bench:
        assert bench.sweep().success
        services = dict(bench.node.get_service_names_and_types())
        assert '/sweeper/sweep' in services
        assert not any('_action' in name for name in services)
        assert PACKAGE not in ''.join(bench.log.lines())


def test_a_stacking_node_with_another_unit_is_not_swept_for(ros_context: RosContext) -> None:
    with Bench(ros_context, stacker={'focus__unit': 'millimetres'}) as bench:
        response = bench.sweep()
        assert not response.success
        bench.expect_told('sweep', 'set focus.unit of one', 'the sweep is in metres, and stacker '
                          'takes focus positions for millimetres', failed=1)
        assert bench.tags == bench.commands == []
        assert set_parameter(bench, 'focus.unit', 'metres').successful
        assert bench.sweep().success
        assert set_parameter(bench, 'focus.table', '1: 0.1, 2: 0.2').successful
        assert 'stacker has a calibration table for raw positions' in bench.sweep().message


def test_the_unit_of_another_source_is_its_own(ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.patience': 0.1, 'stacker.timeout': 1.0}, stacker={
            'focus__source': 'diagnostics', 'focus__unit': 'dioptres'}) as bench:
        # It is swept for, though nobody tags the images in this cell.
        assert 'no result: stacker says to ~/process' in bench.sweep().message
        assert len(bench.tags) == len(POSITIONS)


def test_a_sweep_begins_with_a_fresh_stack(ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.configure': False}, stacker={'stack__size': 5}) as bench:
        bench.connect()
        bench.send(*STACK[0])
        bench.wait_for_slices(1)
        assert json.loads(bench.sweep().message)['slices'] == 5
        stamps = [tuple(frame['stamp'].values()) for frame in bench.report()['frames']]
        assert stamps == [stamp_of(tag) for tag in bench.tags if tag.header.stamp.sec > 1]


# When all are tagged some are there, enough for a result, or none.
@pytest.mark.parametrize('delay', [0.25, 1.0])
def test_images_that_come_late_are_waited_for(delay: float, ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        bench.image_delay = delay
        answer = json.loads(bench.sweep().message)
        assert (answer['slices'], answer['missing']) == (5, 0)


def test_an_image_that_is_lost_is_told_as_missing(ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.patience': 2.0}) as bench:
        publish, lost = bench.images.publish, []

        def unreliable(message) -> None:
            tagged = [stamp_of(tag) for tag in bench.tags]
            if len(tagged) > 2 and stamp_of(message) == tagged[2]:
                lost.append(message)
            else:
                publish(message)

        bench.images.publish = unreliable
        bench.image_delay = 0.2
        answer = json.loads(bench.sweep().message)
        assert (answer['positions'], answer['slices'], answer['missing']) == (5, 4, 1)
        assert len(lost) == 1
        bench.expect_told('sweep', 'did not reach the result', 'did not reach the result',
                          slices_missing=1, sweeps=1)


@pytest.mark.parametrize('on_failure', ['reset', 'process'])
def test_a_camera_that_dies_in_a_sweep_ends_it_and_the_next_one_works(
        on_failure: str, ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.on_failure': on_failure, 'camera.timeout': 2.0}) as bench:
        future = bench.begin()
        bench.wait_for_tags(2)
        bench.exposing = False
        response = bench.answer(future)
        assert not response.success
        assert 'no exposure came for position' in response.message
        assert len(bench.stacker._stacker) == 0
        assert len(bench.messages['report']) == (on_failure == 'process')
        status = bench.expect_told(
            'sweep', 'no exposure came', 'the sweep failed: no exposure', failed=1)
        assert status.level == DiagnosticStatus.ERROR
        bench.exposing = True
        assert set_parameter(bench, 'camera.timeout', 30.0, 'sweeper').successful
        assert json.loads(bench.sweep().message)['slices'] == 5
        bench.wait_for_diagnostics('sweep', lambda status: status.level == DiagnosticStatus.OK)


def test_a_lens_that_is_not_there_ends_the_sweep(ros_context: RosContext) -> None:
    with Bench(ros_context, {'settle.timeout': 0.6}, listens=False) as bench:
        response = bench.sweep()
        assert not response.success
        assert 'the lens did not take the command' in response.message
        assert bench.tags == []
        bench.expect_told('sweep', 'did not take the command', 'the lens did not take', failed=1)


def test_a_lens_that_does_not_move_ends_the_sweep_where_there_is_feedback(
        ros_context: RosContext) -> None:
    with Bench(ros_context, {'settle.by': 'feedback', 'settle.timeout': 2.0}) as bench:
        bench.moving = False
        response = bench.sweep()
        assert not response.success
        assert 'did not reach position 0.102 (2 of 5)' in response.message
        assert 'says that it is at 0.1' in response.message
        assert len(bench.stacker._stacker) == 0
        bench.expect_told('sweep', 'did not reach position', 'did not reach position', failed=1)
        bench.moving = True
        assert set_parameter(bench, 'settle.timeout', 30.0, 'sweeper').successful
        assert bench.sweep().success


def raw(position: float) -> float:
    """Return what a lens with the table of the test below says at a focus distance in metres."""
    return 100 + 2000 * (1 / 0.1 - 1 / position)


@pytest.mark.parametrize('message', ['float32', 'int32', 'joint_state'])
def test_a_lens_may_say_where_it_is_in_its_own_way(message: str, ros_context: RosContext) -> None:
    parameters = {
        'settle.by': 'feedback', 'feedback.message': message, 'settle.tolerance': 0.1}
    if message == 'int32':  # steps of the motor, and what it takes are steps too
        parameters.update({'feedback.unit': 'lens', 'lens.unit': 'table', 'lens.table':
                           f'{raw(0.1)}: 0.1, {raw(0.11)}: 0.11'})
    feedback = {'float32': (Float32, 'focus_feedback'), 'int32': (Int32, 'focus_feedback'),
                'joint_state': (JointState, 'joint_states')}[message]
    said = {'float32': lambda position: Float32(data=position),
            'int32': lambda value: Int32(data=round(value)),  # the lens is told steps
            'joint_state': lambda position: JointState(
                name=['other', 'focus'], position=[9.0, position])}[message]
    with Bench(ros_context, parameters, feedback=feedback) as bench:
        bench.feedback_message = said
        response = bench.sweep()
        assert response.success, response.message
        told = [raw(position) for position in POSITIONS] if message == 'int32' else POSITIONS
        assert bench.commands == pytest.approx(told, rel=1e-6)
        assert [tag.point.z for tag in bench.tags] == POSITIONS
        refused = set_parameter(bench, 'feedback.message', 'float64', 'sweeper')
        assert (refused.successful, 'starts' in refused.reason) == (False, True)


class _Driver(Node):
    """A camera driver whose parameter moves the lens."""

    def __init__(self, ros: RosContext, bench: Bench, default: int | float) -> None:
        super().__init__('driver', context=ros.context)
        self.declare_parameter('focus', default)
        self.asked: list[object] = []
        self.bench = bench
        self.add_on_set_parameters_callback(self._set)

    def _set(self, parameters) -> SetParametersResult:
        value = parameters[0].value
        self.asked.append(value)
        if value > 250:
            return SetParametersResult(successful=False, reason='the motor has 250 steps')
        # 50 steps at 0.1 m, 250 at 0.108 m, linear in dioptres.
        share = (value - 50) / 200
        self.bench.lens_m = 1 / (1 / 0.1 + (1 / 0.108 - 1 / 0.1) * share)
        return SetParametersResult(successful=True)


@pytest.mark.parametrize('kind', ['integer', 'double'])
def test_a_lens_can_be_a_parameter_of_another_node(kind: str, ros_context: RosContext) -> None:
    parameters = {
        'lens.driver': 'parameter', 'lens.node': '/driver', 'lens.parameter': 'focus',
        'lens.parameter_type': kind, 'lens.unit': 'table',
        'lens.table': '50: 0.1, 250: 0.108'}
    with Bench(ros_context, parameters, listens=False) as bench:
        driver = _Driver(ros_context, bench, 0 if kind == 'integer' else 0.0)
        bench.executor.add_node(driver)
        try:
            response = bench.sweep()
            assert response.success, response.message
            assert {type(value) for value in driver.asked} == {
                int if kind == 'integer' else float}
            assert (driver.asked[0], driver.asked[-1]) == pytest.approx((50, 250))
            for tag, position in zip(bench.tags, POSITIONS, strict=True):
                assert bench.exposed[stamp_of(tag)] == pytest.approx(position, abs=3e-5)
                assert tag.point.z == position
            assert set_parameter(bench, 'lens.table', '50: 0.1, 300: 0.108', 'sweeper').successful
            response = bench.sweep()
            assert (response.success, 'the motor has 250 steps' in response.message) == (
                False, True)
            bench.expect_told('sweep', 'the motor has 250', 'the motor has 250 steps', failed=1)
            assert set_parameter(bench, 'sweep.positions', [0.1, 0.2], 'sweeper').successful
            assert 'outside the calibration table' in bench.sweep().message
            assert len(bench.stacker._stacker) == 0
        finally:
            bench.executor.remove_node(driver)
            driver.destroy_node()


def test_a_driver_node_that_is_not_there_ends_the_sweep(ros_context: RosContext) -> None:
    with Bench(ros_context, {'lens.driver': 'parameter', 'lens.node': 'nobody',
                             'lens.parameter': 'focus', 'settle.timeout': 0.6}) as bench:
        assert 'did not take the command' in bench.sweep().message


@pytest.mark.parametrize(('parameters', 'reason'), [
    ({'sweep.positions': []}, 'sweep.near'),
    ({'sweep.positions': [0.1]}, '2 to 255'),
    ({'lens.driver': 'parameter'}, 'lens.node'),
    ({'lens.unit': 'table'}, 'there is none')])
def test_what_cannot_be_swept_is_answered_with_the_reason(
        parameters: dict, reason: str, ros_context: RosContext) -> None:
    with Bench(ros_context, parameters) as bench:
        response = bench.sweep()
        assert (response.success, reason in response.message) == (False, True), response.message
        assert 'unexpectedly' not in response.message


def test_a_stacking_node_that_is_not_there_or_not_active_is_named(ros_context: RosContext
                                                                  ) -> None:
    with Bench(ros_context, {'stacker.timeout': 0.3}, with_stacker=False) as bench:
        assert 'stacker is not there' in bench.sweep().message
        bench.expect_told('sweep', 'is not there', 'stacker is not there', failed=1)
        bench.start_stacker()
        client = ready_client(bench.node, bench.executor, ChangeState, '/stacker/change_state')
        assert set_parameter(bench, 'stacker.timeout', 30.0, 'sweeper').successful
        for transition, works in ((Transition.TRANSITION_DEACTIVATE, False),
                                  (Transition.TRANSITION_CLEANUP, False),
                                  (Transition.TRANSITION_CONFIGURE, False),
                                  (Transition.TRANSITION_ACTIVATE, True)):
            future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
            spin_until(bench.executor, future.done)
            response = bench.sweep()
            assert response.success == works, response.message
            assert works or 'the node is not active' in response.message


def test_without_a_stacking_node_a_sweep_only_tags(ros_context: RosContext) -> None:
    with Bench(ros_context, {'stacker.node': ''}, with_stacker=False) as bench:
        answer = json.loads(bench.sweep().message)
        bench.wait_for_tags(5)
        assert tuple(answer['stamp'].values()) == stamp_of(bench.tags[-1])
        assert 'slices' not in answer
        refused = set_parameter(bench, 'stacker.node', 'stacker', 'sweeper')
        assert (refused.successful, 'starts' in refused.reason) == (False, True)


def test_a_sweep_is_not_begun_twice_and_can_be_stopped(ros_context: RosContext) -> None:
    with Bench(ros_context, {'camera.timeout': 60.0}) as bench:
        bench.exposing = False
        first = bench.begin()
        spin_until(bench.executor, lambda: bench.commands)
        assert 'running already' in bench.sweep().message
        bench.expect_told('sweep', 'running already', 'a sweep is refused', services_refused=1)
        stopped = bench.answer(bench.begin('stop'))
        assert json.loads(stopped.message) == {'stopped': True}
        response = bench.answer(first)
        assert (response.success, 'stopped' in response.message) == (False, True)
        bench.expect_told('sweep', '', 'the sweep was stopped', stopped=1)
        assert json.loads(bench.answer(bench.begin('stop')).message) == {'stopped': False}
        bench.exposing = True
        assert bench.sweep().success


def test_continuous_sweeping_gives_a_result_per_half_sweep(ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        assert set_parameter(bench, 'continuous', True, 'sweeper').successful
        for count in (1, 2, 3):
            positions = [frame['position'] for frame in bench.report(count)['frames']]
            assert positions == (POSITIONS if count % 2 else POSITIONS[::-1])
        assert 'continuous' in bench.sweep().message
        assert json.loads(bench.answer(bench.begin('stop')).message) == {'stopped': True}
        assert bench.sweeper.get_parameter('continuous').value is False
        assert len(bench.stacker._stacker) == 0
        commands = len(bench.commands)
        assert bench.sweep().success
        assert bench.commands[commands:] == POSITIONS


def test_no_half_sweep_is_left_in_the_stack_when_sweeping_ends_after_it(ros_context: RosContext
                                                                        ) -> None:
    with Bench(ros_context, stacker={'stack__timeout': 600.0}) as bench:
        half_sweep, ended = bench.sweeper._runner.half_sweep, []

        def last_half_sweep(*arguments: object) -> None:
            half_sweep(*arguments)
            wait_until(lambda: len(bench.stacker._stacker) == 5, what='the last slice')
            ended.append(len(bench.stacker._stacker))
            bench.sweeper.set_parameters([Parameter('continuous', value=False)])

        bench.sweeper._runner.half_sweep = last_half_sweep
        assert set_parameter(bench, 'continuous', True, 'sweeper').successful
        spin_until(bench.executor, lambda: ended and len(bench.stacker._stacker) == 0)
        assert ended == [5]


@pytest.mark.parametrize('fault', ['camera', 'lens', 'stacker'])
def test_continuous_sweeping_goes_on_after_a_fault(fault: str, ros_context: RosContext) -> None:
    parameters = {'continuous': True, 'settle.by': 'feedback', 'settle.timeout': 2.0,
                  'camera.timeout': 2.0, 'stacker.timeout': 3.0}
    with Bench(ros_context, parameters) as bench:
        bench.report(1)
        if fault == 'stacker':
            bench.end_stacker()
        bench.exposing, bench.moving = fault != 'camera', fault != 'lens'
        status = bench.wait_for_diagnostics(
            'sweep', lambda status: status.level == DiagnosticStatus.ERROR)
        assert {'camera': 'no exposure', 'lens': 'did not reach', 'stacker': 'stacker'}[fault] in (
            status.message)
        assert int(values(status)['failed']) >= 1
        bench.wait_for_log('the sweep failed')
        bench.exposing = bench.moving = True
        if fault == 'stacker':
            bench.start_stacker()
        known = len(bench.messages['report'])
        bench.report(known + 2)
        bench.wait_for_diagnostics('sweep', lambda status: status.level == DiagnosticStatus.OK)


def test_parameters_change_for_the_next_sweep_and_bad_ones_are_refused(ros_context: RosContext
                                                                       ) -> None:
    with Bench(ros_context, {'camera.timeout': 30.0}) as bench:
        bench.exposing = False
        first = bench.begin()
        spin_until(bench.executor, lambda: bench.commands)
        assert set_parameter(bench, 'sweep.positions', POSITIONS[:3], 'sweeper').successful
        bench.expect_told('sweep', '', 'holds from the next sweep on', parameter_changes=1)
        assert set_parameter(bench, 'retry.pause', 3.0, 'sweeper').successful
        bench.expect_told('sweep', '', 'retry.pause = 3.0; holds from now on', parameter_changes=2)
        assert not set_parameter(bench, 'settle.by', 'hope', 'sweeper').successful
        bench.expect_told('sweep', "settle.by is 'hope'", 'not changed: settle.by = hope',
                          parameter_changes_refused=1)
        bench.exposing = True
        assert json.loads(bench.answer(first).message)['positions'] == 5
        assert json.loads(bench.sweep().message)['positions'] == 3


def test_what_is_read_at_the_start_cannot_be_changed(ros_context: RosContext) -> None:
    with Bench(ros_context) as bench:
        refused = {item.name for item in specifications(SweepOptions)
                   if not bench.sweeper.set_parameters([bench.sweeper.get_parameter(item.name)])[
                       0].successful}
        assert refused == {item.name for item in specifications(SweepOptions)
                           if item.holds_from == 'start'} == {'feedback.message', 'stacker.node'}
