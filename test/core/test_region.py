# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of regions of interest."""

from __future__ import annotations

from focus_stacking_ros.core.region import Region, RegionError
import numpy as np
import pytest


def test_all_0_is_the_whole_image() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert Region().is_whole
    assert Region().within(6, 4) == Region(0, 0, 6, 4)
    assert Region().of(image).shape == (4, 6, 3)


def test_a_region_is_a_view() -> None:
    image = np.arange(24).reshape(4, 6)
    assert Region(4, 1, 2, 3).of(image).tolist() == [[10, 11], [16, 17], [22, 23]]
    assert np.shares_memory(Region(4, 1, 2, 3).of(image), image)


@pytest.mark.parametrize(('region', 'expected'), [
    (Region(0, 0, 3, 0), (0, 0, 3, 4)), (Region(0, 0, 0, 3), (0, 0, 6, 3)),
    (Region(2, 0), (2, 0, 4, 4)), (Region(5, 3), (5, 3, 1, 1))])
def test_0_is_up_to_the_edge(region: Region, expected: tuple[int, ...]) -> None:
    assert not region.is_whole
    assert region.within(6, 4) == Region(*expected)


def test_a_region_has_no_negative_values() -> None:
    with pytest.raises(RegionError, match='negative'):
        Region(-1, 0, 2, 2)


@pytest.mark.parametrize('region', [
    Region(5, 0, 2, 2), Region(0, 3, 2, 2), Region(9, 9, 1, 1), Region(6, 0), Region(0, 4, 2)])
def test_a_region_that_is_not_inside_is_refused(region: Region) -> None:
    with pytest.raises(RegionError, match='not inside the image of 6 x 4'):
        region.within(6, 4)
