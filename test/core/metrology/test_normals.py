# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Normals of surfaces whose normals are known: tilted planes, a sphere, an edge."""

from __future__ import annotations

from focus_stacking_ros.core.metrology.normals import surface_normals
import numpy as np
import pytest

FOCAL, SHAPE = 900.0, (160, 208)


def rays() -> np.ndarray:
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    return np.stack([(x - (SHAPE[1] - 1) / 2) / FOCAL, (y - (SHAPE[0] - 1) / 2) / FOCAL],
                    axis=2).astype(np.float32)


def plane(normal: np.ndarray, distance_m: float = 0.25) -> np.ndarray:
    """Return the depth of a plane through (0, 0, distance)."""
    directions = np.concatenate([rays(), np.ones((*SHAPE, 1))], axis=2)
    return (distance_m * normal[2] / (directions @ normal)).astype(np.float32)


def sure() -> np.ndarray:
    return np.ones(SHAPE, np.float32)


@pytest.mark.parametrize('normal', [(0, 0, -1), (0.5, 0.2, -1), (-0.8, 0.9, -1)])
def test_a_plane_has_its_normal_everywhere(normal) -> None:
    expected = np.array(normal) / np.linalg.norm(normal)
    depth = plane(expected)
    found = surface_normals(depth, rays(), sure())
    assert len(found.normals) == (SHAPE[0] // 16) * (SHAPE[1] // 16)
    assert np.degrees(np.arccos((found.normals @ expected).clip(-1, 1))).max() < 0.1
    middle = np.array([0, 0, 0.25])
    assert np.abs((found.points_m - middle) @ expected).max() < 1e-5  # on the plane


def test_noise_turns_it_by_what_noise_may() -> None:
    expected = np.array([0.3, 0, -1]) / np.hypot(0.3, 1)
    noise = np.random.default_rng(0).normal(0, 20e-6, SHAPE)
    found = surface_normals((plane(expected) + noise).astype(np.float32), rays(), sure())
    # Of a line's slope: sigma / (spread of the cell sqrt(pixels)), in both directions.
    spread = 16 / np.sqrt(12) / FOCAL * 0.25
    usual = np.degrees(20e-6 / spread / 16)
    away = np.degrees(np.arccos((found.normals @ expected).clip(-1, 1)))
    assert np.sqrt(np.mean(np.square(away))) < 2 * usual


def test_a_sphere_faces_away_from_its_middle() -> None:
    centre, radius = np.array([0.0, 0.0, 0.3]), 0.05
    directions = np.concatenate([rays(), np.ones((*SHAPE, 1))], axis=2).astype(np.float64)
    length = (directions ** 2).sum(axis=2)
    half = directions @ centre
    root = half ** 2 - length * (centre @ centre - radius ** 2)
    depth = np.where(root > 0, (half - np.sqrt(np.maximum(root, 0))) / length, np.nan)
    found = surface_normals(depth.astype(np.float32), rays(), sure())
    expected = (found.points_m - centre) / radius
    assert len(found.normals) > 20
    # Half of the 7 degrees that it turns within a cell at its steepest.
    assert (found.normals * expected).sum(axis=1).min() > np.cos(np.radians(3.5))


def test_edges_and_what_is_unknown_have_none() -> None:
    depth = plane(np.array([0, 0, -1.0]))
    depth[:, 104:] += 0.01  # an edge in the middle of a column of cells
    depth[:32] = np.nan
    confidence = sure()
    confidence[144:] = 0.4
    found = surface_normals(depth, rays(), confidence)
    assert len(found.normals) == (160 - 32 - 16) // 16 * (208 // 16 - 1)
    assert found.normals[:, 2].max() < -0.999
    assert len(surface_normals(np.full(SHAPE, np.nan, np.float32), rays(), sure()).normals) == 0


def test_cells_grow_with_the_image_and_fit_a_small_one() -> None:
    for shape, count in (((6, 10), 1), ((8, 640), 80), ((1600, 1600), 64 * 64)):
        y, x = np.mgrid[:shape[0], :shape[1]]
        some = np.stack([x, y], axis=2).astype(np.float32) / 500
        found = surface_normals(np.full(shape, 0.2, np.float32), some, np.ones(shape, np.float32))
        assert len(found.normals) == count
