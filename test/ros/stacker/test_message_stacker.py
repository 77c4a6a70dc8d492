# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of stacking paired messages: ends of stacks, refusals, results and what they say.

The stacker and the messages are real; time is a clock that the test turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
import copy
from functools import cache
import json
import math
from typing import Any

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import ResultFault
from focus_stacking_ros.core.stack.backend import create_backend
from focus_stacking_ros.core.stack.end import STACK_ENDS
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.stacker.delivery import Delivery, Progress
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair
from focus_stacking_ros.simulation import circuit_board, render_stack
from focus_stacking_ros.simulation.camera import Sweep, ThinLens
from helpers.cell import focal_stack
from helpers.stacks import growing, make_stack
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

STACK = focal_stack(5, (64, 48))
IMAGES = [image for image, _ in STACK]
POSITIONS = [position for _, position in STACK]  # metres: 0.100, 0.102 ... 0.108
BAD_POSITIONS = [float('nan'), float('inf'), float('-inf'), 0.0, -0.1]


class Bench:
    """
    A stacker of messages, who listens to it, and the clock it reads.

    :param options: of the algorithm
    :param backend: by default the fastest that works
    :param node_options: of NodeOptions; the stack's size is that of STACK by default
    """

    def __init__(self, options: StackOptions | None = None, backend: Any = None,
                 **node_options: Any) -> None:
        self.deliveries: list[Delivery] = []
        self.refusals: list[tuple[str, str]] = []
        self.failures: list[str] = []
        self.incompletes: list[str] = []
        self.ignored_regions: list[str] = []
        self.progress: list[tuple[int, int, int, str]] = []
        self.now = 1000.0
        self.node_options = {'stack_size': len(STACK), **node_options}
        self.stacker = MessageStacker(
            options or StackOptions(), NodeOptions(**self.node_options),
            backend or create_backend(), self, lambda: self.now)
        self._seconds = 0

    def delivered(self, delivery: Delivery) -> None:
        """Keep a result."""
        self.deliveries.append(delivery)

    def refused(self, refusal: Refusal, reason: str) -> None:
        """Keep a refusal."""
        self.refusals.append((refusal.code, reason))

    def failed(self, reason: str) -> None:
        """Keep a failure."""
        self.failures.append(reason)

    def progressed(self, progress: Progress) -> None:
        """Keep how far the stack is."""
        self.progress.append((progress.taken, progress.refused, progress.expected,
                              progress.reason.partition(':')[0]))

    def incomplete(self, reason: str) -> None:
        """Keep what is told of a stack that ended early."""
        self.incompletes.append(reason)

    def ignored(self, reason: str) -> None:
        """Keep why a region of interest is not used."""
        self.ignored_regions.append(reason)

    def header(self) -> Header:
        """Return a header whose stamp, in seconds, counts the slices from 1."""
        self._seconds += 1
        header = Header(frame_id=f'camera_{self._seconds}')
        header.stamp.sec, header.stamp.nanosec = self._seconds, 7
        return header

    def add(self, image: Any, position: float, encoding: str = 'bgr8',
            spoil: Callable[[Any], None] = lambda _message: None) -> None:
        """Add a slice: an array or a message, spoiled before it is added."""
        header = self.header()
        if isinstance(image, np.ndarray):
            message = array_to_image(image, header, encoding)
        else:
            message = copy.deepcopy(image)
            message.header = header
        spoil(message)
        self.stacker.add(Pair((header.stamp.sec, header.stamp.nanosec), message, position))

    def sweep(self, order: Iterable[int] = range(len(STACK))) -> None:
        """Add slices of STACK by their number."""
        for number in order:
            self.add(IMAGES[number], POSITIONS[number])

    @property
    def stamps(self) -> list[list[int]]:
        """Seconds of the accepted slices, per result."""
        return [[frame['stamp']['sec'] for frame in delivery.report['frames']
                 if frame['accepted']] for delivery in self.deliveries]


