# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the stack contract: slices that are too few, repeated, unknown or refused."""

from __future__ import annotations

import math
import tracemalloc

from focus_stacking_ros import FocusStacker, SliceError, StackError, StackOptions
from focus_stacking_ros.core.refusal import Refusal
from helpers.stacks import differing, make_stack, MARGIN, slanted, stacked, SyntheticStack
from helpers.threads import wait_for_tasks
import numpy as np
import pytest

SHAPE = (120, 160)
SHUFFLED = (2, 0, 1, 5, 4, 3)


@pytest.mark.parametrize('slices', [0, 1])
@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_fewer_than_two_slices_are_an_error_and_a_new_stack_begins(tilted, slices, method) -> None:
    stacker = FocusStacker(StackOptions(method=method))
    for k in range(slices):
        stacker.add(tilted.images[k], tilted.distances[k])
    with pytest.raises(StackError, match='at least two') as caught:
        stacker.finish()
    assert str(slices) in str(caught.value)
    assert len(stacker) == 0
    assert stacker.reports == ()
    # Even with images of another kind.
    for k in range(3):
        stacker.add(np.full((20, 30, 3), 7, np.uint16), 1.0 + k)
    assert len(stacker.finish().reports) == 3


def test_refused_slices_alone_are_no_stack(tilted) -> None:
    stacker = FocusStacker()
    for _ in range(3):
        with pytest.raises(SliceError):
            stacker.add(tilted.images[0], math.nan)
    assert len(stacker) == 0
    with pytest.raises(StackError):
        stacker.finish()


def test_two_slices_are_a_stack_and_the_notes_say_what_is_missing() -> None:
    index = slanted(SHAPE, 0.0, 0.0)
    index[:, MARGIN + 80:] = 1.0
    result = stacked(make_stack(SHAPE, 2, index=index))
    assert any('two slices' in note for note in result.notes)
    assert np.abs(result.slice_index[10:-10, 10:60]).mean() < 0.1
    assert np.abs(result.slice_index[10:-10, 100:-10] - 1).mean() < 0.1
    assert not any('two slices' in note for note in stacked(make_stack(SHAPE, 3)).notes)


def test_unknown_positions_give_an_index_and_no_depth(tilted) -> None:
    stacker = FocusStacker()
    for image in tilted.images:
        stacker.add(image)
    result = stacker.finish()
    assert np.isnan(result.depth_m).all()
    assert any('not metric' in note for note in result.notes)
    known = stacked(tilted)
    np.testing.assert_array_equal(result.slice_index, known.slice_index)
    np.testing.assert_array_equal(result.all_in_focus, known.all_in_focus)
    assert [report.focus_distance_m for report in result.reports] == [None] * 6


def test_raw_positions_order_the_slices(tilted) -> None:
    stacker = FocusStacker()
    for k in SHUFFLED:
        stacker.add(tilted.images[k], position=100.0 + 7 * k)
    result = stacker.finish()
    np.testing.assert_array_equal(result.slice_index, stacked(tilted).slice_index)
    assert np.isnan(result.depth_m).all()


def test_unknown_positions_are_not_filled_either(tilted) -> None:
    stacker = FocusStacker(StackOptions(depth_fill=True))
    for image in tilted.images[:3]:
        stacker.add(image)
    assert np.isnan(stacker.finish().depth_m).all()


@pytest.mark.parametrize('repeated', [0, 2, 5])
def test_a_repeated_position_replaces_the_earlier_slice(tilted, repeated) -> None:
    stacker = FocusStacker()
    for k in range(6):
        image = tilted.images[k] if k != repeated else np.full(SHAPE, 99, np.uint8)
        stacker.add(image, tilted.distances[k])
    stacker.add(tilted.images[repeated], tilted.distances[repeated])
    assert len(stacker) == 6
    result = stacker.finish()
    assert differing(result, stacked(tilted)) == []
    old, new = result.reports[repeated], result.reports[6]
    assert not old.accepted
    assert (old.rank, old.transform) == (None, None)
    assert old.reason == 'replaced by input 6 at the same position'
    assert (new.accepted, new.rank) == (True, repeated)


# Refusals

def refused_inputs(stack: SyntheticStack) -> list[tuple[str, np.ndarray, float | None]]:
    image = stack.images[0]
    return [
        ('size', image[:-1], 0.27), ('size', np.dstack([image[:, 1:]] * 3), 0.27),
        ('encoding', np.dstack([image] * 3), 0.27), ('encoding', image.astype(np.uint16), 0.27),
        ('encoding', image.astype(np.float32), 0.27), ('encoding', image[:0], 0.27),
        ('position', image, math.nan), ('position', image, math.inf),
        ('position', image, -math.inf), ('position', image, 0.0), ('position', image, -0.27),
        ('position', image, None)]


