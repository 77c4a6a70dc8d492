# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes: what they hold and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import cv2
from focus_stacking_ros.simulation import (
    ball_grid,
    behind_glass,
    circuit_board,
    crossing_wires,
    dome,
    Layer,
    rough_metal,
    Scene,
    solder_joints,
    textureless_parts,
    tilted_plane,
)
import numpy as np
import pytest

SCENES = [ball_grid, behind_glass, circuit_board, crossing_wires, dome, rough_metal,
          solder_joints, textureless_parts, tilted_plane]
SMALL = (144, 192)


@pytest.mark.parametrize('build', SCENES)
def test_a_scene_is_what_its_seed_says(build: Callable[..., Scene]) -> None:
    first, again, other = build(3, SMALL), build(3, SMALL), build(4, SMALL)
    assert first.size == SMALL
    assert first.name == build.__name__
    assert (first.radiance() == again.radiance()).all()
    assert (first.depth_m() == again.depth_m()).all()
    assert (first.radiance() != other.radiance()).any()


@pytest.mark.parametrize('build', SCENES)
def test_a_scene_is_lit_and_within_reach_of_one_sweep(build: Callable[..., Scene]) -> None:
    scene = build(0, SMALL)
    near, far = scene.depth_range_m
    assert 0.240 < near < far < 0.257
    assert 0.02 < np.median(scene.radiance()) < 0.9


def test_circuit_board_has_parts_of_many_heights_and_colours() -> None:
    scene = circuit_board(0, SMALL)
    heights = 250 - 1000 * scene.depth_m()  # mm
    shares = np.histogram(heights, [-1, 0.4, 1.2, 2.2, 4.0, 6.0, 8.0])[0] / heights.size
    assert (shares > 0.005).all()
    blue, green, red = np.moveaxis(scene.radiance(), -1, 0)
    assert ((green > 1.5 * red) & (green > 1.5 * blue)).mean() > 0.25  # solder mask
    assert ((red > 3 * green) & (red > 3 * blue)).mean() > 0.01  # the button


def test_solder_joints_have_highlights_brighter_than_white() -> None:
    light = solder_joints(0, SMALL).layers[0].texture  # the board, without the wires
    assert light.max() > 2
    assert 0.0005 < (light.min(-1) > 1).mean() < 0.1


@pytest.mark.parametrize(('build', 'brightest', 'share'), [
    (rough_metal, 10, 0.002), (ball_grid, 10, 0.0005)])
def test_reflecting_scenes_have_small_highlights_many_times_white(
        build: Callable[..., Scene], brightest: float, share: float) -> None:
    light = build(0, (288, 384)).radiance().min(-1)
    assert light.max() > brightest
    assert share < (light > 2).mean() < 20 * share


def test_glints_are_as_many_as_asked() -> None:
    few, many = (rough_metal(0, (288, 384), glints_per_mm2=number).radiance().min(-1)
                 for number in (1, 4))
    assert (rough_metal(0, SMALL, glints_per_mm2=0).radiance() < 2).all()
    assert (many > 2).sum() == pytest.approx(4 * (few > 2).sum(), rel=0.3)


def test_balls_repeat_and_some_are_missing() -> None:
    scene = ball_grid(0, (384, 512))
    light = cv2.GaussianBlur(np.minimum(scene.radiance()[..., 1], 1), (0, 0), 3)
    step = 1.27 / 24.6 * 512  # pixels
    moved = cv2.warpAffine(light, np.float32([[1, 0, step], [0, 1, 0]]), light.shape[::-1])
    inside = np.s_[30:-30, 60:-60]
    alike = np.corrcoef(light[inside].ravel(), moved[inside].ravel())[0, 1]
    assert 0.6 < alike < 0.99
    moved = np.roll(light, round(step / 2), 1)
    assert np.corrcoef(light[inside].ravel(), moved[inside].ravel())[0, 1] < 0


def test_most_of_the_textureless_parts_is_plain() -> None:
    green = textureless_parts(0, SMALL).radiance()[..., 1]
    change = np.abs(np.diff(green, 2, axis=1))
    assert (change < 0.5 / 255).mean() > 0.5


