# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the registration of two slices against known transforms."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align.pairwise import Pair, Registration
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, prepare
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from helpers.stacks import corner_error, make_stack, perspective, similarity, texture
import numpy as np
import pytest

SHAPE = (160, 200)
IDENTITY = np.eye(3)


def frames_of(transform: np.ndarray, gain: float = 1.0, noise: float = 0.0, dtype=np.uint8,
              shape=SHAPE) -> list[AlignmentFrame]:
    """Two neighbours of a stack: the reference and a slice at ``transform`` to it."""
    stack = make_stack(shape, 2, transforms=[IDENTITY, transform], gains=[1.0, gain],
                       noise=noise, dtype=dtype)
    return [prepare(luma(image)) for image in stack.images]


def register(template: AlignmentFrame, image: AlignmentFrame, model: str = 'similarity',
             start: np.ndarray | None = None) -> Registration:
    return Pair(template, image, PortableAlignment()).register(model, start)


def test_a_slice_registers_to_itself_exactly() -> None:
    frame = frames_of(IDENTITY)[0]
    found = register(frame, frame)
    assert corner_error(found.transform, IDENTITY, SHAPE) < 1e-3
    assert found.residual < 1e-3
    assert found.reason == ''


@pytest.mark.parametrize(('scale', 'shift'), [
    (1.0, (0.0, 0.0)), (1.03, (0.0, 0.0)), (0.96, (1.0, -2.0)), (1.0, (4.3, -3.6)),
    (1.15, (2.0, 2.0)), (0.87, (-3.0, 1.0))])
def test_scale_and_shift_lead_from_template_to_image(scale, shift) -> None:
    true = similarity(SHAPE, scale, shift)
    found = register(*frames_of(true, noise=1.0))
    assert corner_error(found.transform, true, SHAPE) < 0.2


def test_rotation_is_found_where_there_is_one() -> None:
    true = similarity(SHAPE, 1.02, (1.0, 0.5), 2.5)
    found = register(*frames_of(true))
    assert corner_error(found.transform, true, SHAPE) < 0.2


def test_no_rotation_is_reported_where_there_is_none() -> None:
    found = register(*frames_of(similarity(SHAPE, 1.02, (1.0, 0.5)), noise=2.0))
    assert found.transform[0, 1] == pytest.approx(0, abs=1e-12)
    assert found.transform[1, 0] == pytest.approx(0, abs=1e-12)
    assert found.transform[0, 0] == pytest.approx(found.transform[1, 1])


def test_affine_finds_unequal_scales() -> None:
    true = similarity(SHAPE, 1.0, (1.0, 0.0))
    true[0, 0] = 1.02
    frames = frames_of(true)
    assert corner_error(register(*frames, 'affine').transform, true, SHAPE) < 0.25
    assert corner_error(register(*frames, 'similarity').transform, true, SHAPE) > 0.5


def test_translation_model_finds_nothing_but_the_shift() -> None:
    true = similarity(SHAPE, 1.0, (3.4, -2.2))
    found = register(*frames_of(true), 'translation')
    assert corner_error(found.transform, true, SHAPE) < 0.2
    np.testing.assert_array_equal(found.transform[:2, :2], np.eye(2))


def test_none_keeps_the_start_whatever_moved() -> None:
    frames, start = frames_of(similarity(SHAPE, 1.05, (6, 0))), similarity(SHAPE, 1.1)
    np.testing.assert_array_equal(register(*frames, 'none').transform, IDENTITY)
    np.testing.assert_array_equal(register(*frames, 'none', start=start).transform, start)


def test_transform_survives_a_brightness_change() -> None:
    true = similarity(SHAPE, 1.03, (1.5, 0.5))
    found = register(*frames_of(true, 0.6))
    assert corner_error(found.transform, true, SHAPE) < 0.2


@pytest.mark.parametrize('value', [0, 90, 255])
def test_constant_slices_keep_the_start_and_say_why(value) -> None:
    flat = prepare(np.full(SHAPE, value * 16, np.int16))
    start = similarity(SHAPE, 1.01)
    found = register(flat, flat, start=start)
    np.testing.assert_array_equal(found.transform, start)
    assert 'texture' in found.reason


def test_unrelated_slices_give_no_wild_transform() -> None:
    frames = [prepare((texture(SHAPE, seed=seed) * 16).astype(np.int16)) for seed in (1, 2)]
    found = register(*frames)
    assert corner_error(found.transform, IDENTITY, SHAPE) < 0.6 * max(SHAPE)
    assert np.isfinite(found.transform).all()


