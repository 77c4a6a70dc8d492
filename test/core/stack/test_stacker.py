# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the stack contract: what goes in, what is refused, what comes out."""

from __future__ import annotations

from dataclasses import replace
import gc
import math
import sys
import threading
import tracemalloc
import weakref

import cv2
from focus_stacking_ros import FocusStacker, SliceError, StackError, StackOptions, StackResult
from focus_stacking_ros.core.align.warping import valid_mask, warp
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import ResultFault
from focus_stacking_ros.core.stack.backend import BackendError
from helpers.stacks import (
    corner_error,
    distances,
    make_stack,
    MARGIN,
    similarity,
    slanted,
    stacked,
    SyntheticStack,
)
import numpy as np
import pytest

SHAPE = (120, 160)
INNER = np.s_[10:-10, 10:-10]
PLANES = ('all_in_focus', 'depth_m', 'confidence', 'slice_index', 'depth_std_m')


@pytest.fixture(scope='module')
def tilted() -> SyntheticStack:
    """Tilted plane through six slices."""
    return make_stack(SHAPE, 6, noise=0.5)


@pytest.fixture(scope='module')
def breathing() -> SyntheticStack:
    """Tilted plane through six slices whose view narrows from near to far, and jitters."""
    rng = np.random.default_rng(3)
    transforms = [similarity(SHAPE, scale, tuple(rng.uniform(-1.5, 1.5, 2)))
                  for scale in np.linspace(1, 1.08, 6)]
    return make_stack(SHAPE, 6, transforms=transforms, gains=[1, 1.05, 0.95, 1.02, 0.97, 1.0],
                      noise=0.5)


def differing(one: StackResult, other: StackResult) -> list[str]:
    return [name for name in PLANES if not np.array_equal(
        getattr(one, name), getattr(other, name), equal_nan=name.startswith('depth'))]


def error_of(result: StackResult, stack: SyntheticStack) -> float:
    return float(np.sqrt(np.mean((result.slice_index - stack.index)[INNER] ** 2)))


# What comes out

@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_results_have_the_shape_of_the_inputs(dtype, channels, method) -> None:
    stack = make_stack((60, 90), 4, channels=channels, dtype=dtype)
    result = stacked(stack, method=method)
    assert (result.all_in_focus.shape, result.all_in_focus.dtype) == (
        stack.images[0].shape, dtype)
    for name in PLANES[1:]:
        plane = getattr(result, name)
        assert (plane.shape, plane.dtype) == ((60, 90), np.float32)
    assert result.backend == FocusStacker().backend.name
    assert set(result.timings_ms) >= {'measure', 'align', 'accumulate', 'finish'}


@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_a_tilted_plane_comes_out_as_a_plane(tilted, method) -> None:
    result = stacked(tilted, method=method)
    assert error_of(result, tilted) < 0.2
    # A plane: linear in the column, the same in all rows.
    slope = np.polyfit(np.arange(SHAPE[1])[10:-10], result.slice_index[INNER].mean(axis=0), 1)[0]
    assert slope == pytest.approx(5 / (SHAPE[1] - 1), rel=0.05)
    assert np.median(result.confidence) > 0.5


def test_all_in_focus_is_sharper_than_every_slice_and_true(tilted) -> None:
    result = stacked(tilted)
    mean_error = np.abs(result.all_in_focus - tilted.all_in_focus)[INNER].mean()
    assert mean_error < 3
    assert all(mean_error < 0.4 * np.abs(image - tilted.all_in_focus)[INNER].mean()
               for image in tilted.images)


def test_metres_of_a_plane_between_two_slices() -> None:
    stack = make_stack(SHAPE, 6, index=slanted(SHAPE, 2.5, 2.5))
    result = stacked(stack, alignment_model='none')
    halfway = 2 / (1 / stack.distances[2] + 1 / stack.distances[3])
    step = stack.distances[3] - stack.distances[2]
    assert np.abs(result.depth_m[INNER] - halfway).max() < 0.1 * step


