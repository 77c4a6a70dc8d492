# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library does what is around the fusion as NumPy and OpenCV do."""

from __future__ import annotations

import cv2
from focus_stacking_ros.backends.native_near_light import NativeFusion
from focus_stacking_ros.core.fuse.detail_energy import SIDE
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


TURNED = np.array([[0.98, 0.1, -13.3], [-0.1, 0.98, 20.4], [0, 0, 1.0]])
SEEN_ASLANT = np.array([[1, 0, 0.3], [0, 1, 0.4], [1e-5, 0, 1.0]])


def textured(shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Return a picture whose detail an interpolation leaves."""
    noise = np.random.default_rng(5).normal(0, 1, shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5) * 60 + 128
    scale = {np.uint8: 1, np.uint16: 257, np.int16: 16}[kind]
    return np.clip(smooth * scale, 0, min(255 * scale, np.iinfo(kind).max)).astype(kind)


@pytest.mark.parametrize('transform', [np.eye(3), TURNED, SEEN_ASLANT])
@pytest.mark.parametrize(('shape', 'kind'), [
    ((90, 130), np.uint8), ((90, 130, 3), np.uint8), ((90, 130, 3), np.uint16),
    ((90, 130), np.uint16), ((90, 130), np.int16)])
def test_both_find_the_same_energy(native, shape, kind, transform):
    image = textured(shape, kind)
    tops, across = [0, 48], shape[1] // SIDE
    expected, found = (each.energy(image, transform, tops, across)
                       for each in (PORTABLE, native))
    assert found.shape == (8, across)
    # OpenCV interpolates between 32 places a pixel where values have a sign.
    bound = 0.1 if kind == np.int16 else 0.02
    np.testing.assert_allclose(found, expected, rtol=bound, atol=bound * expected.mean())


def test_both_take_the_order_of_the_channels_from_memory(native):
    image = textured((64, 80, 3), np.uint8)[..., ::-1]
    expected, found = (each.energy(image, TURNED, [16], 10) for each in (PORTABLE, native))
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * expected.mean())


@pytest.mark.parametrize('shift', [1e3, -1e3, 1e12])
def test_beyond_an_image_there_is_no_detail(native, shift):
    place = np.array([[1, 0, shift], [0, 1, shift], [0, 0, 1.0]])
    assert native.energy(textured((64, 80), np.uint8), place, [0], 10).max() == 0


@pytest.mark.parametrize('shape', [(1, 1), (2, 9), (7, 5), (64, 33), (131, 260, 3), (40, 50, 3)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_sharpness_alone(native, shape, dtype) -> None:
    rng, top = np.random.default_rng(shape[0]), np.iinfo(dtype).max
    image = rng.integers(0, top + 1, shape).astype(dtype)
    for each in (image, image[::-1], image[..., ::-1] if image.ndim == 3 else image[:, ::-1]):
        np.testing.assert_array_equal(native.sharpness(each), PORTABLE.sharpness(each))
