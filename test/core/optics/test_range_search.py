# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the search for a focus range, from focus curves that are known."""

from __future__ import annotations

import math

from focus_stacking_ros.core.optics.range_search import (
    FocusRange,
    MOST_SAMPLES,
    RangeError,
    RangeSearch,
)
import numpy as np
import pytest

WIDTH = 2 * math.sqrt(2 * math.log(2))  # of a Gaussian at half its height, standard deviations
SCATTER = 0.11


def searched(peaks: np.ndarray, *, sigma: float = 1.0, travel: tuple[float, float] = (0, 64),
             count: int = 17, height: float | np.ndarray = 100.0, wide: float = 0.0,
             noise: float = 0.0) -> RangeSearch:
    """
    Search with Gaussian curves over (rows, columns) of peaks, nan for no texture.

    Coarser levels have curves of twice and four times the width.

    :param wide: peak of one tile whose curve is ten times as wide and a quarter as high
    """
    search = RangeSearch(*travel, count, SCATTER)
    generator = np.random.default_rng(1)
    while positions := search.wanted():
        assert list(positions) == sorted(positions)
        assert travel[0] <= positions[0] <= positions[-1] <= travel[1]
        for q in positions:
            levels = []
            for level in range(3):
                curve = np.nan_to_num(np.exp(-((q - peaks) / (sigma * 2 ** level)) ** 2 / 2))
                grid = 1 + height * curve
                if wide and level == 0:
                    grid[0, 0] = 1 + 25 * math.exp(-((q - wide) / sigma / 10) ** 2 / 2)
                levels.append(grid * (1 + noise * generator.standard_normal(grid.shape)))
            search.add(q, levels)
    return search


@pytest.mark.parametrize(('low', 'high'), [(20.0, 40.0), (31.3, 36.2), (10.0, 54.0)])
@pytest.mark.parametrize('sigma', [0.5, 1.5])
def test_what_is_sharp_is_inside_with_one_step_to_spare(
        low: float, high: float, sigma: float) -> None:
    found = searched(np.linspace(low, high, 48).reshape(6, 8), sigma=sigma, noise=0.05).result()
    assert found.low <= low - 0.5 * found.step
    assert found.high >= high + 0.5 * found.step
    assert found.high - found.low <= (high - low) * 1.25 + 2.5 * found.step
    assert found.step == pytest.approx(WIDTH * sigma / 3, rel=0.25)
    assert found.cut == (False, False)


def test_a_flat_scene_has_a_range_of_a_few_steps() -> None:
    found = searched(np.full((6, 8), 22.7)).result()
    assert found.low < 22.7 < found.high
    assert found.count <= 6


def test_nothing_sharp_is_refused() -> None:
    with pytest.raises(RangeError, match='nothing gets sharp between 0 and 64'):
        searched(np.full((6, 8), np.nan), noise=SCATTER)


def test_blur_from_beside_is_no_peak() -> None:
    peaks = np.full((6, 8), 30.0)
    assert searched(peaks, wide=50.0).result().high < 33


@pytest.mark.parametrize(('share', 'counts'), [(0.05, False), (0.2, True)])
def test_a_faint_tile_beside_sharp_ones_counts_where_blur_cannot_be_all(
        share: float, counts: bool) -> None:
    peaks, heights = np.full((6, 8), 30.0), np.full((6, 8), 1000.0)
    peaks[3, 4], heights[3, 4] = 40.0, share * 1000
    assert (searched(peaks, height=heights).result().high > 40) is counts


def test_what_is_faint_in_noise_counts_where_noise_alone_would_not_reach() -> None:
    peaks, heights = np.full((6, 8), 30.0), np.full((6, 8), 3.0)
    peaks[3, 4], heights[3, 4] = 40.0, 0.9
    assert searched(peaks, height=heights, noise=SCATTER / 4).result().high > 40
    heights[3, 4] = 0.4
    assert searched(peaks, height=heights, noise=SCATTER / 4).result().high < 40


@pytest.mark.parametrize('wide', [12.0, 47.0])
def test_what_is_as_sharp_as_the_rest_counts_however_few_tiles_it_is(wide: float) -> None:
    peaks = np.full((6, 8), 30.0)
    peaks[3, 4] = wide
    found = searched(peaks).result()
    assert found.low < min(wide, 30) < max(wide, 30) < found.high


@pytest.mark.parametrize(('peak', 'cut'), [(0.0, (True, False)), (64.0, (False, True))])
def test_the_end_of_the_travel_is_told(peak: float, cut: tuple[bool, bool]) -> None:
    peaks = np.full((6, 8), 32.0)
    peaks[:, 4:] = peak
    found = searched(peaks).result()
    assert found.cut == cut
    assert (found.low == 0.0, found.high == 64.0) == cut


def test_the_count_is_the_least_whose_step_is_short_enough() -> None:
    assert FocusRange(0.0, 10.0, 2.0).count == 6
    assert FocusRange(0.0, 10.0, 1.99).count == 7
    assert FocusRange(0.0, 0.1, 1.0).count == 2


def test_a_search_is_bounded_and_refuses_no_travel() -> None:
    with pytest.raises(RangeError, match='empty'):
        RangeSearch(2.0, 2.0, 9, SCATTER)
    with pytest.raises(RangeError, match='not found yet'):
        RangeSearch(1.0, 2.0, 9, SCATTER).result()
    search = RangeSearch(0.0, 1e6, 101, SCATTER)

    def everything_is_sharp_somewhere() -> None:
        while positions := search.wanted():
            for q in positions:
                search.add(q, [np.where(np.arange(1000) == len(search), 100.0, 1.0)[None]])

    with pytest.raises(RangeError, match='give less travel'):
        everything_is_sharp_somewhere()
    assert len(search) <= MOST_SAMPLES
