# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how much detail an image has in bands of blocks."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.detail_energy import (
    along,
    BLOCKS,
    energy_in_bands,
    SIDE,
    smoothing_taps,
)
import numpy as np
import pytest

SHAPE = (96, 128)


def noise(deviation: float = 40.0) -> np.ndarray:
    """Return a picture of white noise."""
    values = np.random.default_rng(2).normal(128, deviation, SHAPE)
    return np.clip(values, 0, 255).astype(np.uint8)


def test_a_band_has_the_energy_of_its_own_rows() -> None:
    image = noise()
    image[:40] = 90
    found = energy_in_bands(image, np.eye(3), [0, 56], 16)
    assert found.shape == (2 * BLOCKS, 16)
    assert found.dtype == np.float32
    assert found[:BLOCKS].max() == 0
    assert found[BLOCKS:].min() > 0


def test_energy_grows_with_the_square_of_the_contrast() -> None:
    weak, strong = (energy_in_bands(noise(deviation), np.eye(3), [32], 16).mean()
                    for deviation in (10.0, 20.0))
    assert strong == pytest.approx(4 * weak, rel=0.02)


def test_energy_is_that_of_where_the_grid_lies_in_the_image() -> None:
    image, moved = noise(), np.array([[1, 0, 2.0 * SIDE], [0, 1, SIDE], [0, 0, 1.0]])
    np.testing.assert_allclose(energy_in_bands(image, moved, [16], 12)[:, 1:],
                               energy_in_bands(image, np.eye(3), [16 + SIDE], 14)[:, 3:],
                               rtol=1e-5)


def test_a_block_has_eight_pixels_along_each_side() -> None:
    image = np.full(SHAPE, 90, np.uint8)
    image[40:48, 64:72] = noise()[40:48, 64:72]
    found = energy_in_bands(image, np.eye(3), [32], 16)
    assert np.unravel_index(found.argmax(), found.shape) == (1, 8)
    assert found[1, 8] > 0.8 * found.sum()


def test_taps_are_those_of_the_smoothing() -> None:
    impulse = np.zeros((15, 15), np.float32)
    impulse[7, 7] = 1
    found = cv2.GaussianBlur(impulse, (0, 0), 0.8).sum(axis=0)
    np.testing.assert_allclose(smoothing_taps(), found[7:11], atol=1e-6)
    assert found[11:].max() == 0


def test_a_line_of_a_transform_places_points() -> None:
    line = np.array([2.0, -1.0, 5.0])
    np.testing.assert_array_equal(along(line, np.array([0.0, 3.0]), np.array([[1.0]])),
                                  [[4.0, 10.0]])
