# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Faults of a cell, with real messages: the stacking node lives on, and tells the operator.

Each time one line in the log, an entry of the diagnostics and a counter; docs/faults.md is the
table of these tests.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.fuse.running_average import WeightedAverage
from focus_stacking_ros.ros.messages.images import array_to_image, image_to_array
from focus_stacking_ros.ros.stacker import output_messages
from helpers.cell import Cell, focal_stack, values
from helpers.requests import change_state, set_parameter
from helpers.ros_helpers import RosContext, spin_until
from lifecycle_msgs.msg import Transition
import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

STACK = focal_stack(size=(80, 60))
SIZE = len(STACK)


def cell_of(ros: RosContext, **parameters: Any) -> Cell:
    parameters = {'stack__size': SIZE, 'stack__timeout': 60.0, **parameters}
    return Cell(ros, subscribe=('report', 'depth/image'), **parameters)


def expect_whole_stack(cell: Cell) -> None:
    """Send a stack, and see that it gives what a stack gives."""
    known = len(cell.messages['report'])
    cell.send_stack(STACK)
    report = cell.report(known + 1)
    assert [frame['accepted'] for frame in report['frames']] == [True] * SIZE
    depth = image_to_array(cell.wait_for('depth/image', count=known + 1)[0])
    assert np.nanmedian(np.abs(depth - (0.1 + 0.002 * (np.arange(80) * SIZE // 80)))) < 0.0005


# Slices


def test_a_lost_image_leaves_an_incomplete_stack(ros_context: RosContext) -> None:
    with cell_of(ros_context, stack__timeout=1.0) as cell:
        cell.connect()
        for number, (image, position) in enumerate(STACK):
            if number == 2:
                cell.tag(cell.header(), position)
            else:
                cell.send(image, position)
        cell.expect_told('stack', 'ends with 4 of 5 slices', 'ends with 4 of 5 slices',
                         incomplete_stacks=1, results=1)
        assert len(cell.report()['frames']) == 4
        # ~/start gives up what waits: only now is it certain that the image will not come.
        cell.call('start')
        cell.expect_told('input', 'came without an image', '1 focus position came without an',
                         positions_without_image=1)
        expect_whole_stack(cell)


def test_what_does_not_come_is_counted_as_none(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        status = cell.wait_for_diagnostics('input', lambda _status: True)
        assert {key: values(status)[key] for key in (
            'images', 'focus positions', 'camera infos', 'pairs')} == dict.fromkeys(
                ('images', 'focus positions', 'camera infos', 'pairs'), '0')


def test_positions_whose_images_never_come_are_given_up(ros_context: RosContext) -> None:
    with cell_of(ros_context, input__depth=3) as cell:
        cell.connect()
        counters = cell.stacker._input.counters
        for number in range(5):  # one by one: a burst would overflow a queue of three
            cell.tag(cell.header(), 0.1)
            spin_until(cell.executor, lambda: counters['focus positions'] > number)  # noqa: B023
        cell.expect_told('input', 'came without an image', 'came without an image',
                         positions_without_image=2)


def test_images_that_nobody_tags_are_counted_and_nothing_is_wrong(ros_context: RosContext
                                                                  ) -> None:
    with cell_of(ros_context, input__depth=3) as cell:
        cell.connect()
        counters = cell.stacker._input.counters
        for number in range(5):
            cell.images.publish(array_to_image(STACK[0][0], cell.header(), 'bgr8'))
            spin_until(cell.executor, lambda: counters['images'] > number)  # noqa: B023
        status = cell.wait_for_diagnostics(
            'input', lambda status: values(status)['untagged images'] == '2')
        assert (status.level, status.message) == (DiagnosticStatus.OK, 'ok')
        assert not any('untagged' in line for line in cell.log.lines())
        for number, (image, position) in enumerate(STACK):
            cell.send(image, position)
            cell.wait_for_slices((number + 1) % SIZE)
        assert len(cell.report()['frames']) == SIZE


@pytest.mark.parametrize('what', ['image', 'position'])
def test_a_duplicate_is_left_out(what: str, ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        header = cell.send(*STACK[0])
        cell.wait_for_slices(1)
        if what == 'image':
            cell.images.publish(array_to_image(STACK[1][0], header, 'bgr8'))
        else:
            cell.tag(header, STACK[1][1])
        cell.expect_told('input', 'of an earlier one', f'{"an image" if what == "image" else what}'
                         ' has the stamp 1.000000000 of an earlier one', repeated_stamps=1)
        cell.send_stack(STACK[1:])
        assert [frame['accepted'] for frame in cell.report()['frames']] == [True] * SIZE


@pytest.mark.parametrize('played', [3, SIZE])
def test_a_recording_that_begins_again_is_stacked_anew(played: int, ros_context: RosContext
                                                       ) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack(STACK[:played])
        cell.wait_for_slices(played % SIZE)
        for count in (1, 2):
            cell._stamp = 0
            if count == 1:
                cell.send_stack(STACK)
                cell.expect_told('input', 'time has jumped back', 'time has jumped back: ',
                                 time_jumps=1)
            else:
                expect_whole_stack(cell)
            frames = cell.report(count + 1)['frames']
            assert [frame['stamp']['sec'] for frame in frames] == [1, 2, 3, 4, 5]
        early = [frame['stamp']['sec'] for frame in json.loads(
            cell.messages['report'][0].data)['frames']]
        assert early == list(range(1, played + 1))
        lines = [line for line in cell.log.lines() if 'has jumped back, so the stack' in line]
        assert len(lines) == (played < SIZE)


def test_an_image_that_comes_later_than_its_position_is_taken(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        headers = [cell.header() for _ in STACK]
        for header, (_, position) in zip(headers, STACK, strict=True):
            cell.tag(header, position)
        counters = cell.stacker._input.counters
        spin_until(cell.executor, lambda: counters['focus positions'] == SIZE)
        for header, (image, _) in zip(headers, STACK, strict=True):
            cell.images.publish(array_to_image(image, header, 'bgr8'))
        assert [frame['accepted'] for frame in cell.report()['frames']] == [True] * SIZE


def test_a_slice_that_comes_after_its_stack_has_ended_is_a_stack_of_one(ros_context: RosContext
                                                                        ) -> None:
    with cell_of(ros_context, stack__timeout=0.7) as cell:
        cell.connect()
        cell.send_stack(STACK[:4])
        cell.expect_told('stack', '4 of 5', '4 of 5', incomplete_stacks=1)
        cell.send(*STACK[4])
        cell.expect_told('stack', 'at least two', 'at least two', failed_stacks=1,
                         incomplete_stacks=2)
        expect_whole_stack(cell)
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_slices_out_of_order_are_processed_again_in_order(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack([STACK[number] for number in (3, 0, 4, 1, 2)])
        assert [frame['rank'] for frame in cell.report()['frames']] == [3, 0, 4, 1, 2]
        cell.expect_told('stack', 'out of order', 'slices arrived out of order',
                         results_of_slices_out_of_order=1)
        expect_whole_stack(cell)
        expect_whole_stack(cell)
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_distances_that_no_lens_has_are_told(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack([(image, 1000 * position) for image, position in STACK])  # millimetres
        cell.expect_told('stack', 'millimetres taken for metres', 'are implausible',
                         results_with_implausible_distances=1)
        note, = cell.report()['notes']
        assert 'are implausible' in note
        for _ in range(2):
            expect_whole_stack(cell)
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_a_slice_whose_parts_lie_beside_the_others_is_told(ros_context: RosContext) -> None:
    still = cv2.GaussianBlur(focal_stack(2, (320, 240))[0][0], (0, 0), 2)
    still = np.clip((still - still.mean()) * 5 + 128, 0, 255).astype(np.uint8)
    images = [still.copy() for _ in range(SIZE)]
    for strip in range(4):
        columns = np.s_[:, 80 * strip:80 * strip + 80]
        images[2][columns] = np.roll(images[0], 2 * (-1) ** strip, axis=0)[columns]
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack([(image, 0.1 + 0.002 * number) for number, image in enumerate(images)])
        assert cell.report()['frames'][2]['misfit_px'] > 0.75
        cell.expect_told('stack', 'slices lie beside each other', 'slices lie beside each other',
                         results_of_displaced_slices=1)


def test_a_picture_that_is_less_sharp_than_its_slices_is_told(
        ros_context: RosContext, monkeypatch) -> None:
    with cell_of(ros_context, method='streaming') as cell:
        cell.connect()
        stack = focal_stack(SIZE, (640, 480))
        mean = WeightedAverage.mean
        with monkeypatch.context() as patch:
            patch.setattr(WeightedAverage, 'mean',
                          lambda average: cv2.GaussianBlur(mean(average), (0, 0), 4))
            cell.send_stack(stack)
            cell.expect_told('stack', 'less than half the sharp', 'less than half the sharp',
                             results_with_blurred_places=1)
        note, = cell.report()['notes']
        assert '(x y width height)' in note
        for number in (2, 3):
            cell.send_stack(stack)
            assert cell.report(number)['notes'] == []
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_positions_that_the_images_contradict_are_told(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        order, stack = [0, 3, 1, 4, 2], focal_stack()  # large enough for its order to be seen
        cell.send_stack([(stack[number][0], position)
                         for number, (_, position) in zip(order, stack, strict=True)])
        cell.expect_told('stack', 'do not fit the images', 'do not fit the images: slices',
                         results_of_no_monotone_sweep=1)
        assert any('do not fit the images' in note for note in cell.report()['notes'])
        for _ in range(2):
            expect_whole_stack(cell)
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_streaming_refuses_a_slice_out_of_order(ros_context: RosContext) -> None:
    with cell_of(ros_context, method='streaming') as cell:
        cell.connect()
        cell.send_stack([STACK[number] for number in (0, 2, 1)])
        cell.expect_told('stack', '1 slices refused', 'is refused', **{'refused: order': 1})


def odd_size() -> Any:
    return STACK[1][0][:50].copy(), 'bgr8', STACK[1][1]


def odd_encoding() -> Any:
    return STACK[1][0][..., 0].copy(), 'mono8', STACK[1][1]


def no_number() -> Any:
    return STACK[1][0], 'bgr8', float('nan')


def no_distance() -> Any:
    return STACK[1][0], 'bgr8', -0.1


def cut_off() -> Any:
    image = array_to_image(STACK[1][0], Header(), 'bgr8')
    image.data = image.data[:1000]
    return image, 'bgr8', STACK[1][1]


@pytest.mark.parametrize(('bad', 'code', 'words'), [
    (odd_size, 'size', '80x50'), (odd_encoding, 'encoding', 'mono8'),
    (no_number, 'position', 'nan'), (no_distance, 'position', '-0.1'),
    (cut_off, 'payload', 'is refused')])
def test_a_slice_that_does_not_fit_is_refused(bad: Any, code: str, words: str,
                                              ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send(*STACK[0])
        for _ in range(3):
            image, encoding, position = bad()
            cell.send(image, position, encoding)
        status = cell.expect_told('stack', '3 slices refused, the latest', words,
                                  **{f'refused: {code}': 3})
        assert status.level == DiagnosticStatus.WARN
        cell.send_stack(STACK[1:])
        accepted = [frame['accepted'] for frame in cell.report()['frames']]
        assert accepted == [True, False, False, False, True, True, True, True]
        expect_whole_stack(cell)
        cell.wait_for_diagnostics('stack', lambda status: status.message == 'ok')


def test_slices_that_come_faster_than_they_are_stacked_are_lost(ros_context: RosContext) -> None:
    with cell_of(ros_context, input__depth=2, stack__size=2) as cell:
        cell.connect()
        worker, busy = cell.stacker._worker, threading.Event()
        worker.submit(lambda: busy.wait(30))
        spin_until(cell.executor, lambda: worker.waiting() == 0)
        try:
            for number in range(5):
                cell.send(*STACK[number])
                spin_until(cell.executor,
                           lambda: cell.stacker._input.counters['pairs'] > number)  # noqa: B023
            cell.expect_told('input', '1 slices lost: too fast', 'a slice is lost: 4 are waiting',
                             **{'lost: too fast': 1})
        finally:
            busy.set()
        assert [frame['focus_distance_m'] for frame in cell.report()['frames']] == [
            position for _, position in STACK[:2]]


# Publishers


def test_a_quality_of_service_that_does_not_fit_is_an_error(ros_context: RosContext) -> None:
    with Cell(ros_context, best_effort=True, input__reliability='reliable') as cell:
        status = cell.expect_told('input', 'does not fit: /image', 'a publisher of /image offers',
                                  **{'quality-of-service mismatches': 1})
        assert status.level == DiagnosticStatus.ERROR


def test_a_second_camera_is_told(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        other = cell.node.create_publisher(Image, 'image', 10)
        cell.expect_told('input', '/image has 2 publishers', '/image has 2 publishers',
                         second_publishers=1)
        # Its images have stamps of their own, so the tags say which are meant.
        other.publish(array_to_image(STACK[0][0][:50], cell.header(), 'bgr8'))
        for _ in range(2):  # it is told for as long as it is there
            expect_whole_stack(cell)
        cell.diagnostics.clear()
        cell.wait_for_diagnostics('input', lambda status: 'has 2 publishers' in status.message)
        cell.node.destroy_publisher(other)
        expect_whole_stack(cell)
        expect_whole_stack(cell)
        cell.wait_for_diagnostics('input', lambda status: status.message == 'ok')


def test_a_camera_that_dies_and_comes_back_goes_on_with_the_stack(ros_context: RosContext
                                                                  ) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        cell.node.destroy_publisher(cell.images)
        cell.expect_told('input', 'nobody publishes /image; nobody publishes /image any more',
                         'nobody publishes /image any more', publishers_lost=1)
        # It comes back with another quality of service.
        cell.images = cell.node.create_publisher(Image, 'image', qos_profile_sensor_data)
        cell.connect()
        spin_until(cell.executor, lambda: '/image' in cell.stacker._input.topics
                   and cell.stacker._input._subscriptions['image'][1] == 'best_effort')
        cell.connect()
        for number, item in enumerate(STACK[2:]):
            cell.send(*item)
            cell.wait_for_slices((number + 3) % SIZE)
        assert [frame['accepted'] for frame in cell.report()['frames']] == [True] * SIZE


def test_a_camera_that_dies_leaves_what_came_before(ros_context: RosContext) -> None:
    with cell_of(ros_context, stack__timeout=0.7) as cell:
        cell.connect()
        cell.send_stack(STACK[:3])
        cell.node.destroy_publisher(cell.images)
        cell.expect_told('stack', '3 of 5 slices', '3 of 5 slices', incomplete_stacks=1, results=1)


def test_a_user_that_starts_anew_gets_the_last_result(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        expect_whole_stack(cell)
        viewer = Cell(ros_context, node=False, subscribe=('report', 'depth/image'))
        with viewer:
            viewer.executor.add_node(cell.stacker)
            viewer.wait_for('report', 'depth/image')
            viewer.executor.remove_node(cell.stacker)


# Parameters


def test_a_change_in_the_middle_of_a_stack_waits_for_the_next_one(ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack(STACK[:3])
        cell.wait_for_slices(3)
        assert set_parameter(cell, 'reference', 'farthest').successful
        cell.expect_told('stack', '', 'reference = farthest; holds from the next stack on',
                         options_that_wait_for_the_next_stack=True)
        cell.wait_for_diagnostics('node', lambda status: values(status).get(
            'parameter changes') == '1')
        cell.send_stack(STACK[3:])
        assert cell.report(1)['options']['reference'] == 'narrowest'
        assert set_parameter(cell, 'stack.timeout', 50.0).successful
        cell.expect_told('stack', '', 'stack.timeout = 50.0; holds from now on',
                         options_that_wait_for_the_next_stack=False)
        cell.send_stack(STACK)
        second = cell.report(2)
        assert (second['options']['reference'], second['reference']) == ('farthest', 4)


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('input.transport', 'compressed', 'activated for the first time'),
    ('backend', 'opencv', 'clean the node up first'),
    ('focus.source', 'float32', 'deactivate the node first'),
    ('reference', 'sideways', 'sideways')])
def test_a_change_that_cannot_be_made_is_refused(name: str, value: str, words: str,
                                                 ros_context: RosContext) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send(*STACK[0])
        cell.wait_for_slices(1)
        refused = set_parameter(cell, name, value)
        assert (refused.successful, words in refused.reason) == (False, True), refused
        cell.expect_told('node', words, f'not changed: {name} = {value}',
                         parameter_changes_refused=1)
        cell.send_stack(STACK[1:])
        assert cell.report()['options']['reference'] == 'narrowest'


# Lifecycle


def test_services_are_refused_unless_the_node_is_active(ros_context: RosContext) -> None:
    with cell_of(ros_context, autostart=False) as cell:
        refused = 0
        for transitions, active in (
                ((), False), (('CONFIGURE',), False), (('ACTIVATE',), True),
                (('DEACTIVATE',), False), (('CLEANUP',), False),
                (('UNCONFIGURED_SHUTDOWN',), False)):
            for name in transitions:
                assert change_state(cell, getattr(Transition, f'TRANSITION_{name}'))
            for service in ('start', 'reset', 'process'):
                response = cell.call(service)
                assert response.success == (active and service != 'process'), response
                assert active or response.message == 'the node is not active; activate it first'
                refused += not active
            if not active:
                cell.expect_told('node', 'the node is not active; a service is refused',
                                 'a service is refused', services_refused=refused)


def test_a_stack_is_dropped_by_deactivation_and_another_one_works(ros_context: RosContext
                                                                  ) -> None:
    with cell_of(ros_context) as cell:
        cell.connect()
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        assert change_state(cell, Transition.TRANSITION_DEACTIVATE)
        cell.expect_told('stack', '', 'a running stack of 2 slices is dropped', dropped_stacks=1)
        cell.wait_for_diagnostics('node', lambda status: 'not active' in status.message)
        assert change_state(cell, Transition.TRANSITION_ACTIVATE)
        cell.connect()
        expect_whole_stack(cell)


# Backends


class _Backend(OpenCVBackend):
    """Fails where it is told to."""

    fails = ''

    def front(self, *arguments: Any, **keywords: Any) -> Any:
        if self.fails == 'front':
            raise RuntimeError('the accelerator is gone')
        return super().front(*arguments, **keywords)


def test_a_backend_that_fails_in_the_middle_of_a_stack_costs_that_stack(ros_context: RosContext
                                                                        ) -> None:
    with cell_of(ros_context) as cell:
        backend = cell.stacker._stacker._backend = _Backend()
        cell.stacker._stacker.reset()
        cell.connect()
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        backend.fails = 'front'
        cell.send(*STACK[2])
        cell.expect_told('stack', 'its stack is dropped', 'its stack is dropped', failed_stacks=1)
        cell.wait_for_diagnostics('node', lambda status: values(status).get(
            'unexpected errors') == '1')
        assert DiagnosticStatus.ERROR in [status.level for status in cell.statuses['node']]
        cell.wait_for_log(', in front\n')  # the traceback
        backend.fails = ''
        expect_whole_stack(cell)


def test_an_output_that_fails_costs_no_other_one(ros_context: RosContext,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError('a bug')

    with Cell(ros_context, stack__size=SIZE) as cell:
        cell.connect()
        with monkeypatch.context() as patch:
            patch.setattr(output_messages, 'depth_to_image', fail)
            cell.send_stack(STACK)
            cell.report()
            cell.wait_for('all_in_focus/image', 'confidence/image', 'slice_index/image')
        words = "the output depth/image of a result failed: KeyError('a bug')"
        status = cell.expect_told('node', words, words, outputs_failed=1)
        assert status.level == DiagnosticStatus.ERROR
        cell.wait_for_log(', in fail\n')  # the traceback
        for count in (2, 3):
            cell.send_stack(STACK)
            cell.report(count)
        assert len(cell.messages['depth/image']) == 2
        cell.wait_for_diagnostics('node', lambda status: status.message == 'ok')


def test_a_stack_of_one_slice_is_told_and_the_next_one_works(ros_context: RosContext) -> None:
    with cell_of(ros_context, stack__end='service') as cell:
        cell.connect()
        cell.send(*STACK[0])
        cell.wait_for_slices(1)
        response = cell.call('process')
        assert (response.success, 'at least two' in response.message) == (False, True)
        cell.expect_told('stack', 'at least two', 'at least two', failed_stacks=1)
        cell.send_stack(STACK)
        cell.wait_for_slices(SIZE)
        assert json.loads(cell.call('process').message)['slices'] == SIZE
