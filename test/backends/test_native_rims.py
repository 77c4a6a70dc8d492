# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library finds the same rims as NumPy and OpenCV do."""

from __future__ import annotations

import cv2
from focus_stacking_ros.backends.native_rims import native_rims
from focus_stacking_ros.core.depth.rims import located_rims
import numpy as np
import pytest

STEP = 1.5


def scene(shape: tuple[int, int], seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the index of blobs that have grown, its confidence, and the image of them."""
    rng = np.random.default_rng(seed)
    height = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 12)
    near = height > 0
    index = np.where(cv2.dilate(near.view(np.uint8), np.ones((5, 5), np.uint8)) > 0, 1, 6)
    index = index + cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), 9)
    confidence = np.clip(0.6 + cv2.GaussianBlur(rng.normal(0, 4, shape), (0, 0), 8), 0, 1)
    image = np.where(near[..., None], (60, 90, 40), (150, 130, 180)) + rng.integers(
        -20, 21, (*shape, 3))
    return index.astype(np.float32), confidence.astype(np.float32), image.astype(np.uint8)


@pytest.mark.parametrize('shape', [(330, 300), (70, 41), (7, 90), (1, 1), (40, 1)])
@pytest.mark.parametrize('kind', ['colour', 'grey', '16 bit'])
def test_both_find_the_same(library, shape, kind):
    index, confidence, image = scene(shape)
    image = {'colour': image, 'grey': image[..., 2].copy(),
             '16 bit': image.astype(np.uint16) * 257}[kind]
    expected, sure = located_rims(index, confidence, image, STEP)
    found, known = native_rims(library, index, confidence, image, STEP)
    np.testing.assert_array_equal(known, sure)
    if shape[0] > 100:
        assert 0.05 < sure.mean() < 0.9
        assert (expected != index).mean() > 0.02
    # Of two pixels that are equally near either one may be taken.
    assert (np.abs(found - expected) > 0.25).mean() <= 0.001
    assert (found == expected).mean() >= 0.98


def test_without_a_jump_the_index_is_the_same_array(library):
    index = np.full((60, 80), 3, np.float32)
    found, known = native_rims(library, index, index, np.zeros((60, 80), np.uint8), STEP)
    assert found is index
    assert not known.any()
