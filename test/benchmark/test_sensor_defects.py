# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tells how many defects of a sensor are found."""

from __future__ import annotations

from compare_sensor_defects import known_spots
from helpers.stacks import growing, make_stack


def test_the_pixels_that_are_filled_are_told() -> None:
    shape = (160, 200)
    stack = make_stack(shape, 6, noise=1.0, channels=3, transforms=growing(shape, 6))
    spoiled = [image.copy() for image in stack.images]
    for image in spoiled:
        image[20, 30] = 255
    image, spots = known_spots(spoiled)
    assert image.shape == stack.images[0].shape
    assert spots[20, 30]
    assert 1 <= spots.sum() < 9
    assert not known_spots(spoiled, finds=False)[1].any()
