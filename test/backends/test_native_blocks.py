# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library finds the sharpest blocks as NumPy and OpenCV do."""

from __future__ import annotations

import re

import cv2
from focus_stacking_ros.backends.native_build import SOURCES
from focus_stacking_ros.backends.native_near_light import NativeFusion
from focus_stacking_ros.core.fuse.faint import BLOCK
from focus_stacking_ros.core.fuse.greatest_blocks import (
    BlockPlane,
    greatest_blocks,
    GreatestBlocks,
)
import numpy as np
import pytest

COUNT = 5
SHAPES = [(1, 1), (2, 9), (4, 4), (33, 66), (270, 487)]


@pytest.fixture
def native(library) -> NativeFusion:
    return NativeFusion(library)


def transforms(*, turned: bool) -> list[np.ndarray]:
    """Return places of slices, the first one where the result is, the last one far off."""
    found = [np.eye(3) for _ in range(COUNT)]
    for number, each in enumerate(found):
        each[0, 0] = each[1, 1] = 1 + 0.004 * number
        each[:2, 2] = 1.7 * number, -2.3 * number
        if turned and number:
            each[0, 1], each[1, 0] = 0.01, -0.01
    found[-1][0, 2] = 60
    return found


def planes_of(shape: tuple[int, int], *, of_blocks: bool, turned: bool) -> list[BlockPlane]:
    """Return slices with and without a mask."""
    rng = np.random.default_rng(shape[0])
    size = tuple(-(-side // BLOCK) for side in shape) if of_blocks else shape
    mask = np.where(rng.random(shape) < 0.9, np.uint8(255), np.uint8(0))
    return [BlockPlane(rng.integers(0, 256, size, np.uint8), each,
                       63.3 if of_blocks else None, mask if of_blocks and number % 2 else None)
            for number, each in enumerate(transforms(turned=turned))]


def planes_found(found: GreatestBlocks) -> list[np.ndarray]:
    planes = [plane for each in found.beside for plane in (each.near, each.far)]
    return planes if found.best is None else [*planes, found.best.best, found.best.second]


@pytest.mark.parametrize('turned', [False, True])
@pytest.mark.parametrize('of_blocks', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_both_find_the_same_blocks(native, shape, of_blocks, turned) -> None:
    planes = planes_of(shape, of_blocks=of_blocks, turned=turned)
    size = tuple(-(-side // BLOCK) for side in shape)
    indices = [np.random.default_rng(1).uniform(0, COUNT - 1, size).astype(np.float32),
               np.full(size, 2, np.float32)]
    expected, found = (each(planes, indices, 1, extended=not of_blocks, best=of_blocks)
                       for each in (greatest_blocks, native.greatest_blocks))
    # Places in a slice are rounded to 1/32 of a block by some versions of OpenCV.
    greatest = max(int(plane.max()) for plane in planes_found(expected))
    for one, other in zip(planes_found(expected), planes_found(found), strict=True):
        np.testing.assert_allclose(other.astype(int), one.astype(int), atol=1 + greatest / 32)
        if one.size >= 100:  # of a few blocks a mean is as far off as one of them may be
            assert np.abs(other.astype(int) - one).mean() < 1 + greatest / 200
    if of_blocks:
        assert (found.best.number == expected.best.number).mean() > 0.97


@pytest.mark.parametrize('shape', SHAPES)
def test_blocks_that_are_not_moved_are_the_same_to_the_last_bit(native, shape) -> None:
    rng = np.random.default_rng(3)
    planes = [BlockPlane(rng.integers(0, 256, shape, np.uint8), np.eye(3)) for _ in range(COUNT)]
    size = tuple(-(-side // BLOCK) for side in shape)
    index = rng.uniform(0, COUNT - 1, size).astype(np.float32)
    index.ravel()[::3] = 1  # a slice that is just as far away as the reach is not next to it
    expected, found = (each(planes, [index], 2, extended=True, best=True)
                       for each in (greatest_blocks, native.greatest_blocks))
    for one, other in zip(planes_found(expected), planes_found(found), strict=True):
        np.testing.assert_array_equal(other, one)
    np.testing.assert_array_equal(found.best.number, expected.best.number)


def test_the_first_of_equals_is_the_best(native) -> None:
    planes = [BlockPlane(np.full((9, 9), 7, np.uint8), np.eye(3), 8.0)] * COUNT
    index = np.zeros((9, 9), np.float32)
    for each in greatest_blocks, native.greatest_blocks:
        found = each(planes, [index], 1, extended=False, best=True)
        assert not found.best.number.any()
        assert (found.best.second == 56).all()


def test_what_is_seen_in_perspective_is_left_to_opencv(native) -> None:
    place = np.array([[1, 0, 0.3], [0, 1, 0.4], [1e-3, 0, 1.0]])
    plane = np.random.default_rng(2).integers(0, 256, (40, 60), np.uint8)
    index = np.zeros((10, 15), np.float32)
    expected, found = (each([BlockPlane(plane, place)], [index], 1, extended=True)
                       for each in (greatest_blocks, native.greatest_blocks))
    np.testing.assert_array_equal(found.beside[0].near, expected.beside[0].near)
    level = cv2.GaussianBlur(plane, (5, 5), 0).mean() * BLOCK ** 2
    assert found.beside[0].near.mean() > level / 2


def test_blocks_have_one_size() -> None:
    # Planes of blocks are passed without their sizes, which either side calculates.
    found = re.findall(r'kBlockSide = (\d+);', (SOURCES / 'blocks.hpp').read_text())
    assert [int(size) for size in found] == [BLOCK]
