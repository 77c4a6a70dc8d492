# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what stays put while the picture moves: defective pixels, and dust on the sensor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial, reduce
from typing import Any

import cv2
from focus_stacking_ros.core.focus.measure import luma, sharpness
from focus_stacking_ros.core.stack.sensor_defects import defects_among
from helpers.stacks import growing, make_stack, MARGIN, similarity, SyntheticStack, texture
import numpy as np
from numpy.typing import NDArray
import pytest

SHAPE, NOISE = (160, 200), 1.0
#: Rows and columns of spots, where the picture of `moving` moves by more than they are wide.
PLACES = [(20, 30), (22, 170), (60, 18), (140, 40), (130, 180), (80, 190), (18, 100), (145, 110)]

Spoil = Any  # changes an image in place


@lru_cache(maxsize=4)
def moving(count: int = 8) -> SyntheticStack:
    """Return a stack whose picture grows over the sensor from slice to slice."""
    return make_stack(SHAPE, count, transforms=growing(SHAPE, count), noise=NOISE)


def found_in(images: Sequence[NDArray[Any]], transforms: Sequence[NDArray[np.float64]]
             ) -> NDArray[np.bool_] | None:
    least = reduce(np.minimum, [sharpness(luma(image)) for image in images])
    return defects_among(least, images, transforms, NOISE)


def spoiled(images: Sequence[NDArray[Any]], change: Spoil) -> list[NDArray[Any]]:
    copies = [image.copy() for image in images]
    for image in copies:
        change_places(image, change)
    return copies


def change_places(image: NDArray[Any], change: Spoil) -> None:
    for row, column in PLACES:
        change(image[row - 3:row + 4, column - 3:column + 4])


def hot(part: NDArray[Any]) -> None:
    part[3, 3] = np.iinfo(part.dtype).max


def dead(part: NDArray[Any]) -> None:
    part[3, 3] = 0


def speck(width: float) -> NDArray[np.float64]:
    """Return the share of the light that a speck takes, of what it takes in its middle."""
    across = np.arange(-3, 4)
    return np.exp(-(across[:, None]**2 + across**2) / (2 * width**2))


def dust(part: NDArray[Any], width: float = 1.0) -> None:
    """Take light away, most in the middle."""
    share = 1 - 0.6 * speck(width)
    part[...] = np.rint(part * share.reshape(7, 7, *[1] * (part.ndim - 2)))


def is_near(spots: NDArray[np.bool_], reach: int) -> list[bool]:
    return [bool(spots[row - reach:row + reach + 1, column - reach:column + reach + 1].any())
            for row, column in PLACES]


@pytest.mark.parametrize('change', [hot, dead, dust])
def test_spots_of_the_sensor_are_found_and_nothing_else(change) -> None:
    stack = moving()
    spots = found_in(spoiled(stack.images, change), stack.transforms)
    assert spots is not None
    assert sum(is_near(spots, 1)) >= 7
    around = cv2.dilate(np.uint8(np.isin(np.arange(spots.size).reshape(SHAPE), [
        row * SHAPE[1] + column for row, column in PLACES])), np.ones((9, 9), np.uint8))
    assert not (spots & (around == 0)).any()
    assert spots.sum() <= (2 if change is not dust else 30) * len(PLACES)


def test_of_pixels_alone_no_neighbour_is_filled() -> None:
    stack = moving()
    spots = found_in(spoiled(stack.images, hot), stack.transforms)
    assert spots is not None
    assert np.mean([spots[place] for place in PLACES if spots[place]]) == 1
    assert spots.sum() < 3 * len(PLACES)


@pytest.mark.parametrize(('dtype', 'channels'), [(np.uint16, 1), (np.uint8, 3), (np.uint16, 3)])
def test_it_is_the_same_for_other_images(dtype, channels) -> None:
    stack = make_stack(SHAPE, 8, transforms=growing(SHAPE, 8), noise=NOISE, dtype=dtype,
                       channels=channels)
    spots = found_in(spoiled(stack.images, hot), stack.transforms)
    assert spots is not None
    assert sum(is_near(spots, 1)) >= 6


