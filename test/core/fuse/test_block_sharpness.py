# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how sharp slices are over blocks of pixels."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.fuse.block_sharpness import in_blocks, sharpest_blocks, TOLD
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.greatest_blocks import block_sums, SharpestBlocks, SMOOTHED
from focus_stacking_ros.core.fuse.job import NOISE_SHARPNESS
from helpers.camera_noise import camera_noise
import numpy as np
import pytest


@pytest.mark.parametrize('shape', [(1, 1), (4, 4), (5, 7), (33, 66)])
def test_blocks_are_summed_up_with_the_rim_beyond_it(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    padded = np.pad(plane, [(0, -side % 4) for side in shape], mode='edge').astype(int)
    expected = padded.reshape(len(padded) // 4, 4, -1, 4).sum((1, 3))
    found = block_sums(plane)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, expected)


def test_noise_alone_differs_by_less_than_what_is_told() -> None:
    # Two standard errors of a difference: a coarser rule would take noise for texture.
    planes = [sharpness(np.rint((camera_noise(0.6, (160, 240), seed) + 128) * 16).astype(np.int16))
              for seed in range(9)]
    means = np.array([cv2.GaussianBlur(block_sums(each), SMOOTHED, 0) / 16 for each in planes])
    error = (means[1:] - means[:-1])[:, 3:-3, 3:-3].std() / (0.6 * NOISE_SHARPNESS)
    assert 2 * error == pytest.approx(TOLD, rel=0.15)


def flat(values: list[int]) -> list[FusionSlice]:
    """Return slices of one sharpness each."""
    return [FusionSlice(np.zeros((24, 32), np.uint8), np.full((24, 32), value, np.uint8),
                        np.eye(3), 1.0) for value in values]


@pytest.mark.parametrize(('index', 'reach', 'near', 'far'), [
    (1.0, 1, 30, 40), (1.5, 1, 30, 40), (2.2, 1, 40, 30), (1.0, 2, 30, 40), (1.5, 2, 40, 0),
    (0.0, 1, 20, 40)])
def test_slices_next_to_an_index_are_apart_from_the_others(index, reach, near, far) -> None:
    found, = sharpest_blocks(flat([20, 30, 10, 40]), [np.full((6, 8), index, np.float32)], reach)
    assert (found.near == 16 * near).all()
    assert (found.far == 16 * far).all()
    assert (found.lead() == near - far).all()


def test_indices_are_told_apart_block_by_block() -> None:
    first, second = np.zeros((6, 8), np.float32), np.full((6, 8), 3, np.float32)
    found = sharpest_blocks(flat([20, 30, 10, 40]), [first, second], 1)
    mask = np.zeros((6, 8), bool)
    mask[:, 4:] = True
    lead = found[0].where(mask, found[1]).lead()
    assert (lead[:, :4] == -20).all()
    assert (lead[:, 4:] == 10).all()


def test_a_lead_may_be_negative() -> None:
    nothing, much = np.zeros((2, 2), np.uint16), np.full((2, 2), 4080, np.uint16)
    assert (SharpestBlocks(nothing, much).lead() == -255).all()


def test_blocks_are_means_of_their_pixels() -> None:
    plane = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_allclose(in_blocks(plane, (3, 2)),
                               plane.reshape(2, 2, 3, 2).mean((1, 3)))
