# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of where sharpness is taken for noise."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.unsure import raised_noise
import numpy as np
import pytest

SHAPE, BLOCKS = (98, 131), (25, 33)
NOISE = 2.0  # grey levels; its sharpness is 7
NOTHING = np.exp(-100.0)  # calm where the brightness changes ten times as much as what is calm


def factor(sharpest: float = 7, calm: float = NOTHING, confidence: float = 0) -> np.ndarray:
    """Return by how much the noise is raised, from column 100 on a structure is, at full size."""
    sharp = np.full(BLOCKS, sharpest, np.uint8)
    sharp[:, 25:] = 200
    found = raised_noise(np.full(BLOCKS, NOISE, np.float32), sharp,
                         np.full(BLOCKS, calm, np.float32),
                         np.full((49, 66), confidence, np.float32))
    if found is None:
        return np.ones(SHAPE, np.float32)
    assert (found.shape, found.dtype) == (BLOCKS, np.float32)
    return cv2.resize(found, SHAPE[::-1])


def test_what_neither_a_structure_nor_a_depth_tells_has_three_times_the_noise() -> None:
    assert factor()[:, :86] == pytest.approx(3, abs=0.01)
    for sure in (factor(confidence=1), factor(calm=1), factor(sharpest=255)):
        assert np.all(sure == 1)
    assert factor(confidence=0.5)[50, 50] == pytest.approx(2, abs=0.01)
    # The sharpness of noise and rounding is 8; what stands out of it by twice that tells half.
    assert factor(sharpest=25)[50, 50] == pytest.approx(2, abs=0.05)
    # Of several slices the greatest has 1.15 times the sharpness of noise.
    over = (17 / 8 - 1.15) / 2
    assert factor(sharpest=17)[50, 50] == pytest.approx(1 + 2 / (1 + over ** 2), abs=0.03)
    assert factor(sharpest=55)[50, 50] < 1.3


def test_a_structure_keeps_what_is_beside_it() -> None:
    found = factor()
    assert np.all(found[:, 96:] == 1)
    assert np.all(found[:, 94:] < 1.5)


def test_a_change_of_brightness_that_makes_no_patch_is_left_alone() -> None:
    def share(times: float) -> float:
        return float(factor(calm=np.exp(-times ** 2))[50, 50] - 1) / 2
    assert share(1.0) < 0.1
    assert share(4.0) == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_where_nothing_is_unsure_nothing_is_raised() -> None:
    assert raised_noise(np.full(BLOCKS, NOISE, np.float32), np.full(BLOCKS, 9, np.uint8),
                        np.ones(BLOCKS, np.float32), np.zeros((49, 66), np.float32)) is None
