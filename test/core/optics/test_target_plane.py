# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A plane before a camera: every pixel's ray meets it where its depth says."""

from __future__ import annotations

from focus_stacking_ros.core.optics.target_plane import SIDES, TargetPlane, turned
import numpy as np
import pytest

SHAPE = (41, 61)


@pytest.mark.parametrize('side', SIDES)
def test_the_named_side_is_farther_by_the_angle(side: str) -> None:
    focal = 200.0
    depth = turned(0.3, 20, side, focal_length_px=focal).depth_m(SHAPE)
    assert depth[20, 30] == pytest.approx(0.3)
    y, x = np.mgrid[-20:21, -30:31] / focal * depth
    sign_x, sign_y = SIDES[side]
    across = sign_x * x + sign_y * y
    np.testing.assert_allclose(depth, 0.3 + np.tan(np.radians(20)) * across, rtol=1e-12)


def test_pixels_of_one_size_and_what_is_behind_the_camera() -> None:
    depth = turned(0.3, 45, 'right', pixel_m=1e-3).depth_m(SHAPE)
    assert depth[0, 60] - depth[0, 0] == pytest.approx(0.06)
    steep = turned(0.3, 80, 'right', focal_length_px=100.0).depth_m(SHAPE)
    assert np.isnan(steep[:, -1]).all()
    np.testing.assert_array_equal(TargetPlane(0.2).depth_m(SHAPE), np.full(SHAPE, 0.2))
