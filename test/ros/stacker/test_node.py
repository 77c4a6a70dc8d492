# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node over real topics: results, ends of stacks, services, refusals, lifecycle."""

from __future__ import annotations

import json

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.messages.images import array_to_image, image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker import growing
from focus_stacking_ros.ros.stacker.growing import GrowingPreviews
from focus_stacking_ros.ros.stacker.options import NodeOptions
from helpers.cell import Cell, focal_stack, IMAGES, values
from helpers.requests import change_state, set_parameter
from helpers.ros_helpers import RosContext, spin_until, spin_until_connected
from lifecycle_msgs.msg import Transition
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

STACK = focal_stack(size=(80, 60))


@pytest.mark.parametrize('method', ['default', 'notebook'])
def test_a_counted_stack_gives_what_the_library_gives_under_one_header(
        ros_context: RosContext, method: str) -> None:
    stacker = FocusStacker(StackOptions(method=method))
    for image, position in STACK:
        stacker.add(image, position)
    expected = stacker.finish()
    with Cell(ros_context, stack__size=len(STACK), method=method) as cell:
        cell.connect()
        cell.send_stack(STACK)
        all_in_focus, depth, confidence, index, _ = cell.wait_for(*IMAGES, 'report')
        report = cell.report()
    for message in (all_in_focus, depth, confidence, index):
        assert message.header.stamp.sec == len(STACK)
        assert message.header.frame_id == 'camera_optical_frame'
    assert report['stamp'] == {'sec': len(STACK), 'nanosec': 0}
    assert (all_in_focus.encoding, depth.encoding) == ('bgr8', '32FC1')
    np.testing.assert_array_equal(image_to_array(all_in_focus), expected.all_in_focus)
    np.testing.assert_array_equal(image_to_array(depth), expected.depth_m)
    np.testing.assert_array_equal(image_to_array(confidence), expected.confidence)
    np.testing.assert_array_equal(image_to_array(index), expected.slice_index)
    assert [frame['rank'] for frame in report['frames']] == list(range(len(STACK)))
    assert [frame['stamp']['sec'] for frame in report['frames']] == [1, 2, 3, 4, 5]


def test_a_stack_is_seen_while_it_grows(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, '_LEAST_SECONDS', 0.0)  # each slice, however fast they come
    monkeypatch.setattr(growing, '_SHARE', 1.0)
    shown: dict[str, list[Image]] = {name: [] for name in GrowingPreviews.TOPICS}
    with Cell(ros_context, stack__size=len(STACK)) as cell:
        for name, heard in shown.items():
            cell.node.create_subscription(Image, name, heard.append, output_profile())
        cell.connect()
        spin_until_connected(cell.executor, cell.node, topics=[f'/{name}' for name in shown])
        spin_until(cell.executor, lambda: all(
            each.get_subscription_count() for each in cell.stacker._outputs._previews._publishers))
        for count, (image, position) in enumerate(STACK[:-1], 1):
            header = cell.send(image, position)
            cell.wait_for_slices(count)
            spin_until(cell.executor, lambda header=header: all(
                each and each[-1].header == header for each in shown.values()),
                what=f'previews of {count} slices')
        assert not cell.messages['report']
        for name, heard in shown.items():
            assert (heard[-1].encoding, heard[-1].width, heard[-1].height) == (
                'rgb8', 80, 60), name
        cell.send(*STACK[-1])
        assert len(cell.report()['frames']) == len(STACK)


def test_grey_and_16_bit_come_out_in_their_own_encoding(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK), subscribe=('all_in_focus/image',)) as cell:
        cell.connect()
        for image, position in STACK:
            cell.send(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257, position,
                      'mono16')
        assert cell.wait_for('all_in_focus/image')[0].encoding == 'mono16'
        for image, position in STACK:
            cell.send(image, position, 'rgb8')
        assert cell.wait_for('all_in_focus/image', count=2)[0].encoding == 'rgb8'


def test_process_answers_with_stamp_and_counts_after_the_result_is_out(
        ros_context: RosContext) -> None:
    with Cell(ros_context, stack__end='service', stack__timeout=60.0) as cell:
        cell.connect()
        cell.send_stack(STACK[:4])
        cell.wait_for_slices(4)
        response = cell.call('process')
        assert response.success, response.message
        answer = json.loads(response.message)
        assert (answer['stamp'], answer['slices'], answer['refused']) == (
            {'sec': 4, 'nanosec': 0}, 4, 0)
        assert cell.report()['stamp'] == answer['stamp']


@pytest.mark.parametrize('service', ['start', 'reset'])
def test_start_and_reset_drop_the_running_stack(ros_context: RosContext, service: str) -> None:
    with Cell(ros_context, stack__size=len(STACK)) as cell:
        cell.connect()
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        response = cell.call(service)
        assert json.loads(response.message) == {'dropped_slices': 2}
        cell.send_stack(STACK)
        assert len(cell.report()['frames']) == len(STACK)


