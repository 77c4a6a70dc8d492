# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A plane is found under parts, holes and noise; heights are perpendicular to it."""

from __future__ import annotations

from focus_stacking_ros.core.metrology.plane import fit_plane
from focus_stacking_ros.core.metrology.view import MeasurementError, Region, View
import numpy as np
import pytest

SHAPE = (120, 160)


def tilted(view: View, normal: tuple[float, float, float], distance_m: float):
    """Return the depth of the plane n x = distance, by tracing each pixel's ray."""
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]].astype(float)
    n = np.array(normal) / np.linalg.norm(normal)
    if view.focal_length_px is None:
        size = view.pixel_m
        return (distance_m - n[0] * x * size - n[1] * y * size) / n[2], n
    u = (x - (SHAPE[1] - 1) / 2) / view.focal_length_px
    v = (y - (SHAPE[0] - 1) / 2) / view.focal_length_px
    return distance_m / (n[0] * u + n[1] * v + n[2]), n


@pytest.mark.parametrize('view', [View(focal_length_px=900.0), View(pixel_m=20e-6)])
@pytest.mark.parametrize('degrees', [0.0, 25.0])
def test_a_block_has_its_height_perpendicular_to_a_tilted_plane(view, degrees) -> None:
    angle = np.radians(degrees)
    depth, normal = tilted(view, (np.sin(angle), 0, np.cos(angle)), 0.2)
    raised, _ = tilted(view, tuple(normal), 0.2 - 1.5e-3)
    depth[30:70, 40:90] = raised[30:70, 40:90]
    depth += np.random.default_rng(1).normal(0, 10e-6, SHAPE)
    depth[:5] = np.nan
    plane = fit_plane(depth.astype(np.float32), view)
    height = plane.height_m(depth.astype(np.float32))
    assert np.median(height[35:65, 45:85]) == pytest.approx(1.5e-3, abs=3e-6)
    assert np.median(height[80:, :]) == pytest.approx(0, abs=2e-6)
    assert np.isnan(height[:5]).all()
    assert plane.tilt_degrees() == pytest.approx(degrees, abs=0.1)
    assert plane.scatter_m == pytest.approx(10e-6, rel=0.15)
    assert plane.depth_m()[100, 10] == pytest.approx(depth[100, 10], abs=60e-6)


def test_most_of_the_surface_may_be_something_else() -> None:
    random = np.random.default_rng(2)
    depth = 0.3 + random.uniform(-20e-3, -2e-3, SHAPE)  # parts of all heights
    depth[:, :60] = 0.3 + random.normal(0, 20e-6, (SHAPE[0], 60))  # 38 % are the table
    plane = fit_plane(depth.astype(np.float32), deviation_m=np.full(SHAPE, 20e-6, np.float32))
    assert np.abs(plane.depth_m() - 0.3).max() < 30e-6
    assert plane.inliers == pytest.approx(60 / 160, abs=0.03)


def test_without_a_size_of_pixels_heights_are_along_z_and_no_tilt_is_told() -> None:
    depth = (0.2 + 1e-4 * np.arange(160.0) * np.ones(SHAPE)).astype(np.float32)
    part = depth.copy()
    part[50:60, 50:60] -= 1e-3
    plane = fit_plane(part)
    assert plane.tilt_degrees() is None
    assert np.median(plane.height_m(part)[52:58, 52:58]) == pytest.approx(1e-3, abs=1e-6)


def test_only_confident_pixels_of_the_region_count() -> None:
    depth = np.full(SHAPE, 0.2, np.float32)
    depth[:60] = 0.1
    confidence = np.ones(SHAPE, np.float32)
    confidence[:60] = 0.2
    assert fit_plane(depth, confidence=confidence).depth_m()[0, 0] == pytest.approx(0.2)
    lower = fit_plane(depth, region=Region(0, 0, 160, 55))
    assert lower.depth_m()[100, 0] == pytest.approx(0.1)


@pytest.mark.parametrize(('make', 'words'), [
    (lambda depth: fit_plane(np.full_like(depth, np.nan)), '0 pixels have a depth'),
    (lambda depth: fit_plane(depth, confidence=np.zeros_like(depth)), 'lower confidence'),
    (lambda depth: fit_plane(depth, region=Region(0, 0, 100, 1)), 'lie on a line'),
    (lambda depth: fit_plane(depth, region=Region(150, 0, 20, 20)), 'is not inside the 160x120'),
    (lambda _: View(focal_length_px=-1.0), 'focal length -1.0 is not above 0'),
    (lambda _: View(pixel_m=float('nan')), 'size of a pixel nan is not above 0'),
    (lambda _: View(900.0, None, 1e-6), 'exclude each other')])
def test_what_cannot_be_measured_says_why(make, words) -> None:
    with pytest.raises(MeasurementError, match=words):
        make(np.full(SHAPE, 0.2, np.float32))


def test_the_same_input_gives_the_same_plane() -> None:
    depth = (0.2 + np.random.default_rng(3).normal(0, 1e-4, (600, 500))).astype(np.float32)
    one, other = fit_plane(depth), fit_plane(depth)
    assert (one.coefficients == other.coefficients).all()
    assert one.samples == 200_000


@pytest.mark.parametrize('view', [View(focal_length_px=900.0), View(pixel_m=20e-6)])
def test_points_lie_on_the_plane_whose_depth_they_have(view) -> None:
    depth, normal = tilted(view, (0.3, -0.2, 1), 0.2)
    depth[3, 4] = np.nan
    points = view.points_m(depth.astype(np.float32)).astype(float)
    assert np.isnan(points[3, 4]).all()
    assert np.nanmax(np.abs(points @ normal - 0.2)) < 1e-7


def test_points_take_a_size_of_pixels() -> None:
    with pytest.raises(MeasurementError, match='nothing tells how far apart'):
        View().points_m(np.ones(SHAPE, np.float32))
