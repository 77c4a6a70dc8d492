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


def test_two_before_one_that_is_too_sharp_are_none() -> None:
    def told(*shares: float) -> list[int]:
        return shaken_slices(np.outer(shares, np.linspace(1, 9, BLOCKS)).astype(np.float32))

    assert told(1, 1, 1, 0.82, 0.8, 1.2, 0.72, 0.7, 0.68) == []
    assert told(1, 1, 1, 0.52, 0.5, 0.9, 0.85, 0.8, 0.75) == [3, 4]


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
