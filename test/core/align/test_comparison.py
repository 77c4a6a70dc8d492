# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the comparison of two slices at full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from focus_stacking_ros.core.align.comparison import compare, Comparison
from focus_stacking_ros.core.align.detail import Detail, LEVELS
from focus_stacking_ros.core.align.motion import parameters_of
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS
from focus_stacking_ros.simulation.camera import Sweep
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.render import render_stack, SimulatedStack
from helpers.stacks import make_stack, MARGIN, similarity, texture
import numpy as np
import pytest

SHAPE = (240, 320)
CENTRE, UNIT = (159.5, 119.5), 160.0


def compared(images: Sequence[np.ndarray], start: np.ndarray, levels: int = 1) -> Comparison:
    stages = PortableAlignment()
    details = [Detail.of(stages.prepare(luma(image), levels), luma(image)) for image in images]
    found = compare(stages, *details, start, 'scale')
    assert found is not None
    return found


@pytest.mark.parametrize(('shape', 'least', 'most'), [
    ((240, 320), 50_000, 66_000), ((400, 500), 27_000, 33_000), ((720, 960), 54_000, 66_000)])
def test_half_of_the_sharpest_pixels_enter_where_they_are_many(shape, least, most) -> None:
    images = make_stack(shape, 2, noise=1.0).images
    stages = PortableAlignment()
    details = [Detail.of(stages.prepare(luma(image), 1), luma(image)) for image in images]
    found = stages.compare(*details, np.eye(3), 'scale', judged=True)
    assert found is not None
    assert found.local is not None
    assert least <= found.local[:, 0].sum() <= most


def left_by(found: Comparison, start: np.ndarray) -> np.ndarray:
    """Return the parameters by which the transform is still off; the true one is the identity."""
    return found.step_from(start) - parameters_of(
        'scale', np.linalg.inv(start) - np.eye(3), CENTRE, UNIT)


@pytest.fixture(scope='module')
def board() -> SimulatedStack:
    """Return two neighbours of a stack of a circuit board, with no shift between them."""
    return render_stack(circuit_board(1, (540, 720)), BUILT_IN_LENS,
                        Sweep((0.2459, 0.2466)), reference='first')


# From near it is .02 and more with half the robust scales, from farther away .08 and more with
# half the steps; the two libraries' versions blur a little differently.
@pytest.mark.parametrize(('shift', 'bound'), [
    ((0.5, 0.0), 0.015), ((-0.4, 0.4), 0.015), ((0.0, -0.5), 0.015), ((0.0, -1.5), 0.035)])
def test_a_comparison_leads_to_the_same_place_wherever_it_starts(board, shift, bound) -> None:
    shape = board.depth_m.shape
    start = board.transforms[1] @ similarity(shape, 1.001, shift)
    found = compared(board.slices, start)
    true = parameters_of('scale', np.linalg.inv(start) @ board.transforms[1] - np.eye(3),
                         (359.5, 269.5), 360.0)
    assert np.abs(found.step_from(start) - true).max() < bound


def test_few_sharp_parts_close_together_tell_little_of_a_magnification() -> None:
    deviations = []
    for sharp_part in (1.0, 0.25):
        index = np.full((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN), 3.0, np.float32)
        high, wide = (MARGIN + int(sharp_part * side) for side in SHAPE)
        index[:high, :wide] = 0.5
        found = compared(make_stack(SHAPE, 2, index=index, noise=1.0).images, np.eye(3))
        deviations.append(np.sqrt(np.diag(np.linalg.inv(found.information)))[2])
    assert deviations[1] > 4 * deviations[0]


def in_part(blur: float, of_part: float, moved: float, part_moved: float) -> list[np.ndarray]:
    """Return two slices of blurred texture, an eighth of them of another blur."""
    rng = np.random.default_rng(5)
    white, part = rng.normal(0, 1, SHAPE).astype(np.float32), np.s_[100:200, 120:220]

    def seen(sigma: float, shift: float) -> np.ndarray:
        plane = cv2.GaussianBlur(white, (0, 0), sigma)
        to = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]])
        return cv2.warpAffine(120 + 30 * plane / plane.std(), to, SHAPE[::-1],
                              flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)

    slices = []
    for share in (0.0, 1.0):
        plane = seen(blur, share * moved)
        plane[part] = seen(of_part, share * part_moved)[part]
        slices.append((plane + rng.normal(0, 0.5, SHAPE)).clip(0, 255).astype(np.uint8))
    return slices


