# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how much a surface is found to bend beside the errors of its peaks."""

from __future__ import annotations

from unittest import mock

import cv2
from focus_stacking_ros.core.depth import (
    bending as bending_module,
)
from focus_stacking_ros.core.depth import (
    stages,
)
from focus_stacking_ros.core.depth.bending import bending
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.stages import StackPeaks
import numpy as np
import pytest

SHAPE = (160, 200)
ERROR = 0.2
LAG = 3  # half-size pixels: the side of the usual window
ROWS, COLUMNS = np.mgrid[:SHAPE[0], :SHAPE[1]].astype(np.float32)


def found(coordinate: np.ndarray, weight: float | np.ndarray = 0.5) -> float:
    weight = np.broadcast_to(np.asarray(weight, np.float32), SHAPE)
    return bending(PeakLayer(coordinate.astype(np.float32), weight, weight), ERROR)


def errors(sigma: float) -> np.ndarray:
    # Alike within a window, as those of peaks are.
    noise = cv2.blur(np.random.default_rng(0).standard_normal(SHAPE), (LAG, LAG))
    return sigma / noise.std() * noise


def rough(size: float, seed: int = 1) -> np.ndarray:
    # A random walk along either axis: its variance grows with the distance.
    rng = np.random.default_rng(seed)
    return size * (rng.standard_normal(SHAPE[0]).cumsum()[:, None]
                   + rng.standard_normal(SHAPE[1]).cumsum())


@pytest.mark.parametrize('sigma', [0.02, 0.2, 1.0])
def test_a_tilted_plane_does_not_bend_whatever_the_noise(sigma: float) -> None:
    assert found(0.1 * ROWS - 0.3 * COLUMNS + errors(sigma)) < 0.06


def test_a_random_walk_bends_by_its_variance_over_a_window() -> None:
    # Second differences of a walk of variance v have 2 lag v; a sixth of that is told per peak.
    size = 0.2
    told = LAG * size ** 2 / 3
    assert found(rough(size)) == pytest.approx(told / (ERROR ** 2 + told), rel=0.3)


def test_noise_makes_bends_count_less() -> None:
    assert 0.1 < found(rough(0.2) + errors(0.4)) / found(rough(0.2)) < 0.4


def test_jumps_and_strays_do_not_count() -> None:
    steps = 10 * ((COLUMNS // 40 + ROWS // 40) % 2)
    stray = np.where(np.random.default_rng(2).random(SHAPE) < 0.05, 15, 0)
    assert found(steps + stray + errors(0.05)) < 0.1


def test_where_too_few_peaks_tell_nothing_bends() -> None:
    assert found(rough(1.0), np.where((ROWS < 10) & (COLUMNS < 10), 0.5, 0.001)) == 0
    small = np.zeros((5, 5), np.float32)
    assert bending(PeakLayer(small, small + 1, small), ERROR) == 0


def test_only_peaks_of_much_weight_tell() -> None:
    left = COLUMNS < 60
    flat_and_rough = np.where(left, 0, rough(1.0))
    assert found(flat_and_rough, np.where(left, 0.5, 0.3)) > 0.1
    assert found(flat_and_rough, np.where(left, 0.5, 0.2)) == 0
    # A few pixels of more weight set no standard.
    for share, tells in ((0.03, True), (0.12, False)):
        heavy = np.random.default_rng(4).random(SHAPE) < share
        assert (found(rough(1.0), np.where(heavy, 1.0, 0.3)) > 0) == tells


@pytest.mark.parametrize(('weight', 'tells'), [(0.015, False), (0.03, True)])
def test_where_all_weights_are_small_nothing_is_told(weight: float, tells: bool) -> None:
    assert (found(rough(1.0), weight) > 0) == tells


@pytest.mark.parametrize(('size', 'tells'), [(17, False), (18, True)])
def test_200_differences_are_enough(size: int, tells: bool) -> None:
    # 2 size (size - 12) of them at the greater distance, along both axes.
    plane = rough(1.0)[:size, :size].astype(np.float32)
    assert (bending(PeakLayer(plane, plane * 0 + 1, plane), ERROR) > 0) == tells


def test_some_lines_of_a_large_surface_tell_what_all_do() -> None:
    rng = np.random.default_rng(3)
    walk = 0.2 * (rng.standard_normal(500).cumsum()[:, None] + rng.standard_normal(700).cumsum())
    large = PeakLayer(walk.astype(np.float32), np.ones(walk.shape, np.float32),
                      np.ones(walk.shape, np.float32))
    with mock.patch.object(bending_module, '_ENOUGH', walk.size):
        of_all = bending(large, ERROR)
    assert bending(large, ERROR) == pytest.approx(of_all, rel=0.1)


def test_the_bending_is_found_once_for_what_is_made_of_peaks() -> None:
    layer = PeakLayer(*(np.random.default_rng(k).random(SHAPE).astype(np.float32)
                        for k in range(3)))
    peaks = StackPeaks([layer], 1.0, 1.0)
    before = peaks.bend
    assert before > 0
    with mock.patch.object(stages, 'bending', side_effect=AssertionError):
        assert peaks.without_significances(layer.weight).bend == before
    fresh = StackPeaks([layer], 1.0, 1.0).without_significances(layer.weight)
    assert fresh.bend == before
