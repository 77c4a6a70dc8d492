# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node's typed topics, beside the plain ones, over real topics."""

from __future__ import annotations

import json
import math
from pathlib import Path
import sys
from typing import Any

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.optics.calibration import FocusScale
from focus_stacking_ros.ros.messages.focus_position import focus_position
from focus_stacking_ros.ros.messages.images import array_to_image, image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.node.typed_interfaces import find_interfaces, PACKAGE
from focus_stacking_ros.ros.stacker.output_messages import light_topic
from helpers.cell import Cell, focal_stack, values
from helpers.interfaces import hide
from helpers.requests import set_parameter
from helpers.ros_helpers import RosContext, spin_until, spin_until_connected
import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

STACK = focal_stack(size=(80, 60))


class _TypedCell(Cell):
    """A Cell with a sender of typed focus positions, and a listener of what is typed."""

    def __init__(self, ros: RosContext, **parameters: Any) -> None:
        super().__init__(ros, **parameters)
        self.kinds = find_interfaces()
        self.typed = self.node.create_publisher(
            self.kinds.FocusPositionStamped, 'focus_position_stamped', 50)
        self.progress: list[Any] = []
        self.reports: list[Any] = []
        for kind, topic, heard in ((self.kinds.StackProgress, 'stack_progress', self.progress),
                                   (self.kinds.StackReport, 'stack_report', self.reports)):
            profile = output_profile()
            profile.depth = 50
            self.node.create_subscription(kind, topic, heard.append, profile)

    def listening(self) -> None:
        """Wait until both sides hear each other."""
        spin_until_connected(self.executor, self.node, (self.images, self.typed), (
            '/report', '/stack_report', '/stack_progress'))

    def send_typed(self, image: Any, position: float, unit: str, distance: float | None = None,
                   light: int = 0) -> None:
        """Publish a slice with a typed position; the unit '' is not filled in."""
        header = self.header()
        self.images.publish(array_to_image(image, header, 'bgr8'))
        message = focus_position(
            self.kinds.FocusPositionStamped, header, position, unit or 'metres', light)
        if not unit:
            message.unit = 0
        if distance is not None:
            message.distance = distance
        self.typed.publish(message)


@pytest.mark.parametrize('unit', ['metres', 'millimetres', 'dioptres'])
def test_typed_positions_make_a_stack(unit: str, interfaces: Path, ros_context: RosContext
                                      ) -> None:
    with _TypedCell(ros_context, focus__source='typed', focus__unit=unit,
                    stack__size=len(STACK)) as cell:
        cell.listening()
        for image, metres in STACK:
            position = {'metres': metres, 'millimetres': 1000 * metres,
                        'dioptres': 1 / metres}[unit]
            assert FocusScale(unit).distance_m(position) == pytest.approx(metres)
            cell.send_typed(image, position, unit)
        assert [frame['focus_distance_m'] for frame in cell.report()['frames']] == pytest.approx(
            [metres for _, metres in STACK])


def test_a_typed_position_in_another_unit_is_refused(
        interfaces: Path, ros_context: RosContext) -> None:
    with _TypedCell(ros_context, focus__source='typed', stack__size=3) as cell:
        cell.listening()
        cell.send_typed(STACK[0][0], 100.0, 'millimetres')
        cell.expect_told('stack', 'has millimetres, and focus.unit is metres',
                         'its focus position has millimetres', **{'refused:_unit': 1})
        cell.send_typed(STACK[0][0], 0.1, '')  # not filled in
        cell.send_typed(STACK[0][0], 0.1, 'metres', distance=100.0)  # millimetres
        for image, metres in STACK[:3]:
            cell.send_typed(image, metres, 'metres', distance=math.nan)
        frames = cell.report()['frames']
        assert [frame['refusal'] for frame in frames] == ['unit'] * 3 + [None] * 3
        assert 'has no unit' in frames[1]['reason']
        assert 'mixes up units' in frames[2]['reason']
        spin_until(cell.executor, lambda: len(cell.progress) == 6, what='the progress')
        assert [(each.taken, each.refused, each.expected) for each in cell.progress] == [
            (0, 1, 3), (0, 2, 3), (0, 3, 3), (1, 3, 3), (2, 3, 3), (3, 3, 3)]
        assert [bool(each.reason) for each in cell.progress] == [True] * 3 + [False] * 3
        assert [each.header.stamp.sec for each in cell.progress] == [1, 2, 3, 4, 5, 6]


def test_lights_are_told_apart_by_their_numbers_in_any_order(
        interfaces: Path, ros_context: RosContext) -> None:
    others = focal_stack(4, (80, 60), seed=2)
    stacker = FocusStacker(StackOptions(stack_lights=2))
    for number in (0, 2, 3):
        stacker.add(*STACK[number], lights=[others[number][0]])
    expected = stacker.finish()

    with _TypedCell(ros_context, focus__source='typed', stack__size=3, stack__lights=2,
                    subscribe=('all_in_focus/image', 'report')) as cell:
        heard: list[Any] = []
        cell.node.create_subscription(Image, light_topic(1), heard.append, output_profile())
        cell.listening()

        def send(number: int, *lights: int) -> None:
            for light in lights:
                cell.send_typed((STACK, others)[light][number][0], STACK[number][1], 'metres',
                                light=light)
        send(0, 1, 0)
        send(1, 1)  # light 0 is lost
        cell.send_typed(STACK[2][0], STACK[2][1], 'metres', light=2)
        send(2, 0)  # that of an earlier sweep, whose light 1 is lost
        send(2, 0, 1)
        send(3, 1, 0)
        frames = cell.report()['frames']
        assert [frame['refusal'] for frame in frames] == [
            None, 'lights', 'lights', 'lights', None, None]
        assert [frame['stamp']['sec'] for frame in frames] == [2, 4, 3, 5, 6, 9]
        assert [frame.get('light_stamps') for frame in frames if frame['accepted']] == [
            [{'sec': sec, 'nanosec': 0}] for sec in (1, 7, 8)]
        assert 'tag says light 2, and stack.lights is 2: lights 0 to 1' in frames[1]['reason']
        assert 'image under light 0 did not come, and then came another' in frames[2]['reason']
        assert ('image under light 1 did not come, and then came light 0 of the same position '
                'again') in frames[3]['reason']
        spin_until(cell.executor, lambda: heard and cell.reports, what='the other light')
        assert [[stamp.sec for stamp in each.light_stamps] for each in cell.reports[0].slices] == [
            [1], [], [], [], [7], [8]]
        np.testing.assert_array_equal(image_to_array(cell.wait_for('all_in_focus/image')[0]),
                                      expected.all_in_focus)
        np.testing.assert_array_equal(image_to_array(heard[0]), expected.lights[0])
        cell.expect_told('stack', '3 slices refused', 'tag says light 2',
                         **{'refused:_lights': 3})


