# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a coarser sharpness tells where the finer one sees only noise."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.fuse.faint import coarser_where_faint, faintness
from focus_stacking_ros.core.fuse.job import NOISE_SHARPNESS
from helpers.camera_noise import camera_noise
from helpers.stacks import similarity
import numpy as np
import pytest

SHAPE = (81, 102)
NOISE = 2.0


def plane(value: float, kind: type = np.float32) -> np.ndarray:
    return np.full(SHAPE, value, kind)


def share_of(sharpest: float, calm: float = 1.0) -> np.ndarray | None:
    return faintness(*(np.full((21, 26), value, kind) for value, kind in (
        (sharpest, np.uint8), (NOISE, np.float32), (calm, np.float32))))


def test_where_sharpness_is_that_of_noise_the_coarser_one_decides() -> None:
    share = share_of(NOISE_SHARPNESS * NOISE)
    assert share is not None
    assert (share.shape, share.dtype) == ((21, 26), np.uint8)
    assert (share == 255).all()


@pytest.mark.parametrize(('sharpest', 'calm'), [
    (3 * NOISE_SHARPNESS * NOISE, 1.0), (NOISE_SHARPNESS * NOISE, 0.01)])
def test_a_fine_structure_or_a_change_of_brightness_leaves_it_no_say(sharpest, calm) -> None:
    assert share_of(sharpest, calm) is None


def test_a_share_falls_as_the_fine_structure_rises() -> None:
    shares = [float(share.mean()) for share in map(share_of, (7, 9, 11, 13, 15))
              if share is not None]
    assert len(shares) > 2
    assert (np.diff(shares) < 0).all()


def test_sharpness_is_mixed_by_the_share_where_the_slice_lies() -> None:
    share = np.zeros((21, 26), np.uint8)
    share[5:15, 5:15] = 255
    coarse = np.full((21, 26), 90, np.uint8)
    mixed = coarser_where_faint(plane(30, np.uint8), coarse, share,
                                similarity(SHAPE, shift=(8, 0)))
    assert (mixed[24:56, 32:64] == 90).all()
    assert (mixed[:16] == 30).all()
    assert (mixed[:, :24] == 30).all()
    assert (mixed[:, 74:] == 30).all()


def test_what_is_not_faint_keeps_every_bit() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    coarse = np.full((21, 26), 90, np.uint8)
    assert coarser_where_faint(sharp, coarse, np.zeros((21, 26), np.uint8), np.eye(3)) is sharp


def test_where_a_slice_has_no_data_it_has_no_sharpness() -> None:
    valid = plane(255, np.uint8)
    valid[:, :40] = 0
    mixed = coarser_where_faint(plane(0, np.uint8), np.full((21, 26), 90, np.uint8),
                                np.full((21, 26), 255, np.uint8), np.eye(3), valid)
    assert (mixed[:, :40] == 0).all()
    assert (mixed[:, 40:] == 90).all()


def test_a_soft_structure_fainter_than_noise_is_taken_from_its_slice() -> None:
    rng = np.random.default_rng(0)
    shape = (192, 256)
    soft = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 3.0)
    soft *= 3.0 / soft.std()
    blurred = cv2.GaussianBlur(soft, (0, 0), 5.0)
    slices = [np.clip(np.rint(120 + part + 2 * rng.standard_normal(shape)), 0, 255).astype(
        np.uint8) for part in (np.hstack([soft[:, :128], blurred[:, 128:]]),
                               np.hstack([blurred[:, :128], soft[:, 128:]]))]
    stacker = FocusStacker()
    for image in slices:
        stacker.add(image)
    image = stacker.finish().all_in_focus.astype(float) - 120
    inside = np.r_[16:112, 144:240]
    kept = (image * soft)[16:-16, inside].mean() / np.square(soft[16:-16, inside]).mean()
    assert kept > 0.85


@pytest.mark.parametrize(('texture', 'least', 'most'), [
    (0.0, 0.9, 1.0), (NOISE, 0.4, 0.7), (3 * NOISE, 0.0, 0.01)])
def test_a_texture_as_strong_as_the_noise_leaves_it_half_its_say(texture, least, most) -> None:
    """Of four slices, in one of which it is in focus; noise alone leaves all."""
    greatest = np.zeros((160, 240), np.uint8)
    for seed, level in enumerate((np.hypot(NOISE, texture), NOISE, NOISE, NOISE)):
        grey = np.rint(16 * (camera_noise(level, greatest.shape, seed) + 128)).astype(np.int16)
        greatest = cv2.max(greatest, sharpness(grey))
    sharpest = cv2.resize(greatest, (60, 40), interpolation=cv2.INTER_AREA)
    share = faintness(sharpest, *(np.full(sharpest.shape, value, np.float32)
                                  for value in (NOISE, 1.0)))
    assert least <= (0 if share is None else float(share.mean()) / 255) <= most
