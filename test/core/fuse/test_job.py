# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how much of each slice enters the all-in-focus image."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.options import StackOptions
import numpy as np
import pytest

SHAPE = (160, 240)


def mottle(image: np.ndarray) -> float:
    """Return the standard deviation of structures of 2 to 12 pixels, grey levels."""
    image = image.astype(np.float32)
    return float((cv2.GaussianBlur(image, (0, 0), 1) - cv2.GaussianBlur(image, (0, 0), 6)).std())


@pytest.mark.parametrize('backend', ['opencv', 'auto'])
def test_rounding_of_the_sharpness_chooses_no_slice_where_brightness_changes(backend) -> None:
    # A camera that smooths its noise, behind it something blurred whose light changes with focus.
    rng = np.random.default_rng(4)
    texture = cv2.GaussianBlur(rng.integers(0, 255, SHAPE).astype(np.float32), (0, 0), 1)
    lit = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None, :]
    slices = []
    for number in range(3):
        image = 90 + 12 * number * lit + 1.3 * cv2.GaussianBlur(
            rng.normal(0, 1, SHAPE).astype(np.float32), (0, 0), 0.8)
        image[110:] = cv2.GaussianBlur(texture, (0, 0), 0.5 + number)[110:]
        slices.append(np.rint(image).astype(np.uint8))
    stacker = FocusStacker(StackOptions(alignment_model='none'), backend)
    for each in slices:
        stacker.add(each)
    found = mottle(stacker.finish().all_in_focus[10:90, 10:230])
    assert found < max(mottle(each[10:90, 10:230]) for each in slices)
