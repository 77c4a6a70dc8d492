# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of stacks whose 16-bit images use fewer bits."""

from __future__ import annotations

from functools import lru_cache

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import SliceError
from focus_stacking_ros.core.stack.significant_bits import bits_of, SignificantBits
from helpers.stacks import distances, make_stack
import numpy as np
import pytest

SHAPE = (120, 160)
DISTANCES = distances(6)


@lru_cache(maxsize=8)
def images(bits: int, channels: int = 1) -> tuple[np.ndarray, ...]:
    """Return a stack of the full range of 16 bits, shifted down to ``bits``."""
    stack = make_stack(SHAPE, 6, channels=channels, noise=1.0, dtype=np.uint16)
    return tuple(image >> (16 - bits) for image in stack.images)


def run(stack: list[np.ndarray] | tuple[np.ndarray, ...], **options: object) -> StackResult:
    stacker = FocusStacker(StackOptions(**options))
    for image, distance in zip(stack, DISTANCES, strict=False):
        stacker.add(image, distance)
    return stacker.finish()


@pytest.mark.parametrize(('greatest', 'bits'), [
    (0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16384, 16),
    (65535, 16)])
def test_the_least_usual_bits_that_hold_a_value(greatest, bits) -> None:
    assert bits_of(greatest) == bits


@pytest.mark.parametrize('method', ['default', 'streaming', 'quality'])
@pytest.mark.parametrize(('bits', 'tolerance'), [(8, 0.05), (10, 1 / 64), (12, 1 / 64)])
def test_depth_is_that_of_the_full_range(method, bits, tolerance) -> None:
    full, few = run(images(16), method=method), run(images(bits), method=method)
    sure = full.confidence > 0.5
    assert sure.mean() > 0.5
    assert np.median(np.abs(few.slice_index - full.slice_index)[sure]) < tolerance
    np.testing.assert_allclose(few.confidence.mean(), full.confidence.mean(), atol=0.03)
    np.testing.assert_allclose(few.noise_sigma, full.noise_sigma, atol=0.3)
    assert few.significant_bits == bits
    assert full.significant_bits == 16


@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_which_colour_lies_first_in_memory_changes_nothing(method) -> None:
    plain = run(images(12, 3), method=method)
    swapped = run([np.array(image[..., ::-1], order='C')[..., ::-1] for image in images(12, 3)],
                  method=method)
    for name in ('all_in_focus', 'depth_m', 'confidence'):
        np.testing.assert_array_equal(getattr(swapped, name), getattr(plain, name), name)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('method', ['default', 'streaming'])
def test_the_image_has_the_values_of_the_slices(method, channels) -> None:
    result = run(images(10, channels), method=method)
    assert result.all_in_focus.dtype == np.uint16
    assert result.all_in_focus.max() < 1024
    mean = np.mean([image.mean() for image in images(10, channels)])
    assert result.all_in_focus.mean() == pytest.approx(mean, rel=0.01)


@pytest.mark.parametrize('method', ['default', 'quality'])
def test_bits_that_a_later_slice_needs_are_had_from_the_beginning(method) -> None:
    stack = [image.copy() for image in images(12)]
    for image in stack[:2]:
        np.minimum(image, 1023, out=image)
    dim = [image >> 3 for image in stack[:2]]  # as of an exposure that was still too short
    later, given = run([*dim, *stack[2:]], method=method), run(
        [*dim, *stack[2:]], method=method, input_significant_bits=12)
    np.testing.assert_array_equal(later.slice_index, given.slice_index)
    np.testing.assert_array_equal(later.all_in_focus, given.all_in_focus)
    assert later.significant_bits == 12
    assert any('input 2 has 12 significant bits and those before it 8' in note
               for note in later.notes)
    assert not any('significant' in note for note in given.notes)


def test_streaming_keeps_no_slice_to_work_on_anew_and_says_so() -> None:
    stack = list(images(12))
    stacker = FocusStacker(StackOptions(method='streaming'))
    stacker.add(np.minimum(stack[0], 1023), 0.2)
    with pytest.raises(SliceError, match=r'set input\.significant_bits to 12') as caught:
        stacker.add(stack[1], 0.21)
    assert caught.value.code == 'bits'
    assert len(stacker) == 1


def test_streaming_begins_anew_after_slices_that_are_next_to_black() -> None:
    stack = [image >> 6 if number == 0 else image for number, image in enumerate(images(12))]
    result = run(stack, method='streaming')
    others = FocusStacker(StackOptions(method='streaming'))
    for image, distance in list(zip(stack, DISTANCES, strict=True))[1:]:
        others.add(image, distance)
    np.testing.assert_array_equal(result.slice_index, others.finish().slice_index)
    assert not result.reports[0].accepted
    assert result.reports[0].reason == 'nearly black beside input 1'
    assert result.reports[0].refusal is Refusal.DARK


def test_given_bits_refuse_what_is_beyond_them() -> None:
    stacker = FocusStacker(StackOptions(input_significant_bits=10))
    stacker.add(images(10)[0], 0.2)
    with pytest.raises(SliceError, match='set it to 12, or to 0'):
        stacker.add(images(12)[1], 0.21)
    assert len(stacker) == 1


@pytest.mark.parametrize('bits', [8, 10, 12, 14])
def test_what_is_widened_is_narrowed_to_itself_and_halves_are_rounded_up(bits) -> None:
    found = SignificantBits(bits)
    values = np.arange(1 << bits, dtype=np.uint16).reshape(2, -1)
    wide = found.widened(values, bits)
    np.testing.assert_array_equal(found.narrowed(wide), values)
    half = np.uint16(1 << (15 - bits))
    np.testing.assert_array_equal(found.narrowed(wide + half),
                                  np.minimum(values + 1, (1 << bits) - 1))
    np.testing.assert_array_equal(found.narrowed(wide + half - 1), values)


def test_eight_bit_images_are_left_as_they_are() -> None:
    image = np.full(SHAPE, 3, np.uint8)
    found = SignificantBits()
    assert found.needed(image) == (8, 0)
    assert found.widened(image, 8) is image
    assert found.narrowed(image) is image
