# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what happens once per stack, above all where a bright neighbour spreads its light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
import weakref

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.depth.curves import metres
from focus_stacking_ros.core.depth.metric import metric_depth
from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.focus.measure import luma, ring_difference
from focus_stacking_ros.core.focus.noise import noise_sigma
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.stack.estimate import estimate_depth
import focus_stacking_ros.core.stack.finish as finishing
from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS
from focus_stacking_ros.simulation.camera import Sweep
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.reflecting_scenes import rough_metal
from focus_stacking_ros.simulation.render import render_stack
from focus_stacking_ros.simulation.scene import Scene
from helpers.stacks import distances, make_stack, MARGIN, stacked, SyntheticStack, texture
import numpy as np
import pytest

SHAPE = (160, 200)
LABEL, BOARD = 2.0, 3.0  # slices in which they are sharp: the label is nearer


def bright_label_over_dark_board(
        contrast: float = 8.0, slices: int = 7) -> tuple[SyntheticStack, np.ndarray]:
    """
    Render a bright label just above a dark, faintly textured board.

    In the slices beyond the board the label's blurred light spreads widely over the board; in the
    slice that shows the board sharp it reaches three pixels. Returns the stack and the mask of
    the board 4 to 14 pixels beside the label.
    """
    board = 30 + (texture(SHAPE, contrast=contrast) - 120)
    label = 200 + (texture(SHAPE, contrast=12.0, seed=7) - 120)
    cover = np.zeros(SHAPE, np.float32)
    cover[60:100, 70:130] = 1
    images = []
    for number in range(slices):
        sigma_board, sigma_label = (1.3 * abs(number - index) for index in (BOARD, LABEL))
        alpha, light = (blurred(plane, sigma_label) for plane in (cover, label * cover))
        seen = light + (1 - alpha) * blurred(board, sigma_board)
        images.append(np.rint(np.clip(seen, 0, 255)).astype(np.uint8))
    truth = np.where(cover > 0, label, board).astype(np.float32)
    index = np.where(cover > 0, LABEL, BOARD).astype(np.float32)
    stack = SyntheticStack(images, distances(slices), truth, index, [np.eye(3)] * slices,
                           [1.0] * slices)
    grown = [cv2.dilate(cover, np.ones((2 * n + 1, 2 * n + 1))) > 0 for n in (4, 14)]
    return stack, grown[1] & ~grown[0]


def blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), sigma) if sigma > 0 else plane


@pytest.mark.parametrize('contrast', [1.0, 8.0])
def test_a_bright_neighbour_leaves_no_halo_on_a_dark_board(contrast) -> None:
    stack, rim = bright_label_over_dark_board(contrast)
    # In the last slice the label's light raises the rim by tens of grey levels.
    assert (stack.images[-1] - stack.all_in_focus)[rim].max() > 20
    result = stacked(stack, alignment_model='none')
    glow = result.all_in_focus - stack.all_in_focus
    assert abs(np.mean(glow[rim])) < 0.53
    assert np.percentile(np.abs(glow[rim]), 95) < 3
    assert np.mean(np.abs(glow[stack.index == LABEL])) < 2
    assert np.median(np.abs(result.slice_index - BOARD)[rim]) < 0.2
    assert np.median(np.abs(result.slice_index - LABEL)[70:90, 80:120]) < 0.2


def test_light_is_kept_off_where_the_texture_is_too_faint_for_a_confident_depth() -> None:
    stack, rim = bright_label_over_dark_board(0.2)
    result = stacked(stack, alignment_model='none')
    glow = result.all_in_focus - stack.all_in_focus
    assert np.percentile(np.abs(glow[rim]), 95) < 7


def test_a_plain_average_would_leave_one() -> None:
    # The scene above can tell: weights by sharpness alone let the light through.
    stack, rim = bright_label_over_dark_board(1.0)
    glow = stacked(stack, alignment_model='none', method='streaming'
                   ).all_in_focus - stack.all_in_focus
    assert np.percentile(np.abs(glow[rim]), 95) > 2


def test_confidence_is_lower_at_the_rim_of_a_jump() -> None:
    index = np.full((160 + 2 * MARGIN, 200 + 2 * MARGIN), 1.0, np.float32)
    index[:, MARGIN + 100:] = 5.0
    result = stacked(make_stack(SHAPE, 7, index=index), alignment_model='none')
    rim, far = np.s_[10:-10, 96:104], np.s_[10:-10, 20:70]
    assert result.confidence[rim].mean() < 0.6 * result.confidence[far].mean()


