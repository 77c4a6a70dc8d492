# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The blur by discs."""

from __future__ import annotations

from focus_stacking_ros.simulation.blur import blur, blur_levels, disc_kernel
import numpy as np
import pytest


@pytest.mark.parametrize('diameter', [0.0, 0.3, 0.9, 1.3, 2.0, 3.7, 8.0, 25.0])
def test_kernel_has_the_second_moment_of_a_disc(diameter: float) -> None:
    kernel = disc_kernel(diameter).astype(np.float64)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert kernel.sum(0) @ offset ** 2 == pytest.approx(diameter ** 2 / 16, abs=1e-4)
    assert kernel.sum(1) @ offset ** 2 == pytest.approx(diameter ** 2 / 16, abs=1e-4)
    assert kernel == pytest.approx(kernel[::-1])
    assert kernel == pytest.approx(kernel.T)


def test_kernel_of_a_large_disc_is_level_inside_and_nothing_outside() -> None:
    kernel = disc_kernel(20.0)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    reach = np.hypot(offset[:, None], offset)
    assert kernel[reach < 8.5] == pytest.approx(4 / (np.pi * 20 ** 2), rel=0.02)
    assert kernel[reach > 11.5].max() == 0


@pytest.mark.parametrize('circles', [(0.0, 0.0), (0.0, 30.0), (4.2, 7.7), (12.0, 12.01)])
def test_levels_span_what_occurs(circles: tuple[float, float]) -> None:
    levels = blur_levels(np.array([circles], np.float32))
    assert (np.diff(levels) > 0).all()
    if circles[1] - circles[0] > 0.1:
        assert levels[0] <= circles[0]
        assert levels[-1] >= circles[1]
    else:
        assert levels == pytest.approx(np.mean(circles))


def test_a_pixel_between_two_levels_gets_its_own_second_moment() -> None:
    light = np.zeros((101, 101, 1), np.float32)
    light[50, 50] = 1
    circle = np.full((101, 101), 6.3, np.float32)
    circle[0, 0], circle[-1, -1] = 4.0, 9.0  # so that levels are needed
    result = blur(light, circle, blur_levels(circle))[..., 0].astype(np.float64)
    offset = np.arange(101) - 50
    assert result.sum() == pytest.approx(1, abs=0.01)
    assert result.sum(0) @ offset ** 2 / result.sum() == pytest.approx(6.3 ** 2 / 16, rel=0.01)


def test_a_plain_surface_stays_plain_however_its_blur_changes() -> None:
    light = np.full((300, 420, 2), 0.7, np.float32)
    circle = np.tile(np.linspace(-15, 15, 420, dtype=np.float32), (300, 1))
    result = blur(light, np.abs(circle), blur_levels(np.abs(circle)))
    assert result == pytest.approx(0.7, abs=1e-5)


def test_tiles_leave_no_seams() -> None:
    rng = np.random.default_rng(0)
    light = rng.random((400, 400, 1), dtype=np.float32)
    circle = np.full((400, 400), 5.0, np.float32)
    in_tiles = blur(light, circle, np.array([4.0, 5.0, 6.0]))
    at_once = blur(light, circle, np.array([5.0]))
    assert in_tiles[10:-10, 10:-10] == pytest.approx(at_once[10:-10, 10:-10], abs=1e-5)