def result_of(images: list[np.ndarray], backend: str = 'auto') -> Any:
    stacker = FocusStacker(backend=backend)
    for image, position in zip(images, POSITIONS, strict=True):
        stacker.add(image, position)
    return stacker.finish()


@cache
def expected_result() -> Any:
    return result_of(IMAGES)


def assert_same(result: Any, expected: Any) -> None:
    for name in ('all_in_focus', 'depth_m', 'confidence', 'slice_index'):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name), name)


# Ends of stacks


def test_a_stack_ends_with_the_slice_that_fills_it() -> None:
    bench = Bench()
    for count in range(1, len(STACK)):
        bench.sweep([count - 1])
        assert (len(bench.stacker), len(bench.deliveries)) == (count, 0)
    bench.sweep([4])
    assert (len(bench.stacker), len(bench.deliveries)) == (0, 1)
    assert_same(bench.deliveries[0].result, expected_result())
    bench.sweep()
    assert bench.stamps == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert bench.stacker.counters == {'slices': 10, 'results': 2}
    assert bench.refusals == bench.failures == []


def test_after_every_slice_it_is_told_how_far_the_stack_is() -> None:
    bench = Bench(stack_size=3)
    for number in (0, 1):
        bench.sweep([number])
    bench.add(IMAGES[2], math.nan)
    bench.add(IMAGES[2], POSITIONS[2])  # ends it
    bench.sweep([0])
    assert [each[:3] for each in bench.progress] == [
        (1, 0, 3), (2, 0, 3), (2, 1, 3), (3, 1, 3), (1, 0, 3)]
    assert [bool(reason) for *_, reason in bench.progress] == [False, False, True, False, False]


def test_size_says_how_many_slices_end_a_stack() -> None:
    assert Bench(stack_size=7).stacker.size == 7
    assert Bench(stack_size=7, stack_end='reversal').stacker.size == 0
    assert Bench(stack_size=7, stack_end='service').stacker.size == 0


