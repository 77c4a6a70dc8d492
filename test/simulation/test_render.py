# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the simulated camera sees, against optics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
from focus_stacking_ros.simulation import (
    built_in_stack,
    circuit_board,
    crossing_wires,
    Layer,
    render_slice,
    render_stack,
    Scene,
    Sweep,
    ThinLens,
    tilted_plane,
)
import numpy as np
from numpy.typing import NDArray
import pytest

LENS = ThinLens(focal_length_m=0.05, f_number=4.0, pixel_pitch_m=6e-6, breathing=0.0, gamma=1.0)
SMALL = (192, 256)


def flat(texture: NDArray[Any], depth_m: float, name: str = 'flat') -> Scene:
    shape = texture.shape[:2]
    return Scene(name, (Layer(texture, np.full(shape, depth_m), np.ones(shape)),))


def point(size: int = 101) -> NDArray[np.float32]:
    texture = np.zeros((size, size, 3), np.float32)
    texture[size // 2, size // 2] = 1
    return texture


def edge(near_light: float, far_texture: NDArray[Any]) -> Scene:
    """Return a near surface on the left half, 10 mm in front of a far one."""
    shape = far_texture.shape[:2]
    alpha = np.zeros(shape, np.float32)
    alpha[:, :shape[1] // 2] = 1
    near = Layer(np.full((*shape, 3), near_light), np.full(shape, 0.24), alpha)
    return Scene('edge', (Layer(far_texture, np.full(shape, 0.25), np.ones(shape)), near))


def test_a_point_in_focus_stays_a_point() -> None:
    image = render_slice(flat(point(), 0.25), LENS, 0.25)
    assert image == pytest.approx(point(), abs=1e-6)


@pytest.mark.parametrize('focus_m', [0.246, 0.2485, 0.252, 0.258])
def test_a_point_out_of_focus_is_a_disc_with_all_of_its_light(focus_m: float) -> None:
    image = render_slice(flat(point(), 0.25), LENS, focus_m)[..., 1].astype(np.float64)
    circle = float(LENS.circle_of_confusion_px(focus_m, 0.25))
    offset = np.arange(101) - 50
    assert image.sum() == pytest.approx(1, abs=1e-4)
    assert image.sum(0) @ offset ** 2 == pytest.approx(circle ** 2 / 16, rel=1e-3)
    assert image.sum(1) @ offset ** 2 == pytest.approx(circle ** 2 / 16, rel=1e-3)


def test_brightness_is_kept() -> None:
    scene = tilted_plane(0, SMALL, rise_m=0.004)
    sharp = render_slice(scene, replace(LENS, f_number=1e5), 0.25)
    for focus_m in (0.244, 0.25, 0.256):
        image = render_slice(scene, LENS, focus_m)
        assert image.std() < 0.99 * sharp.std()
        assert image.mean((0, 1)) == pytest.approx(sharp.mean((0, 1)), rel=0.01)


def test_a_patch_keeps_its_light_on_a_tilted_plane() -> None:
    texture = np.zeros((220, 220, 3), np.float32)
    texture[80:140, 80:140] = 0.8
    depth = np.tile(np.linspace(0.245, 0.255, 220), (220, 1))
    scene = Scene('patch', (Layer(texture, depth, np.ones((220, 220))),))
    for focus_m in (0.246, 0.25, 0.254):
        image = render_slice(scene, LENS, focus_m)
        assert image.sum() == pytest.approx(texture.sum(), rel=0.005)


def test_a_blurred_near_edge_spreads_over_what_is_behind_as_a_disc_does() -> None:
    image = render_slice(edge(1.0, np.zeros((61, 120, 3), np.float32)), LENS, 0.25)[30, :, 1]
    radius = float(LENS.circle_of_confusion_px(0.25, 0.24)) / 2
    assert radius > 8
    away = (np.arange(120) - 59.5) / radius  # from the edge, in radii
    inside = np.clip(away, -1, 1)
    expected = 0.5 - (np.arcsin(inside) + inside * np.sqrt(1 - inside ** 2)) / np.pi
    assert image == pytest.approx(expected, abs=0.01)


def test_a_blurred_background_does_not_spill_over_a_sharp_near_edge() -> None:
    image = render_slice(edge(0.25, np.ones((61, 120, 3), np.float32)), LENS, 0.24)[30, :, 1]
    assert image[:60] == pytest.approx(0.25, abs=1e-5)
    # Nor does the near surface darken the background: that goes on behind it.
    assert image[60:] == pytest.approx(1.0, abs=1e-5)


def test_a_background_in_focus_is_sharp_under_a_blurred_near_edge() -> None:
    rng = np.random.default_rng(1)
    far = rng.random((61, 120, 3), dtype=np.float32)
    image = render_slice(edge(0.0, far), LENS, 0.25)
    cover = 1 - render_slice(edge(0.0, np.ones_like(far)), LENS, 0.25)
    assert image == pytest.approx(far * (1 - cover), abs=1e-4)
    assert 0.3 < cover[30, 62, 1] < 0.5


@pytest.mark.parametrize('breathing', [0.2, -0.2, 0.03])
def test_transforms_say_where_points_are(breathing: float) -> None:
    # Blobs, through a pinhole so that nothing but the transform moves or blurs them.
    height, width = SMALL
    y, x = np.mgrid[:height, :width].astype(np.float64)
    places = [(40.0, 30.0), (210.0, 40.0), (60.0, 150.0), (128.0, 96.0), (200.0, 150.0)]
    texture = np.zeros((*SMALL, 3), np.float32)
    for px, py in places:
        texture += np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)[..., None].astype(np.float32)
    lens = replace(LENS, f_number=1e5, breathing=breathing, bit_depth=16)
    sweep = Sweep.between(0.24, 0.25, 4, shake_px=2.0, rotation_rad=0.01)
    stack = render_stack(flat(texture, 0.245), lens, sweep, 5, reference='middle')
    assert np.abs(stack.transforms[stack.reference] - np.eye(3)).max() < 1e-12
    checked = 0
    for image, transform in zip(stack.slices, stack.transforms, strict=True):
        for px, py in places:
            scene_to_reference = sweep.views(lens, SMALL, 5)[stack.reference]
            expected = (transform @ scene_to_reference @ (px, py, 1))[:2]
            left, top = (int(value) - 16 for value in np.rint(expected))
            if left < 0 or top < 0 or left + 33 > width or top + 33 > height:
                continue
            part = image[top:top + 33, left:left + 33, 1].astype(np.float64)
            part[part < 500] = 0
            found = (np.average(x[:33, :33], weights=part) + left,
                     np.average(y[:33, :33], weights=part) + top)
            assert found == pytest.approx(expected, abs=0.05)
            checked += 1
    assert checked >= 12


def test_warping_the_slice_in_focus_back_gives_the_truth() -> None:
    rng = np.random.default_rng(2)
    texture = cv2.GaussianBlur(rng.standard_normal((*SMALL, 3), dtype=np.float32), (0, 0), 2.5)
    texture = np.clip(0.5 + 0.15 * texture / texture.std(), 0, 1)
    lens = replace(LENS, breathing=0.15, bit_depth=16)
    sweep = Sweep((0.244, 0.247, 0.25), shake_px=1.5, rotation_rad=0.005)
    stack = render_stack(flat(texture, 0.25), lens, sweep, 3, reference='first')

    def error(transform: NDArray[np.float64]) -> float:
        back = cv2.warpAffine(stack.slices[2], transform[:2], SMALL[::-1],
                              flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
        difference = back.astype(np.float64) - stack.all_in_focus
        return float(np.sqrt(np.mean(difference[32:-32, 32:-32] ** 2))) / 257
    assert stack.reference == 0
    assert error(stack.transforms[2]) < 0.5
    moved = stack.transforms[2].copy()
    moved[0, 2] += 0.2
    assert error(moved) > 1.4
    assert stack.depth_m == pytest.approx(0.25)


@pytest.mark.parametrize('corner', [(-60, -60), (-60, 30), (250, 10), (40, 250), (250, 250)])
def test_a_part_outside_the_view_changes_nothing(corner: tuple[int, int]) -> None:
    ground = flat(np.full((120, 140, 3), 0.3, np.float32), 0.25)
    part = Layer(np.ones((20, 20, 3)), np.full((20, 20), 0.245), np.ones((20, 20)), corner)
    scene = Scene('aside', (*ground.layers, part))
    sweep = Sweep.between(0.244, 0.25, 3, shake_px=1.0)
    lens = replace(LENS, breathing=0.2)
    with_part, without = (render_stack(each, lens, sweep, 2) for each in (scene, ground))
    for image, other in zip((*with_part.slices, with_part.all_in_focus),
                            (*without.slices, without.all_in_focus), strict=True):
        np.testing.assert_array_equal(image, other)
    assert with_part.depth_m == pytest.approx(0.25)


def test_a_seed_gives_one_stack() -> None:
    stacks = [built_in_stack(seed, SMALL, 3) for seed in (7, 7, 8)]
    for first, second in zip(stacks[0].slices, stacks[1].slices, strict=True):
        np.testing.assert_array_equal(first, second)
    assert (stacks[0].transforms == stacks[1].transforms).all()
    assert (stacks[0].slices[0] != stacks[2].slices[0]).mean() > 0.3
    assert (stacks[0].transforms[-1] != stacks[2].transforms[-1]).any()


def test_16_bit_equals_8_bit_within_quantisation() -> None:
    scene = circuit_board(0, SMALL)
    lens = ThinLens(breathing=-0.03, read_noise=1.0, shot_noise=2.0)
    sweep = Sweep.between(0.243, 0.25, 3, shake_px=1.0)
    eight = render_stack(scene, lens, sweep, 1)
    sixteen = render_stack(scene, replace(lens, bit_depth=16), sweep, 1)
    for coarse, fine in zip((*eight.slices, eight.all_in_focus),
                            (*sixteen.slices, sixteen.all_in_focus), strict=True):
        assert coarse.dtype == np.uint8
        assert fine.dtype == np.uint16
        difference = coarse.astype(np.float64) - fine.astype(np.float64) / 257
        assert np.abs(difference).max() <= 0.5 + 0.5 / 257 + 1e-6
        assert len(np.unique(fine)) > 256


def test_a_highlight_out_of_focus_is_a_disc_with_a_hard_edge() -> None:
    # A point a thousand times as bright as the clipped disc that the sensor can show.
    texture = np.full((101, 101, 3), 0.01, np.float32)
    texture[50, 50] = 1000.0
    lens = replace(LENS, gamma=2.2)
    image = render_stack(flat(texture, 0.25), lens, Sweep((0.244,)), 0).slices[0][..., 1]
    radius = float(lens.circle_of_confusion_px(0.244, 0.25)) / 2
    assert radius > 5
    y, x = np.mgrid[:101, :101] - 50
    away = np.hypot(x, y)
    assert (image[away < radius - 1] == 255).all()
    assert image[away > radius + 1].max() < 40


@pytest.mark.parametrize('breathing', [0.2, -0.2])
def test_truth_holds_for_all_layers_at_20_percent_breathing_and_strong_shake(
        breathing: float) -> None:
    # Everything in focus in every slice, so that all of them show the truth where they overlap.
    lens = replace(LENS, f_number=1e5, breathing=breathing, bit_depth=16, point_spread_px=1.0)
    sweep = Sweep.between(0.243, 0.251, 4, shake_px=12.0, rotation_rad=0.01, unevenness=0.5,
                          exposure_drift=0.1, white_balance_drift=0.05)
    stack = render_stack(crossing_wires(4, SMALL, count=4), lens, sweep, 4)
    truth = stack.all_in_focus.astype(np.float64)

    def square_error(number: int, axis: int, shift_px: float) -> float:
        transform = stack.transforms[number].copy()
        transform[axis, 2] += shift_px
        seen = stack.slices[number] / stack.gains[number]
        back, there = (cv2.warpAffine(
            each, transform[:2], SMALL[::-1], flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
            for each in (seen, np.ones(SMALL)))
        shown = there > 0.999
        assert shown.mean() > 0.6
        return float(np.mean(np.square(back - truth)[shown])) / 257 ** 2
    assert np.abs(stack.transforms[-1] - stack.transforms[0]).max() > 5
    for number in range(4):
        for axis in (0, 1):
            # Where the difference is least, the blur of best focus being another in each slice.
            left, middle, right = (square_error(number, axis, shift) for shift in (-0.5, 0, 0.5))
            assert middle < 8
            assert 0.25 * (left - right) / (left - 2 * middle + right) == pytest.approx(
                0, abs=0.03)


def test_compression_spoils_the_slices_and_not_the_truth() -> None:
    lens = ThinLens(breathing=-0.03)
    scene, sweep = circuit_board(0, SMALL), Sweep.between(0.243, 0.25, 2)
    plain, good, poor = (render_stack(scene, replace(lens, jpeg_quality=quality), sweep, 1)
                         for quality in (0, 95, 40))
    errors = [np.abs(stack.slices[0].astype(float) - plain.slices[0]).mean()
              for stack in (good, poor)]
    assert 0.2 < errors[0] < errors[1] / 2 < 5
    np.testing.assert_array_equal(plain.all_in_focus, poor.all_in_focus)


@pytest.mark.parametrize('level', [0.2, 0.8])
def test_noise_has_the_promised_size(level: float) -> None:
    lens = replace(LENS, read_noise=2.0, shot_noise=4.0, bit_depth=16)
    scene = flat(np.full((200, 200, 3), level, np.float32), 0.25)
    image = render_stack(scene, lens, Sweep((0.25,)), 0).slices[0] / 257
    assert image.mean() == pytest.approx(255 * level, abs=0.1)
    assert image.std() == pytest.approx(np.sqrt(4 + 16 * level), rel=0.02)


def test_slices_are_as_bright_and_as_coloured_as_their_gains_say() -> None:
    scene = flat(np.full((20, 20, 3), 0.5, np.float32), 0.25)
    sweep = Sweep((0.244, 0.247, 0.25), exposure_drift=0.2, exposure_flicker=0.05,
                  white_balance_drift=0.1)
    stack = render_stack(scene, replace(LENS, bit_depth=16), sweep, 4, reference='middle')
    assert stack.gains[1] == pytest.approx(1)
    assert np.abs(stack.gains[2] / stack.gains[0] - 1).max() > 0.05
    for image, gain in zip(stack.slices, stack.gains, strict=True):
        assert image[10, 10] / 65535 == pytest.approx(0.5 * gain, abs=1e-4)
    assert stack.all_in_focus[10, 10] / 65535 == pytest.approx(0.5, abs=1e-4)


def test_gamma_and_clipping() -> None:
    texture = np.full((8, 8, 3), 0.5, np.float32)
    texture[:4] = 3.0
    image = render_stack(flat(texture, 0.25), replace(LENS, gamma=2.2), Sweep((0.25,))).slices[0]
    assert (image[1] == 255).all()
    assert image[6] == pytest.approx(255 * 0.5 ** (1 / 2.2), abs=0.5)


@pytest.mark.parametrize(('reference', 'number'), [
    ('first', 0), ('last', 3), ('nearest', 3), ('farthest', 0), ('middle', 1), ('narrowest', 3)])
def test_reference(reference: str, number: int) -> None:
    # Far to near; the nearest shows everything largest, so its view is the narrowest.
    scene = flat(np.full((32, 32, 3), 0.5, np.float32), 0.25)
    stack = render_stack(scene, replace(LENS, breathing=-0.1), Sweep.between(0.25, 0.24, 4), 0,
                         reference=reference)
    assert stack.reference == number
    assert stack.transforms[number] == pytest.approx(np.eye(3))
    with pytest.raises(ValueError, match='narrowest'):
        render_stack(scene, LENS, Sweep((0.25,)), reference='widest')


def test_slice_index_counts_from_the_nearest_and_is_linear_in_dioptres() -> None:
    scene = flat(np.full((8, 8, 3), 0.5, np.float32), 1 / 4.1)
    for distances in ((1 / 4.4, 1 / 4.2, 1 / 3.8), (1 / 3.8, 1 / 4.2, 1 / 4.4)):
        stack = render_stack(scene, LENS, Sweep(distances))
        assert stack.slice_index() == pytest.approx(1.25, abs=1e-4)


def test_occluded_pixels_are_those_a_step_blurs_into() -> None:
    stack = render_stack(edge(0.5, np.full((61, 120, 3), 0.2, np.float32)), LENS, Sweep((0.25,)))
    radius = float(LENS.circle_of_confusion_px(0.25, 0.24)) / 2
    columns = np.flatnonzero(stack.occluded[30])
    assert columns[0] == pytest.approx(59.5 - radius, abs=2)
    assert columns[-1] == pytest.approx(59.5 + radius, abs=2)
    assert stack.occluded[30, columns[0]:columns[-1] + 1].all()
    plane = render_stack(tilted_plane(0, SMALL), LENS, Sweep((0.25,)))
    assert not plane.occluded.any()


def test_built_in_stack_has_every_part_in_focus_somewhere() -> None:
    stack = built_in_stack(0, SMALL)
    assert len(stack.slices) == 12
    assert all(image.shape == (*SMALL, 3) for image in stack.slices)
    distances = np.array(stack.focus_distances_m)[:, None, None]
    best = stack.lens.circle_of_confusion_px(distances, stack.depth_m).min(0)
    assert best.max() < 1.0
    changes = np.sqrt(np.linalg.det(stack.transforms[:, :2, :2]))
    assert 0.03 <= 1 - changes.min() / changes.max() <= 0.06