@pytest.mark.parametrize(('reference', 'rank'), [('nearest', 0), ('middle', 3), ('farthest', 5)])
@pytest.mark.parametrize('slices', [6])
def test_reference_by_rank(reference, rank, slices) -> None:
    result = stacked(make_stack((60, 80), slices), reference=reference)
    assert result.reports[result.reference].rank == rank


def test_noise_is_told_in_8_bit_grey_levels() -> None:
    for dtype in (np.uint8, np.uint16):
        stack = make_stack((120, 160), 5, noise=3.0, dtype=dtype)
        assert stacked(stack).noise_sigma == pytest.approx(3.0, rel=0.2)
        assert stacked(stack).noise_sigma == min(noise_sigma(luma(i)) for i in stack.images)


def test_notes_are_empty_where_there_is_nothing_to_say() -> None:
    assert stacked(make_stack((60, 80), 4)).notes == ()


def test_noise_of_a_result_is_that_of_the_luma_whatever_the_operator_measures() -> None:
    # Luma of 12 bit averages the channels' independent noise.
    stack = make_stack((120, 160), 4, channels=3, noise=4.0)
    for operator in ('log_norm', 'ring_difference'):
        result = stacked(stack, alignment_model='none', focus_measure_operator=operator)
        assert result.noise_sigma == pytest.approx(4.0 * 0.67, rel=0.1)


def test_the_deviation_of_the_depth_holds_for_most_of_it() -> None:
    stack = make_stack(SHAPE, 7, noise=2.0)
    result = stacked(stack, alignment_model='none')
    true = metres(stack.index, stack.distances)
    known = np.isfinite(result.depth_m)
    assert known.mean() > 0.8
    np.testing.assert_array_equal(np.isfinite(result.depth_std_m), known)
    share = (np.abs(result.depth_m - true) <= 2 * result.depth_std_m)[known].mean()
    assert share > 0.8
    # Nor is it so great that it says nothing: the plane runs through all of the sweep.
    assert np.median(result.depth_std_m[known]) < 0.1 * (true.max() - true.min())


@pytest.mark.parametrize(('blur', 'narrowed'), [(6.0, True), (1.0, False)])
def test_a_neighbour_far_out_of_focus_is_gated_more_narrowly(blur, narrowed, monkeypatch) -> None:
    """Of a pair whose slices lie farther apart than the focus curve is wide."""
    sharp = texture((160, 240), seed=3)
    soft = cv2.GaussianBlur(sharp, (0, 0), blur)
    left = np.arange(240)[None] < 120
    widest = []

    def job(slices, guide, power):
        widest.append(float(guide.full().widest.min()))
        return FusionJob(slices, guide, power)

    monkeypatch.setattr(finishing, 'FusionJob', job)
    stacker = FocusStacker(StackOptions(alignment_model='none'))
    for image in (np.where(left, sharp, soft), np.where(left, soft, sharp)):
        stacker.add(image.astype(np.uint8))
    stacker.finish()
    gate = StackOptions().fusion_depth_gate
    assert (widest[0] < 0.7 * gate) == narrowed


def test_blur_at_the_width_of_the_focus_curve_is_that_at_which_responses_fall_so_far() -> None:
    # Texture as a lens leaves it, of a point spread of a pixel; the curve is a normal one.
    sharp = blurred(texture((200, 200)), 1.0)
    sigmas = np.linspace(0.1, 3, 59)
    left = [ring_difference(np.rint(16 * blurred(sharp, sigma)).astype(np.int16)).mean()
            for sigma in sigmas]
    sharpest = ring_difference(np.rint(16 * sharp).astype(np.int16)).mean()
    found = np.interp(-np.exp(-0.5), -np.asarray(left) / sharpest, sigmas)
    assert found == pytest.approx(finishing._BLUR_OF_SPAN_PX, rel=0.1)


def noise_left(scene: Callable[[int, tuple[int, int]], Scene], read_noise: float) -> float:
    """Return by how many dB the all-in-focus image of a rendered scene is off."""
    stack = render_stack(scene(3, (180, 240)), replace(
        BUILT_IN_LENS, breathing=0.0, read_noise=read_noise), Sweep.between(0.2427, 0.2508, 8), 3)
    stacker = FocusStacker(StackOptions(alignment_model='none'))
    for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
        stacker.add(image, distance)
    off = stacker.finish().all_in_focus.astype(float) - stack.all_in_focus
    return float(10 * np.log10(np.mean(np.square(off[16:-16, 16:-16]))))


@pytest.mark.parametrize(('scene', 'read_noise', 'bound'), [
    (rough_metal, 0.3, -0.15), (circuit_board, 6.0, 0.1)])
