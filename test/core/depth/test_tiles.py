# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of tiles: they are the picture, grow within it, and are found among fewer pixels."""

from __future__ import annotations

from focus_stacking_ros.core.depth.tiles import grown, sparse, tiles_of
import numpy as np
import pytest

SHAPES = [(1, 1), (8, 12), (13, 30), (7, 5)]


@pytest.mark.parametrize('shape', SHAPES)
def test_tiles_are_the_picture_once(shape) -> None:
    count = np.zeros(shape, int)
    for tile in tiles_of(shape, 4):
        assert max(count[tile].shape) <= 4
        count[tile] += 1
    assert (count == 1).all()


@pytest.mark.parametrize('shape', SHAPES)
def test_a_grown_tile_has_all_within_the_margin_and_knows_where_it_was(shape) -> None:
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    rows, columns = np.indices(shape)
    for tile in tiles_of(shape, 4):
        inner, outer = grown(tile, shape, 3)
        np.testing.assert_array_equal(numbers[outer][inner], numbers[tile])
        near = np.ones(shape, bool)
        for place, part in zip((rows, columns), tile, strict=True):
            near &= (place >= part.start - 3) & (place < part.stop + 3)
        np.testing.assert_array_equal(numbers[outer].ravel(), numbers[near])


@pytest.mark.parametrize('shape', SHAPES)
def test_tiles_are_found_among_every_other_pixel(shape) -> None:
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    for tile in tiles_of(shape, 4):
        np.testing.assert_array_equal(numbers[::2, ::2][sparse(tile, 2)], numbers[tile][::2, ::2])