def test_a_sweep_up_and_down_gives_one_result_per_half_sweep() -> None:
    bench = Bench(stack_end='reversal', stack_size=3)  # which does not count here
    bench.sweep([0, 1, 2, 3, 4, 3, 2, 1, 0, 1])
    assert bench.stamps == [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert len(bench.stacker) == 1
    ranks = [[frame['rank'] for frame in delivery.report['frames']]
             for delivery in bench.deliveries]
    assert ranks == [[0, 1, 2, 3, 4], [3, 2, 1, 0]]


def test_a_sweep_that_jumps_back_ends_a_stack() -> None:
    bench = Bench(stack_end='reversal')
    bench.sweep([0, 1, 2, 3, 0, 1, 2, 0])
    assert bench.stamps == [[1, 2, 3, 4], [5, 6, 7]]


def test_on_request_a_stack_ends_when_it_is_asked_for() -> None:
    bench = Bench(stack_end='service', stack_size=2)
    bench.sweep()
    assert (len(bench.stacker), bench.deliveries) == (5, [])
    delivery = bench.stacker.finish()
    assert bench.deliveries == [delivery]
    assert_same(delivery.result, expected_result())
    assert len(bench.stacker) == 0


@pytest.mark.parametrize('end', STACK_ENDS)
def test_every_stack_ends_some_time_after_its_last_slice(end) -> None:
    bench = Bench(stack_end=end, stack_timeout=3.0)
    assert bench.stacker.remaining_seconds() is None
    bench.stacker.check_timeout()
    bench.sweep([0])
    bench.now += 2.5
    bench.sweep([1])
    assert bench.stacker.remaining_seconds() == 3.0
    bench.now += 2.9
    bench.stacker.check_timeout()
    assert (len(bench.stacker), bench.deliveries) == (2, [])
    bench.now += 0.1
    bench.stacker.check_timeout()
    assert bench.stamps == [[1, 2]]
    assert bench.stacker.remaining_seconds() is None
    bench.stacker.check_timeout()
    assert (len(bench.deliveries), bench.failures) == (1, [])
    assert [words.endswith('2 of 5 slices') for words in bench.incompletes] == (
        [True] if end == 'count' else [])


def test_refused_slices_do_not_keep_a_stack_from_timing_out() -> None:
    bench = Bench(stack_timeout=3.0)
    bench.add(IMAGES[0], math.nan)
    assert bench.stacker.remaining_seconds() is None
    bench.sweep([0, 1])
    bench.now += 2.0
    bench.add(IMAGES[0], math.nan)
    assert bench.stacker.remaining_seconds() == 1.0


@pytest.mark.parametrize('slices', [0, 1])
def test_fewer_than_two_slices_are_no_stack_and_the_next_one_is(slices) -> None:
    bench = Bench()
    bench.sweep(range(slices))
    assert bench.stacker.finish() is None
    assert 'at least two' in bench.failures[0]
    assert (bench.deliveries, bench.stacker.counters['failed stacks']) == ([], 1)
    bench.sweep()
    assert bench.stamps == [[slices + number for number in (1, 2, 3, 4, 5)]]


def test_reset_drops_the_running_stack_and_says_how_many_slices_it_had() -> None:
    bench = Bench()
    bench.sweep([0, 1, 2])
    assert bench.stacker.reset() == 3
    assert (bench.stacker.reset(), bench.stacker.remaining_seconds()) == (0, None)
    bench.sweep()
    assert bench.stamps == [[4, 5, 6, 7, 8]]
    assert_same(bench.deliveries[0].result, expected_result())


def test_changed_options_hold_from_the_next_stack_on() -> None:
    bench = Bench()
    bench.sweep([0, 1])
    bench.stacker.configure(StackOptions(reference='farthest'),
                            NodeOptions(stack_size=3, output_stamp='reference',
                                        depth_encoding='16UC1'))
    assert bench.stacker.size == 5
    bench.sweep([2, 3, 4, 0, 1, 2])
    first, second = (delivery.report for delivery in bench.deliveries)
    assert bench.stamps == [[1, 2, 3, 4, 5], [6, 7, 8]]
    assert [each['options']['reference'] for each in (first, second)] == ['narrowest', 'farthest']
    assert (second['reference'], second['stamp']['sec']) == (2, 8)
    assert [delivery.options.depth_encoding for delivery in bench.deliveries] == [
        '32FC1', '16UC1']


def test_options_that_were_changed_between_stacks_hold_for_the_next_one() -> None:
    bench = Bench()
    for size in (3, 2):
        bench.stacker.configure(StackOptions(), NodeOptions(stack_size=size))
        bench.sweep(range(size))
    assert bench.stamps == [[1, 2, 3], [4, 5]]


def test_what_is_known_of_the_sensor_holds_until_options_change() -> None:
    shape = 160, 200
    slices = [image.copy() for image in make_stack(
        shape, 6, transforms=growing(shape, 6), noise=1.0).images]
    for image in slices:
        image[20, 30] = image[140, 40] = 255
    bench = Bench(stack_size=6)

    def again() -> bool:
        for rank, image in enumerate(slices):
            bench.add(image, 0.1 + 0.001 * rank, 'mono8')
        words, = (each for each in bench.deliveries[-1].result.remarks if 'of the sensor' in each)
        return 'processed again' in words

    assert [again(), again()] == [True, False]
    bench.stacker.configure(StackOptions(), NodeOptions(stack_size=6))
    assert again()


# Refusals


def png(image: np.ndarray) -> CompressedImage:
    return CompressedImage(format='png', data=cv2.imencode('.png', image)[1].tobytes())


def cut_short(message: Any) -> None:
    message.data = message.data[:len(message.data) // 2]


def renamed(message: Any) -> None:
    message.encoding = 'nonsense'


GREY = cv2.cvtColor(IMAGES[2], cv2.COLOR_BGR2GRAY)
BAD_SLICES = {
    'another size': ('size', {'image': IMAGES[2][:-2]}),
    'another encoding': ('encoding', {'image': GREY, 'encoding': 'mono8'}),
    'another order of colours': ('encoding', {'image': IMAGES[2], 'encoding': 'rgb8'}),
    'another depth': ('encoding', {'image': IMAGES[2].astype(np.uint16), 'encoding': 'bgr16'}),
    'unknown encoding': ('encoding', {'image': IMAGES[2], 'spoil': renamed}),
    'short payload': ('payload', {'image': IMAGES[2], 'spoil': cut_short}),
    'a PNG cut short': ('payload', {'image': png(IMAGES[2]), 'spoil': cut_short}),
    'a PNG of another size': ('size', {'image': png(IMAGES[2][:-2])}),
    **{f'position {position}': ('position', {'image': IMAGES[2], 'position': position})
       for position in BAD_POSITIONS}}


# What a position may turn is a sweep; at images the end of the stack does not look.
@pytest.mark.parametrize(('bad', 'end'), [
    *((bad, 'count') for bad in BAD_SLICES), ('another size', 'reversal'),
    *((bad, 'reversal') for bad in BAD_SLICES if bad.startswith('position'))])
def test_a_bad_slice_is_refused_with_the_reason_and_the_stack_goes_on(bad, end) -> None:
    code, what = BAD_SLICES[bad]
    bench = Bench(stack_end=end)
    bench.sweep([0, 1, 2])
    bench.add(**{'position': 0.105, **what})
    assert len(bench.stacker) == 3
    (told, reason), = bench.refusals
    assert told == code
    assert 'stamp 4.000000007' in reason
    assert f'position {what.get("position", 0.105):g}' in reason
    assert bench.stacker.counters == {'slices': 3, f'refused: {code}': 1}
    bench.sweep([3, 4])
    if end == 'reversal':
        bench.stacker.finish()
    assert bench.stamps == [[1, 2, 3, 5, 6]]
    delivery = bench.deliveries[0]
    assert_same(delivery.result, expected_result())
    frame = delivery.report['frames'][3]
    assert (frame['accepted'], frame['rank'], frame['stamp']['sec']) == (False, None, 4)
    assert frame['reason'] in reason
    json.dumps(delivery.report, allow_nan=False)  # whatever the position was


@pytest.mark.parametrize('bad', ['unknown encoding', 'short payload', 'position nan'])
def test_a_bad_first_slice_does_not_say_what_the_others_must_be_like(bad) -> None:
    code, what = BAD_SLICES[bad]
    bench = Bench()
    bench.add(**{'position': 0.105, 'encoding': 'rgb8', **what})
    bench.sweep()
    assert [told for told, _ in bench.refusals] == [code]
    assert bench.stamps == [[2, 3, 4, 5, 6]]
    assert bench.deliveries[0].encoding == 'bgr8'
    frames = bench.deliveries[0].report['frames']
    assert [frame['accepted'] for frame in frames] == [False] + [True] * 5


@pytest.mark.parametrize('unit', ['metres', 'millimetres', 'dioptres', 'raw'])
@pytest.mark.parametrize('position', [float('nan'), float('inf'), float('-inf')])
def test_a_position_that_is_no_number_does_not_turn_a_sweep(unit, position) -> None:
    bench = Bench(stack_end='reversal', focus_unit=unit)
    for number, image in enumerate(IMAGES):
        bench.add(image, 5.0 + number)
        bench.add(image, position)
    assert (len(bench.stacker), bench.deliveries) == (5, [])
    assert [code for code, _ in bench.refusals] == ['position'] * 5


def test_a_distance_that_is_no_distance_does_not_turn_a_sweep() -> None:
    bench = Bench(stack_end='reversal', focus_unit='dioptres', focus_offset_metres=-0.05)
    for dioptres in (10.0, 9.0, 8.0, 0.0, 30.0, -1.0, 7.0, 6.0):  # 30 are behind the lens
        bench.add(IMAGES[0], dioptres)
    assert (len(bench.stacker), bench.deliveries) == (5, [])
    assert [code for code, _ in bench.refusals] == ['position'] * 3


def test_a_float_image_is_no_slice() -> None:
    bench = Bench()
    bench.add(np.zeros((48, 64), np.float32), 0.1, '32FC1')
    assert [code for code, _ in bench.refusals] == ['encoding']


def test_streaming_refuses_a_slice_out_of_order() -> None:
    bench = Bench(StackOptions(method='streaming'))
    bench.sweep([0, 2, 1])
    assert [code for code, _ in bench.refusals] == ['order']
    assert len(bench.stacker) == 2


def test_a_repeated_position_replaces_the_earlier_slice() -> None:
    bench = Bench()
    bench.add(np.full_like(IMAGES[2], 90), POSITIONS[2])
    bench.sweep()
    frames = bench.deliveries[0].report['frames']
    assert [frame['accepted'] for frame in frames] == [False] + [True] * 5
    assert 'replaced' in frames[0]['reason']
    assert [frame['rank'] for frame in frames] == [None, 0, 1, 2, 3, 4]
    assert bench.refusals == []
    assert_same(bench.deliveries[0].result, expected_result())


def test_slices_out_of_order_are_sorted_and_the_result_says_so() -> None:
    bench = Bench()
    bench.sweep([3, 0, 4, 1, 2])
    delivery = bench.deliveries[0]
    assert [frame['rank'] for frame in delivery.report['frames']] == [3, 0, 4, 1, 2]
    assert 'out of order' in delivery.report['notes'][0]
    np.testing.assert_allclose(delivery.result.slice_index, expected_result().slice_index,
                               atol=0.05)


def test_what_is_remembered_of_refused_slices_is_bounded() -> None:
    bench = Bench()
    for _ in range(2000):
        bench.add(IMAGES[0], math.nan)
    bench.sweep()
    assert len(bench.deliveries[0].report['frames']) < 1000
    assert bench.stacker.counters['refused: position'] == 2000


# Results


@pytest.mark.parametrize(('setting', 'reference', 'chosen'), [
    ('last', 'first', 6), ('last', 'farthest', 6), ('reference', 'nearest', 2),
    ('reference', 'middle', 4), ('reference', 'last', 6)])
def test_one_header_for_all_that_of_the_last_or_the_reference_slice(setting, reference, chosen
                                                                    ) -> None:
    bench = Bench(StackOptions(reference=reference), stack_end='service', output_stamp=setting)
    bench.add(IMAGES[0], math.nan)  # stamp 1
    bench.sweep()  # stamps 2 to 6
    bench.add(IMAGES[0], math.nan)  # a refused slice is not the last one
    delivery = bench.stacker.finish()
    assert (delivery.header.stamp.sec, delivery.header.stamp.nanosec) == (chosen, 7)
    assert delivery.header.frame_id == delivery.report['frame_id'] == f'camera_{chosen}'
    assert delivery.report['stamp'] == {'sec': chosen, 'nanosec': 7}
    places = {'first': 2, 'nearest': 2, 'middle': 4, 'farthest': 6, 'last': 6}
    assert delivery.reference_stamp == (places[reference], 7)
    assert delivery.report['frames'][delivery.report['reference']]['stamp']['sec'] == (
        places[reference])


@pytest.mark.parametrize(('unit', 'offset', 'positions'), [
    ('metres', 0.0, POSITIONS), ('millimetres', 0.0, [1e3 * each for each in POSITIONS]),
    ('dioptres', 0.0, [1 / each for each in POSITIONS]),
    ('metres', -0.02, [each + 0.02 for each in POSITIONS]),
    ('dioptres', 0.03, [1 / (each - 0.03) for each in POSITIONS])])
def test_any_unit_gives_metres(unit, offset, positions) -> None:
    bench = Bench(focus_unit=unit, focus_offset_metres=offset)
    for image, position in zip(IMAGES, positions, strict=True):
        bench.add(image, position)
    delivery = bench.deliveries[0]
    np.testing.assert_allclose(delivery.result.depth_m, expected_result().depth_m, rtol=1e-5)
    frames = delivery.report['frames']
    assert [frame['position'] for frame in frames] == positions
    assert [frame['focus_distance_m'] for frame in frames] == pytest.approx(POSITIONS)
    assert [frame['rank'] for frame in frames] == [0, 1, 2, 3, 4]


def test_raw_positions_order_the_slices_and_give_no_depth() -> None:
    bench = Bench(focus_unit='raw')
    for number in (4, 3, 2, 1, 0):
        bench.add(IMAGES[number], -100.0 + number)
    delivery = bench.deliveries[0]
    assert [frame['rank'] for frame in delivery.report['frames']] == [4, 3, 2, 1, 0]
    assert [frame['focus_distance_m'] for frame in delivery.report['frames']] == [None] * 5
    assert np.isnan(delivery.result.depth_m).all()
    assert np.isfinite(delivery.result.slice_index).all()


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'bgra8', 'bgr16', 'mono8', 'mono16'])
def test_any_encoding_gives_what_the_library_gives_for_its_pixels(encoding) -> None:
    images = [image if not encoding.startswith('mono') else cv2.cvtColor(
        image, cv2.COLOR_BGR2GRAY) for image in IMAGES]
    if encoding.endswith('16'):
        images = [image.astype(np.uint16) * 257 for image in images]
    bench = Bench()
    for image, position in zip(images, POSITIONS, strict=True):
        bench.add(image, position, encoding)
    assert bench.deliveries[0].encoding == encoding
    assert_same(bench.deliveries[0].result, result_of(images))