def test_a_picture_without_spots_has_none() -> None:
    stack = moving()
    assert found_in(stack.images, stack.transforms) is None


def test_what_is_sharp_in_all_slices_but_moves_is_of_the_picture() -> None:
    rng, sharp = np.random.default_rng(0), texture(SHAPE)
    images = []
    for transform in growing(SHAPE, 8):
        image = cv2.warpAffine(sharp, transform[:2], SHAPE[::-1], flags=cv2.INTER_LANCZOS4,
                               borderMode=cv2.BORDER_REFLECT)
        image = np.uint8(np.clip(image + rng.normal(0, NOISE, SHAPE), 0, 255))
        for row, column in PLACES:  # glints
            x, y, _ = np.rint(transform @ [column, row, 1.0]).astype(int)
            if 0 <= y < SHAPE[0] and 0 <= x < SHAPE[1]:
                image[y, x] = 255
        images.append(image)
    assert found_in(images, growing(SHAPE, 8)) is None


def test_where_the_picture_does_not_move_nobody_can_tell() -> None:
    still = make_stack(SHAPE, 8, noise=NOISE)
    assert found_in(spoiled(still.images, hot), still.transforms) is None


def test_a_spot_that_is_not_in_every_slice_is_none_of_the_sensor() -> None:
    stack = moving()
    images = spoiled(stack.images, hot)
    images[3] = stack.images[3]
    assert found_in(images, stack.transforms) is None


def test_many_slices_are_told_like_few() -> None:
    stack = moving(14)
    spots = found_in(spoiled(stack.images, hot), stack.transforms)
    assert spots is not None
    assert sum(is_near(spots, 1)) >= 7
    assert found_in(stack.images, stack.transforms) is None


@pytest.mark.parametrize(('count', 'told'), [(3, False), (4, True)])
def test_few_slices_tell_nothing(count, told) -> None:
    stack = moving(count)
    assert (found_in(spoiled(stack.images, hot), stack.transforms) is not None) == told


def brighter(levels: int) -> Spoil:
    def change(part: NDArray[Any]) -> None:
        part[3, 3] = min(part[3, 3] + levels, 255)
    return change


def shifted(pixels: float) -> list[NDArray[np.float64]]:
    """Return transforms of a picture that moves across the sensor, slice by slice."""
    return [similarity(SHAPE, shift=(pixels * share, 0)) for share in np.linspace(0, 1, 8)]


def found_on_plain(change: Spoil, noise: float = NOISE,
                   transforms: Sequence[NDArray[np.float64]] | None = None
                   ) -> NDArray[np.bool_]:
    """Return the spots that are found of those in front of nothing."""
    transforms = growing(SHAPE, 8) if transforms is None else transforms
    return found_before_nothing(partial(change_places, change=change), noise, transforms)