def test_a_stack_ends_by_timeout(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=200, stack__timeout=0.4) as cell:
        cell.connect()
        cell.send_stack(STACK)
        assert len(cell.report()['frames']) == len(STACK)


def test_a_continuous_sweep_gives_one_result_per_half_sweep(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__end='reversal', stack__timeout=60.0) as cell:
        cell.connect()
        cell.send_stack([*STACK, *STACK[::-1], *STACK[:2]])
        reports = [cell.report(1), cell.report(2)]
        assert all(frame['accepted'] for report in reports for frame in report['frames'])
        # The turning point is seen twice, once by each half.
        assert [report['stamp']['sec'] for report in reports] == [5, 10]
        assert [frame['rank'] for frame in reports[1]['frames']] == [4, 3, 2, 1, 0]


def test_bad_slices_are_refused_with_a_reason_and_do_not_change_the_result(
        ros_context: RosContext) -> None:
    image = STACK[2][0]
    short = array_to_image(image, Header(), 'bgr8')
    short.data = short.data[:1000]
    strange = array_to_image(image, Header(), 'bgr8')
    strange.encoding = 'nonsense'
    with Cell(ros_context, stack__size=len(STACK)) as cell:
        cell.connect()
        cell.send_stack(STACK)
        expected = [image_to_array(message) for message in cell.wait_for(*IMAGES)]
        cell.send(*STACK[0])
        cell.send(image[:-2], 0.111)
        cell.send(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 0.112, 'mono8')
        cell.send(short, 0.113)
        cell.send(strange, 0.114)
        for position in (float('nan'), float('inf'), 0.0, -0.1):
            cell.send(image, position)
        cell.send_stack(STACK[1:])
        report = cell.report(2)
        for name, before in zip(IMAGES, expected, strict=True):
            np.testing.assert_array_equal(image_to_array(cell.wait_for(name, count=2)[0]), before)
        accepted = [frame['accepted'] for frame in report['frames']]
        assert accepted == [True, *[False] * 8, *[True] * 4]
        assert all(frame['reason'] for frame in report['frames'][1:9])
        status = cell.wait_for_diagnostics(
            'stack', lambda status: values(status).get('refused: position') == '4')
        counts = values(status)
        assert (counts['refused: size'], counts['refused: payload']) == ('1', '1')
        assert counts['refused: encoding'] == '2'
        assert status.level == DiagnosticStatus.WARN


def test_a_repeated_position_replaces_the_earlier_slice(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__end='service', stack__timeout=60.0) as cell:
        cell.connect()
        cell.send(np.full_like(STACK[0][0], 90), STACK[2][1])
        cell.send_stack(STACK)
        cell.wait_for_slices(len(STACK))
        spin_until(cell.executor,
                   lambda: cell.stacker._stacker.counters['slices'] == len(STACK) + 1)
        assert cell.call('process').success
        frames = cell.report()['frames']
        assert not frames[0]['accepted']
        assert 'replaced' in frames[0]['reason']
        assert [frame['rank'] for frame in frames[1:]] == [0, 1, 2, 3, 4]


def test_camera_infos_are_those_of_the_reference_slice(ros_context: RosContext) -> None:
    names = ('all_in_focus/camera_info', 'depth/camera_info', 'confidence/camera_info')
    with Cell(ros_context, stack__size=len(STACK), reference='middle',
              subscribe=(*names, 'report')) as cell:
        cell.connect()
        for image, position in STACK:
            header = cell.header()
            info = CameraInfo(header=header, width=image.shape[1], height=image.shape[0])
            info.k[0] = 1000 * position
            cell.camera_infos.publish(info)
            cell.images.publish(array_to_image(image, header, 'bgr8'))
            cell.tag(header, position)
        for info in cell.wait_for(*names):
            assert info.k[0] == pytest.approx(1000 * STACK[2][1])
            assert info.header.stamp.sec == len(STACK)


def test_an_output_is_computed_for_a_late_subscriber(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK), subscribe=('report',)) as cell:
        cell.connect()
        cell.send_stack(STACK)
        cell.report()
        cell.subscribe('depth/preview')
        preview = cell.wait_for('depth/preview')[0]
        assert (preview.encoding, preview.header.stamp.sec) == ('rgb8', len(STACK))


def test_auto_reliability_hears_a_best_effort_camera(ros_context: RosContext) -> None:
    with Cell(ros_context, best_effort=True, stack__size=len(STACK)) as cell:
        cell.connect()
        cell.send_stack(STACK)
        assert len(cell.report()['frames']) == len(STACK)