def test_two_planes_are_told_apart() -> None:
    index = slanted(SHAPE, 1.0, 1.0)
    index[:, MARGIN + 80:] = 4.0
    result = stacked(make_stack(SHAPE, 6, index=index), alignment_model='none')
    assert np.abs(result.slice_index[10:-10, 10:60] - 1).max() < 0.2
    assert np.abs(result.slice_index[10:-10, 100:-10] - 4).max() < 0.2


def test_nothing_is_ever_infinite_and_index_is_dense(tilted, breathing) -> None:
    for stack in (tilted, breathing):
        for reference in ('nearest', 'farthest'):
            result = stacked(stack, reference=reference)
            assert np.isfinite(result.slice_index).all()
            assert np.isfinite(result.confidence).all()
            assert not np.isinf(result.depth_m).any()
            assert result.slice_index.min() >= 0
            assert result.slice_index.max() <= 5
            assert 0 <= result.confidence.min() <= result.confidence.max() <= 1


@pytest.mark.parametrize('method', ['default', 'streaming'])
@pytest.mark.parametrize('value', [0, 100, 255])
def test_constant_images_have_no_depth_and_no_confidence(method, value) -> None:
    stacker = FocusStacker(StackOptions(method=method))
    for k in range(4):
        stacker.add(np.full((40, 50, 3), value, np.uint8), 0.2 + 0.01 * k)
    result = stacker.finish()
    assert result.confidence.max() < 1e-6
    assert np.isnan(result.depth_m).all()
    assert (result.all_in_focus == value).all()
    assert np.isfinite(result.slice_index).all()


def test_depth_is_nan_exactly_where_confidence_is_low_unless_filled() -> None:
    stack = make_stack((60, 400), 6)
    for number, image in enumerate(stack.images):
        stack.images[number] = image.copy()
        stack.images[number][:, 120:] = 120
    result = stacked(stack, alignment_model='none')
    low = result.confidence < 0.1
    assert not low[:, :110].any()
    assert low[:, 300:].all()
    np.testing.assert_array_equal(np.isnan(result.depth_m), low)
    filled = stacked(stack, alignment_model='none', depth_fill=True)
    assert np.isfinite(filled.depth_m).all()
    np.testing.assert_array_equal(filled.confidence, result.confidence)
    np.testing.assert_array_equal(filled.depth_m[~low], result.depth_m[~low])


def test_min_confidence_decides_what_is_metric(tilted) -> None:
    strict = stacked(tilted, depth_min_confidence=0.8)
    assert 0 < np.isnan(strict.depth_m).mean() < 1
    np.testing.assert_array_equal(np.isnan(strict.depth_m), strict.confidence < 0.8)
    assert np.isnan(stacked(tilted, depth_min_confidence=1.0).depth_m).mean() > 0.99
    assert np.isfinite(stacked(tilted, depth_min_confidence=0.0).depth_m).all()


def test_a_repeated_run_is_bit_identical(breathing) -> None:
    assert differing(stacked(breathing), stacked(breathing)) == []


def test_inputs_are_not_written_to(breathing) -> None:
    copies = [image.copy() for image in breathing.images]
    stacked(breathing)
    for image, copy in zip(breathing.images, copies, strict=True):
        np.testing.assert_array_equal(image, copy)


# What does not matter

def test_8_and_16_bit_agree() -> None:
    eight, sixteen = (make_stack(SHAPE, 6, dtype=dtype) for dtype in (np.uint8, np.uint16))
    exact = replace(sixteen, images=[image.astype(np.uint16) * 256 for image in eight.images])
    one, other = stacked(eight), stacked(exact)
    assert np.abs(one.slice_index - other.slice_index).max() < 1e-5
    # Each slice is interpolated, and then the result is rounded, to its own depth; what is rounded
    # moves the weights of the slices a little as well.
    difference = np.abs(one.all_in_focus - other.all_in_focus / 256)
    assert difference.max() <= 1.05
    assert difference.mean() < 0.35
    fine = stacked(sixteen)
    assert np.abs(one.slice_index - fine.slice_index)[INNER].max() < 0.1
    assert np.abs(one.all_in_focus - fine.all_in_focus / 256)[INNER].mean() < 0.7


