# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of maps with perspective in fixed point."""

from __future__ import annotations

from focus_stacking_ros.core.fuse.projective_map import fixed_map, ProjectiveMap
from hypothesis import given, settings, strategies
import numpy as np
import pytest

SHAPE = (90, 120)


def turned(x: float = 0.0, y: float = 0.0, *, across: float = 1e-4, below: float = 1.0
           ) -> np.ndarray:
    """
    Return a transform with perspective.

    :param x: pixels to the right, y down
    :param across: by which the denominator rises a column
    :param below: denominator in the last column, if that is not 1 as in the first
    """
    transform = np.eye(3)
    transform[:2, 2] = x, y
    transform[2, 0] = across if below == 1 else (below - 1) / (SHAPE[1] - 1)
    return transform


numbers = strategies.floats(-0.05, 0.05)


@given(strategies.lists(numbers, min_size=6, max_size=6), strategies.floats(-3e-4, 3e-4))
@settings(max_examples=30, deadline=None)
def test_positions_are_the_nearest_of_a_thirty_second_of_a_pixel(values, across) -> None:
    transform = np.eye(3)
    transform[:2] += np.reshape(values, (2, 3)) * [1, 1, 100]
    transform[2, 0] = across + 1e-6
    found = fixed_map(transform, SHAPE)
    assert isinstance(found, ProjectiveMap)
    row, column = np.indices(SHAPE)
    x, y, below = np.einsum('ij,jhw->ihw', transform, np.stack([column, row, np.ones(SHAPE)]))
    for fixed, exact in zip(found.positions(SHAPE), (x / below, y / below), strict=True):
        assert fixed.dtype == np.int32
        assert np.abs(fixed / 32 - exact).max() <= 1 / 64 + 1e-6


@pytest.mark.parametrize('sign', [-1, 1])
@pytest.mark.parametrize('axis', ['x', 'y'])
def test_numerators_stay_within_what_sixty_four_bits_hold(axis, sign) -> None:
    # 32 times 2**17 pixels in 2**-40 are 2**62.
    assert fixed_map(turned(**{axis: sign * 1.4 * 2 ** 17}), SHAPE) is None
    found = fixed_map(turned(**{axis: sign * 0.7 * 2 ** 17}), SHAPE)
    assert found is not None
    position = found.positions(SHAPE)['xy'.index(axis)][0, 0]
    assert position / 32 == pytest.approx(sign * 0.7 * 2 ** 17, abs=1 / 32)


@pytest.mark.parametrize(('below', 'expressed'), [(0.2, False), (0.3, True), (3.8, True),
                                                  (4.2, False), (-1.0, False)])
def test_a_camera_is_not_turned_by_more_than_a_fourth_of_the_distance(below, expressed) -> None:
    assert (fixed_map(turned(below=below), SHAPE) is not None) == expressed


def test_what_is_no_number_is_not_expressed() -> None:
    assert fixed_map(turned(x=np.nan), SHAPE) is None
