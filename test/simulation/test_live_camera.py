# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the simulated camera that exposes one image after the other."""

from __future__ import annotations

from dataclasses import replace

import cv2
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions
from focus_stacking_ros.simulation import BUILT_IN_LENS, render_slice, tilted_plane
from focus_stacking_ros.simulation.live_camera import LiveCamera, SCENES
import numpy as np
import pytest

SIZE = (96, 128)
NEAR, FAR = 0.24, 0.26
LENS = replace(BUILT_IN_LENS, read_noise=0.0, shot_noise=0.0)


def camera(**changes: object) -> LiveCamera:
    return LiveCamera(tilted_plane(0, SIZE), replace(LENS, **changes), NEAR, FAR)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_an_image_of_a_moving_lens_shows_that_it_moved() -> None:
    camera_ = camera()
    still = camera_.expose(0.25, 0.25, 0)
    assert difference(still, camera_.expose(0.25, 0.25, 1)) == 0
    ends = [camera_.expose(distance, distance, 2) for distance in (0.248, 0.252)]
    moving = camera_.expose(0.248, 0.252, 3)
    # Both ends of the exposure are in it.
    for end in ends:
        assert difference(moving, end) > difference(*ends) / 4 > 0.5


def test_a_lens_that_stands_still_is_rendered_exactly_where_it_is() -> None:
    camera_ = camera(breathing=0.0)
    for distance in (0.2471234, 0.25):
        expected = render_slice(camera_.scene, camera_.lens, distance)
        shown = camera_.expose(distance, distance, 0)
        level = (np.clip(expected, 0, 1) ** (1 / 2.2)) * 255
        assert np.abs(shown - level).max() <= 0.51


def test_what_was_rendered_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr('focus_stacking_ros.simulation.live_camera.render_slice',
                        lambda *args: (calls.append(args[2]), render_slice(*args))[1])
    camera_ = camera()
    for _ in range(3):
        camera_.expose(0.25, 0.25, 0)
    assert calls == [0.25]
    for begin in np.linspace(0.2450001, 0.2451, 20):  # within one position of a moving lens
        camera_.expose(begin, begin + 1e-6, 0)
    assert len(calls) <= 3


def test_the_pictures_of_a_moving_lens_are_few_however_often_it_moves() -> None:
    camera_ = camera()
    for begin in np.random.default_rng(0).uniform(NEAR, FAR, 300):
        camera_.expose(begin, min(begin + 0.001, FAR), 0)
        camera_.expose(begin, begin, 0, moves=True)  # an exposure of no duration
    # One per depth of field of the whole travel, and one at each end.
    assert len(camera_._lights) <= (FAR - NEAR) / LENS.depth_of_field_m(0.25) + 2


def test_noise_differs_from_image_to_image() -> None:
    camera_ = camera(read_noise=1.0)
    assert difference(camera_.expose(0.25, 0.25, 1), camera_.expose(0.25, 0.25, 2)) > 0
    assert difference(camera_.expose(0.25, 0.25, 1), camera_.expose(0.25, 0.25, 1)) == 0


@pytest.mark.parametrize('breathing', [-0.04, 0.03, None])
def test_the_intrinsics_are_those_that_the_truth_is_drawn_with(breathing: float | None) -> None:
    camera_ = camera(breathing=breathing)
    pictures, intrinsics = [], []
    for distance in (NEAR, FAR):
        pictures.append(camera_.truth(distance)[1])
        intrinsics.append(camera_.intrinsics(distance))
    assert intrinsics[0].centre_px == ((SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2)
    scale = intrinsics[0].focal_length_px / intrinsics[1].focal_length_px
    if breathing is not None:
        assert scale == pytest.approx(1 / (1 + breathing))
    x, y = intrinsics[0].centre_px
    matrix = np.array([[scale, 0, (1 - scale) * x], [0, scale, (1 - scale) * y]])
    warped = cv2.warpAffine(pictures[1], matrix, SIZE[::-1], flags=cv2.INTER_LINEAR)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(warped - pictures[0])[inner].max() < 2e-5  # metres


def test_a_thin_lens_has_its_image_distance_as_focal_length() -> None:
    camera_ = camera(breathing=None)
    for distance in (NEAR, 0.25, FAR):
        expected = float(LENS.image_distance_m(distance)) / LENS.pixel_pitch_m
        assert camera_.intrinsics(distance).focal_length_px == pytest.approx(expected)


@pytest.mark.parametrize('name', sorted(SCENES))
def test_every_scene_can_be_looked_at(name: str) -> None:
    scene = SCENES[name](1, SIZE)
    image = LiveCamera(scene, LENS, NEAR, FAR).expose(0.25, 0.25, 0)
    assert image.shape == (*SIZE, 3)
    assert image.std() > 1


def test_the_parameter_takes_exactly_the_scenes_that_there_are() -> None:
    for name in SCENES:
        assert SimCameraOptions(scene=name).scene == name
    choices = SimCameraOptions.__dataclass_fields__['scene'].metadata['option']['choices']
    assert sorted(choices) == sorted(SCENES)
