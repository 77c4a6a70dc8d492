# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of soft structures that an unsure index has missed."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import coarse_sharpness, halved, luma, sharpness
from focus_stacking_ros.core.fuse.block_sharpness import sharpest_blocks, TOLD
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.greatest_blocks import SMOOTHED
from focus_stacking_ros.core.fuse.job import NOISE_SHARPNESS
from focus_stacking_ros.core.fuse.soft_structure import (
    BLURRED,
    soft_structure,
    SoftStructure,
    STANDS_OUT,
)
import numpy as np
import pytest

SHAPE = (160, 240)
BLOCKS = (SHAPE[0] // 4, SHAPE[1] // 4)
LAST, NOISE = 4, 1.5
LEFT, RIGHT = np.s_[3:-3, 3:26], np.s_[3:-3, 36:-3]
Stack = tuple[list[FusionSlice], list[np.ndarray]]


def stack_of(contrast: float = 6.0, shift: int = 0, step_px: float = 1.5) -> Stack:
    """
    Return slices whose left half has a soft structure, sharpest in the last, and noise.

    :param step_px: blur of one slice more, pixels
    """
    rng = np.random.default_rng(7)
    pattern = cv2.GaussianBlur(rng.normal(0, 1, SHAPE), (0, 0), 3.0)
    pattern *= contrast / pattern.std()
    pattern[:, SHAPE[1] // 2:] = 0
    slices, coarse = [], []
    for number in range(LAST + 1):
        image = cv2.GaussianBlur(pattern, (0, 0), 1e-3 + step_px * (LAST - number))
        image = np.roll(image, shift * number, 1) + 128 + rng.normal(0, NOISE, SHAPE)
        grey = luma(np.rint(image * 257).astype(np.uint16))
        transform = np.eye(3)
        transform[0, 2] = shift * number
        slices.append(FusionSlice(grey, sharpness(grey), transform, 1.0))
        coarse.append(coarse_sharpness(halved(grey)))
    return slices, coarse


def plane(value: float) -> np.ndarray:
    return np.full(BLOCKS, value, np.float32)


def found(stack: Stack, index: float = 1.0, confidence: float = 0.0, reach: int = 1
          ) -> SoftStructure | None:
    return soft_structure(*stack, plane(index), plane(confidence), plane(NOISE), reach)


def share(soft: SoftStructure | None) -> float:
    return 0.0 if soft is None else float(soft.told[LEFT].mean())


@pytest.mark.parametrize('shift', [0, 8])
def test_a_soft_structure_tells_the_slice_it_is_sharpest_in(shift: int) -> None:
    soft = found(stack_of(shift=shift))
    assert soft is not None
    assert soft.told[LEFT].mean() > 0.9
    assert (soft.index[soft.told] == LAST).mean() > 0.95
    assert soft.told[RIGHT].mean() < 0.01


def test_noise_alone_tells_nothing() -> None:
    soft = found(stack_of(contrast=0.0))
    assert soft is None or soft.told.mean() < 0.001


def test_noise_differs_by_a_fifth_of_what_is_told() -> None:
    _, coarse = stack_of(contrast=0.0)
    planes = np.array([cv2.GaussianBlur(each.astype(np.float32), SMOOTHED, 0) for each in coarse])
    error = (planes[1:] - planes[:-1])[:, 3:-3, 3:-3].std() / (NOISE * NOISE_SHARPNESS)
    assert 5 * error == pytest.approx(STANDS_OUT, rel=0.15)


def test_an_index_that_is_sure_or_right_stays() -> None:
    stack = stack_of()
    assert found(stack, confidence=0.5) is None
    assert found(stack, confidence=0.49) is not None
    fine = stack_of(step_px=0.7)
    assert share(found(fine, index=LAST - 0.6)) < 0.05
    assert share(found(fine, index=LAST - 1.8, reach=2)) < 0.05
    assert share(found(fine, index=LAST - 3.2)) > 0.5


def test_between_two_slices_of_a_coarse_sweep_the_sharper_one_is_told() -> None:
    slices, coarse = stack_of(step_px=3.0)
    pair = slices[-2:], coarse[-2:]
    soft = found(pair, index=0.3)
    assert soft is not None
    assert soft.told[LEFT].mean() > 0.9
    assert (soft.index[soft.told] == 1).mean() > 0.95
    assert soft.told[RIGHT].mean() < 0.01
    assert found(pair, index=0.3, reach=2) is None


def test_a_slice_that_has_no_data_is_not_the_sharpest() -> None:
    slices, coarse = stack_of()
    without = np.full(SHAPE, 255, np.uint8)
    without[:80] = 0
    last = slices[LAST]
    slices[LAST] = FusionSlice(last.image, last.sharpness, last.transform, 1.0, without)
    soft = found((slices, coarse))
    assert soft is not None
    assert (soft.index[22:] == LAST)[:, 3:26].mean() > 0.9
    assert (soft.index[:18] < LAST).all()


def test_beyond_its_rim_a_slice_is_not_the_sharpest() -> None:
    slices, coarse = stack_of()
    away = np.eye(3)
    away[1, 2] = -80.0
    last = slices[LAST]
    slices[LAST] = FusionSlice(last.image, last.sharpness, away, 1.0)
    soft = found((slices, coarse))
    assert soft is not None
    assert (soft.index[:18] < LAST).all()


def defocused(image: np.ndarray, radius_px: float) -> np.ndarray:
    """Return an image blurred by a circular aperture."""
    side = int(np.ceil(radius_px)) + 1
    disc = np.clip(radius_px + 0.5 - np.hypot(*np.mgrid[-side:side + 1, -side:side + 1]), 0, 1)
    return np.asarray(cv2.filter2D(image, -1, disc / disc.sum()))


def grey_of(image: np.ndarray) -> np.ndarray:
    return luma(np.rint(image * 257).astype(np.uint16))


def test_blur_lowers_the_sharpness_of_a_step_as_it_says() -> None:
    step = np.full((160, 160), 90.0)
    step[:, 80:] = 190.0

    def greatest(image: np.ndarray) -> float:
        return float(cv2.GaussianBlur(coarse_sharpness(halved(grey_of(image))), SMOOTHED, 0).max())

    for blocks, factor in BLURRED:
        found = greatest(step) / greatest(defocused(step, 4 * blocks))
        assert found == pytest.approx(factor, rel=0.1)
    assert greatest(step) / greatest(defocused(step, 8)) < 1.5


def test_the_rim_of_something_blurred_is_no_structure() -> None:
    dots = np.full(SHAPE, 100.0)
    for column in range(40, 240, 80):
        cv2.circle(dots, (column, 80), 9, (240.0,), -1)
    away = cv2.dilate((dots > 100).astype(np.uint8), np.ones((17, 17)))[::4, ::4] == 0

    def told(first: np.ndarray) -> int:
        rng = np.random.default_rng(5)
        greys = [grey_of(image + rng.normal(0, NOISE, SHAPE)) for image in (
            first, defocused(dots, 13.0))]
        soft = found(([FusionSlice(grey, sharpness(grey), np.eye(3), 1.0) for grey in greys],
                      [coarse_sharpness(halved(grey)) for grey in greys]), index=0.0)
        return 0 if soft is None else int(np.count_nonzero((soft.told & (soft.index == 1))[away]))

    # Where no slice shows the dots sharply their discs are all there is.
    assert told(np.full(SHAPE, 100.0)) > 100
    assert told(dots) == 0


def test_a_darker_slice_is_as_sharp_as_its_gain_makes_it() -> None:
    slices, _ = stack_of(contrast=0.0)
    plain, dark = np.full(BLOCKS, 40, np.uint8), np.full(BLOCKS, 30, np.uint8)
    slices[3] = FusionSlice(slices[3].image, slices[3].sharpness, np.eye(3), (2.0, 2.0, 2.0))
    soft = soft_structure(slices, [plain, plain, plain, dark, plain], plane(0), plane(0),
                          plane(NOISE), 1)
    assert soft is not None
    assert soft.told.all()
    assert (soft.index == 3).all()


def test_a_finer_sharpness_belies_what_a_coarser_one_tells() -> None:
    slices, coarse = stack_of()
    soft = found((slices, coarse))
    assert soft is not None
    level = NOISE * NOISE_SHARPNESS

    def left(lead: float) -> float:
        before = [FusionSlice(item.image, np.full(SHAPE, 50, np.uint8), item.transform, 1.0)
                  for item in slices]
        before[1] = FusionSlice(slices[1].image, np.full(SHAPE, 50 + round(lead * level),
                                                         np.uint8), np.eye(3), 1.0)
        beside, = sharpest_blocks(before, [soft.index], 1)
        kept = soft.unless(beside, plane(NOISE))
        return 0.0 if kept is None else float(kept.told[LEFT].mean())

    assert left(0.8 * TOLD) > 0.9
    assert left(2 * TOLD) == 0


def test_a_block_alone_follows_those_around() -> None:
    told = np.zeros(BLOCKS, bool)
    told[10, 10] = told[20:30, 20:30] = True
    slices, _ = stack_of()
    beside, = sharpest_blocks(slices, [plane(0)], LAST + 1)
    kept = SoftStructure(plane(3), told).unless(beside, plane(NOISE))
    assert kept is not None
    assert not kept.told[10, 10]
    assert kept.told[21:29, 21:29].all()


def test_the_index_goes_there_by_a_ramp() -> None:
    told = np.zeros(BLOCKS, bool)
    told[:, :20] = True
    half = np.zeros((SHAPE[0] // 2, SHAPE[1] // 2), np.float32)
    index, sure = SoftStructure(plane(LAST), told).into(half, half)
    assert (index[:, :38] == LAST).all()
    assert (sure[:, :38] == 1).all()
    assert (index[:, 46:] < 0.01 * LAST).all()
    assert (sure[:, 46:] < 0.01).all()
    # Steeper it would be seen as an edge, flatter it would reach into what is right.
    assert 0.5 < np.abs(np.diff(index, axis=1)).max() < 0.3 * LAST
