# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node with every source of focus positions, over real topics, and with TF."""

from __future__ import annotations

from collections.abc import Callable
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.ros.messages.images import array_to_image, image_to_array
from helpers.cell import Cell, focal_stack
from helpers.ros_helpers import RosContext, spin_until, spin_until_connected
from helpers.tf_stand_in import make_tf2_ros, transform
import numpy as np
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32, Header

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

STACK = focal_stack(size=(80, 60))
#: Raw lens value that the table gives the distance of a slice for.
RAW = {position: 100.0 + 50 * number for number, (_, position) in enumerate(STACK)}
TABLE = ', '.join(f'{raw}: {position!r}' for position, raw in RAW.items())


@pytest.fixture
def tf2_ros(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put the stand-in in the place of tf2_ros."""
    module = make_tf2_ros()
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    return module


def connect(cell: Cell, *publishers: Any) -> None:
    """Wait until the stacking node hears the images and what tells their positions."""
    spin_until_connected(cell.executor, cell.node, (cell.images, *publishers), ('/report',))


def expose(cell: Cell, image: np.ndarray, header: Header | None = None) -> Header:
    """Publish an image without a tag."""
    header = header or cell.header()
    cell.images.publish(array_to_image(image, header, 'bgr8'))
    return header


def assert_metric(cell: Cell, stack: list[tuple[np.ndarray, float]] | None = None) -> None:
    """Check that the result is what the library makes of the stack."""
    stacker = FocusStacker()
    for image, position in stack or STACK:
        stacker.add(image, position)
    expected = stacker.finish()
    depth, image = cell.wait_for('depth/image', 'all_in_focus/image')
    np.testing.assert_allclose(image_to_array(depth), expected.depth_m, rtol=1e-5)
    np.testing.assert_array_equal(image_to_array(image), expected.all_in_focus)


def by_joint(cell: Cell) -> Callable[[np.ndarray, float], None]:
    states = cell.node.create_publisher(JointState, 'joint_states', 50)
    connect(cell, states)

    def send(image: np.ndarray, position: float) -> None:
        for header in (cell.header(), expose(cell, image), cell.header()):
            message = JointState(header=header, name=['arm', 'stage_z'],
                                 position=[0.0, 1000 * position])
            states.publish(message)
    return send


def by_number(cell: Cell) -> Callable[[np.ndarray, float], None]:
    numbers = cell.node.create_publisher(Float32, 'lens_position', 50)
    connect(cell, numbers)
    counters = cell.stacker._input.counters

    def send(image: np.ndarray, position: float) -> None:
        source = cell.stacker._input._source
        known = len(source._values)
        numbers.publish(Float32(data=RAW[position]))
        spin_until(cell.executor, lambda: len(source._values) > known)
        header = Header(stamp=cell.node.get_clock().now().to_msg())
        images = counters['images']
        expose(cell, image, header)
        spin_until(cell.executor, lambda: counters['images'] > images)
    return send


def by_diagnostics(cell: Cell) -> Callable[[np.ndarray, float], None]:
    diagnostics = cell.node.create_publisher(DiagnosticArray, '/diagnostics', 50)
    connect(cell, diagnostics)

    def send(image: np.ndarray, position: float) -> None:
        diagnostics.publish(DiagnosticArray(header=expose(cell, image), status=[DiagnosticStatus(
            name='camera: lens', hardware_id='imx708', values=[
                KeyValue(key='AfState', value='0'),
                KeyValue(key='LensPosition', value=f'{1 / position:.9f}')])]))
    return send


@pytest.mark.parametrize(('parameters', 'sender'), [
    ({'focus__source': 'joint_state', 'focus__joint': 'stage_z', 'focus__joint_gap': 10.0,
      'focus__unit': 'millimetres'}, by_joint),
    ({'focus__source': 'float32', 'focus__unit': 'raw', 'focus__table': TABLE}, by_number),
    ({'focus__source': 'diagnostics', 'focus__unit': 'dioptres'}, by_diagnostics)],
    ids=['joint_state', 'float32', 'diagnostics'])
def test_every_source_gives_the_same_depth(ros_context: RosContext, parameters, sender) -> None:
    with Cell(ros_context, stack__size=len(STACK), **parameters) as cell:
        send = sender(cell)
        for image, position in STACK:
            send(image, position)
        assert_metric(cell)
        assert all(frame['accepted'] for frame in cell.report()['frames'])


def test_a_position_beyond_the_table_is_refused_with_the_range(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK), focus__unit='raw',
              focus__table=TABLE) as cell:
        cell.connect()
        cell.send(STACK[0][0], 99.0)
        cell.expect_told('stack', 'beyond focus.table', 'beyond focus.table',
                         **{'refused: position': 1})
        for image, position in STACK:
            cell.send(image, RAW[position])
        assert_metric(cell)
        frames = cell.report()['frames']
        assert [frame['accepted'] for frame in frames] == [False, *[True] * len(STACK)]
        assert 'from 100 to 300' in frames[0]['reason']


def send_moving(cell: Cell, tf2_ros: Any, stack: list[tuple[np.ndarray, float]],
                places: list[tuple[float, float, float]]) -> None:
    """Publish slices and, after each, the transform of its camera, which looks down."""
    buffer = tf2_ros.listeners[-1].buffer
    for (image, position), place in zip(stack, places, strict=True):
        header = cell.send(image, position)
        buffer.set_transform(transform('base', 'camera_optical_frame', header.stamp.sec, place,
                                       (1, 0, 0, 0)), 'test')


def test_the_travel_of_a_camera_with_a_fixed_lens_gives_the_depth(
        ros_context: RosContext, tf2_ros) -> None:
    nearest = STACK[0][1]
    # The arm goes down, towards the target, as the focal plane of its fixed lens does.
    places = [(1.0, 2.0, 0.5 - (position - nearest)) for _, position in STACK]
    with Cell(ros_context, stack__size=len(STACK), focus__source='tf', reference='first',
              focus__offset_metres=nearest, motion__fixed_frame='base') as cell:
        connect(cell)
        buffer = tf2_ros.listeners[-1].buffer
        for (image, _), place in zip(STACK, places, strict=True):
            header = expose(cell, image)
            buffer.set_transform(transform('base', 'camera_optical_frame', header.stamp.sec,
                                           place, (1, 0, 0, 0)), 'test')
        cell.wait_for('depth/image')
        frames = cell.report()['frames']
        assert [frame['focus_distance_m'] for frame in frames] == pytest.approx(
            [position for _, position in STACK])
        assert [frame['position'] for frame in frames] == pytest.approx(
            [position - nearest for _, position in STACK])


def test_slices_taken_after_the_arm_has_moved_are_refused(ros_context: RosContext,
                                                          tf2_ros) -> None:
    with Cell(ros_context, stack__end='service', stack__timeout=60.0, motion__fixed_frame='base',
              motion__max_metres=0.0005) as cell:
        cell.connect()
        places = [(0.0, 0.0, 0.5)] * 4 + [(0.001, 0.0, 0.5)]
        send_moving(cell, tf2_ros, STACK, places)
        cell.expect_told('stack', 'moved by 1.00 mm', 'the camera has moved by 1.00 mm',
                         **{'refused: motion': 1})
        assert cell.call('process').success
        frames = cell.report()['frames']
        assert [frame['accepted'] for frame in frames] == [True] * 4 + [False]
        assert 'moved by 1.00 mm' in frames[-1]['reason']
        # The next stack begins where the arm is now.
        send_moving(cell, tf2_ros, STACK, [(0.001, 0.0, 0.5)] * len(STACK))
        cell.wait_for_slices(len(STACK))
        assert cell.call('process').success
        assert all(frame['accepted'] for frame in cell.report(2)['frames'])


def test_where_tf_says_nothing_slices_are_taken_and_counted(ros_context: RosContext,
                                                            tf2_ros) -> None:
    with Cell(ros_context, stack__size=len(STACK), motion__fixed_frame='base',
              motion__wait=0.05) as cell:
        cell.connect()
        cell.send_stack(STACK)
        assert all(frame['accepted'] for frame in cell.report()['frames'])
        cell.expect_told('input', 'TF has no transform', 'TF has no transform',
                         slices_without_transform=len(STACK))


@pytest.mark.parametrize(('parameters', 'tf2'), [
    ({'focus__source': 'tf'}, make_tf2_ros()),  # in which frame?
    ({'motion__fixed_frame': 'base'}, None)], ids=['no frame', 'no tf2_ros'])
def test_what_tf_cannot_give_keeps_the_node_from_being_activated(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch, parameters, tf2) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', tf2)
    with Cell(ros_context, **parameters) as cell:
        cell.expect_told('node', 'the node is not active; cannot activate', 'cannot activate',
                         failed_transitions=1)


def test_an_image_without_a_lens_position_before_it_is_told(ros_context: RosContext) -> None:
    with Cell(ros_context, focus__source='float32') as cell:
        lens = cell.node.create_publisher(Float32, 'lens_position', 10)
        spin_until(cell.executor, lambda: lens.get_subscription_count()
                   and cell.images.get_subscription_count())
        cell.images.publish(array_to_image(STACK[0][0], cell.header(), 'bgr8'))
        cell.expect_told('input', 'no lens_position came', 'no lens_position came',
                         doubtful_tags=1)


def test_the_source_is_changed_between_deactivation_and_activation(
        ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK)) as cell:
        cell.connect()
        change = [Parameter('focus.source', value='float32')]
        result, = cell.stacker.set_parameters(change)
        assert 'deactivate' in result.reason
        cell.stacker.trigger_deactivate()
        assert cell.stacker.set_parameters(change)[0].successful
        cell.stacker.trigger_activate()
        assert '/lens_position' in cell.stacker._input.topics
