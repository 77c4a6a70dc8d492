# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of everything that grows slice by slice."""

from __future__ import annotations

import weakref

from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.focus.measure import (
    averaged,
    FOCUS_MEASURES,
    focus_response,
    GREY_STEPS,
    half_size,
    halved,
    luma,
)
from focus_stacking_ros.core.focus.noise import noise_sigma
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Slice
from focus_stacking_ros.core.stack.accumulation import Accumulation, half_window, operators
from helpers.stacks import make_stack, similarity, SyntheticStack
import numpy as np
import pytest

SHAPE = (96, 128)


def accumulated(stack: SyntheticStack, **options) -> Accumulation:
    accumulation = Accumulation(StackOptions(**options), OpenCVBackend(), stack.images[0])
    for number, (image, distance) in enumerate(zip(stack.images, stack.distances, strict=True)):
        accumulation.add(Slice(image, distance, distance, number))
    return accumulation


def test_state_is_that_of_the_measured_responses() -> None:
    stack = make_stack(SHAPE, 5, noise=1.0)
    state = accumulated(stack, alignment_model='none', alignment_gain=False, method='streaming',
                        focus_measure_window=7).state
    responses = np.stack([averaged(focus_response(image, luma(image), 'ring_difference'), 3)[0]
                          for image in stack.images])
    np.testing.assert_array_equal(state.best, responses.max(axis=0))
    np.testing.assert_array_equal(state.index, responses.argmax(axis=0))
    np.testing.assert_array_equal(state.total, responses.sum(axis=0))
    assert state.best.shape == (SHAPE[0] // 2, SHAPE[1] // 2)
    assert (state.count == 5).all()
    assert state.slices == 5


@pytest.mark.parametrize('name', ['FocusHistory.add', 'BrightnessHistory.add', 'coarse_sharpness'])
def test_what_fails_in_a_thread_fails_where_the_next_slice_is_added(monkeypatch, name) -> None:
    def fails(*_: object) -> None:
        raise MemoryError(name)

    monkeypatch.setattr(f'focus_stacking_ros.core.stack.accumulation.{name}', fails)
    with pytest.raises(MemoryError, match=name):
        accumulated(make_stack(SHAPE, 2))


@pytest.mark.parametrize('end', [Accumulation.order, Accumulation.hand_over,
                                 lambda accumulation: accumulation.brightness])
def test_what_fails_after_the_last_slice_fails_at_the_end(monkeypatch, end) -> None:
    accumulation = accumulated(make_stack(SHAPE, 2))
    end(accumulation)

    def fails(*_: object) -> None:
        raise MemoryError('average')

    monkeypatch.setattr(OpenCVBackend, 'average_luma', fails)
    accumulation = accumulated(make_stack(SHAPE, 1))
    with pytest.raises(MemoryError, match='average'):
        end(accumulation)


def test_retained_slices_have_no_state_but_their_own_responses() -> None:
    stack = make_stack(SHAPE, 3, noise=1.0)
    operator = 'modified_laplacian'
    accumulation = accumulated(stack, focus_measure_operator=operator)
    assert accumulation.state is None
    for entry, image in zip(accumulation.entries, stack.images, strict=True):
        expected = focus_response(image, luma(image), operator)
        assert list(entry.responses) == [operator]
        np.testing.assert_array_equal(entry.responses[operator], expected)
        still = accumulation.align(entry, operator, np.eye(3), 1.0)
        np.testing.assert_array_equal(still, expected)
        # Two pixels of a slice are one of its response.
        moved = accumulation.align(entry, operator, similarity(SHAPE, shift=(8, 0)), 1.0)
        np.testing.assert_array_equal(moved[:, :-4], expected[:, 4:])
        assert (moved[:, -4:] == -1).all()
        brighter = accumulation.align(entry, operator, np.eye(3), 2.0)
        np.testing.assert_array_equal(brighter, 2 * expected)


def test_method_quality_keeps_the_responses_of_two_operators() -> None:
    for chosen in FOCUS_MEASURES:
        options = StackOptions(method='quality', focus_measure_operator=chosen)
        names = operators(options)
        assert names[0] == chosen
        assert len(set(names)) == 2
        assert operators(StackOptions(focus_measure_operator=chosen)) == (chosen,)
    stack = make_stack(SHAPE, 2)
    for entry, image in zip(accumulated(stack, method='quality').entries, stack.images,
                            strict=True):
        assert set(entry.responses) == set(operators(StackOptions(method='quality')))
        for name, response in entry.responses.items():
            np.testing.assert_array_equal(response, focus_response(image, luma(image), name))


def test_half_window_is_odd_so_that_it_is_centred_on_its_pixel() -> None:
    sides = range(3, 32, 2)
    halves = [half_window(StackOptions(focus_measure_window=side)) for side in sides]
    assert all(half % 2 == 1 for half in halves)
    # As near to half of the full-size window as an odd number can be.
    assert all(abs(half - side / 2) <= 1 for side, half in zip(sides, halves, strict=True))
    assert halves == sorted(halves)


def test_entries_tell_numbers_positions_and_links() -> None:
    stack = make_stack(SHAPE, 3)
    entries = accumulated(stack).entries
    assert [entry.number for entry in entries] == [0, 1, 2]
    assert [entry.position for entry in entries] == stack.distances
    np.testing.assert_array_equal(entries[0].link.transform, np.eye(3))
    assert all(entry.sharpness is not None and entry.sharpness.shape == SHAPE
               for entry in entries)


def test_streaming_keeps_nothing_per_slice() -> None:
    entries = accumulated(make_stack(SHAPE, 3), method='streaming').entries
    assert [entry.sharpness for entry in entries] == [None] * 3
    assert [entry.responses for entry in entries] == [{}] * 3


def test_noise_is_that_of_the_least_textured_slice() -> None:
    stack = make_stack(SHAPE, 4, noise=3.0)
    rng = np.random.default_rng(1)
    stack.images[2] = np.rint(120 + 3 * rng.standard_normal(SHAPE)).astype(np.uint8)
    stack.images[3] = rng.integers(0, 255, SHAPE).astype(np.uint8)
    assert accumulated(stack).noise == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize('method', ['default', 'streaming'])
@pytest.mark.parametrize(('channels', 'dtype'), [(1, np.uint8), (3, np.uint8), (3, np.uint16)])
def test_average_has_the_scale_it_says(method, channels, dtype) -> None:
    stack = make_stack(SHAPE, 4, channels=channels, dtype=dtype)
    average, _ = accumulated(stack, method=method).hand_over()
    assert average.dtype == np.float32
    if method == 'default':
        assert average.shape == half_size(SHAPE)
        expected = luma(np.rint(stack.all_in_focus).astype(np.uint8)).mean() / GREY_STEPS
    else:
        assert average.shape == stack.images[0].shape
        expected = stack.all_in_focus.mean() * (256 if dtype == np.uint16 else 1)
    assert average.mean() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_nothing_is_left_of_the_curves_that_are_forgotten(method) -> None:
    accumulation = accumulated(make_stack(SHAPE, 3, noise=1.0), method=method)
    brightness = weakref.ref(accumulation.brightness)
    accumulation.forget_curves()
    assert accumulation.entries == []
    assert accumulation.state is None
    assert brightness() is None


def test_time_of_every_step_is_counted() -> None:
    timings = accumulated(make_stack(SHAPE, 3)).timings_ms
    assert set(timings) == {'measure', 'align', 'accumulate'}
    assert all(value > 0 for value in timings.values())


def test_the_images_are_never_written_to() -> None:
    stack = make_stack(SHAPE, 3, channels=3, noise=1.0)
    copies = [image.copy() for image in stack.images]
    for image in stack.images:
        image.flags.writeable = False
    accumulated(stack)
    for image, copy in zip(stack.images, copies, strict=True):
        np.testing.assert_array_equal(image, copy)


def test_noise_ratio_is_that_of_the_channels_to_their_luma() -> None:
    rng = np.random.default_rng(2)
    flat = make_stack(SHAPE, 2, channels=3)
    images = [np.rint((128 + 3 * rng.standard_normal((*SHAPE, 3))) * 256).astype(np.uint16)
              for _ in flat.images]
    noisy = SyntheticStack(images, flat.distances, flat.all_in_focus, flat.index,
                           flat.transforms, flat.gains)
    # Independent channels: their luma has sqrt(0.114² + 0.587² + 0.299²) = 0.67 of their noise.
    found = accumulated(noisy, alignment_model='none', focus_measure_operator='log_norm')
    assert found.noise_ratio == pytest.approx(1 / 0.67, rel=0.05)
    assert found.noise == min(noise_sigma(luma(image)) for image in images)
    assert accumulated(noisy, alignment_model='none').noise_ratio == 1
    grey = make_stack(SHAPE, 2, noise=1.0)
    assert accumulated(grey, focus_measure_operator='log_norm').noise_ratio == 1


def test_sharpest_is_the_greatest_sharpness_of_the_slices() -> None:
    stack = make_stack(SHAPE, 4, noise=1.0)
    accumulation = accumulated(stack, alignment_model='none', alignment_gain=False)
    planes = [entry.sharpness for entry in accumulation.entries]
    _, sharpest = accumulation.hand_over()
    assert sharpest is not None
    np.testing.assert_allclose(sharpest, np.max([halved(plane) for plane in planes], axis=0),
                               atol=1)  # halves are rounded in two ways
