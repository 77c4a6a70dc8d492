# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Covered is what the image of every slice reaches."""

from __future__ import annotations

from focus_stacking_ros.core.align.coverage import coverage
from focus_stacking_ros.core.align.warping import warp
import numpy as np
import pytest


def shifted(x: float, y: float, scale: float = 1.0, turn: float = 0.0) -> np.ndarray:
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]])


def test_what_moves_nothing_is_seen_by_all() -> None:
    assert (coverage([np.eye(3), None], (20, 30)) == 255).all()
    assert (coverage([], (20, 30)) == 255).all()


def test_shifts_to_both_sides_leave_what_is_in_between() -> None:
    seen = coverage([shifted(4, 0), shifted(-3, 2)], (20, 30))
    expected = np.zeros((20, 30), np.uint8)
    expected[:18, 3:26] = 255
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize('transform', [
    shifted(1.5, -2.5, 1.1, 0.05), shifted(-3, 1, 0.97, -0.1),
    np.array([[1.0, 0.02, -1], [0.01, 1.03, -2], [1e-4, -2e-4, 1]])])
def test_it_is_where_a_warped_slice_has_data(transform) -> None:
    there = warp(np.full((50, 70), 200, np.uint8), transform) == 200
    seen = coverage([transform], (50, 70)) == 255
    assert (seen & ~there).sum() == 0
    assert (there & ~seen).mean() < 0.01  # between the outermost pixel centres and the rim