def padded(message: Any) -> None:
    rows = np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, -1)
    message.data = np.pad(rows, ((0, 0), (0, 13)), constant_values=255).tobytes()
    message.step += 13


def test_padded_rows_give_the_same_result() -> None:
    bench = Bench()
    for image, position in STACK:
        bench.add(image, position, spoil=padded)
    assert_same(bench.deliveries[0].result, expected_result())


@pytest.mark.parametrize(('encoding', 'dtype'), [('bgr8', np.uint8), ('bgr16', np.uint16),
                                                 ('mono8', np.uint8)])
def test_compressed_slices_are_stacked_in_the_encoding_of_their_picture(encoding, dtype) -> None:
    images = [image[..., 1] if encoding == 'mono8' else image.astype(dtype) * (
        257 if dtype == np.uint16 else 1) for image in IMAGES]
    bench = Bench()
    for image, position in zip(images, POSITIONS, strict=True):
        bench.add(png(np.ascontiguousarray(image)), position)
    assert bench.deliveries[0].encoding == encoding
    assert_same(bench.deliveries[0].result, result_of(images))


# Failures that nobody expects


class FailingBackend(OpenCVBackend):
    """A backend that can be told to break."""

    broken = ''

    def front(self, *arguments: Any, **keywords: Any) -> Any:
        """Measure, or fail."""
        if self.broken == 'front':
            raise RuntimeError('the accelerator is gone')
        return super().front(*arguments, **keywords)


