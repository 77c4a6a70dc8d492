# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library makes the guide of the fusion as NumPy and OpenCV do, a tile at a time."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.backends.kernel_interface import GUIDE
from focus_stacking_ros.core.focus.measure import half_size
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.stack.guide_source import GuideSource, PortableGuide
from helpers.stacks import similarity
import numpy as np
import pytest

#: Tiles of 32x512 pixels and parts of them; sides that 4 and 2 divide and do not.
SHAPES = [(2, 2), (3, 5), (33, 30), (97, 517), (64, 1028), (150, 203)]
SLICES = 5


def smooth(rng: np.random.Generator, shape: tuple[int, int], low: float, high: float,
           dtype: Any = np.float32) -> np.ndarray:
    """Return a plane that reaches a little beyond its limits and is held to them."""
    plane = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), 1.5)
    plane = (plane - plane.min()) / max(float(np.ptp(plane)), 1e-6) * 1.2 - 0.1
    return (low + np.clip(plane, 0, 1) * (high - low)).astype(dtype)


def source_of(shape: tuple[int, int], origin: np.ndarray, *, plain: bool = False) -> GuideSource:
    """Return a source; a plain one has nothing raised and nothing that the index may miss."""
    rng = np.random.default_rng(shape[1])
    half = half_size(shape)
    quarter = half_size(half)
    return GuideSource(
        shape, smooth(rng, half, 0, SLICES - 1), smooth(rng, half, 0, 1), smooth(rng, half, 0, 1),
        smooth(rng, half, -5, 260), smooth(rng, half, 0, 255, np.uint8),
        None if plain else smooth(rng, half, 6, 20, np.uint8), smooth(rng, quarter, 0, 40), origin,
        np.linspace(0.2, 3, 256).astype(np.float32), 0.4, 0.8, 0.1,
        None if plain else smooth(rng, quarter, 1, 3),
        None if plain else rng.integers(0, 2, quarter).astype(np.uint8), 0.35)


def origins(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    return {'here': np.eye(3), 'moved': similarity(shape, 1.02, (3.4, -2.6), 0.6),
            'turned': np.array([[0.0, 1, 2], [-1, 0, shape[0] - 1], [0, 0, 1]]),
            'away': similarity(shape, 1.0, (5000, 9000))}


def assert_alike(found: np.ndarray, expected: np.ndarray, share: float,
                 atol: float = 2e-3) -> None:
    """Compare planes of which a few pixels may round to another value that others are taken by."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    other = np.abs(found.astype(float) - expected) > atol
    assert np.count_nonzero(other) <= max((1 - share) * found.size, 1 if found.size > 200 else 0)


@pytest.mark.parametrize('place', ['here', 'moved', 'turned', 'away'])
@pytest.mark.parametrize('shape', SHAPES)
def test_blocks_and_noise_are_those_of_opencv(native, shape, place) -> None:
    source = source_of(shape, origins(shape)[place], plain=True)
    found, expected = (each.guide.blocks(source) if each is native else each.blocks(source)
                       for each in (native, PortableGuide()))
    for name in ('noise', 'calm', 'first_noise', 'first_calm'):
        assert_alike(getattr(found, name), getattr(expected, name), 0.995)
    # Of what is nearly 0 a root is taken.
    assert_alike(found.first_calm ** (1 / 16), expected.first_calm ** (1 / 16), 0.995)
    assert_alike(found.sharpest, expected.sharpest, 0.99, atol=0)
    assert np.abs(found.sharpest.astype(int) - expected.sharpest).max() <= 1
    noise = native.guide.noise(source)
    assert_alike(noise, source.noise, 0.999)
    np.testing.assert_array_equal(native.guide.noise(source.of_noise()), noise)
    assert place != 'away' or (found.first_calm == 1).all()  # nothing is known of its brightness


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('place', ['here', 'moved', 'turned'])
@pytest.mark.parametrize('shape', SHAPES)
def test_weights_and_image_are_those_of_planes_of_full_size(native, shape, place, plain) -> None:
    source = source_of(shape, origins(shape)[place], plain=plain)
    rng = np.random.default_rng(5)
    slices = [FusionSlice(rng.integers(0, 256, (*shape, 3), np.uint8),
                          smooth(rng, shape, 0, 255, np.uint8),
                          similarity(shape, 1 + 0.003 * number), 1.0)
              for number in range(SLICES)]
    jobs = [FusionJob(slices, each, 4.0) for each in (source, source.full())]
    records = [np.zeros(shape, GUIDE) for _ in jobs]
    for job, each in zip(jobs, records, strict=True):
        native.weight_records(job, slice(0, shape[0]), each)
    for name in ('index', 'reach', 'near_level', 'near_offset', 'far_level', 'far_offset'):
        assert_alike(records[0][name], records[1][name], 0.995, atol=1)
    found, expected = (native.fuse(job) for job in jobs)
    assert_alike(found, expected, 0.999, atol=1)


def test_a_view_in_perspective_is_left_to_opencv(native) -> None:
    bent = np.eye(3)
    bent[2, 0] = 1e-4
    source = source_of((64, 96), bent, plain=True)
    np.testing.assert_array_equal(native.guide.noise(source), source.noise)
    np.testing.assert_array_equal(native.guide.blocks(source).calm,
                                  PortableGuide().blocks(source).calm)