def test_wires_cross_at_different_heights() -> None:
    scene = crossing_wires(0, SMALL, count=5)
    assert len(scene.layers) == 6
    tops = [layer.depth_m[layer.alpha > 0.5].min() for layer in scene.layers[1:]]
    assert (np.diff(tops) < -0.0005).all()


def test_a_pane_before_half_of_the_board_lets_its_share_of_light_through() -> None:
    board, wires, pane = behind_glass(0, SMALL, cover=0.3, rise_m=0.004).layers
    middle = pane.alpha.shape[1] // 2
    assert (pane.alpha[:, :middle] == 0).all()
    assert (pane.alpha[:, middle:] == np.float32(0.3)).all()
    assert (board.depth_m - pane.depth_m).max() == pytest.approx(0.004, rel=0.01)
    assert (board.depth_m - wires.depth_m).max() == pytest.approx(0.002, rel=0.01)
    assert 0.05 < (wires.alpha[:, :middle] > 0.5).mean() < 0.3


def test_dome_is_as_high_as_asked_and_without_a_step() -> None:
    depth = dome(0, SMALL, height_m=0.005).depth_m()
    assert np.ptp(depth) == pytest.approx(0.005, rel=0.02)
    assert np.abs(np.diff(depth, axis=0)).max() < 0.0004


def test_tilted_plane_is_a_plane() -> None:
    scene = tilted_plane(0, SMALL, rise_m=0.004, direction_rad=0.0)
    depth = scene.depth_m().astype(np.float64)
    slope = (depth[0, -1] - depth[0, 0]) / (depth.shape[1] - 1)
    assert slope * SMALL[1] == pytest.approx(0.004, rel=0.01)
    assert np.abs(np.diff(depth, 2, axis=1)).max() < 1e-6
    assert np.abs(np.diff(depth, axis=0)).max() < 1e-6


def test_scene_of_a_depth_map() -> None:
    rng = np.random.default_rng(0)
    texture = rng.random((60, 80, 3), dtype=np.float32)
    depth = np.tile(np.linspace(0.25, 0.252, 80, dtype=np.float32), (60, 1))
    depth[20:40, 30:50] -= 0.004
    scene = Scene.from_depth_map('cut', texture, depth, 0.001, reach_px=8)
    assert len(scene.layers) == 2
    assert (scene.depth_m() == depth).all()
    assert scene.radiance() == pytest.approx(texture, abs=1e-6)
    ground, part = scene.layers
    assert ground.alpha.min() == 1
    assert ground.depth_m.min() >= 0.25  # goes on under the part
    assert part.alpha.sum() == 20 * 20
    noisy = depth + rng.normal(0, 0.01, depth.shape).astype(np.float32)
    with pytest.raises(ValueError, match='step_m'):
        Scene.from_depth_map('noisy', texture, noisy, 1e-6)


def test_a_hidden_surface_goes_on_behind_a_nearer_one() -> None:
    texture = np.full((40, 90, 3), 0.5, np.float32)
    depth = np.full((40, 90), 0.250, np.float32)
    depth[:, 30:] = 0.248
    depth[:, 60:] = 0.246
    middle = Scene.from_depth_map('steps', texture, depth, 0.001, reach_px=8).layers[1]
    columns = np.flatnonzero(middle.alpha[20]) + middle.origin_px[0]
    assert (columns[0], columns[-1]) == (30, 67)


def test_what_does_not_fit_is_refused() -> None:
    texture, depth, alpha = np.ones((4, 5, 3)), np.ones((4, 5)), np.ones((4, 5))
    with pytest.raises(ValueError, match='shapes'):
        Layer(texture, depth, np.ones((5, 4)))
    with pytest.raises(ValueError, match='depth'):
        Layer(texture, 0 * depth, alpha)
    with pytest.raises(ValueError, match='texture'):
        Layer(np.nan * texture, depth, alpha)
    with pytest.raises(ValueError, match='alpha'):
        Layer(texture, depth, 2 * alpha)
    with pytest.raises(ValueError, match='cover'):
        Scene('open', (Layer(texture, depth, 0.5 * alpha),))
    with pytest.raises(ValueError, match='margin'):
        Scene('small', (Layer(texture, depth, alpha),), margin_px=2)
    with pytest.raises(ValueError, match='layer'):
        Scene('empty', ())
