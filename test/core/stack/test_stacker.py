# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the stack contract: what comes out, what does not matter, what is kept meanwhile."""

from __future__ import annotations

from dataclasses import replace
import gc
import sys
import threading
import tracemalloc
import weakref

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.stack.backend import BackendError
from helpers.stacks import (
    differing,
    distances,
    make_stack,
    MARGIN,
    PLANES,
    similarity,
    slanted,
    stacked,
    SyntheticStack,
)
from helpers.threads import wait_for_tasks
import numpy as np
import pytest

SHAPE = (120, 160)
INNER = np.s_[10:-10, 10:-10]


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


@pytest.mark.parametrize('backend', ['auto', 'opencv'])
def test_slices_that_are_nearly_black_are_a_stack(backend) -> None:
    stacker = FocusStacker(backend=backend)
    for k in range(3):
        stacker.add(np.full((20, 30, 3), 7, np.uint16), 1.0 + k)
    assert np.isnan(stacker.finish().depth_m).all()


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


def test_streaming_lets_the_slices_go(tilted) -> None:
    stacker = FocusStacker(StackOptions(method='streaming'))
    image = tilted.images[0].copy()
    alive = weakref.ref(image)
    stacker.add(image, tilted.distances[0])
    del image
    gc.collect()
    assert alive() is None


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
        wait_for_tasks()
        tracemalloc.start()
        try:
            sizes = []
            for image in images:
                stacker.add(image.copy())
                wait_for_tasks()
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
    wait_for_tasks()
    tracemalloc.start()
    try:
        for number in range(23):
            noise = rng.normal(0, 1, image.shape).astype(np.int8)
            stacker.add(np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8),
                        position=number)
            wait_for_tasks()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    of_each = (sizes[-1] - sizes[2]) / 20
    assert of_each < 0.5 / 8 * image.size