def test_grey_and_its_colour_copy_agree() -> None:
    grey = make_stack(SHAPE, 6)
    colour = replace(grey, images=[np.dstack([image] * 3) for image in grey.images])
    one, other = stacked(grey), stacked(colour)
    np.testing.assert_array_equal(one.slice_index, other.slice_index)
    for channel in range(3):
        np.testing.assert_array_equal(one.all_in_focus, other.all_in_focus[..., channel])


def test_exposure_differences_are_taken_out() -> None:
    even = make_stack(SHAPE, 6)
    uneven = make_stack(SHAPE, 6, gains=[1, 0.8, 1.1, 0.85, 1.15, 0.9])
    one = stacked(even, reference='first')
    other = stacked(uneven, reference='first')
    blind = stacked(uneven, reference='first', alignment_gain=False)
    error, blind_error = (np.abs(result.slice_index - one.slice_index)[INNER].mean()
                          for result in (other, blind))
    assert error < 0.05
    assert np.abs(other.all_in_focus.astype(int) - one.all_in_focus)[INNER].mean() < 2.5
    assert blind_error > 2 * error
    assert [report.gain * gain for report, gain in zip(other.reports, uneven.gains, strict=True)
            ] == pytest.approx([1] * 6, abs=0.02)


def test_a_common_exposure_changes_nothing() -> None:
    bright, dark = make_stack(SHAPE, 6, dtype=np.uint16), make_stack(
        SHAPE, 6, dtype=np.uint16, gains=[0.5] * 6)
    one, other = stacked(bright), stacked(dark)
    # Grey levels that count as an edge, or as noise, are absolute: not bit for bit.
    assert np.sqrt(np.mean((one.slice_index - other.slice_index)[INNER] ** 2)) < 0.1
    assert np.abs(one.all_in_focus / 2 - other.all_in_focus)[INNER].mean() < 256
    assert [report.gain for report in other.reports] == pytest.approx(
        [report.gain for report in one.reports], abs=0.01)


# Order

SHUFFLED = (2, 0, 1, 5, 4, 3)


@pytest.mark.parametrize('reference', ['narrowest', 'nearest', 'middle', 'farthest'])
def test_shuffled_slices_give_the_bit_identical_result(breathing, reference) -> None:
    in_order = stacked(breathing, reference=reference)
    shuffled = stacked(breathing, SHUFFLED, reference=reference)
    assert differing(in_order, shuffled) == []
    assert 'out of order' in shuffled.faults[ResultFault.DISORDER]
    assert not in_order.faults
    for number, report in enumerate(shuffled.reports):
        twin = in_order.reports[SHUFFLED[number]]
        assert (report.number, report.rank, report.gain) == (number, SHUFFLED[number], twin.gain)
        np.testing.assert_array_equal(report.transform, twin.transform)


@pytest.mark.parametrize('reference', ['narrowest', 'nearest', 'middle', 'farthest'])
def test_a_reversed_sweep_gives_the_same_result(breathing, reference) -> None:
    # Not bit for bit: the state accumulates in another slice's grid, from the other end.
    forward = stacked(breathing, reference=reference)
    backward = stacked(breathing, range(6)[::-1], reference=reference)
    assert backward.reports[backward.reference].rank == forward.reports[forward.reference].rank
    assert np.sqrt(np.mean((forward.slice_index - backward.slice_index)[INNER] ** 2)) < 0.1
    difference = forward.all_in_focus.astype(int) - backward.all_in_focus
    assert np.abs(difference)[INNER].mean() < 1.5
    for one, other in zip(forward.reports, backward.reports[::-1], strict=True):
        assert one.rank == other.rank
        assert corner_error(one.transform, other.transform, SHAPE) < 0.2
        assert one.gain == pytest.approx(other.gain, abs=0.02)


def test_narrowest_does_not_change_with_the_direction_where_nothing_breathes(tilted) -> None:
    forward, backward = stacked(tilted), stacked(tilted, range(6)[::-1])
    assert backward.reports[backward.reference].rank == forward.reports[forward.reference].rank


def test_streaming_takes_a_falling_sweep(breathing) -> None:
    forward = stacked(breathing, method='streaming')
    backward = stacked(breathing, range(6)[::-1], method='streaming')
    assert np.sqrt(np.mean((forward.slice_index - backward.slice_index)[INNER] ** 2)) < 0.1