def test_blur_holds_slices_back_as_far_as_that_gains(scene, read_noise, bound, monkeypatch
                                                     ) -> None:
    """Rough metal is nearer to the truth for it; a noisy board would not be for more of it."""
    # By itself: where narrow gates hold slices back, it has less to do.
    monkeypatch.setattr(finishing, 'guide_by_blocks', lambda *_: None)
    found = noise_left(scene, read_noise)
    monkeypatch.setattr(finishing, '_HELD_BACK', 1e3)
    assert found - noise_left(scene, read_noise) < bound


def test_a_faint_texture_keeps_its_contrast_where_noise_is_not_seen() -> None:
    rng = np.random.default_rng(1)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (240, 320)), (0, 0), 1.2)
    texture *= 0.7 / texture.std()  # grey levels, beside noise of 0.45
    stacker = FocusStacker(StackOptions(alignment_model='none'))
    for number in range(7):
        sigma = 0.8 * abs(number - 3.2)
        image = 128 + cv2.GaussianBlur(texture, (0, 0), sigma) + rng.normal(0, 0.45, texture.shape)
        stacker.add(np.clip(np.rint(image), 0, 255).astype(np.uint8))

    def fine(image: np.ndarray) -> np.ndarray:
        return (image - cv2.GaussianBlur(image, (0, 0), 1.5))[20:-20, 20:-20]

    found = fine(stacker.finish().all_in_focus.astype(float))
    expected = fine(cv2.GaussianBlur(texture, (0, 0), 0.8 * 0.2))
    assert (found * expected).sum() / (expected ** 2).sum() > 0.97


def test_what_lies_behind_the_last_slice_is_taken_from_there() -> None:
    """It is soft everywhere, and the depth around it is another one."""
    rng = np.random.default_rng(2)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (240, 320)), (0, 0), 1.0)
    texture *= 12 / texture.std()
    behind = np.s_[90:150, 120:200]
    stacker = FocusStacker(StackOptions(alignment_model='none'))
    for number in range(7):
        image = 128 + cv2.GaussianBlur(texture, (0, 0), 1e-3 + 0.8 * abs(number - 2))
        far = 128 + 3 * cv2.GaussianBlur(texture, (0, 0), 0.8 * (9 - number))
        image[behind] = far[behind]
        last = image
        stacker.add(np.clip(np.rint(image + rng.normal(0, 1.5, image.shape)), 0, 255
                            ).astype(np.uint8))
    found = stacker.finish().all_in_focus.astype(float)
    inner = np.s_[98:142, 128:192]
    expected = (last - cv2.GaussianBlur(last, (0, 0), 6))[inner]
    assert (((found - cv2.GaussianBlur(found, (0, 0), 6))[inner] * expected).sum()
            / (expected ** 2).sum()) > 0.8


@pytest.mark.parametrize('method', ['default', 'quality'])
def test_slices_are_gone_before_the_depth_is_laid_out(method, monkeypatch) -> None:
    stack = make_stack((60, 80), 4)
    stacker, alive = FocusStacker(StackOptions(method=method)), []
    for number, distance in enumerate(stack.distances):
        image = stack.images[number].copy()
        alive.append(weakref.ref(image))
        stacker.add(image, distance)
    del image
    left = []

    def recording(*arguments: Any) -> FloatImage:
        left.extend(ref for ref in alive if ref() is not None)
        return metric_depth(*arguments)

    monkeypatch.setattr(finishing, 'metric_depth', recording)
    result = stacker.finish()
    assert len(result.reports) == 4
    assert not left


def test_planes_that_only_the_fusion_needs_are_gone_when_jumps_are_looked_for(monkeypatch) -> None:
    stack = make_stack((60, 80), 4)
    stacker, alive, left = FocusStacker(StackOptions()), [], []
    for image, distance in zip(stack.images, stack.distances, strict=True):
        stacker.add(image, distance)

    def estimating(*arguments: Any) -> Any:
        estimate = estimate_depth(*arguments)
        alive.extend(weakref.ref(plane) for plane in (
            estimate.index, estimate.confidence, estimate.calm, estimate.continuity))
        return estimate

    def laying_out(*arguments: Any) -> Any:
        planes = doubled(*arguments)
        if not left:
            left.append(sum(ref() is not None for ref in alive))
        return planes

    monkeypatch.setattr(finishing, 'estimate_depth', estimating)
    monkeypatch.setattr(finishing, 'doubled', laying_out)
    assert stacker.finish().depth_m.shape == (60, 80)
    assert len(alive) == 4
    assert left == [2]  # those that are laid out, which the caller holds