def test_images_beyond_full_size_are_aligned_too() -> None:
    shape = (480, 640)
    true = similarity(shape, 1.01, (5.0, -3.0))
    found = register(*frames_of(true, shape=shape))
    assert corner_error(found.transform, true, shape) < 0.2


@pytest.mark.parametrize(('noise', 'found'), [(60.0, True), (400.0, False)])
def test_a_good_first_guess_is_bettered_only_by_levels_fine_enough_for_it(noise, found) -> None:
    # In so much noise the third level of blur tells something, or none but the fourth, whose
    # pixels are 16 of the slices': what it tells is worse than the guess.
    shape, rng = (960, 1000), np.random.default_rng(3)
    plane = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 25.0)
    plane = 120 + 30 * plane / plane.std()
    frames = [prepare(np.rint(16 * (plane + rng.normal(0, noise, shape))).astype(np.int16))
              for _ in range(2)]
    start = similarity(shape, 1.0, (0.5, 0.3))
    placed = Pair(*frames, PortableAlignment()).register('similarity', start, certain=True)
    assert (placed.reason == '') == found
    assert corner_error(placed.transform, IDENTITY, shape) < (0.5 if found else 0.6)


def test_a_look_tells_that_a_fine_texture_is_seen_in_perspective() -> None:
    # Of which coarser levels show nothing.
    shape, rng = (480, 640), np.random.default_rng(3)
    plane = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 1.2)
    plane, true = 120 + 30 * plane / plane.std(), perspective(shape, 2.0, -2.0)
    moved = cv2.warpPerspective(plane, true, shape[::-1], flags=cv2.INTER_CUBIC,
                                borderMode=cv2.BORDER_REFLECT)
    pair = Pair(*(prepare(np.rint(16 * (each + rng.normal(0, 1, shape))).astype(np.int16))
                  for each in (plane, moved)), PortableAlignment())
    found = pair.with_perspective(pair.register(), likely=True)
    assert found is not None
    assert corner_error(found.transform, true, shape) < 0.1


def test_pyramid_halves_exactly_and_keeps_pixel_centres() -> None:
    y, x = np.indices((161, 203))
    grey = (16 * (20 + 0.5 * x + 0.25 * y)).astype(np.int16)
    frame = prepare(grey)
    assert frame.shape == (161, 203)
    assert [level.factor for level in frame.levels] == [1, 2, 4]
    for level in frame.levels:
        height, width = level.grey.shape
        assert (height, width) == (161 // level.factor, 203 // level.factor)
        # Centre of a small pixel in full-size pixels.
        x_full = level.factor * (width // 2) + (level.factor - 1) / 2
        y_full = level.factor * (height // 2) + (level.factor - 1) / 2
        # Levels are nearer to linear in light than grey levels: a power of 1.3 of them.
        expected = (20 + 0.5 * x_full + 0.25 * y_full) / 255
        assert level.grey[height // 2, width // 2] == pytest.approx(255 * expected ** 1.3, abs=0.2)
        slope = 1.3 * expected ** 0.3 * level.factor
        assert level.gradient_x[height // 2, width // 2] == pytest.approx(0.5 * slope, rel=0.02)
        assert level.gradient_y[height // 2, width // 2] == pytest.approx(0.25 * slope, rel=0.02)


def test_sharpness_tells_sharp_from_blurred() -> None:
    sharp = texture(SHAPE)
    half = sharp.copy()
    half[:, 100:] = cv2.GaussianBlur(sharp, (0, 0), 2.0)[:, 100:]
    for level in prepare((half * 16).astype(np.int16)).levels[:1]:
        assert level.sharpness[:, :90].mean() > 2.5 * level.sharpness[:, 110:].mean()


def test_clipped_highlights_do_not_pull() -> None:
    true = similarity(SHAPE, 1.01, (2.0, -1.0))
    stack = make_stack(SHAPE, 2, transforms=[IDENTITY, true])
    template, image = (luma(each) for each in stack.images)
    for grey, x in ((template, 60), (image, 66)):  # highlights that moved by themselves
        for y in range(20, SHAPE[0] - 20, 12):
            grey[y:y + 6, x:x + 10] = 255 * 16
    found = register(prepare(template), prepare(image))
    assert corner_error(found.transform, true, SHAPE) < 0.15
