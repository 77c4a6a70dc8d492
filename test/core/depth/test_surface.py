# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the surface through uncertain peaks."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

from focus_stacking_ros.core.depth import surface as surface_module
from focus_stacking_ros.core.depth.clues import depth_unit
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.depth.stages import PortableDepth, StackPeaks
from focus_stacking_ros.core.depth.surface import (
    KNOWN,
    known_support,
    regularise,
    ROUNDS,
    sum_of,
    Surface,
)
from focus_stacking_ros.core.options import StackOptions
import numpy as np
import pytest

SHAPE = (80, 120)
WIDTH = 1.5
OPTIONS = StackOptions()
INNER = np.s_[8:-8, 8:-8]


def layer(coordinate: np.ndarray, weight: float | np.ndarray = 0.5) -> PeakLayer:
    weight = np.broadcast_to(np.asarray(weight, np.float32), SHAPE).copy()
    return PeakLayer(coordinate.astype(np.float32), weight, np.full(SHAPE, 9, np.float32))


def surface_of(*layers: PeakLayer, guide: np.ndarray | None = None) -> Surface:
    flat = np.zeros(SHAPE, np.float32) if guide is None else guide.astype(np.float32)
    surface = regularise(layers, FastGlobalSmoother(flat, OPTIONS.depth_edge_contrast),
                         OPTIONS.depth_smoothing, OPTIONS.depth_outlier * WIDTH, WIDTH)
    for plane in (surface.coordinate, surface.agreement, surface.spread):
        assert (plane.shape, plane.dtype) == (SHAPE, np.float32)
        assert np.isfinite(plane).all()
    assert 0 <= surface.agreement.min() <= surface.agreement.max() <= 1
    assert surface.spread.min() >= 0
    return surface


def noisy(true: np.ndarray, sigma: float = 0.15, seed: int = 0) -> np.ndarray:
    return true + sigma * np.random.default_rng(seed).standard_normal(SHAPE)


def test_noise_is_smoothed_away() -> None:
    true = np.full(SHAPE, 3.0)
    surface = surface_of(layer(noisy(true)))
    assert np.abs(surface.coordinate - true)[INNER].mean() < 0.4 * 0.12  # the mean of |noise|
    assert surface.agreement.min() > 0.7


def test_a_step_is_kept_where_the_image_has_no_edge() -> None:
    true = np.where(np.arange(SHAPE[1]) < 60, 2.0, 6.0) + np.zeros(SHAPE)
    surface = surface_of(layer(noisy(true)))
    error = np.abs(surface.coordinate - true)
    assert error[:, :57].max() < 0.5
    assert error[:, 63:].max() < 0.5
    # Between one slice and the next to it, not spread over many pixels.
    row = np.median(surface.coordinate, axis=0)
    assert ((row > 2.5) & (row < 5.5)).sum() <= 4


def test_a_step_lies_on_the_edge_of_the_image_where_its_rim_has_no_weight() -> None:
    columns = np.arange(SHAPE[1]) + np.zeros(SHAPE)
    true = np.where(columns < 60, 2.0, 6.0)
    weight = np.where(np.abs(columns - 60) < 10, 0.0, 0.5)
    surface = surface_of(layer(noisy(true), weight), guide=np.where(columns < 60, 30, 200))
    assert np.abs(surface.coordinate - true)[:, :59].max() < 1
    assert np.abs(surface.coordinate - true)[:, 61:].max() < 1


def test_outliers_are_ignored() -> None:
    rng = np.random.default_rng(2)
    true = np.full(SHAPE, 3.0)
    peaks = noisy(true)
    peaks[rng.random(SHAPE) < 0.15] = 8.0
    surface = surface_of(layer(peaks))
    # Their plain mean lies at 3.75.
    assert np.abs(surface.coordinate - true)[INNER].mean() < 0.25
    assert np.median(surface.agreement) < np.median(surface_of(layer(noisy(true))).agreement)


def test_a_region_without_weight_is_filled_from_its_surroundings() -> None:
    true = np.full(SHAPE, 3.0)
    peaks, weight = noisy(true), np.full(SHAPE, 0.5)
    peaks[25:55, 40:80], weight[25:55, 40:80] = 7.0, 0.0
    surface = surface_of(layer(peaks, weight))
    assert np.abs(surface.coordinate - true).max() < 0.3


