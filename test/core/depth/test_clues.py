# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what tells whether a depth is right."""

from __future__ import annotations

from dataclasses import fields

import cv2
from focus_stacking_ros.core.depth import clues
from focus_stacking_ros.core.depth.clues import (
    clues_of,
    depth_unit,
    evidence_of,
    jumps,
    sudden_jumps,
)
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.surface import Surface
import numpy as np
import pytest

SHAPE = (80, 120)
PLAIN = np.s_[25:55, 45:75]  # a region without texture in the middle
HEART = np.s_[35:45, 55:65]  # of it
UNIT = 2.5  # of the depth, in the coordinate


def plane(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


def layer(weight: np.ndarray, significance: np.ndarray | None = None) -> PeakLayer:
    """Return a layer that is significant where it has weight."""
    if significance is None:
        significance = np.where(weight > 0, 20, 0)
    return PeakLayer(plane(3), weight.astype(np.float32), significance.astype(np.float32))


def surface(agreement: float | np.ndarray = 1.0, spread: float = 0.1,
            depth: np.ndarray | None = None) -> Surface:
    depth = plane(3) if depth is None else depth.astype(np.float32)
    return Surface(depth, agreement + plane(0), plane(spread), depth)


def support(*layers: PeakLayer, index: np.ndarray | None = None,
            on: Surface | None = None, unit: float = UNIT) -> np.ndarray:
    on = surface(depth=index) if on is None else on
    found = clues_of(evidence_of(layers), layers[0].coordinate, on, unit).support
    assert (found.shape, found.dtype) == (SHAPE, np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    return found


def with_plain(where: tuple[slice, slice] = PLAIN) -> PeakLayer:
    weight = plane(0.5)
    weight[where] = 0
    return layer(weight)


def test_texture_everywhere_is_trusted_and_none_is_not() -> None:
    assert support(layer(plane(0.5))).min() > 0.9
    assert support(layer(plane(0))).max() < 1e-6


def test_a_peak_within_the_noise_is_not_trusted_however_weighty() -> None:
    assert support(layer(plane(0.5), plane(1))).max() < 0.1
    assert support(layer(plane(0.5), plane(20))).min() > 0.9


def test_support_rises_steadily_with_the_significance() -> None:
    found = [float(support(layer(plane(0.5), plane(value))).mean())
             for value in (2, 4, 5, 7, 12)]
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.8


def test_support_of_faint_peaks_is_graded() -> None:
    found = [float(support(layer(plane(weight), plane(significance))).mean())
             for weight, significance in ((0.5, 3.5), (0.5, 4.5), (0.02, 20), (0.005, 20))]
    assert 0.6 < found[0] < 0.75
    assert 0.85 < found[1] < 0.95
    assert 0.85 < found[2] < 0.95
    assert 0.75 < found[3] < 0.87


def test_evidence_of_any_window_counts() -> None:
    one, other = plane(0), plane(0)
    one[:, :60], other[:, 60:] = 0.5, 0.5
    assert support(layer(one), layer(other)).min() > 0.9
    assert support(layer(one))[:, 70:].max() < 0.1


def test_peaks_that_disagree_are_not_trusted() -> None:
    found = [float(support(layer(plane(0.5)), on=surface(agreement)).mean())
             for agreement in (0.1, 0.5, 0.8, 1.0)]
    assert found == sorted(found)
    assert found[0] < 0.1
    assert found[-1] > 0.9


def test_a_plain_region_enclosed_by_one_depth_is_trusted() -> None:
    assert support(with_plain())[HEART].min() > 0.5


def test_a_plain_region_between_two_depths_is_not_trusted() -> None:
    index = plane(2)
    index[:, 60:] = 6
    found = support(with_plain(), index=index)
    assert found[35:45, 50:56].max() < 0.1
    assert found[35:45, 64:70].max() < 0.1
    # The same depths around texture are, away from their jump.
    assert found[:, :35].min() > 0.9


@pytest.mark.parametrize('where', [
    np.s_[:55, 45:75], np.s_[25:, 45:75], np.s_[25:55, :75], np.s_[25:55, 45:]],
    ids=['top', 'bottom', 'left', 'right'])
def test_a_plain_region_that_reaches_the_border_is_not_trusted(where) -> None:
    assert support(with_plain(where))[HEART].max() < 0.1


def test_every_plain_region_is_judged_by_its_own_surroundings() -> None:
    weight = plane(0.5)
    weight[20:60, 15:45] = weight[20:60, 75:105] = 0
    index = plane(2)
    index[:, 90:] = 6
    found = support(layer(weight), index=index)
    assert found[35:45, 27:33].min() > 0.5
    assert found[35:45, 79:85].max() < 0.1


@pytest.mark.parametrize(('step', 'least', 'most'), [(0.2, 0.4, 0.75), (0.6, 0.05, 0.3),
                                                     (1.0, 0.0, 0.03)])
def test_a_plain_region_is_trusted_by_how_much_its_surroundings_differ(step, least, most) -> None:
    index = np.tile(np.where(np.arange(SHAPE[1]) < 60, 2.0, 2 + step * UNIT), (SHAPE[0], 1))
    index[20:60, 40:80] = 2 + np.linspace(0, 1, 40)[None] * step * UNIT
    assert least <= float(support(with_plain(), index=index)[HEART].mean()) <= most


def test_the_unit_is_the_focus_curves_width_and_at_least_a_step() -> None:
    assert depth_unit(0.1) == pytest.approx(1, rel=0.01)
    assert depth_unit(20) == pytest.approx(20, rel=0.01)
    assert depth_unit(1) < depth_unit(2) < depth_unit(3)


def test_jumps_are_the_greatest_difference_nearby_in_units() -> None:
    index = plane(2)
    index[:, 60:] = 6.5
    index[10, 10] = 1
    found = jumps(index, 1.0)
    assert found.dtype == np.float32
    assert (found[20:, 59:61] == 4.5).all()
    assert (found[20:, :55] == 0).all()
    assert found[10, 11] == 1
    assert (jumps(plane(4), 1.0) == 0).all()
    np.testing.assert_allclose(jumps(index, 3.0), found / 3, rtol=1e-6)


def test_sudden_jumps_are_those_of_a_step() -> None:
    index = plane(2)
    index[:, 60:] = 6.5
    for unit in (1.0, 3.0):
        found = sudden_jumps(index, unit)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[:, 58:62], 4.5 / unit, rtol=1e-6)
        assert (found[:, :55] == 0).all()
        assert (found[:, 65:] == 0).all()


def test_a_slope_has_no_sudden_jump() -> None:
    index = np.tile(np.linspace(0, 60, SHAPE[1]), (SHAPE[0], 1)).astype(np.float32)
    assert sudden_jumps(index, UNIT)[:, 6:-6].max() < 1e-3
    assert jumps(index, UNIT)[:, 6:-6].min() > 0.5


@pytest.mark.parametrize(('own', 'units'), [(3.0, 0), (4.0, 1 / UNIT), (30.0, 2)])
def test_own_peaks_are_off_the_surface_in_units_two_at_most(own: float, units: float) -> None:
    found = clues_of(evidence_of([layer(plane(0.5))]), plane(own), surface(), UNIT).own_distance
    np.testing.assert_allclose(found, units, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('finer', [2.0, 4.0])
def test_a_finer_sweep_of_the_same_scene_has_the_same_clues(finer) -> None:
    rng = np.random.default_rng(1)
    index = np.tile(np.linspace(0, 8, SHAPE[1]), (SHAPE[0], 1)) + rng.normal(0, 0.1, SHAPE)
    index[:, 60:] += 0.9
    peaks = with_plain()
    finer_peaks = PeakLayer(peaks.coordinate * np.float32(finer), peaks.weight,
                            peaks.significance)
    once = clues_of(evidence_of([peaks]), peaks.coordinate, surface(0.9, 0.3, index), UNIT)
    many = clues_of(evidence_of([finer_peaks]), finer_peaks.coordinate,
                    surface(0.9, 0.3 * finer, index * finer), UNIT * finer)
    for field in fields(once):
        np.testing.assert_allclose(getattr(many, field.name), getattr(once, field.name),
                                   atol=1e-3, err_msg=field.name)
    assert once.support.std() > 0.1


def test_evidence_is_blurred_by_two_pixels_and_a_mean_of_five() -> None:
    evidence = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, 1, 0) + np.zeros(SHAPE, np.float32)
    told = clues._own(evidence.astype(np.float32))[SHAPE[0] // 2].astype(np.float64)
    profile = np.abs(np.diff(0.13 * told / (1 - told)))  # of the mean that is mapped to 0 to 1
    at = np.arange(len(profile))
    middle = np.average(at, weights=profile)
    variance = np.average((at - middle) ** 2, weights=profile)
    assert variance == pytest.approx(2.0 ** 2 + (5 ** 2 - 1) / 12, rel=0.12)


def test_what_a_window_sees_beside_a_texture_is_no_evidence_of_its_own() -> None:
    texture = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, 1, 0) + np.zeros(SHAPE, np.float32)
    seen = cv2.dilate(texture.astype(np.float32), np.ones((9, 9), np.uint8))
    told = clues._own(seen)[SHAPE[0] // 2]
    last = np.flatnonzero(told > 0.5 / (0.5 + 0.13))[-1]
    assert last == pytest.approx(SHAPE[1] // 2 - 1, abs=1)


@pytest.mark.parametrize(('evidence', 'plain'), [(0.2, True), (0.27, True), (0.45, False)])
def test_a_region_of_little_evidence_is_plain(evidence: float, plain: bool) -> None:
    inside = np.zeros(SHAPE, bool)
    inside[20:40, 30:60] = True
    around = np.where(inside, evidence, 1).astype(np.float32)
    scatter = clues._scatter_around(around, np.full(SHAPE, 3, np.float32))
    assert (scatter[25:35, 35:55] < 0.1).all() == plain
    assert scatter[5, 5] == 99


def test_distances_of_own_peaks_are_a_mean_of_one_and_a_half_pixels_around() -> None:
    on = surface(depth=plane(3))
    away = plane(3)
    away[40, 60] += UNIT
    evidence = evidence_of([PeakLayer(away, plane(0.5), plane(20))])
    found = clues_of(evidence, away, on, UNIT).own_distance[40]
    at = np.arange(SHAPE[1]) - 60
    assert np.average(at ** 2, weights=found) == pytest.approx(1.5 ** 2, rel=0.1)
