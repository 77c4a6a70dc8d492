# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of images that came more than once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.slices import Slice
from focus_stacking_ros.core.stack.repeated import repeated_notes
from helpers.stacks import SyntheticStack
import numpy as np
from numpy.typing import NDArray
import pytest


def slices(images: Sequence[NDArray[Any]]) -> list[Slice]:
    return [Slice(image, None, float(number), number) for number, image in enumerate(images)]


def test_a_stack_of_different_images_is_not_spoken_of(tilted: SyntheticStack) -> None:
    assert repeated_notes(slices(tilted.images)) == ()


def test_the_slices_are_named(tilted: SyntheticStack) -> None:
    images = list(tilted.images)
    images[2], images[5] = images[1].copy(), images[4].copy()
    words, = repeated_notes(slices(images))
    assert words.startswith('images came twice, to the last bit: slice 2 that of slice 1, slice 5 '
                            'that of slice 4. The camera')


def test_many_are_counted(tilted: SyntheticStack) -> None:
    words, = repeated_notes(slices([tilted.images[0]] * 20))
    assert 'slice 12 that of slice 11 and 7 more. ' in words


@pytest.mark.parametrize('row', [0, 1, 63, 64, -1])
def test_one_pixel_makes_another_image(tilted: SyntheticStack, row: int) -> None:
    image = tilted.images[3].copy()
    image[row, 5] ^= 1
    assert repeated_notes(slices([tilted.images[3], image])) == ()


def test_a_result_tells_and_slices_that_are_not_kept_say_nothing(tilted: SyntheticStack) -> None:
    for method, told in (('default', True), ('streaming', False)):
        stacker = FocusStacker(StackOptions(method=method))
        for number in (0, 1, 2, 2, 4, 5):
            stacker.add(tilted.images[number])
        assert any('came twice' in words for words in stacker.finish().remarks) == told


def test_images_without_pixels_are_not_the_same() -> None:
    assert repeated_notes(slices([np.empty((0, 4), np.uint8)] * 3)) == ()
