# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of slices that are blurred as a whole."""

from __future__ import annotations

from focus_stacking_ros.core.depth.shaken import shaken_slices
import numpy as np
import pytest

SLICES, BLOCKS = 21, 1500


def sweep(width: float = 3.0, slices: int = SLICES, order: list[int] | None = None
          ) -> np.ndarray:
    """
    Return focus curves whose peaks are spread over all of a sweep, with noise of one per cent.

    :param width: standard deviation of the curves, slices
    :param order: in which the positions were taken
    """
    rng = np.random.default_rng(4)
    peaks = rng.uniform(-0.5, slices - 0.5, BLOCKS)
    positions = np.arange(slices) if order is None else np.asarray(order)
    values = np.exp(-0.5 * ((positions[:, None] - peaks) / width) ** 2)
    values *= rng.uniform(2, 20, BLOCKS)
    return np.asarray(values * (1 + rng.normal(0, 0.01, values.shape)), np.float32)


def shaken(numbers: list[int], share: float = 0.6, **options: float) -> list[int]:
    values = sweep(**options)
    values[numbers] *= np.float32(share)
    return shaken_slices(values)


@pytest.mark.parametrize('width', [0.5, 1.0, 3.0, 8.0])
def test_a_sweep_has_none(width: float) -> None:
    assert shaken_slices(sweep(width)) == []


@pytest.mark.parametrize('numbers', [[1], [7], [19], [2, 9, 16], [7, 8], [3, 4, 10, 14, 15]])
def test_single_ones_and_two_in_a_row_are_found(numbers: list[int]) -> None:
    assert shaken(numbers, width=6.0) == numbers


def test_the_first_and_the_last_have_nothing_to_compare_them_with() -> None:
    assert shaken([0, 20]) == []


def test_a_tenth_less_than_the_lower_neighbour_is_told() -> None:
    assert shaken([10], 0.86, width=8.0) == []
    assert shaken([10], 0.78, width=8.0) == [10]


def test_a_slice_that_is_above_nearly_as_much_as_below_may_be_a_step_of_the_sweep() -> None:
    assert shaken([10], 0.65, width=2.2) == []
    assert shaken([10], 0.57, width=2.2) == [10]


@pytest.mark.parametrize('order', [
    [*range(10), 15, *range(10, 15), *range(16, SLICES)],
    [*range(9), 11, 10, 9, *range(12, SLICES)]], ids=['far', 'turned'])
def test_a_slice_out_of_order_is_sharp_somewhere(order: list[int]) -> None:
    assert shaken_slices(sweep(order=order)) == []


def told_of(*slices: object, mirrored: bool = False) -> list[int]:
    """
    Return which of nine slices are told.

    :param slices: (blocks,) of each, or one number for all blocks
    :param mirrored: whether they are told in the other order, with the numbers of this one
    """
    values = np.stack([np.broadcast_to(each, (100,)) for each in slices]).astype(np.float32)
    found = shaken_slices(values[::-1] if mirrored else values)
    return sorted(8 - number for number in found) if mirrored else found


BOTH_WAYS = pytest.mark.parametrize('mirrored', [False, True])


@BOTH_WAYS
def test_two_before_one_that_is_too_sharp_are_none(mirrored: bool) -> None:
    assert told_of(1, 1, 1, 0.82, 0.8, 1.2, 0.72, 0.7, 0.68, mirrored=mirrored) == []
    assert told_of(1, 1, 1, 0.52, 0.5, 0.9, 0.85, 0.8, 0.75, mirrored=mirrored) == [3, 4]


def risen(share: float, low: float = 0.3) -> np.ndarray:
    """Return a slice beside others of 1: twice that, but in a share of the blocks below."""
    return np.where(np.arange(100) < 100 * share, low, 2.0)


@BOTH_WAYS
@pytest.mark.parametrize(('share', 'found'), [(0.5, []), (0.37, [3, 4])])
def test_two_are_below_their_neighbours_by_twice_what_they_are_above(
        share: float, found: list[int], mirrored: bool) -> None:
    beside = risen(share)  # they are below by 1.4 and by 2.4 times what they are above
    assert told_of(2, 2, 2, 1, 1, beside, 2, 2, 2, mirrored=mirrored) == found


@BOTH_WAYS
@pytest.mark.parametrize(('share', 'found'), [(0.66, []), (0.5, [3, 4])])
def test_two_are_below_those_after_next_by_as_much_as_they_are_above(
        share: float, found: list[int], mirrored: bool) -> None:
    after_next = risen(share)  # they are below by .7 and by 1.4 times what they are above
    assert told_of(2, 2, 2, 1, 1, 2, after_next, after_next, after_next,
                   mirrored=mirrored) == found


@BOTH_WAYS
def test_the_one_after_next_on_one_side_counts_with_the_next_on_the_other(mirrored: bool) -> None:
    one, other = risen(0.45), risen(0.3)[::-1]  # in different blocks
    assert told_of(one, one, 2, 1, 1, other, 2, 2, 2, mirrored=mirrored) == []
    assert told_of(one, one, 2, 1, 1, 2, 2, 2, 2, mirrored=mirrored) == [3, 4]
    assert told_of(2, 2, 2, 1, 1, other, 2, 2, 2, mirrored=mirrored) == [3, 4]


def test_a_gap_of_the_scene_is_none() -> None:
    values = sweep()
    # Two surfaces in every block, and nothing between them.
    values[:, :] = np.exp(-0.5 * ((np.arange(SLICES)[:, None] - [[5]]) / 3.0) ** 2)
    values += np.exp(-0.5 * ((np.arange(SLICES)[:, None] - [[15]]) / 3.0) ** 2)
    assert shaken_slices(values) == []


def test_some_are_left_and_few_slices_tell_nothing() -> None:
    values = sweep(slices=4)
    values[1] *= np.float32(0.3)
    assert shaken_slices(values) == []
    shares = np.outer([1, 0.3, 0.5, 0.3, 1], np.ones(BLOCKS))
    assert shaken_slices(shares.astype(np.float32)) == [1, 3]
