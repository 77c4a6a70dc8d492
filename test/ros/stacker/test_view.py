# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the part of the images that a stack is of."""

from __future__ import annotations

from focus_stacking_ros.core.region import Region
from focus_stacking_ros.core.slices import stored
from focus_stacking_ros.ros.stacker.view import View
import numpy as np
import pytest


@pytest.mark.parametrize('red_first', [False, True])
def test_a_region_is_cut_out_in_one_piece_in_the_order_in_which_it_came(red_first) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    image = image[..., ::-1] if red_first else image
    view = View.through(Region(4, 6, 10, 12), image)
    part = view.of(image)
    np.testing.assert_array_equal(part, image[6:18, 4:14])
    pixels, reverse = stored(part)
    assert reverse == red_first
    assert pixels.flags.c_contiguous
    assert not np.shares_memory(pixels, image)
