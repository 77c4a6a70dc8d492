# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the light that a defocused neighbour spreads."""

from __future__ import annotations

from focus_stacking_ros.core.depth.glow import BrightnessHistory, enlarged
from focus_stacking_ros.core.focus.measure import halved
from helpers.stacks import similarity
import numpy as np
import pytest

SHAPE = (50, 71)  # neither is a multiple of the history's reduction
HALF = (25, 36)


def deviation(history: BrightnessHistory, index: np.ndarray, origin: np.ndarray | None = None,
              *, reverse: bool = False) -> np.ndarray:
    of = history.deviation(np.eye(3) if origin is None else origin, HALF, reverse=reverse)
    return of(index, slice(None))


def history_of(levels: list[float], patch: tuple[int, float] | None = None) -> BrightnessHistory:
    """History of flat slices; ``patch`` raises the left part of one of them."""
    history = BrightnessHistory()
    for number, level in enumerate(levels):
        grey = np.full(SHAPE, 16 * level, np.int16)
        if patch is not None and number == patch[0]:
            grey[:, :40] += int(16 * patch[1])
        history.add(halved(grey), np.eye(3), 1.0)
    return history


def test_steady_brightness_has_neither_spread_nor_deviation() -> None:
    history = history_of([80] * 5)
    assert (history.spread() == 0).all()
    assert enlarged(history.spread(), SHAPE).shape == SHAPE
    found = deviation(history, np.full(HALF, 2))
    assert (found == 0).all()
    assert (found.shape, found.dtype) == (HALF, np.float32)


@pytest.mark.parametrize('change', [24.0, -24.0])
def test_spread_is_the_greatest_change_from_the_median(change) -> None:
    history = history_of([80] * 5, (3, change))
    spread = enlarged(history.spread(), SHAPE)
    assert (spread[:, :36] == 24).all()
    assert (spread[:, 44:] == 0).all()


def test_deviation_is_that_of_the_best_slice() -> None:
    history = history_of([80] * 5, (3, 24.0))
    index = np.full(HALF, 1)
    index[10:] = 3
    found = deviation(history, index)
    assert (found[10:, :18] == 24).all()
    assert (found[:10] == 0).all()
    assert (found[:, 22:] == 0).all()


def test_deviation_of_a_band_of_rows_is_that_part_of_the_whole() -> None:
    history = BrightnessHistory()
    rng = np.random.default_rng(0)
    for _ in range(4):
        history.add(rng.integers(0, 4000, HALF).astype(np.int16), np.eye(3), 1.0)
    index = rng.integers(0, 4, HALF)
    of = history.deviation(np.eye(3), HALF, reverse=False)
    np.testing.assert_array_equal(of(index[7:15], slice(7, 15)), of(index, slice(None))[7:15])


def test_slices_may_be_counted_from_the_last_one() -> None:
    history = history_of([80] * 5, (4, 24.0))
    assert (deviation(history, np.full(HALF, 4))[:, :18] == 24).all()
    assert (deviation(history, np.full(HALF, 0), reverse=True)[:, :18] == 24).all()
    assert (deviation(history, np.full(HALF, 4), reverse=True) == 0).all()


def test_deviation_is_in_the_grid_that_is_asked_for() -> None:
    history = history_of([80] * 5, (3, 24.0))
    # The result shows at its column x what the first slice shows at x + 20.
    found = deviation(history, np.full(HALF, 3), similarity(SHAPE, shift=(20, 0)))
    assert (found[:, :8] == 24).all()
    assert (found[:, 13:] == 0).all()


def test_gain_takes_exposure_differences_out() -> None:
    history = BrightnessHistory()
    for gain in (1.0, 0.8, 1.25):
        history.add(np.full(HALF, 16 * 80, np.int16), np.eye(3), gain)
        history.add(np.full(HALF, round(16 * 80 / gain), np.int16), np.eye(3), gain)
    levels = [80, 64, 100]
    assert history.spread().max() == pytest.approx(max(abs(x - 80) for x in levels), abs=1)
    only_exposure = BrightnessHistory()
    for gain in (1.0, 0.8, 1.25):
        only_exposure.add(np.full(HALF, round(16 * 80 / gain), np.int16), np.eye(3), gain)
    assert only_exposure.spread().max() == 0


def test_slices_are_compared_in_the_grid_of_the_first() -> None:
    x = np.indices(SHAPE)[1]
    true, moved = BrightnessHistory(), BrightnessHistory()
    for number in range(3):
        grey = (16 * (20 + 2 * x)).astype(np.int16)
        true.add(halved(grey) - 16 * 2 * 8 * number, similarity(SHAPE, shift=(8 * number, 0)), 1.0)
        moved.add(halved(grey) - 16 * 2 * 8 * number, np.eye(3), 1.0)
    inner = np.s_[4:-4, 4:-24]
    assert enlarged(true.spread(), SHAPE)[inner].max() <= 1
    assert enlarged(moved.spread(), SHAPE)[inner].min() > 10
