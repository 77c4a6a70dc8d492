# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of where only the slices next to the index are averaged, although there is noise."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.core.focus.measure import luma, sharpness
from focus_stacking_ros.core.fuse import narrow_gate
from focus_stacking_ros.core.fuse.block_sharpness import sharpest_blocks
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.narrow_gate import narrow_gates, seen
import numpy as np
import pytest

SHAPE = (160, 240)
SHARP = 2  # slice that is in focus
LEFT, RIGHT = np.s_[4:-4, 4:26], np.s_[4:-4, 34:-8]  # blocks


def stack_of(noise: float, texture: float = 1.5, count: int = 5, blur_px: float = 1.0,
             shift: int = 0) -> list[FusionSlice]:
    """Return slices whose left half has a faint texture, the more blurred the farther."""
    rng = np.random.default_rng(4)
    pattern = cv2.GaussianBlur(rng.normal(0, 1, SHAPE), (0, 0), 0.7)
    pattern *= texture / pattern.std()
    pattern[:, SHAPE[1] // 2:] = 0
    slices = []
    for number in range(count):
        sigma = max(blur_px * abs(number - SHARP), 1e-3)
        transform = np.eye(3)
        transform[0, 2] = shift * number
        image = np.roll(cv2.GaussianBlur(pattern, (0, 0), sigma), shift * number, 1)
        image += 128 + rng.normal(0, noise, SHAPE)
        image = np.rint(image * 257).astype(np.uint16)
        slices.append(FusionSlice(image, sharpness(luma(image)), transform, 1.0))
    return slices


def blocks(value: float) -> np.ndarray:
    return np.full((SHAPE[0] // 4, SHAPE[1] // 4), value, np.float32)


def narrow(noise: float, index: float = SHARP, confidence: float = 1.0, reach: int = 1,
           **stack: Any) -> np.ndarray:
    beside, = sharpest_blocks(stack_of(noise, **stack), [blocks(index)], reach)
    found = narrow_gates(beside, blocks(confidence), blocks(noise))
    return np.zeros_like(blocks(0), np.uint8) if found is None else found


@pytest.mark.parametrize('shift', [0, 5])
def test_a_faint_texture_is_told_from_noise_alone(shift: int) -> None:
    found = narrow(0.6, shift=shift)
    assert found[LEFT].mean() > 0.98
    assert found[RIGHT].mean() < 0.01


def test_an_index_beside_the_sharpest_slice_or_unsure_says_nothing() -> None:
    assert narrow(0.6, index=SHARP + 0.6)[LEFT].mean() > 0.98
    assert narrow(0.6, index=SHARP + 1.2)[LEFT].mean() < 0.02
    assert narrow(0.6, confidence=0.51)[LEFT].mean() > 0.98
    assert not narrow(0.6, confidence=0.49).any()


def test_in_a_fine_sweep_more_slices_are_next_to_the_index() -> None:
    fine = {'count': 9, 'blur_px': 0.3}
    assert narrow(0.6, reach=1, **fine)[LEFT].mean() < 0.6
    assert narrow(0.6, reach=3, **fine)[LEFT].mean() > 0.95


def test_a_slice_one_beyond_the_sharpest_enters_a_little() -> None:
    # Of three slices 1 : 0.14 : 0.14 noise of 0.8 is left; without them all of it.
    weights = np.exp(-0.5 * np.square(np.array([-1, 0, 1]) / narrow_gate.NARROWED))
    assert np.sqrt((weights ** 2).sum()) / weights.sum() == pytest.approx(0.8, abs=0.02)


def test_noise_that_is_seen_is_averaged() -> None:
    assert seen(np.float32(0.8)) == pytest.approx(0.5)
    assert seen(np.float32(0.4)) < 0.06
    assert seen(np.float32(1.6)) > 0.94
    assert narrow(0.7, texture=20)[LEFT].mean() > 0.98
    assert not narrow(0.85, texture=20).any()