def test_a_fusion_that_fails_unexpectedly_is_told_and_the_next_stack_is_whole() -> None:
    backend = FailingBackend()
    bench = Bench(backend=backend, stack_end='service')
    bench.sweep([1, 0, 2])  # out of order: measured again in the end
    backend.broken = 'front'
    with pytest.raises(RuntimeError, match='accelerator'):
        bench.stacker.finish()
    assert 'the accelerator is gone' in bench.failures[0]
    assert (len(bench.stacker), bench.stacker.counters['failed stacks']) == (0, 1)
    backend.broken = ''
    bench.sweep()
    assert_same(bench.stacker.finish().result, result_of(IMAGES, 'opencv'))
    assert bench.stamps == [[4, 5, 6, 7, 8]]


def test_a_slice_that_fails_unexpectedly_costs_its_stack_and_the_next_one_is_whole() -> None:
    backend = FailingBackend()
    bench = Bench(backend=backend)
    bench.sweep([0, 1])
    backend.broken = 'front'
    with pytest.raises(RuntimeError, match='accelerator'):
        bench.sweep([2])
    assert 'the accelerator is gone' in bench.failures[0]
    counters = bench.stacker.counters
    assert (len(bench.stacker), counters['failed stacks'], counters['dropped stacks']) == (0, 1, 1)
    backend.broken = ''
    bench.sweep()
    assert_same(bench.deliveries[0].result, result_of(IMAGES, 'opencv'))