def test_the_unit_that_a_running_stack_has_is_the_one_that_counts(
        interfaces: Path, ros_context: RosContext) -> None:
    with _TypedCell(ros_context, focus__source='typed', stack__size=2) as cell:
        cell.listening()
        cell.send_typed(STACK[0][0], 0.1, 'metres')
        cell.wait_for_slices(1)
        assert set_parameter(cell, 'focus.unit', 'millimetres').successful
        cell.send_typed(STACK[1][0], 102.0, 'millimetres')
        cell.send_typed(STACK[1][0], 0.102, 'metres')
        frames = cell.report()['frames']
        assert [frame['accepted'] for frame in frames] == [True, False, True]
        for image, metres in STACK[:2]:
            cell.send_typed(image, 1000 * metres, 'millimetres')
        assert all(frame['accepted'] for frame in cell.report(2)['frames'])


def test_the_typed_report_says_what_the_other_one_says(
        interfaces: Path, ros_context: RosContext) -> None:
    with _TypedCell(ros_context, stack__size=len(STACK) + 1) as cell:
        cell.connect()
        spin_until_connected(cell.executor, cell.node, topics=('/stack_report',))
        cell.send(STACK[0][0], math.nan)
        cell.send_stack(STACK)
        cell.send(STACK[0][0][:50], 0.2)
        cell.send(STACK[-1][0], 0.12)
        said = cell.report()
        spin_until(cell.executor, lambda: cell.reports, what='the typed report')
        report, = cell.reports
        assert (report.header.stamp.sec, report.header.frame_id) == (
            said['stamp']['sec'], said['frame_id'])
        assert (report.backend, report.version, report.reference, report.significant_bits) == (
            said['backend'], said['version'], said['reference'], said['significant_bits'])
        assert list(report.notes) == said['notes']
        assert report.noise_sigma == said['noise_sigma']
        assert {each.step: each.duration.sec * 1e3 + each.duration.nanosec * 1e-6
                for each in report.durations} == pytest.approx(said['timings_ms'])
        assert len(report.slices) == len(said['frames']) == len(STACK) + 3
        for each, frame in zip(report.slices, said['frames'], strict=True):
            assert (each.number, each.accepted, each.reason) == (
                frame['number'], frame['accepted'], frame['reason'])
            assert each.refusal == (frame['refusal'] or '')
            assert each.rank == (-1 if frame['rank'] is None else frame['rank'])
            assert each.header.stamp.sec == frame['stamp']['sec']
            if frame['accepted']:
                assert list(each.transform) == [
                    value for row in frame['transform'] for value in row]
                assert (each.position, each.focus_distance) == (
                    frame['position'], frame['focus_distance_m'])
                assert list(each.gains) == frame['gains']
            else:
                assert all(math.isnan(value) for value in each.transform)
        assert math.isnan(report.slices[0].position)
        assert not report.has_intrinsics
        assert report.intrinsics_origin == said['intrinsics']
        options = {each.name: each.value for each in report.options}
        assert set(options) == {
            name for name, value in said['options'].items() if value is not None}


def test_without_the_package_all_is_as_before(
        ros_context: RosContext, capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch)
    with Cell(ros_context, stack__size=3) as cell:
        cell.connect()
        cell.send_stack(STACK[:3])
        assert len(cell.report()['frames']) == 3
        topics = dict(cell.node.get_topic_names_and_types())
        assert not {'/stack_report', '/stack_progress'} & set(topics)
        assert PACKAGE not in ''.join(cell.log.lines())
        assert set_parameter(cell, 'focus.source', 'typed').reason == (
            'focus.source is read when the node is activated; deactivate the node first')


def test_the_typed_source_without_the_package_is_no_activation(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch)
    with Cell(ros_context, focus__source='typed') as cell:
        assert cell.stacker.trigger_activate() == TransitionCallbackReturn.FAILURE
        cell.expect_told('node', 'cannot activate: focus.source typed needs',
                         'which is not installed here; build its package')
        assert int(values(cell.diagnostics['node'])['failed transitions']) == 2


def test_a_package_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    package = types.ModuleType(PACKAGE)
    package.__path__ = []
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    for name in ('msg', 'action'):
        monkeypatch.setitem(sys.modules, f'{PACKAGE}.{name}', types.ModuleType(name))
    told: list[str] = []
    assert find_interfaces(warn=told.append) is None
    assert 'is installed and does not work' in told[0]
    assert json.dumps(told)  # words
