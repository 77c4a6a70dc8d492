# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of planes in half a byte a pixel."""

from __future__ import annotations

from focus_stacking_ros.core.depth.packed_planes import PackedPlanes
import numpy as np
import pytest


def planes_of(shape: tuple[int, int], change: int, sudden: float = 0.0) -> list[np.ndarray]:
    """Return planes that change by so much at most, suddenly by anything in a share of pixels."""
    rng = np.random.default_rng(shape[1])
    planes = [rng.integers(0, 256, shape, np.uint8)]
    for _ in range(5):
        step = rng.integers(-change, change + 1, shape)
        plane = np.clip(planes[-1] + step, 0, 255).astype(np.uint8)
        some = rng.random(shape) < sudden
        plane[some] = rng.integers(0, 256, np.count_nonzero(some), np.uint8)
        planes.append(plane)
    return planes


@pytest.mark.parametrize('squeezed', [False, True])
@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (40, 61), (64, 80)])
@pytest.mark.parametrize(('change', 'sudden'), [(0, 0.0), (7, 0.0), (7, 0.03), (9, 0.0), (200, 1)])
def test_planes_come_back_as_they_were(shape, change, sudden, squeezed) -> None:
    planes, packed = planes_of(shape, change, sudden), PackedPlanes(squeezed=squeezed)
    assert packed.planes() == []
    for plane in planes:
        packed.append(plane)
    found = packed.planes()
    assert len(found) == len(planes)
    for each, plane in zip(found, planes, strict=True):
        assert (each.shape, each.dtype) == (plane.shape, np.uint8)
        np.testing.assert_array_equal(each, plane)


@pytest.mark.parametrize(('change', 'sudden', 'share'), [(7, 0.0, 0.5), (7, 0.03, 0.65),
                                                         (200, 1.0, 1.0)])
def test_small_changes_take_half_a_byte(change, sudden, share) -> None:
    packed = PackedPlanes()
    first, *rest = planes_of((64, 80), change, sudden)
    packed.append(first)
    before = packed.nbytes
    for plane in rest:
        packed.append(plane)
    assert packed.nbytes - before <= share * len(rest) * first.nbytes


@pytest.mark.parametrize(('scatter', 'share'), [(0.3, 0.2), (1.0, 0.3), (2.0, 0.4)])
def test_noise_takes_as_many_bits_as_it_needs(scatter, share) -> None:
    rng = np.random.default_rng(4)
    packed = PackedPlanes(squeezed=True)
    packed.append(np.full((64, 80), 100, np.uint8))
    before = packed.nbytes
    for _ in range(5):
        packed.append(np.rint(rng.normal(100, scatter / 2 ** 0.5, (64, 80))).astype(np.uint8))
    assert packed.nbytes - before <= share * 5 * before