def test_the_order_of_the_slices_is_known_with_the_result() -> None:
    bench = Bench()
    bench.sweep([1, 0, 2, 3, 4])
    bench.sweep()
    assert [list(delivery.result.faults) for delivery in bench.deliveries] == [
        [ResultFault.DISORDER], []]
    assert bench.stacker.counters['results of slices out of order'] == 1


def test_options_wait_while_a_stack_runs() -> None:
    bench = Bench()
    changed = NodeOptions(**{**bench.node_options, 'stack_timeout': 2.0})
    bench.stacker.configure(StackOptions(), changed)
    assert not bench.stacker.options_wait  # nothing runs
    bench.sweep([0])
    assert not bench.stacker.options_wait  # it began with them
    bench.stacker.configure(StackOptions(reference='first'), changed)
    assert bench.stacker.options_wait
    bench.sweep([1, 2, 3, 4])
    assert not bench.stacker.options_wait


def test_notebook_gives_what_the_library_gives_and_keeps_no_slices() -> None:
    bench = Bench(StackOptions(method='notebook'))
    for image, position in zip(IMAGES, POSITIONS, strict=True):
        bench.add(image, position)
    stacker = FocusStacker(StackOptions(method='notebook'))
    for image, position in zip(IMAGES, POSITIONS, strict=True):
        stacker.add(image, position)
    expected = stacker.finish()
    result = bench.deliveries[0].result
    for name in ('all_in_focus', 'depth_m', 'confidence', 'slice_index'):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))
    assert expected.step_files
    assert not result.step_files


