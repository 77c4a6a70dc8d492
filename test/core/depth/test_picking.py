# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of picking one slice per pixel, against NumPy's own."""

from __future__ import annotations

from focus_stacking_ros.core.depth.picking import greatest, picked
import numpy as np
import pytest

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('shape', [
    (1, 1, 1), (2, 1, 3), (3, 5, 1), (10, 7, 9), (255, 4, 6), (300, 4, 6)])
def test_the_same_as_argmax_and_take_along_axis(shape) -> None:
    volume = RNG.integers(-1, 4, shape).astype(np.int16)  # many ties, of which the first wins
    number = greatest(volume)
    np.testing.assert_array_equal(number, volume.argmax(axis=0))
    np.testing.assert_array_equal(
        picked(volume, number), np.take_along_axis(volume, number[None], axis=0)[0])


def test_parts_of_a_volume_need_not_be_contiguous() -> None:
    volume = RNG.integers(0, 99, (4, 12, 10)).astype(np.int16)[:, 2:9:2, ::3]
    number = RNG.integers(0, 4, volume.shape[1:])
    np.testing.assert_array_equal(
        picked(volume, number), np.take_along_axis(volume, number[None], axis=0)[0])
    np.testing.assert_array_equal(greatest(volume), volume.argmax(axis=0))


def test_the_last_of_many_slices_can_be_the_greatest() -> None:
    volume = np.zeros((300, 1, 2), np.int16)
    volume[[256, 299], 0, [0, 1]] = 1
    np.testing.assert_array_equal(greatest(volume), [[256, 299]])
