# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the fast global smoother against dense linear algebra."""

from __future__ import annotations

from focus_stacking_ros.core.smoothing import FastGlobalSmoother
import numpy as np
import pytest

RNG = np.random.default_rng(0)


def solved(values: np.ndarray, guide: np.ndarray, strength: float, contrast: float) -> np.ndarray:
    """Solve (1 + strength A) x = f along a line by dense algebra."""
    links = np.exp(-np.abs(np.diff(guide)) / contrast)
    laplacian = np.zeros((len(values), len(values)))
    for i, link in enumerate(links):
        laplacian[i, i] += link
        laplacian[i + 1, i + 1] += link
        laplacian[i, i + 1] -= link
        laplacian[i + 1, i] -= link
    return np.linalg.solve(np.eye(len(values)) + strength * laplacian, values)


def smoothed(smoother: FastGlobalSmoother, *planes: np.ndarray) -> list[np.ndarray]:
    together = np.ascontiguousarray(np.stack(planes, axis=1))
    smoother.smooth(together)
    return [together[:, number] for number in range(len(planes))]


@pytest.mark.parametrize('strength', [0.0, 3.0, 400.0])
def test_equals_the_dense_solution_of_every_pass(strength) -> None:
    guide = RNG.uniform(0, 30, (9, 12)).astype(np.float32)
    values = RNG.uniform(-1, 5, (9, 12)).astype(np.float32)
    expected = values.astype(np.float64)
    for weight in (strength, strength / 4, strength / 16):
        expected = np.stack([solved(row, line, weight, 5.0)
                             for row, line in zip(expected, guide, strict=True)])
        expected = np.stack([solved(column, line, weight, 5.0)
                             for column, line in zip(expected.T, guide.T, strict=True)]).T
    found, = smoothed(FastGlobalSmoother(guide, strength, 5.0), values)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4)


def test_constants_and_the_sum_are_kept() -> None:
    guide = RNG.uniform(0, 30, (20, 30)).astype(np.float32)
    values = RNG.uniform(0, 5, (20, 30)).astype(np.float32)
    flat, smooth = smoothed(FastGlobalSmoother(guide, 400.0, 5.0),
                            np.full((20, 30), 3.0, np.float32), values)
    np.testing.assert_allclose(flat, 3.0, rtol=1e-4)
    assert smooth.sum() == pytest.approx(values.sum(), rel=1e-3)


def test_planes_do_not_mix() -> None:
    guide = np.zeros((8, 8), np.float32)
    one, other = RNG.uniform(0, 1, (2, 8, 8)).astype(np.float32)
    smoother = FastGlobalSmoother(guide, 10.0, 5.0)
    together = smoothed(smoother, one, other)
    np.testing.assert_array_equal(together[0], smoothed(smoother, one)[0])
    np.testing.assert_array_equal(together[1], smoothed(smoother, other)[0])


def test_smooths_within_and_not_across_an_edge_of_the_guide() -> None:
    guide = np.zeros((30, 40), np.float32)
    guide[:, 20:] = 100
    step = np.where(guide > 0, 5.0, 1.0)
    values = (step + RNG.normal(0, 0.3, step.shape)).astype(np.float32)
    smooth, = smoothed(FastGlobalSmoother(guide, 400.0, 5.0), values)
    assert np.abs(smooth - step).max() < 0.1
    blind, = smoothed(FastGlobalSmoother(np.zeros_like(guide), 400.0, 5.0), values)
    assert np.abs(blind - step)[:, 18:22].min() > 1