def test_rank_is_by_distance_and_number_by_arrival(tilted) -> None:
    result = stacked(tilted, (3, 1, 4, 0, 5, 2))
    assert [report.number for report in result.reports] == [0, 1, 2, 3, 4, 5]
    assert [report.rank for report in result.reports] == [3, 1, 4, 0, 5, 2]
    assert [report.focus_distance_m for report in result.reports] == [
        tilted.distances[k] for k in (3, 1, 4, 0, 5, 2)]


@pytest.mark.parametrize(('reference', 'order', 'number'), [
    ('first', (2, 0, 1, 5, 4, 3), 0), ('last', (2, 0, 1, 5, 4, 3), 5),
    ('nearest', (2, 0, 1, 5, 4, 3), 1), ('farthest', (2, 0, 1, 5, 4, 3), 3),
    ('middle', (2, 0, 1, 5, 4, 3), 5), ('narrowest', (2, 0, 1, 5, 4, 3), 3),
    ('first', (5, 4, 3, 2, 1, 0), 0), ('nearest', (5, 4, 3, 2, 1, 0), 5),
    ('narrowest', (5, 4, 3, 2, 1, 0), 0), ('narrowest', (0, 1, 2, 3, 4, 5), 5)])
def test_results_are_in_the_grid_of_the_reference(breathing, reference, order, number) -> None:
    result = stacked(breathing, order, reference=reference)
    assert result.reference == number
    np.testing.assert_array_equal(result.reports[number].transform, np.eye(3))
    assert result.reports[number].gain == 1.0
    chosen = order[number]
    origin = np.linalg.inv(breathing.transforms[chosen])
    for report, source in zip(result.reports, order, strict=True):
        true = breathing.transforms[source] @ origin
        assert corner_error(report.transform, true, SHAPE) < 0.25
        assert report.gain * breathing.gains[source] / breathing.gains[chosen] == pytest.approx(
            1, abs=0.02)
    # Picture and index lie where that slice saw things, and as bright as it saw them.
    mask = valid_mask(SHAPE, origin, margin=10)
    inside = np.ones(SHAPE, bool) if mask is None else mask > 0
    inside[:10], inside[-10:], inside[:, :10], inside[:, -10:] = False, False, False, False
    seen = warp(breathing.all_in_focus, origin, cv2.INTER_CUBIC) * breathing.gains[chosen]
    assert np.abs(result.all_in_focus - seen)[inside].mean() < 3
    index = warp(breathing.index, origin)
    assert np.sqrt(np.mean((result.slice_index - index)[inside] ** 2)) < 0.25


@pytest.mark.parametrize('reference', [0, 5])
def test_streaming_has_the_brightness_and_the_grid_of_the_reference(reference) -> None:
    transforms = [similarity(SHAPE, 1 + 0.01 * k, (0.8 * k, 0)) for k in range(6)]
    gains = [1.0, 0.96, 0.92, 0.88, 0.84, 0.8]
    stack = make_stack(SHAPE, 6, transforms=transforms, gains=gains)
    result = stacked(stack, method='streaming', reference='last' if reference else 'first')
    origin = np.linalg.inv(transforms[reference])
    mask = valid_mask(SHAPE, origin, margin=10)
    inside = np.ones(SHAPE, bool) if mask is None else mask > 0
    inside[:10], inside[-10:], inside[:, :10], inside[:, -10:] = False, False, False, False
    seen = warp(stack.all_in_focus, origin, cv2.INTER_CUBIC) * gains[reference]
    assert abs((result.all_in_focus - seen)[inside].mean()) < 2
    assert np.abs(result.all_in_focus - seen)[inside].mean() < 5


def test_alignment_none_gives_identities(breathing) -> None:
    for report in stacked(breathing, alignment_model='none', alignment_gain=False).reports:
        np.testing.assert_array_equal(report.transform, np.eye(3))
        assert report.gain == 1.0


# Too few, unknown, repeated

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
    tracemalloc.start()
    try:
        for number in range(100):
            try:
                stacker.add(image.copy(), position=number, valid=valid.copy())
            except SliceError as error:
                refusal = error.refusal
                break
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