def test_an_idle_node_wakes_twice_a_second_and_tells_how_it_is(ros_context: RosContext) -> None:
    with Cell(ros_context) as cell:
        def wakes() -> float:
            return sum(1e9 / timer.timer_period_ns for timer in cell.stacker.timers
                       if not timer.is_canceled())

        for transition, most, words in (
                (None, 2, 'ok'), (Transition.TRANSITION_DEACTIVATE, 1, 'not active'),
                (Transition.TRANSITION_ACTIVATE, 2, 'ok')):
            assert transition is None or change_state(cell, transition)
            assert wakes() <= most
            cell.diagnostics.clear()
            cell.wait_for_diagnostics('node', lambda status: words in status.message)  # noqa: B023


def test_compressed_images_are_stacked(ros_context: RosContext) -> None:
    with Cell(ros_context, stack__size=len(STACK), input__transport='compressed',
              subscribe=('all_in_focus/image', 'report')) as cell:
        publisher = cell.node.create_publisher(CompressedImage, 'image/compressed', 20)
        spin_until(cell.executor, publisher.get_subscription_count)
        spin_until(cell.executor, cell.positions.get_subscription_count)
        for image, position in STACK:
            header = cell.header()
            data = cv2.imencode('.png', image)[1].tobytes()
            publisher.publish(CompressedImage(header=header, format='bgr8; png', data=data))
            cell.tag(header, position)
        message = cell.wait_for('all_in_focus/image')[0]
        assert message.encoding == 'bgr8'
        assert all(frame['accepted'] for frame in cell.report()['frames'])


def test_a_parameter_that_cannot_be_changed_now_says_why(ros_context: RosContext) -> None:
    with Cell(ros_context) as cell:
        refused = set_parameter(cell, 'input.transport', 'compressed')
        assert (refused.successful, 'set it when the node starts' in refused.reason) == (
            False, True)
        refused = set_parameter(cell, 'backend', 'opencv')
        assert (refused.successful, 'clean' in refused.reason) == (False, True)
        assert not set_parameter(cell, 'stack.size', 1).successful
        assert not set_parameter(cell, 'focus_measure.window', 8).successful
        assert not set_parameter(cell, 'reference', 'sideways').successful


def test_each_parameter_can_be_changed_until_it_is_read(ros_context: RosContext) -> None:
    options = [*specifications(NodeOptions), *specifications(StackOptions)]
    read = {'start'}
    with Cell(ros_context, autostart=False) as cell:
        for transition, moments, undone in (
                (None, set(), set()),
                (Transition.TRANSITION_CONFIGURE, {'first configuration', 'configuration'}, set()),
                (Transition.TRANSITION_ACTIVATE, {'first activation', 'activation'}, set()),
                (Transition.TRANSITION_DEACTIVATE, set(), {'activation'}),
                (Transition.TRANSITION_CLEANUP, set(), {'configuration'})):
            assert transition is None or change_state(cell, transition)
            read = (read | moments) - undone
            refused = {item.holds_from for item in options if not cell.stacker.set_parameters([
                cell.stacker.get_parameter(item.name)])[0].successful}
            assert refused == read, transition


def test_the_lifecycle_can_be_managed_from_outside(ros_context: RosContext) -> None:
    with Cell(ros_context, autostart=False, stack__size=len(STACK)) as cell:
        assert 'not active' in cell.call('process').message
        assert change_state(cell, Transition.TRANSITION_CONFIGURE)
        assert set_parameter(cell, 'stack.size', 3).successful
        assert change_state(cell, Transition.TRANSITION_ACTIVATE)
        cell.connect()
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        assert change_state(cell, Transition.TRANSITION_DEACTIVATE)
        assert 'not active' in cell.call('reset').message
        assert change_state(cell, Transition.TRANSITION_ACTIVATE)
        cell.connect()
        cell.send_stack(STACK[:3])
        assert len(cell.report()['frames']) == 3
        assert change_state(cell, Transition.TRANSITION_DEACTIVATE)
        assert change_state(cell, Transition.TRANSITION_CLEANUP)
        assert change_state(cell, Transition.TRANSITION_CONFIGURE)
        assert change_state(cell, Transition.TRANSITION_ACTIVATE)
        cell.connect()
        cell.send_stack(STACK[:3])
        assert len(cell.report(2)['frames']) == 3
        assert change_state(cell, Transition.TRANSITION_ACTIVE_SHUTDOWN)


def test_a_clock_that_stands_still_does_not_stop_the_node(ros_context: RosContext) -> None:
    """Nobody publishes /clock, as where a simulation or a recording is paused."""
    with Cell(ros_context, use_sim_time=True, stack__size=3, subscribe=('report',)) as cell:
        cell.connect()
        cell.send_stack(STACK[:3])
        assert len(cell.report()['frames']) == 3
        cell.subscribe('depth/image')
        cell.wait_for('depth/image')
        cell.wait_for_diagnostics('stack', lambda status: values(status)['slices'] == '3')