def test_a_tilted_plane_is_no_staircase() -> None:
    true = np.tile(np.linspace(1, 7, SHAPE[1]), (SHAPE[0], 1))
    surface = surface_of(layer(noisy(true, 0.1)))
    row = surface.coordinate[20:60].mean(axis=0)[10:-10]
    slope = 6 / (SHAPE[1] - 1)
    assert np.abs(row - true[0, 10:-10]).max() < 0.15
    # Over every ten columns it rises by as much as over the others.
    rises = (row[10:] - row[:-10]) / (10 * slope)
    assert rises.min() > 0.5
    assert rises.max() < 1.5


def test_noise_makes_no_steps() -> None:
    surface = surface_of(layer(noisy(np.full(SHAPE, 3.0), 0.4)))
    assert np.abs(np.diff(surface.coordinate, axis=1))[INNER].max() < 0.4


def test_of_two_layers_the_weightier_one_counts() -> None:
    one, other = np.full(SHAPE, 3.0), np.full(SHAPE, 5.0)
    surface = surface_of(layer(one, 0.5), layer(other, 0.01))
    assert np.abs(surface.coordinate - 3).max() < 0.1
    surface = surface_of(layer(one, 0.01), layer(other, 0.5))
    assert np.abs(surface.coordinate - 5).max() < 0.1


def test_layers_that_agree_are_one_that_weighs_as_much() -> None:
    peaks = noisy(np.full(SHAPE, 3.0))
    together = surface_of(layer(peaks, 0.3), layer(peaks, 0.2))
    alone = surface_of(layer(peaks, 0.5))
    np.testing.assert_allclose(together.coordinate, alone.coordinate, atol=1e-3)
    np.testing.assert_allclose(together.agreement, alone.agreement, atol=1e-3)


def test_peaks_that_disagree_have_less_agreement_and_more_spread() -> None:
    one, other = (surface_of(layer(noisy(np.full(SHAPE, 3.0), sigma))) for sigma in (0.05, 1.0))
    assert np.median(other.agreement) < 0.8 * np.median(one.agreement)
    assert np.median(other.spread) > 3 * np.median(one.spread)


def test_without_any_weight_there_is_one_depth_and_no_agreement() -> None:
    surface = surface_of(layer(np.full(SHAPE, 4.0), 0.0))
    np.testing.assert_allclose(surface.coordinate, 4.0, rtol=1e-3)
    assert (surface.agreement == 0).all()


def test_far_from_all_weight_the_surface_is_theirs() -> None:
    weight = np.zeros(SHAPE)
    weight[:, :10] = 0.5
    peaks = np.where(weight > 0, 2.0, 9.0)
    assert np.abs(surface_of(layer(peaks, weight)).coordinate - 2).max() < 0.1


def test_layers_are_not_written_to() -> None:
    peaks = layer(noisy(np.full(SHAPE, 3.0)))
    coordinate, weight = peaks.coordinate.copy(), peaks.weight.copy()
    surface_of(peaks, peaks)
    np.testing.assert_array_equal(peaks.coordinate, coordinate)
    np.testing.assert_array_equal(peaks.weight, weight)


def test_sum_of_planes_is_a_new_plane() -> None:
    one, other = np.ones((2, 3), np.float32), np.full((2, 3), 4, np.float32)
    np.testing.assert_array_equal(sum_of([one, other, other]), np.full((2, 3), 9))
    sum_of([one])[:] = 7
    assert (one == 1).all()


def test_what_bends_by_itself_is_smoothed_less() -> None:
    rng = np.random.default_rng(5)
    walk = 0.4 * (rng.standard_normal(SHAPE[0]).cumsum()[:, None]
                  + rng.standard_normal(SHAPE[1]).cumsum())
    plane = 0.02 * np.arange(SHAPE[1]) + np.zeros(SHAPE)
    assert known_support(layer(noisy(plane)), WIDTH) > 0.9 * KNOWN
    assert known_support(layer(walk), WIDTH) < 0.7 * KNOWN
    # Of a rough surface the full smoothing would leave more error.
    error = np.abs(surface_of(layer(walk)).coordinate - walk)[INNER].mean()
    with mock.patch.object(surface_module, 'known_support', return_value=KNOWN):
        before = np.abs(surface_of(layer(walk)).coordinate - walk)[INNER].mean()
    assert error < 0.9 * before