class _FailsOnce(OpenCVBackend):
    """OpenCV, but the first stack cannot be fused."""

    failed = False

    def fuse(self, job: Any) -> Any:
        if not self.failed:
            self.failed = True
            raise RuntimeError('once')
        return super().fuse(job)


def test_the_slice_that_ends_a_stack_begins_the_next_one_also_where_fusing_fails() -> None:
    bench = Bench(backend=_FailsOnce(), stack_end='reversal')
    bench.sweep()
    with pytest.raises(RuntimeError, match='once'):  # for the node to tell of
        bench.sweep([4])
    assert len(bench.stacker) == 1
    bench.sweep([3, 2, 1, 0])
    bench.stacker.finish()
    assert bench.failures == ["the stack could not be fused: RuntimeError('once')"]
    assert bench.stamps == [[6, 7, 8, 9, 10]]
    assert bench.stacker.counters == {'slices': 10, 'failed stacks': 1, 'results': 1}


def with_focal_lengths(bench: Bench, lengths: Iterable[float], size: tuple[int, int] = (64, 48)
                       ) -> Bench:
    """Give a bench the camera infos of its first slices, with these focal lengths in pixels."""
    history = CameraInfoHistory(20)
    for seconds, length in enumerate(lengths, 1):
        info = CameraInfo(width=size[0], height=size[1])
        info.header.stamp.sec, info.header.stamp.nanosec = seconds, 7
        info.k[0] = length
        history.add(info)
    bench.stacker.use_camera_infos(history)
    return bench


