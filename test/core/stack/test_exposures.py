# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks of which some slices are dark, black or of something else, through all stages."""

from __future__ import annotations

from dataclasses import replace

from helpers.stacks import make_stack, similarity, stacked, SyntheticStack
import numpy as np
import pytest

SHAPE = (120, 160)
SLICES = 8
METHODS = ['default', 'streaming', 'quality']


def with_first(stack: SyntheticStack, *images: np.ndarray) -> SyntheticStack:
    """Return a stack whose first slices are others."""
    return replace(stack, images=[*images, *stack.images[len(images):]])


def black(seed: int, channels: int) -> np.ndarray:
    """Return what a camera gives before its exposure has settled; its black is purple."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal([3, 1, 3] if channels == 3 else 2, 1, (*SHAPE, channels)), 0, 255
                   ).astype(np.uint8).squeeze()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('dark', [(4,), (2, 6)])
def test_a_dark_slice_does_not_harm_the_depth_of_the_others(method, dark) -> None:
    gains = [0.35 if number in dark else 1.0 for number in range(SLICES)]
    flat = {'alignment_model': 'none', 'method': method}
    stack = make_stack(SHAPE, SLICES, gains=gains, noise=2.0)
    usual = stacked(make_stack(SHAPE, SLICES, noise=2.0), **flat)
    result = stacked(stack, **flat)
    away = np.min([np.abs(stack.index - number) for number in dark], axis=0) > 1
    error, expected = (np.abs(each.slice_index - stack.index)[away].mean()
                       for each in (result, usual))
    assert error < 1.5 * expected + (0.1 if method == 'streaming' else 0.05)
    near = np.abs(result.slice_index - stack.index)[~away]
    assert np.percentile(near, 90) < 0.8
    for number in dark:
        assert any(note.startswith(f'slice {number} came 2.') and 'would harm the depth' in note
                   for note in result.notes)


def test_a_slice_that_is_darker_but_clean_is_told_and_used() -> None:
    stack = make_stack(SHAPE, SLICES, gains=[1, 1, 1, 0.6, 1, 1.3, 1, 1], noise=0.1,
                       dtype=np.uint16)
    notes = stacked(stack, alignment_model='none').notes
    assert notes == ('slice 3 came 1.6 times darker than the others',
                     'slice 5 came 1.3 times brighter than the others')


# Every pair of these with each other.
@pytest.mark.parametrize(('method', 'channels', 'reference', 'blacks'), [
    ('default', 1, 'first', 1), ('default', 3, 'nearest', 2), ('default', 1, 'narrowest', 2),
    ('streaming', 3, 'first', 2), ('streaming', 1, 'nearest', 1), ('streaming', 3, 'narrowest', 1),
    ('quality', 3, 'first', 1), ('quality', 1, 'nearest', 2), ('quality', 3, 'narrowest', 2)])
def test_black_first_slices_are_no_reference_and_no_measure_of_brightness(
        method, channels, reference, blacks) -> None:
    # The black ones would be the narrowest if they were where the first slice is.
    transforms = [similarity(SHAPE, 1.05 - 0.005 * number) for number in range(SLICES)]
    stack = make_stack(SHAPE, SLICES, channels=channels, transforms=transforms, noise=1.0)
    stack = with_first(stack, *(black(number, channels) for number in range(blacks)))
    result = stacked(stack, method=method, reference=reference)
    assert result.reference == blacks
    assert all('it is nearly black' in result.reports[number].reason for number in range(blacks))
    assert [report.reason for report in result.reports[blacks:]] == [''] * (SLICES - blacks)
    expected = stack.images[blacks].reshape(-1, channels).mean(axis=0)
    found = result.all_in_focus.reshape(-1, channels).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.03)
    for report in result.reports[blacks:]:
        np.testing.assert_allclose(report.gains, 1.0, atol=0.03)


@pytest.mark.parametrize('method', METHODS)
def test_a_first_slice_of_something_else_spreads_neither_its_place_nor_its_colour(method) -> None:
    stack = make_stack(SHAPE, SLICES, channels=3, noise=1.0)
    other = make_stack(SHAPE, 2, channels=3, seed=9).images[0] * np.array([1.0, 0.5, 0.8])
    result = stacked(with_first(stack, other.astype(np.uint8)), method=method, reference='first')
    assert result.reference == 1
    assert result.reports[0].reason
    assert [report.reason for report in result.reports[1:]] == [''] * (SLICES - 1)
    for report in result.reports[1:]:
        np.testing.assert_allclose(report.gains, 1.0, atol=0.03)
    expected = stack.images[1].reshape(-1, 3).mean(axis=0)
    # Where it is the nearest slice it shows itself.
    np.testing.assert_allclose(result.all_in_focus.reshape(-1, 3).mean(axis=0), expected,
                               rtol=0.08)


@pytest.mark.parametrize('method', METHODS)
def test_a_reference_of_unusual_brightness_gives_its_grid_only(method) -> None:
    transforms = [similarity(SHAPE, shift=(0.5 * number, 0)) for number in range(SLICES)]
    stack = make_stack(SHAPE, SLICES, transforms=transforms, gains=[0.4] + [1.0] * 7, noise=1.0)
    result = stacked(stack, method=method, reference='first')
    assert result.reference == 0
    np.testing.assert_array_equal(result.reports[0].transform, np.eye(3))
    assert result.all_in_focus.mean() == pytest.approx(stack.images[3].mean(), rel=0.03)
    assert result.reports[0].gain == pytest.approx(2.5, rel=0.05)
    inner = np.s_[10:-10, 45:-10]  # beyond the dark slice's own part
    assert np.abs(result.slice_index - stack.index)[inner].mean() < 0.15
