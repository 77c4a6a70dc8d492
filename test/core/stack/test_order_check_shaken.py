# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is told of an order that a shaken slice disturbs."""

from __future__ import annotations

from focus_stacking_ros.core.align.chain import Entry, Link
from focus_stacking_ros.core.depth.focus_history import FocusHistory
from focus_stacking_ros.core.focus.measure import focus_measure
from focus_stacking_ros.core.stack.order_check import looked_through, shaken_notes
import numpy as np
import pytest

SHAPE = (96, 96)
SLICES = 13
SHAKEN = 10
NOISE = focus_measure('ring_difference').noise[1]


def shaken_of(peaks: np.ndarray, sizes: np.ndarray | None = None) -> tuple[int, ...]:
    """
    Return which slices are told to be shaken, where that explains all the disorder.

    :param peaks: slices at which columns of the picture are sharpest, which decides nothing else
    :param sizes: of one and the same picture in each slice, a factor
    """
    history = FocusHistory(SHAPE)
    for number in range(SLICES):
        response = 1600 * np.exp(-np.square((number - peaks) / 4))[None, :]
        response = response * (0.3 if number == SHAKEN else 1)
        history.add(np.repeat(response, 48, axis=0).astype(np.int16), np.eye(3), 1.0)
    factors = np.ones(SLICES) if sizes is None else sizes
    entries = [Entry(number, number, Link(np.diag([factor, factor, 1.0])), None)
               for number, factor in enumerate(factors)]
    found, shaken = looked_through(entries, SHAPE, history, 0.1, NOISE)
    assert (found is None) == bool(shaken)
    return shaken


def spread(slices: int) -> np.ndarray:
    """Return peaks that are spread evenly over so many slices, as many in each of them."""
    return np.repeat(np.arange(slices), 48 // slices + 1)[:48] + 3.0


@pytest.mark.parametrize(('slices', 'told'), [(3, ()), (6, (SHAKEN,))])
def test_of_a_surface_within_three_slices_the_order_is_not_sure(slices, told) -> None:
    assert shaken_of(spread(slices)) == told


@pytest.mark.parametrize(('share', 'told'), [(0.95, ()), (0.7, (SHAKEN,))])
def test_a_surface_is_flat_if_nine_tenths_of_it_are(share, told) -> None:
    # In whole blocks of four columns, and the rest a few slices away.
    flat = np.arange(48) // 4 < round(12 * share)
    assert shaken_of(np.where(flat, 3.0, 8.0)) == told


@pytest.mark.parametrize(('correlation', 'told'), [(0.8, ()), (0.95, (SHAKEN,))])
def test_of_a_flat_surface_magnification_that_goes_along_tells_the_order(
        correlation, told) -> None:
    along = np.linspace(-1, 1, SLICES)
    other = np.cos(np.pi * along * 2)  # even: independent of the order
    along, other = (each / np.linalg.norm(each - each.mean()) for each in (along, other))
    sizes = 1 + 0.05 * (correlation * along + np.sqrt(1 - correlation ** 2) * other)
    assert np.corrcoef(np.arange(SLICES), sizes)[0, 1] == pytest.approx(correlation)
    assert shaken_of(spread(3), sizes) == told


def test_twelve_slices_are_named() -> None:
    assert 'slices 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 are' in shaken_notes(
        range(1, 13), left_out=True)[0]
    assert '12 and 2 more' in shaken_notes(range(1, 15), left_out=True)[0]