def found_before_nothing(change: Spoil, noise: float,
                         transforms: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    plain = np.full((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN), 90, np.float32)
    stack = make_stack(SHAPE, 8, scene=plain, transforms=transforms, noise=noise)
    images = [image.copy() for image in stack.images]
    for image in images:
        change(image)
    least = reduce(np.minimum, [sharpness(luma(image)) for image in images])
    spots = defects_among(least, images, transforms, noise)
    return np.zeros(SHAPE, np.bool_) if spots is None else spots


@pytest.mark.parametrize(('noise', 'levels', 'told'), [
    (1.0, 25, 0), (1.0, 55, 8), (0.0, 13, 0), (0.0, 32, 8)])
def test_spots_stand_out_of_the_noise_and_are_seen(noise, levels, told) -> None:
    assert sum(is_near(found_on_plain(brighter(levels), noise), 0)) == told


@pytest.mark.parametrize(('pixels', 'told'), [(1.5, 0), (3.0, 8)])
def test_the_picture_has_to_move(pixels, told) -> None:
    assert sum(is_near(found_on_plain(hot, transforms=shifted(pixels)), 0)) == told


@pytest.mark.parametrize(('pixels', 'told'), [(4.5, 0), (7.5, 8)])
def test_the_picture_has_to_move_by_more_than_a_spot_is_wide(pixels, told) -> None:
    def wide(part: NDArray[Any]) -> None:
        part[3, 1:6] = 255

    assert sum(is_near(found_on_plain(wide, transforms=shifted(pixels)), 0)) == told


@pytest.mark.parametrize(('length', 'told'), [(5, 8), (9, 0)])
def test_a_spot_ends_on_all_sides(length, told) -> None:
    def lines(image: NDArray[Any]) -> None:
        for row, column in PLACES:
            image[row, column - length // 2:column + length // 2 + 1] = 255

    assert sum(is_near(found_before_nothing(lines, NOISE, shifted(20.0)), 0)) == told


def test_spots_in_the_outermost_pixels_are_seen_like_others() -> None:
    ends, sides = (0, SHAPE[0] - 1), (0, SHAPE[1] - 1)
    true = np.zeros(SHAPE, np.bool_)
    true[ends, 60] = true[90, sides] = True
    true[np.ix_(ends, sides)] = True

    def hot_rims(image: NDArray[Any]) -> None:
        image[true] = 255

    np.testing.assert_array_equal(found_before_nothing(hot_rims, NOISE, shifted(20.0)), true)


@pytest.mark.parametrize('width', [1.0, 1.6])
def test_a_spot_is_taken_with_its_soft_rim(width) -> None:
    spots = found_on_plain(partial(dust, width=width))
    seen = speck(width) > 0.15
    parts = np.stack([spots[row - 3:row + 4, column - 3:column + 4] for row, column in PLACES])
    found = parts.any(axis=(1, 2))
    assert found.sum() >= 7
    assert parts[found][:, seen].mean() > 0.95


@pytest.mark.parametrize(('beside', 'taken'), [(8, 1.0), (2, 0.0)])
def test_what_is_beside_a_spot_is_taken_as_far_as_it_is_seen(beside, taken) -> None:
    def change(part: NDArray[Any]) -> None:
        part[2:5, 2:5] += np.uint8(beside)
        part[3, 3] = 190

    spots = found_on_plain(change, noise=0.3)
    parts = np.stack([spots[row - 1:row + 2, column - 1:column + 2] for row, column in PLACES])
    parts[:, 1, 1] = False
    assert parts.sum() == 8 * len(PLACES) * taken


def test_spots_that_are_close_are_found_both() -> None:
    stack = moving()
    images = spoiled(stack.images, hot)
    for image in images:
        for row, column in PLACES:
            image[row + 9, column] = 255
    spots = found_in(images, stack.transforms)
    assert spots is not None
    assert sum(is_near(spots, 1)) + sum(is_near(np.roll(spots, -9, axis=0), 1)) >= 12


def test_what_is_wider_than_a_spot_is_left_alone() -> None:
    stack = moving()
    images = [image.copy() for image in stack.images]
    for image in images:
        image[40, 20:60] = 255  # a line
        cv2.circle(image, (150, 120), 7, 0, -1)
    assert found_in(images, stack.transforms) is None


def test_spots_at_the_rim_are_found_too() -> None:
    stack = moving()
    images = [image.copy() for image in stack.images]
    places = [(1, 1), (40, 0), (1, SHAPE[1] - 2), (SHAPE[0] - 2, SHAPE[1] - 1)]
    for image in images:
        for place in places:
            image[place] = 255
    spots = found_in(images, stack.transforms)
    assert spots is not None
    assert sum(spots[place] for place in places) >= 3
    assert spots.sum() < 3 * len(places)