def test_numbers_can_be_given(tilted) -> None:
    stacker = FocusStacker()
    for number in (10, 12, 11):
        stacker.add(tilted.images[number - 10], tilted.distances[number - 10], number=number)
    assert [(item.number, item.rank) for item in stacker.finish().reports] == [
        (10, 0), (11, 1), (12, 2)]


def test_first_report_tells_where_the_slice_lies(breathing) -> None:
    stacker = FocusStacker()
    reports = [stacker.add(image, distance) for image, distance in zip(
        breathing.images, breathing.distances, strict=True)]
    origin = np.linalg.inv(breathing.transforms[0])
    for report, true in zip(reports, breathing.transforms, strict=True):
        assert corner_error(report.transform, true @ origin, SHAPE) < 0.4
    assert stacker.reports == tuple(reports)


def test_reset_forgets_everything(tilted) -> None:
    stacker = FocusStacker()
    for k in (0, 3, 1):
        stacker.add(tilted.images[k], tilted.distances[k])
    stacker.reset()
    assert len(stacker) == 0
    for k in range(6):
        stacker.add(tilted.images[k], tilted.distances[k])
    assert differing(stacker.finish(), stacked(tilted)) == []


def test_unknown_backend_is_an_error() -> None:
    with pytest.raises(BackendError, match='abacus'):
        FocusStacker(backend='abacus')


@pytest.mark.parametrize('shape', [(3, 3), (4, 7), (16, 16), (5, 300), (300, 5)])
@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_small_and_narrow_images_do_not_fail(shape, method) -> None:
    rng = np.random.default_rng(0)
    stacker = FocusStacker(StackOptions(method=method))
    for k in range(3):
        stacker.add(rng.integers(0, 255, shape).astype(np.uint8), 0.2 + 0.01 * k)
    result = stacker.finish()
    assert result.all_in_focus.shape == shape
    assert np.isfinite(result.slice_index).all()


# Known faults

@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('shape', [(1, 1), (2, 2), (1, 300)])
def test_images_of_a_pixel_or_two_are_refused_as_too_small(shape) -> None:
    with pytest.raises(SliceError) as caught:
        FocusStacker().add(np.full(shape, 7, np.uint8), 0.2)
    assert caught.value.code == 'size'


def test_streaming_lets_the_slices_go(tilted) -> None:
    stacker = FocusStacker(StackOptions(method='streaming'))
    image = tilted.images[0].copy()
    alive = weakref.ref(image)
    stacker.add(image, tilted.distances[0])
    del image
    gc.collect()
    assert alive() is None


def test_a_number_is_used_once(tilted) -> None:
    stacker = FocusStacker()
    stacker.add(tilted.images[0], tilted.distances[0], number=0)
    with pytest.raises(ValueError, match='number'):
        stacker.add(tilted.images[1], tilted.distances[1], number=0)


def test_a_black_slice_does_not_hide_the_noise() -> None:
    stack = make_stack(SHAPE, 6, noise=3.0)
    stack.images[5] = np.zeros_like(stack.images[5])
    assert stacked(stack).noise_sigma == pytest.approx(3.0, rel=0.3)


def test_noise_alone_has_no_metric_depth() -> None:
    rng = np.random.default_rng(0)
    stacker = FocusStacker()
    for k in range(5):
        image = np.rint(120 + 2 * rng.standard_normal(SHAPE)).astype(np.uint8)
        stacker.add(image, 0.2 + 0.01 * k)
    assert np.isfinite(stacker.finish().depth_m).mean() < 0.05


@pytest.mark.parametrize('method', ['default', 'streaming', 'quality'])
def test_stacks_of_more_slices_than_a_byte_numbers(method) -> None:
    # Each slice of the few many times, with a little noise of its own: only the count is new.
    shape, slices = (60, 80), 300
    few = make_stack(shape, 11, noise=0.0)
    rng = np.random.default_rng(0)
    stacker = FocusStacker(StackOptions(method=method, alignment_model='none'))
    where = np.linspace(0, 10, slices)
    for at, distance in zip(where, distances(slices), strict=True):
        low = min(int(at), 9)
        image = (1 - at + low) * few.images[low] + (at - low) * few.images[low + 1]
        stacker.add(np.rint(image + rng.normal(0, 1, shape)).astype(np.uint8), distance)
    result = stacker.finish()
    index = result.slice_index * 10 / (slices - 1)
    assert np.median(np.abs(index - few.index)) < 0.5
    right = np.abs(index - few.index) < 0.5
    assert result.slice_index[right].max() > 260
    assert np.abs(result.all_in_focus - few.all_in_focus)[5:-5, 5:-5].mean() < 8
    assert result.reports[-1].rank == slices - 1
    assert result.notes == ()


