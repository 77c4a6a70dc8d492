# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the fast global smoother against dense linear algebra."""

from __future__ import annotations

from focus_stacking_ros.core.depth.smoothing import FastGlobalSmoother
import numpy as np
import pytest

RNG = np.random.default_rng(0)


def links_of(guide: np.ndarray, contrast: float = 5.0) -> np.ndarray:
    """Return the links along a line of the guide; no edge is without any."""
    return np.maximum(np.exp(-np.abs(np.diff(guide)) / contrast), 0.03)


def solved(values: np.ndarray, links: np.ndarray, strength: float) -> np.ndarray:
    """Solve (1 + strength A) x = f along a line by dense algebra."""
    laplacian = np.zeros((len(values), len(values)))
    for i, link in enumerate(links):
        laplacian[i, i] += link
        laplacian[i + 1, i + 1] += link
        laplacian[i, i + 1] -= link
        laplacian[i + 1, i] -= link
    return np.linalg.solve(np.eye(len(values)) + strength * laplacian, values)


def smoothed(smoother: FastGlobalSmoother, strength: float,
             *planes: np.ndarray) -> list[np.ndarray]:
    return smoother.smooth(planes, strength)


@pytest.mark.parametrize('shape', [(9, 12), (8, 7), (1, 1), (1, 6), (5, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize('strength', [0.0, 3.0, 400.0])
def test_equals_the_dense_solution_of_every_pass(strength, shape) -> None:
    guide = RNG.uniform(0, 30, shape).astype(np.float32)
    values = RNG.uniform(-1, 5, shape).astype(np.float32)
    expected = values.astype(np.float64)
    for weight in (strength, strength / 4, strength / 16):
        expected = np.stack([solved(row, links_of(line), weight)
                             for row, line in zip(expected, guide, strict=True)])
        expected = np.stack([solved(column, links_of(line), weight)
                             for column, line in zip(expected.T, guide.T, strict=True)]).T
    found, = smoothed(FastGlobalSmoother(guide, 5.0), strength, values)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4)


def test_constants_and_the_sum_are_kept() -> None:
    guide = RNG.uniform(0, 30, (20, 30)).astype(np.float32)
    values = RNG.uniform(0, 5, (20, 30)).astype(np.float32)
    flat, smooth = smoothed(FastGlobalSmoother(guide, 5.0), 400.0,
                            np.full((20, 30), 3.0, np.float32), values)
    np.testing.assert_allclose(flat, 3.0, rtol=1e-4)
    assert smooth.sum() == pytest.approx(values.sum(), rel=1e-3)


def test_planes_do_not_mix() -> None:
    guide = np.zeros((8, 8), np.float32)
    one, other = RNG.uniform(0, 1, (2, 8, 8)).astype(np.float32)
    smoother = FastGlobalSmoother(guide, 5.0)
    together = smoothed(smoother, 10.0, one, other)
    np.testing.assert_array_equal(together[0], smoothed(smoother, 10.0, one)[0])
    np.testing.assert_array_equal(together[1], smoothed(smoother, 10.0, other)[0])


def test_smooths_within_and_not_across_an_edge_of_the_guide() -> None:
    guide = np.zeros((30, 40), np.float32)
    guide[:, 20:] = 100
    step = np.where(guide > 0, 5.0, 1.0)
    values = (step + RNG.normal(0, 0.3, step.shape)).astype(np.float32)
    smooth, = smoothed(FastGlobalSmoother(guide, 5.0), 20.0, values)
    assert np.abs(values - step).max() > 0.8
    assert np.abs(smooth - step).max() < 0.6
    blind, = smoothed(FastGlobalSmoother(np.zeros_like(guide), 5.0), 20.0, values)
    assert np.abs(blind - step)[:, 18:22].min() > 1


def test_the_strongest_edge_still_lets_a_little_through() -> None:
    # So that what lies between edges on all sides gets a value from its surroundings.
    guide = np.zeros((1, 2), np.float32)
    guide[0, 1] = 1e4
    values = np.array([[0, 1]], np.float32)
    found, = smoothed(FastGlobalSmoother(guide, 5.0), 1.0, values)
    expected = values.astype(np.float64)[0]
    for weight in (0.03, 0.03 / 4, 0.03 / 16):
        expected = solved(expected, np.ones(1), weight)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


def test_weakened_links_hold_the_step_between_them() -> None:
    flat = np.zeros((30, 40), np.float32)
    values = np.where(np.arange(40) < 20, 1.0, 5.0).astype(np.float32) + flat
    rows, columns = np.ones((29, 40), np.float32), np.ones((30, 39), np.float32)
    columns[:, 19] = 0  # between the columns 19 and 20
    smoother = FastGlobalSmoother(flat, 5.0)
    blurred, = smoothed(smoother, 400.0, values)
    smoother.weaken(rows, columns)
    kept, = smoothed(smoother, 400.0, values)
    np.testing.assert_allclose(kept, values, rtol=1e-3)
    assert np.abs(blurred - values).max() > 1


def test_links_are_weakened_between_the_neighbours_that_are_named() -> None:
    # Not the same along both axes, and not the same in all rows: the dense solution tells.
    guide = RNG.uniform(0, 30, (6, 7)).astype(np.float32)
    values = RNG.uniform(-1, 5, (6, 7)).astype(np.float32)
    rows = RNG.uniform(0.1, 1, (5, 7)).astype(np.float32)
    columns = RNG.uniform(0.1, 1, (6, 6)).astype(np.float32)
    smoother = FastGlobalSmoother(guide, 5.0)
    smoother.weaken(rows, columns)
    found, = smoothed(smoother, 3.0, values)

    expected = values.astype(np.float64)
    for weight in (3.0, 3.0 / 4, 3.0 / 16):
        expected = np.stack([solved(expected[y], links_of(guide[y]) * columns[y], weight)
                             for y in range(6)])
        expected = np.stack([solved(expected[:, x], links_of(guide[:, x]) * rows[:, x], weight)
                             for x in range(7)]).T
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4)


def test_earlier_weakening_is_forgotten() -> None:
    guide = RNG.uniform(0, 10, (8, 9)).astype(np.float32)
    values = RNG.uniform(0, 5, (8, 9)).astype(np.float32)
    once, twice = FastGlobalSmoother(guide, 5.0), FastGlobalSmoother(guide, 5.0)
    factors = np.full((7, 9), 0.5, np.float32), np.full((8, 8), 0.2, np.float32)
    once.weaken(*factors)
    twice.weaken(np.zeros((7, 9), np.float32), np.zeros((8, 8), np.float32))
    twice.weaken(*factors)
    np.testing.assert_array_equal(smoothed(once, 9.0, values)[0], smoothed(twice, 9.0, values)[0])
    twice.weaken(np.ones((7, 9), np.float32), np.ones((8, 8), np.float32))
    np.testing.assert_array_equal(smoothed(FastGlobalSmoother(guide, 5.0), 9.0, values)[0],
                                  smoothed(twice, 9.0, values)[0])
