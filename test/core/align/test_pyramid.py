# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what alignment keeps of a slice: levels, smoothing, sharpness."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align import pyramid
from focus_stacking_ros.core.align.pyramid import level_of, linear_light, prepare
from focus_stacking_ros.core.focus.measure import halved
import numpy as np
import pytest


@pytest.mark.parametrize(('shape', 'factors'), [
    ((79, 200), [1]), ((80, 200), [1, 2]), ((400, 500), [1, 2, 4, 8]), ((402, 500), [2, 4, 8]),
    ((1080, 1920), [2, 4, 8, 16])])
def test_levels_halve_down_to_some_forty_pixels(shape, factors) -> None:
    levels = prepare(np.zeros(shape, np.int16)).levels
    assert [level.factor for level in levels] == factors
    assert [level.power for level in levels] == [3.0, *[0.5] * (len(factors) - 1)]
    assert [level.cells.shape for level in levels] == [
        ((level.grey.shape[0] + 1) // 2, (level.grey.shape[1] + 1) // 2) for level in levels]


@pytest.mark.parametrize('shape', [(480, 640), (501, 603), (60, 81)])
def test_known_means_of_pixels_give_the_same_levels(shape) -> None:
    grey = np.random.default_rng(0).integers(0, 4081, shape).astype(np.int16)
    expected, found = prepare(grey), prepare(grey, half=halved(grey))
    for ours, theirs in zip(found.levels, expected.levels, strict=True):
        np.testing.assert_array_equal(ours.grey, theirs.grey)
        np.testing.assert_array_equal(ours.cells, theirs.cells)


def test_the_noise_of_cells_is_what_smoothing_leaves_of_white_noise() -> None:
    rng = np.random.default_rng(2)
    smooth = level_of(rng.standard_normal((400, 500)).astype(np.float32), 1)
    # A Gaussian of 0.7 pixels: sum of its squared weights.
    weights = np.exp(-np.square(np.arange(-2, 3)) / (2 * 0.7 ** 2))
    kept = (np.square(weights).sum() / weights.sum() ** 2) ** 2
    assert np.square(smooth.grey).mean() == pytest.approx(kept, rel=0.05)
    corners = np.square(cv2.filter2D(smooth.grey, cv2.CV_32F, np.outer(
        [1, -2, 1], [1, -2, 1]).astype(np.float32))).mean()
    detail = np.square(cv2.Laplacian(smooth.grey, cv2.CV_32F)).mean()
    slope = (np.square(smooth.gradient_x) + np.square(smooth.gradient_y)).mean()
    # The faintest windows have less than the mean of each, by about the same share.
    assert detail / corners == pytest.approx(pyramid.NOISE_DETAIL, rel=0.2)
    assert slope / corners == pytest.approx(pyramid.NOISE_SLOPE, rel=0.2)


def test_noise_alone_is_hardly_sharp() -> None:
    rng = np.random.default_rng(2)
    noise = np.rint(1600 + 16 * rng.standard_normal((200, 300))).astype(np.int16)
    edges = noise.copy()
    edges[:, 150:] += 800
    cells = prepare(edges, 1).levels[0].cells
    assert cells[:, :60].mean() < 0.25 * cells[:, 74:76].mean()


@pytest.mark.parametrize(('number', 'reach'), [(0, 3), (1, 1), (2, 1)])
def test_sharpness_reaches_as_far_as_its_window(number, reach) -> None:
    grey = np.full((320, 480), 1600, np.int16)
    size = 2 ** number
    grey[160:160 + size, 240:240 + size] = 2400
    cells = prepare(grey).levels[number].cells
    rows, columns = np.nonzero(cells > 1e-3 * cells.max())
    centre = np.array([160, 240]) // size // 2
    # The smoothing and the derivatives spread the dot itself by three pixels: two cells.
    assert reach <= (centre[0] - rows.min()) <= reach + 2
    assert reach <= (columns.max() - centre[1]) <= reach + 2


def test_light_is_between_grey_levels_and_linear() -> None:
    grey = np.array([[-5, 0, 2040, 4080, 5000]], np.int16)
    found = linear_light(grey)[0]
    assert found[:2] == pytest.approx(0)
    assert found[2] == pytest.approx(255 * 0.5 ** 1.3, rel=1e-4)
    assert found[3] == pytest.approx(255, rel=1e-4)


@pytest.mark.parametrize(('level', 'clipped'), [(245, False), (252, True)])
def test_what_may_be_clipped_is_left_out(level, clipped) -> None:
    grey = np.tile(np.array([[1600, 2400]], np.int16), (80, 40))
    grey[40, 40] = 16 * level
    cells = prepare(grey, 1).levels[0].cells
    assert (cells[20, 20] == 0) == clipped
    assert cells[20, 20 + 3] > 0