@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_refused_slices_leave_the_stack_as_it_was(tilted, method) -> None:
    bad = refused_inputs(tilted)
    stacker = FocusStacker(StackOptions(method=method))
    accepted = []
    for k in range(6):
        accepted.append(stacker.add(tilted.images[k], tilted.distances[k]).number)
        for code, image, distance in bad:
            with pytest.raises(SliceError) as caught:
                stacker.add(image, distance)
            assert caught.value.code == code
            assert len(stacker) == k + 1
    result = stacker.finish()
    assert differing(result, stacked(tilted, method=method)) == []
    assert len(result.reports) == 6 * (1 + len(bad))
    assert [report.number for report in result.reports] == list(range(len(result.reports)))
    for report in result.reports:
        assert report.accepted == (report.number in accepted)
        assert (report.rank is None) != report.accepted
        assert report.accepted or len(report.reason) > 10


def test_streaming_refuses_out_of_order_and_goes_on(tilted) -> None:
    stacker = FocusStacker(StackOptions(method='streaming'))
    for k in range(6):
        stacker.add(tilted.images[k], tilted.distances[k])
        if k:
            for late in (k - 1, k):
                with pytest.raises(SliceError) as caught:
                    stacker.add(tilted.images[late], tilted.distances[late])
                assert caught.value.code == 'order'
    assert differing(stacker.finish(), stacked(tilted, method='streaming')) == []


def test_a_full_memory_refuses_and_the_stack_goes_on() -> None:
    stack = make_stack((400, 500), 3, dtype=np.uint16)  # 0.7 megabytes each
    stacker = FocusStacker(StackOptions(fusion_max_retained_megabytes=1))
    stacker.add(stack.images[0], stack.distances[0])
    with pytest.raises(SliceError) as caught:
        stacker.add(stack.images[1], stack.distances[1])
    assert caught.value.code == 'memory'
    assert len(stacker) == 1


@pytest.mark.parametrize('method', ['default', 'quality', 'notebook'])
@pytest.mark.parametrize(('channels', 'dtype', 'masked'), [
    ((), np.uint8, False), ((3,), np.uint16, False), ((), np.uint8, True)])
def test_the_limit_of_memory_is_that_of_all_that_is_kept_of_slices(method, channels, dtype, masked
                                                                   ) -> None:
    stack = make_stack((301, 403), 1, dtype=dtype)
    image = np.dstack([stack.images[0]] * 3) if channels else stack.images[0]
    valid = np.ones(image.shape[:2], bool)
    valid[:, :20] = not masked
    # What refines the transforms works on the latest slices at its own pace.
    options = StackOptions(method=method, fusion_max_retained_megabytes=9,
                           alignment_refine=False)
    stacker, kept, refusal = FocusStacker(options, 'opencv'), [], None
    wait_for_tasks()
    tracemalloc.start()
    try:
        for number in range(100):
            try:
                stacker.add(image.copy(), position=number, valid=valid.copy())
            except SliceError as error:
                refusal = error.refusal
                break
            wait_for_tasks()
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert refusal is Refusal.MEMORY
    # What is kept besides, of the first and the latest slices, is the same from the third on.
    of_each = (kept[-1] - kept[2]) / (len(kept) - 3)
    assert len(kept) * of_each < 1.02 * 9e6
    assert (len(kept) + 1) * of_each > 0.98 * 9e6


def test_inputs_that_are_no_slices_can_be_put_into_the_report(tilted) -> None:
    stacker = FocusStacker()
    stacker.add(tilted.images[0], tilted.distances[0])
    report = stacker.refuse(Refusal.PAYLOAD, 'the file is truncated', 0.26)
    assert (report.number, report.accepted, report.reason) == (1, False, 'the file is truncated')
    assert report.refusal is Refusal.PAYLOAD
    stacker.add(tilted.images[1], tilted.distances[1])
    stacker.add(tilted.images[2], tilted.distances[2])
    assert len(stacker) == 3
    result = stacker.finish()
    assert [item.accepted for item in result.reports] == [True, False, True, True]
    assert result.reports[1].focus_distance_m == 0.26


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('shape', [(1, 1), (2, 2), (1, 300)])
def test_images_of_a_pixel_or_two_are_refused_as_too_small(shape) -> None:
    with pytest.raises(SliceError) as caught:
        FocusStacker().add(np.full(shape, 7, np.uint8), 0.2)
    assert caught.value.code == 'size'


def test_a_number_is_used_once(tilted) -> None:
    stacker = FocusStacker()
    stacker.add(tilted.images[0], tilted.distances[0], number=0)
    with pytest.raises(ValueError, match='number'):
        stacker.add(tilted.images[1], tilted.distances[1], number=0)
