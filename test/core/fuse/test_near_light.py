# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The light of near surfaces beside them is that of their picture, blurred by a disc."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.near_light import pixels_beside, Spread, spread_light
from focus_stacking_ros.simulation.blur import disc_kernel
import numpy as np
import pytest

SIZE, EDGE, GAP, STEP = (80, 90), 40, 8, 2.0
INDEX = np.repeat(np.where(np.arange(SIZE[1]) < EDGE, 0, GAP).astype(np.float32)[None], 80, 0)
EVERYWHERE = np.ones(SIZE, np.bool_)


def spread_at(radius: float, image: np.ndarray, away: int) -> Spread:
    """Return the light at pixels so far from the last one of the near surface."""
    columns, rows = EDGE - 1 + away, np.arange(20, 60)
    return spread_light(image, INDEX, rows * SIZE[1] + columns, radius / GAP, STEP)


def blurred(light: np.ndarray, radius: float) -> np.ndarray:
    return cv2.filter2D(light, -1, disc_kernel(2 * radius), borderType=cv2.BORDER_REFLECT_101)


@pytest.mark.parametrize('radius', [2.0, 4.5, 8.0])
def test_near_light_is_the_linear_light_blurred(radius: float) -> None:
    """Of dark and bright stripes, which linear light alone averages so."""
    near = np.where(np.arange(SIZE[0]) // 2 % 2, 230, 40)[:, None] * np.ones(SIZE)
    near[:, EDGE:] = 0
    image = np.where(INDEX > 0, 120, near).astype(np.uint8)
    hidden = blurred((INDEX == 0).astype(np.float64), radius)
    light = blurred((near / 255) ** 2.2, radius)
    for away in range(1, int(radius) + 2):
        found = spread_at(radius, image, away)
        rows = np.s_[20:60], EDGE - 1 + away
        np.testing.assert_allclose(found.share, hidden[rows], atol=0.04)
        np.testing.assert_allclose(found.light[:, 0], light[rows], atol=0.03)
    assert not spread_at(radius, image, int(radius) + 2).share.any()


def test_how_bright_what_clips_is_nobody_knows() -> None:
    """Lossy files leave a few levels below the greatest of what was the greatest."""
    for value, clips in ((150, False), (240, False), (252, True), (255, True)):
        found = spread_at(4.0, np.full(SIZE, value, np.uint8), 1)
        np.testing.assert_allclose(found.saturated, found.share if clips else 0)


@pytest.mark.parametrize('border', [12, 19])
def test_rims_a_dozen_pixels_from_the_border_are_looked_at(border: int) -> None:
    """As far from a surface as its blur reaches, ten pixels at most; not what is near it."""
    index = INDEX[:, EDGE - border:]
    beside = pixels_beside(index, EVERYWHERE[:, :index.shape[1]], STEP, 20.0)
    rows, columns = np.divmod(beside.pixels, index.shape[1])
    np.testing.assert_array_equal(np.unique(columns), np.arange(border, border + 10))
    np.testing.assert_array_equal(np.unique(rows), np.arange(10, SIZE[0] - 10))
    np.testing.assert_allclose(beside.away, columns - border, atol=0.5)
    assert (beside.gap == GAP).all()