def test_another_thread_may_ask_for_the_number_of_slices() -> None:
    stacker = FocusStacker()

    def refuse() -> None:
        for number in range(5_000):
            stacker.refuse(Refusal.SIZE, 'it is too small', number=number)

    thread = threading.Thread(target=refuse)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        while thread.is_alive():
            assert len(stacker) == 0
    finally:
        thread.join()
        sys.setswitchinterval(before)


def test_no_seam_is_seen_where_the_field_of_a_slice_ends() -> None:
    shape = (160, 240)
    transforms = [np.eye(3), *[similarity(shape, 1, (30.0, 0))] * 3]
    index = slanted(shape, 1.5, 1.5)
    # Something is left of the exposure, here as much as a tenth.
    darker, equal = (stacked(
        make_stack(shape, 4, transforms=transforms, index=index, gains=[1, *[gain] * 3]),
        alignment_gain=False, reference='first').all_in_focus.astype(float) for gain in (0.9, 1.0))
    profile = np.median(darker / np.maximum(equal, 1), axis=0)
    assert profile[:203].max() < 0.92  # of the three slices, which end at 210
    assert profile[-20:].min() > 0.98  # of the first, which alone reaches as far
    assert np.abs(np.diff(profile)).max() < 0.055  # of 0.1


@pytest.mark.parametrize('method', ['default', 'quality'])
@pytest.mark.parametrize('kind', ['grey', 'colour', 'masked', 'lit'])
@pytest.mark.parametrize('backend', ['auto', 'opencv'])
def test_a_lean_stack_has_the_same_result_and_keeps_no_sharpness(method, kind, backend) -> None:
    stack = make_stack((81, 98), 4, channels=1 if kind == 'grey' else 3, noise=2.0)
    noise = np.random.default_rng(1).integers(0, 256, stack.images[0].shape, np.uint8)
    options = StackOptions(method=method, stack_lights=2 if kind == 'lit' else 1)
    results = []
    for lean in (False, True):
        stacker = FocusStacker(options, backend, lean=lean)
        for number, (taken, distance) in enumerate(zip(
                stack.images, stack.distances, strict=True)):
            image, valid = taken, np.ones((81, 98), bool)
            if kind == 'masked':  # what lies there is sharp
                valid[:, 20 * number:20 * number + 25] = False
                image = np.where(valid[..., None], image, noise)
            stacker.add(image, distance, valid=valid,
                        lights=[image[::-1].copy()] if kind == 'lit' else [])
        assert len(stacker.measured()) == (0 if lean else 4)
        results.append(stacker.finish())
    for one, other in zip(*([result.all_in_focus, result.slice_index, result.confidence,
                             *result.lights] for result in results), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_lean_stack_keeps_little_but_the_images() -> None:
    images = make_stack((301, 403), 6).images
    kept = []
    for lean in (False, True):
        stacker = FocusStacker(StackOptions(alignment_refine=False), 'opencv', lean=lean)
        tracemalloc.start()
        try:
            sizes = []
            for image in images:
                stacker.add(image.copy())
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        kept.append((sizes[-1] - sizes[2]) / 3 / images[0].nbytes)
    assert kept[0] > 2.5
    assert kept[1] < 1.4


def test_a_streamed_stack_grows_by_half_a_bit_a_pixel() -> None:
    image = make_stack((600, 800), 1).images[0]
    rng = np.random.default_rng(3)
    stacker, sizes = FocusStacker(StackOptions(method='streaming'), 'opencv'), []
    tracemalloc.start()
    try:
        for number in range(23):
            noise = rng.normal(0, 1, image.shape).astype(np.int8)
            stacker.add(np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8),
                        position=number)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    of_each = (sizes[-1] - sizes[2]) / 20
    assert of_each < 0.5 / 8 * image.size
