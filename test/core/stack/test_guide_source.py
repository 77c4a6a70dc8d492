# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what the guide of the fusion is made from."""

from __future__ import annotations

from focus_stacking_ros.core.stack.guide_source import Blocks, GuideSource, PortableGuide
from helpers.stacks import similarity
import numpy as np
import pytest

SHAPE, HALF, QUARTER = (42, 61), (21, 31), (11, 16)


def source_of(**planes: np.ndarray) -> GuideSource:
    half = np.full(HALF, 0.5, np.float32)
    flat = {'index': 2 * half, 'confidence': half, 'continuity': half, 'luma': 200 * half,
            'sharpest': np.full(HALF, 30, np.uint8), 'missed': None,
            'change': np.zeros(QUARTER, np.float32), 'origin': np.eye(3),
            'noises': np.full(256, 2, np.float32)}
    return GuideSource(SHAPE, **{**flat, **planes}, blur_px=0.4, gate=0.7, alike=0.1)


def test_planes_are_made_once_at_full_size() -> None:
    source = source_of()
    guide = source.full()
    assert source.full() is guide
    assert guide.full() is guide
    assert source.shape == guide.shape == SHAPE
    for plane, value in ((guide.index, 1), (guide.noise, 2), (guide.sharpest, 30),
                         (guide.widest, 7 * 0.7), (guide.trust, 0)):
        assert plane.shape == SHAPE
        assert plane == pytest.approx(value)
    assert (guide.missed, guide.blur_px, guide.gate, guide.alike) == (None, 0.4, 0.7, 0.1)
    missed = source_of(missed=np.full(HALF, 9, np.uint8)).full().missed
    assert missed is not None
    assert (missed == 9).all()


def test_noise_is_that_of_the_brightness_and_is_raised_for_the_guide_alone() -> None:
    luma = np.full(HALF, 50, np.float32)
    luma[:, 15:] = 150
    source = source_of(luma=luma, noises=np.arange(256, dtype=np.float32) / 50)
    assert PortableGuide().noise(source)[:, :26] == pytest.approx(1)
    assert PortableGuide().noise(source)[:, 36:] == pytest.approx(3)
    np.testing.assert_array_equal(source.of_noise().noise, source.noise)
    source.raised = np.full(QUARTER, 1.5, np.float32)
    assert source.full().noise[:, :26] == pytest.approx(1.5)
    assert source.noise[:, :26] == pytest.approx(1)


def test_change_of_brightness_lies_in_the_grid_of_the_first_slice() -> None:
    change = np.zeros(QUARTER, np.float32)
    change[:, 8:] = 5
    # The result shows at its column x what the first slice shows at x + 12.
    source = source_of(change=change, origin=similarity(SHAPE, shift=(12, 0)))
    blocks = PortableGuide().blocks(source)
    assert blocks.calm[:, :4] == pytest.approx(1)
    assert blocks.calm[:, 6:11] == pytest.approx(np.exp(-(5 / 3) ** 2), rel=1e-4)
    assert blocks.calm[:, 13:] == pytest.approx(1)  # nothing is known there


def test_blocks_have_means_and_first_pixels() -> None:
    y, x = np.indices((40, 60))
    planes = ((x % 4).astype(np.uint8) * 8, x.astype(np.float32), y.astype(np.float32))
    blocks = Blocks.of(*planes)
    assert (blocks.sharpest == 12).all()
    np.testing.assert_allclose(blocks.noise, np.arange(15)[None] * 4 + np.full((10, 1), 1.5))
    np.testing.assert_allclose(blocks.calm, np.arange(10)[:, None] * 4 + np.full((1, 15), 1.5))
    np.testing.assert_array_equal(blocks.first_noise, planes[1][::4, ::4])
    np.testing.assert_array_equal(blocks.first_calm, planes[2][::4, ::4])
    odd = Blocks.of(*(plane[:37, :58] for plane in planes))
    assert {odd.sharpest.shape, odd.noise.shape, odd.first_calm.shape} == {(10, 15)}