@pytest.mark.parametrize('of_part', [1.3, 1.6])
def test_in_a_blurred_picture_few_sharp_structures_do_not_count_for_all(of_part) -> None:
    # Defocus displaces structures beside each other alike: weighted by the square of their
    # sharpness these lead all of the picture astray, by .09.
    found = compared(in_part(3.0, of_part, 0.0, 0.1), np.eye(3))
    assert np.abs(found.step_from(np.eye(3))).max() < 0.03


def test_in_a_sharp_picture_the_sharpest_structures_count_most() -> None:
    found = compared(in_part(2.0, 0.9, 0.1, 0.0), np.eye(3))
    assert np.abs(found.step_from(np.eye(3))).max() < 0.03


@pytest.mark.parametrize('gamma', [1.0, 2.2])
def test_edges_stay_where_they_are_however_the_camera_encodes_light(gamma) -> None:
    # Bright discs around the centre: as they blur, their edges seem to move outwards.
    rng = np.random.default_rng(3)
    light = np.full(SHAPE, 0.04, np.float32)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    light[np.hypot(x - 159.5, y - 119.5) < 80] = 0.7
    light *= 1 + 0.1 * (texture(SHAPE, contrast=1.0) - 120)
    images = []
    for blur in (0.7, 1.6):
        spread = np.clip(cv2.GaussianBlur(light, (0, 0), blur), 0, 1) ** (1 / gamma)
        images.append((255 * spread + rng.normal(0, 1, SHAPE)).clip(0, 255).astype(np.uint8))
    assert abs(left_by(compared(images, np.eye(3)), np.eye(3))[2]) < 0.1


@pytest.fixture(scope='module')
def noisy_blur() -> list[np.ndarray]:
    """Return two slices of one blur, with noise that only bright parts have."""
    rng = np.random.default_rng(4)
    plane = cv2.GaussianBlur(rng.normal(0, 1, (480, 640)), (0, 0), 8.0)
    plane = 120 + 40 * plane / plane.std()
    sigma = np.where(plane < 110, 1.0, 6.0)
    return [(plane + sigma * rng.normal(0, 1, plane.shape)).clip(0, 255).astype(np.uint8)
            for _ in range(2)]


def test_noise_is_no_detail_that_makes_a_comparison_certain(noisy_blur) -> None:
    noisy = compared(noisy_blur, np.eye(3))
    clean = compared(make_stack((480, 640), 2, noise=1.0).images, np.eye(3))
    assert noisy.deviation > 10 * clean.deviation


def test_where_only_blur_is_shared_a_coarser_level_tells_more(noisy_blur) -> None:
    start = similarity((480, 640), 1.001, (0.4, 0.3))
    one, some = (compared(noisy_blur, start, levels) for levels in (1, LEVELS))
    assert some.deviation < one.deviation / 2
    assert np.abs(some.step_from(np.eye(3))).max() < 3 * some.deviation


class Looked(PortableAlignment):
    """Notes which levels are compared, by their factor."""

    def __init__(self) -> None:
        self.at: list[int] = []

    def compare(self, template: Detail, *others: Any, **more: Any) -> Any:
        """Compare, and note it."""
        self.at.append(template.level.factor)
        return super().compare(template, *others, **more)


@pytest.mark.parametrize(('levels', 'is_blurred', 'looked'), [
    (LEVELS, False, [1, 2]), (LEVELS, True, [2]), (1, True, [1])])
def test_a_level_known_to_be_blurred_is_left_out_where_there_is_a_coarser_one(
        noisy_blur, levels, is_blurred, looked) -> None:
    stages = Looked()
    details = [Detail.of(stages.prepare(luma(image), levels), luma(image))
               for image in noisy_blur]
    found = compare(stages, *details, np.eye(3), 'scale', is_blurred=is_blurred)
    assert found is not None
    assert [factor for factor in stages.at if factor < 4] == looked
    assert found.is_coarse == (levels > 1)
    assert (found.shared == 0) == (is_blurred and levels > 1)