def test_rounds_grow_by_the_same_factor() -> None:
    growth = np.divide(ROUNDS[1:], ROUNDS[:-1])
    assert growth == pytest.approx(np.full(len(growth), (1 / ROUNDS[0]) ** (1 / len(growth))),
                                   rel=0.1)


def test_the_broad_surface_is_smoothed_over_nearly_three_times_the_distance() -> None:
    # The strength of the smoothing grows with the square of the distance that it reaches.
    error = noisy(np.zeros(SHAPE))
    broad = surface_of(layer(error)).broad[INNER].std()
    expected, _ = FastGlobalSmoother(np.zeros(SHAPE, np.float32), 1.0).smooth(
        [np.float32(0.5 * error), np.full(SHAPE, 0.5, np.float32)], 8 * OPTIONS.depth_smoothing)
    assert broad == pytest.approx((expected / 0.5)[INNER].std(), rel=0.1)


COLUMNS = np.arange(SHAPE[1]) + np.zeros(SHAPE)


def error_of(true: np.ndarray, sigma: float, weight: float = 0.5) -> np.ndarray:
    """Return by how much a surface misses what is true, laid through noisy peaks."""
    return np.abs(surface_of(layer(noisy(true, sigma), weight)).coordinate - true)


def test_a_step_lower_than_the_focus_curve_is_wide_is_kept_and_a_slope_is_smooth() -> None:
    step = np.where(COLUMNS < 60, 2.0, 2 + 0.8 * WIDTH)
    assert error_of(step, 0.15)[8:-8, 56:64].mean() < 0.06
    # A twentieth of a width from pixel to pixel is none: seven parts of eight of the noise go.
    slope = 2 + 0.05 * WIDTH * COLUMNS
    assert error_of(slope, 0.15)[INNER].mean() < 0.14 * 0.15


@pytest.mark.parametrize(('weight', 'least', 'most'), [
    (0.004, 0.6, 0.75), (0.02, 0.42, 0.6), (0.04, 0.0, 0.35), (0.1, 0.0, 0.1)])
def test_a_step_of_peaks_is_kept_the_more_weight_they_have(weight, least, most) -> None:
    """A slice and a half high: of faint peaks it may be a window's or a neighbour's light."""
    step = np.where(COLUMNS < 60, 2.0, 2 + WIDTH)
    assert least <= error_of(step, 0.15, weight)[8:-8, 56:64].mean() <= most


def test_what_is_known_is_smoothed_as_far_as_it_does_not_bend() -> None:
    surface = surface_of(layer(noisy(np.full(SHAPE, 3.0), 0.15)))
    assert surface.coordinate[INNER].std() < 0.07 * 0.15
    # Waves of sixteen pixels, half a width of the focus curve high, stay.
    waves = 3 + 0.5 * WIDTH * np.sin(2 * np.pi * COLUMNS / 16)
    assert error_of(waves, 0.05)[INNER].mean() < 0.14


def test_what_is_a_focus_curve_apart_is_not_continuous() -> None:
    """Nor is less than a third of it a jump; where it is continuous, slices may be averaged."""
    steps = np.arange(12, dtype=np.float32)
    unit = depth_unit(WIDTH)
    for height, least, most in ((0.3, 0.65, 0.95), (1.0, 0.15, 0.4)):
        peaks = layer(np.where(COLUMNS < 60, 4.0, 4 + height * unit))
        told = StackPeaks([replace(peaks, significance=2 * peaks.significance)], WIDTH, WIDTH)
        laid = Surface(peaks.coordinate, peaks.weight * 2, peaks.weight * 0, peaks.coordinate)
        continuity = PortableDepth().judge(told, laid, steps).continuity
        assert least <= continuity[INNER][:, 59 - 8:61 - 8].min() <= most
        assert continuity[:, :50].min() > 0.99