def test_focal_lengths_of_the_slices_give_their_magnification() -> None:
    bench = with_focal_lengths(Bench(), [1010.0 + 10 * number for number in range(len(STACK))])
    bench.sweep()
    reference = bench.deliveries[0].report['reference']
    for number, frame in enumerate(bench.deliveries[0].report['frames']):
        matrix = np.array(frame['transform'])[:2, :2]
        expected = (1010 + 10 * number) / (1010 + 10 * reference)
        assert np.sqrt(np.linalg.det(matrix)) == pytest.approx(expected, abs=1e-9)


def test_a_calibrated_camera_with_a_telecentric_lens_is_as_exact_as_any() -> None:
    telecentric = ThinLens(breathing=0.0, point_spread_px=0.5, read_noise=0.5, shot_noise=1.5)
    stack = render_stack(circuit_board(0, (240, 320)), telecentric,
                         Sweep.between(0.2427, 0.2508, 6, seed=0), 0)
    benches = [Bench(StackOptions(alignment_magnification='known'), stack_size=6)
               for _ in range(2)]
    with_focal_lengths(benches[0], [8333.0] * 6, (320, 240))
    for bench in benches:
        for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
            bench.add(image, distance)
    with_info, without = [bench.deliveries[0].result for bench in benches]
    assert_same(with_info, without)
    scales = [np.linalg.det(report.transform[:2, :2]) for report in with_info.reports]
    assert scales == pytest.approx([1.0] * 6, abs=1e-9)
    error = np.abs(with_info.depth_m - stack.depth_m)[16:-16, 16:-16]
    trusted = with_info.confidence[16:-16, 16:-16] >= 0.5
    assert trusted.mean() > 0.5
    assert np.sqrt(np.mean(error[trusted] ** 2)) < 0.0003  # metres; the sweep covers 0.0081


# Regions of interest

REGION = {'roi_x_offset': 12, 'roi_y_offset': 6, 'roi_width': 40, 'roi_height': 32}


def test_a_region_of_interest_is_what_the_whole_images_of_it_give() -> None:
    bench = Bench(**REGION)
    bench.sweep()
    cropped = [np.ascontiguousarray(image[6:38, 12:52]) for image in IMAGES]
    expected = result_of(cropped)
    delivery, = bench.deliveries
    np.testing.assert_array_equal(delivery.result.depth_m, expected.depth_m)
    np.testing.assert_array_equal(delivery.result.all_in_focus, expected.all_in_focus)
    assert bench.ignored_regions == []


def test_a_region_beyond_the_image_is_told_once_a_stack_and_ignored() -> None:
    bench = Bench(**{**REGION, 'roi_width': 60})
    bench.sweep()
    assert bench.ignored_regions == [
        'the region of interest 60 x 32 at (12, 6) is not inside the image of 64 x 48; the whole '
        'image is stacked']
    np.testing.assert_array_equal(bench.deliveries[0].result.depth_m, expected_result().depth_m)
    assert bench.stacker.counters['regions ignored'] == 1


def test_a_region_that_is_changed_in_a_stack_waits_for_the_next_one() -> None:
    bench = Bench()
    bench.sweep(range(2))
    bench.stacker.configure(StackOptions(), NodeOptions(**{**bench.node_options, **REGION}))
    assert bench.stacker.options_wait
    bench.sweep(range(2, 5))
    bench.sweep()
    assert [each.result.depth_m.shape for each in bench.deliveries] == [(48, 64), (32, 40)]


def test_an_image_of_another_size_is_refused_with_a_region_too() -> None:
    bench = Bench(**REGION)
    bench.add(IMAGES[0], POSITIONS[0])
    bench.add(cv2.resize(IMAGES[1], (80, 60)), POSITIONS[1])
    assert [code for code, _ in bench.refusals] == ['size']
    assert 'the image has 80 x 60 pixels, the first slice 64 x 48' in bench.refusals[0][1]
