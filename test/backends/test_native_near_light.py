# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library does what is around the fusion as NumPy and OpenCV do."""

from __future__ import annotations

import cv2
from focus_stacking_ros.backends.native_near_light import NativeFusion
from focus_stacking_ros.core.fuse.near_light import REACH
from focus_stacking_ros.core.fuse.stages import PortableFusion
import numpy as np
import pytest

STEP = 1.5
PORTABLE = PortableFusion()


@pytest.fixture
def native(library) -> NativeFusion:
    return NativeFusion(library)


def scene(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return an index with jumps at blobs, and what of it is known."""
    rng = np.random.default_rng(3)
    height = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 9)
    index = np.where(height > 0, 1, 6) + cv2.GaussianBlur(rng.normal(0, 4, shape), (0, 0), 7)
    known = cv2.dilate((np.abs(height) < 0.008).view(np.uint8), np.ones((5, 5), np.uint8))
    return index.astype(np.float32), known.astype(bool)


@pytest.mark.parametrize('shape', [(200, 170), (23, 90), (70, 21), (20, 50), (1, 30)])
def test_both_find_the_same_pixels(native, shape):
    index, known = scene(shape)
    expected, found = (each.beside(index, known, STEP, 2.0) for each in (PORTABLE, native))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_allclose(found.away, expected.away, atol=1e-4)
    np.testing.assert_array_equal(found.gap, expected.gap)
    if min(shape) > 100:
        assert len(found.pixels) > 500
        assert found.away.max() > 3
    if min(shape) <= 2 * REACH:
        assert len(found.pixels) == 0


def test_nothing_is_beside_what_is_not_known(native):
    index, known = scene((90, 90))
    assert len(native.beside(index, np.zeros_like(known), STEP, 2.0).pixels) == 0


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_both_sum_up_the_same_light(native, dtype, channels):
    index, known = scene((120, 130))
    top = np.iinfo(dtype).max
    image = np.random.default_rng(4).integers(0, top, (*index.shape, channels), dtype, True)
    image = image[..., 0].copy() if channels == 1 else image
    pixels = PORTABLE.beside(index, known, STEP, 2.0).pixels
    expected, found = (each.spread(image, index, pixels, 0.8, STEP)
                       for each in (PORTABLE, native))
    assert (expected.share > 0.05).mean() > 0.3
    assert expected.saturated.max() > 0
    for name in 'share', 'light', 'radius', 'saturated':
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5,
                                   atol=1e-6)


@pytest.mark.parametrize('shape', [(90, 150), (1, 1), (3, 70), (66, 2)])
@pytest.mark.parametrize('masked', [False, True])
def test_both_mix_the_same_sharpness(native, shape, masked):
    rng = np.random.default_rng(5)
    small = -(-shape[0] // 4), -(-shape[1] // 4)
    sharp, valid = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    coarse, share = (rng.integers(0, 256, small, np.uint8) for _ in range(2))
    share[:, :20] = 0
    share[:small[0] // 2] = 0
    valid = np.where(valid < 200, np.uint8(255), np.uint8(0)) if masked else None
    expected = PORTABLE.mixed(sharp, coarse, share, valid)
    assert min(shape) < 50 or (expected[60:, 90:] != sharp[60:, 90:]).mean() > 0.5
    kept = sharp.copy()
    kept.setflags(write=False)
    np.testing.assert_array_equal(native.mixed(kept, coarse, share, valid), expected)
    np.testing.assert_array_equal(native.mixed(sharp, coarse, share, valid), expected)
