# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the sharpness of the parts of an image."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.tile_sharpness import noise_scatter, TILE, tile_sharpness
import numpy as np
import pytest


def noise(size: tuple[int, ...], sigma: float = 8.0) -> np.ndarray:
    return np.clip(128 + sigma * np.random.default_rng(5).standard_normal(size), 0, 255).astype(
        np.uint8)


def test_each_level_has_half_the_tiles_while_there_are_three() -> None:
    levels = tile_sharpness(noise((200, 336)))
    assert [each.shape for each in levels] == [(12, 21), (6, 10), (3, 5)]
    assert len(tile_sharpness(noise((TILE, TILE)))) == 1
    with pytest.raises(ValueError, match='an image of 15 x 40 pixels is too small'):
        tile_sharpness(noise((40, 15)))


def test_noise_scatters_as_is_said() -> None:
    tiles = tile_sharpness(noise((640, 640)))[0]
    assert tiles.mean() == pytest.approx(20 * 8 ** 2, rel=0.02)
    assert tiles.std() / tiles.mean() == pytest.approx(noise_scatter(), rel=0.1)


def test_the_depth_and_colour_of_the_image_change_nothing() -> None:
    grey = noise((96, 96))
    expected = tile_sharpness(grey)
    for image in (np.dstack([grey] * 3), grey.astype(np.uint16) * 256):
        for level, other in zip(expected, tile_sharpness(image), strict=True):
            np.testing.assert_allclose(other, level, rtol=1e-3)


def test_blur_takes_less_of_a_coarser_level() -> None:
    sharp = noise((256, 256), 40)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    left = [float(after.mean() / before.mean()) for before, after in zip(
        tile_sharpness(sharp), tile_sharpness(blurred), strict=True)]
    assert left == sorted(left)
    assert left[0] < 0.1 < left[2]
