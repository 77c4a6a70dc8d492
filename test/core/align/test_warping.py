# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of warping: directions, pixel centres and valid masks."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align.warping import (
    affine_at,
    faded,
    identity,
    inverse,
    is_affine,
    is_covered,
    is_identity,
    joined,
    nearest,
    reduced,
    valid_mask,
    view_area,
    warp,
)
from helpers.stacks import perspective, similarity
import numpy as np
import pytest

SHAPE = (40, 60)


def ramp() -> np.ndarray:
    """Grey value 1000 + 8 x + y: tells its own pixel coordinates."""
    y, x = np.indices(SHAPE)
    return (1000 + 8 * x + y).astype(np.float32)


def test_identity_is_exact_and_free() -> None:
    image = ramp()
    assert warp(image, identity()) is image
    assert valid_mask(SHAPE, identity()) is None
    assert is_identity(identity())
    assert not is_identity(similarity(SHAPE, shift=(1e-9, 0)))


def test_transform_leads_from_result_pixel_to_image_pixel() -> None:
    image = ramp()
    moved = warp(image, similarity(SHAPE, shift=(3, -2)))
    np.testing.assert_array_equal(moved[2:, :-3], image[:-2, 3:])


@pytest.mark.parametrize('transform', [
    similarity(SHAPE, 1.03, (0.25, -0.5)), similarity(SHAPE, 0.98, (1, 2)),
    similarity(SHAPE, 1.0, (0, 0), 2.0), perspective(SHAPE, -1.5, 0.8)])
def test_warped_values_are_those_at_the_transformed_pixel_centres(transform) -> None:
    moved = warp(ramp(), transform)
    y, x = np.indices(SHAPE)
    there = transform @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    there = there[:2] / there[2]
    expected = (1000 + 8 * there[0] + there[1]).reshape(SHAPE)
    mask = valid_mask(SHAPE, transform) > 0
    # Bilinear weights are quantised to 1/32 pixel.
    assert np.abs(moved - expected)[mask].max() < 9 / 32


def test_valid_pixels_are_exactly_those_within_the_slice() -> None:
    rng = np.random.default_rng(0)
    y, x = np.indices(SHAPE)
    grid = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    for _ in range(30):
        transform = similarity(SHAPE, rng.uniform(0.85, 1.15), tuple(rng.uniform(-9, 9, 2)),
                               rng.uniform(-4, 4))
        transform[:2, :2] += rng.uniform(-0.02, 0.02, (2, 2))
        u, v = (transform @ grid)[:2].reshape(2, *SHAPE)
        expected = (u >= 0) & (v >= 0) & (u <= SHAPE[1] - 1) & (v <= SHAPE[0] - 1)
        mask = valid_mask(SHAPE, transform)
        found = np.full(SHAPE, 255, np.uint8) if mask is None else mask
        np.testing.assert_array_equal(found, np.where(expected, 255, 0))


def test_a_wider_slice_is_valid_everywhere() -> None:
    assert valid_mask(SHAPE, similarity(SHAPE, 0.9)) is None


def test_whole_pixel_shift_invalidates_whole_columns() -> None:
    mask = valid_mask(SHAPE, similarity(SHAPE, shift=(5, 0)))
    assert (mask[:, :-5] == 255).all()
    assert (mask[:, -5:] == 0).all()


def test_a_shift_beyond_the_image_leaves_nothing_valid() -> None:
    for shift in ((100, 0), (0, -100)):
        assert (valid_mask(SHAPE, similarity(SHAPE, shift=shift)) == 0).all()


def test_valid_pixels_never_see_the_constant_border() -> None:
    image = np.full(SHAPE, 900, np.int16)
    for shift in ((0.5, 0), (-3.7, 2.2), (0, -0.01)):
        transform = similarity(SHAPE, 1.02, shift)
        assert (warp(image, transform)[valid_mask(SHAPE, transform) > 0] == 900).all()


def test_margin_shrinks_what_is_valid() -> None:
    mask = valid_mask(SHAPE, identity(), margin=3)
    assert (mask[3:-3, 3:-3] == 255).all()
    assert np.count_nonzero(mask) == (SHAPE[0] - 6) * (SHAPE[1] - 6)


@pytest.mark.parametrize('factor', [2, 4])
def test_reduced_transform_moves_a_reduced_image_the_same(factor) -> None:
    transform = similarity(SHAPE, 1.05, (3, -1), 1.0)
    # Centre of a reduced pixel in full-size pixels: factor times it plus half the factor less one.
    small = np.array([4.0, 3.0])
    full = factor * small + (factor - 1) / 2
    there = (transform @ [*full, 1])[:2]
    expected = (there - (factor - 1) / 2) / factor
    np.testing.assert_allclose((reduced(transform, factor) @ [*small, 1])[:2], expected)
    np.testing.assert_allclose(reduced(reduced(transform, factor), 1 / factor), transform)


def test_result_can_have_another_size() -> None:
    part = warp(ramp(), similarity(SHAPE, shift=(10, 5)), size=(20, 10))
    np.testing.assert_array_equal(part, ramp()[5:15, 10:30])


def test_colour_and_border() -> None:
    image = cv2.merge([ramp()] * 3)
    moved = warp(image, similarity(SHAPE, shift=(4, 0)), border=cv2.BORDER_REPLICATE)
    assert moved.shape == image.shape
    np.testing.assert_array_equal(moved[:, -4:], np.repeat(image[:, -1:], 4, axis=1))
    assert (warp(image, similarity(SHAPE, shift=(4, 0)))[:, -3:] == 0).all()


def test_view_area_of_a_magnified_slice_is_smaller() -> None:
    assert view_area(similarity(SHAPE, 1.1), SHAPE) == pytest.approx(1 / 1.21)
    assert view_area(identity(), SHAPE) == 1


def test_view_area_of_a_perspective_is_that_of_its_centre() -> None:
    tilted = perspective(SHAPE, 3, -2)
    assert view_area(tilted, SHAPE) == pytest.approx(1, abs=1e-9)
    assert view_area(joined(similarity(SHAPE, 1.1), tilted), SHAPE) == pytest.approx(1 / 1.21)


def test_valid_pixels_of_a_perspective_are_exactly_those_within_the_slice() -> None:
    y, x = np.indices(SHAPE)
    for across, down in ((5, 2), (-4, 3), (0.5, -6)):
        transform = joined(similarity(SHAPE, 1.02, (1, -2), 3.0), perspective(SHAPE, across, down))
        u, v, below = transform @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        u, v = (u / below).reshape(SHAPE), (v / below).reshape(SHAPE)
        for margin in (0.0, 1.5):
            inside = ((u >= margin) & (v >= margin) & (u <= SHAPE[1] - 1 - margin)
                      & (v <= SHAPE[0] - 1 - margin))
            assert 0 < inside.sum() < inside.size
            np.testing.assert_array_equal(valid_mask(SHAPE, transform, margin) > 0, inside)


def test_transforms_with_perspective_join_and_lead_back() -> None:
    one, other = perspective(SHAPE, 2, -1), joined(similarity(SHAPE, 1.1, (2, 3), 4.0),
                                                   perspective(SHAPE, -1, 2))
    point = np.array([12.0, 31.0, 1.0])
    there = other @ point
    there = one @ (there / there[2])
    both = joined(one, other) @ point
    np.testing.assert_allclose(both / both[2], there / there[2])
    assert joined(one, other)[2, 2] == 1
    np.testing.assert_allclose(joined(inverse(other), other), np.eye(3), atol=1e-12)
    assert is_affine(similarity(SHAPE, 1.1))
    assert not is_affine(one)


def test_tangent_of_a_perspective_touches_it() -> None:
    transform, point = perspective(SHAPE, 4, 3), np.array([40.0, 11.0])
    tangent = affine_at(transform, (40.0, 11.0))
    for step, tolerance in ((np.zeros(2), 1e-12), (np.array([1e-3, -2e-3]), 1e-6)):
        there = transform @ [*(point + step), 1]
        np.testing.assert_allclose((tangent @ [*(point + step), 1])[:2], there[:2] / there[2],
                                   atol=tolerance, rtol=0)


def test_a_faded_plane_falls_towards_its_rim_only() -> None:
    plane = faded(np.full(SHAPE, 200, np.uint8), 4)
    assert (plane[4:-4, 4:-4] == 200).all()
    assert plane[20, :5].tolist() == plane[20, ::-1][:5].tolist() == [40, 80, 120, 160, 200]
    assert plane[:5, 30].tolist() == plane[::-1, 30][:5].tolist() == [40, 80, 120, 160, 200]


@pytest.mark.parametrize('shape', [(9, 30), (30, 9), (3, 4), (8, 8), (5, 40), (40, 50)])
@pytest.mark.parametrize('width', [1, 4, 9])
def test_only_what_is_near_the_rim_is_faded_whatever_the_size(shape, width) -> None:
    plane = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    rows, columns = np.indices(shape)
    shares = [np.minimum(1, (np.minimum(place, side - 1 - place) + 1) / (width + 1))
              for place, side in ((rows, shape[0]), (columns, shape[1]))]
    expected = faded(plane, width)
    np.testing.assert_allclose(expected, plane * shares[0] * shares[1], atol=0.51)
    fixed = plane.copy()
    fixed.setflags(write=False)
    np.testing.assert_array_equal(faded(fixed, width, in_place=True), expected)
    assert faded(plane, width, in_place=True) is plane
    np.testing.assert_array_equal(plane, expected)


def test_a_slice_is_covered_where_no_mask_is_needed() -> None:
    for scale in 0.9, 0.999, 1.0, 1.001:
        for margin in 0.0, 2.0:
            view = similarity(SHAPE, scale)
            assert is_covered(SHAPE, view, margin) is (valid_mask(SHAPE, view, margin) is None)
    assert is_covered(SHAPE, similarity(SHAPE, 0.9))
    assert not is_covered(SHAPE, similarity(SHAPE, 1.1))


def test_nearest_takes_whole_values_and_says_where_there_are_none() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    shifted = np.array([[1, 0, 1.2], [0, 1, 0], [0, 0, 1.0]])
    moved = nearest(plane, shifted, outside=255, size=(5, 3))
    np.testing.assert_array_equal(moved[0], [1, 2, 3, 255, 255])
    assert nearest(plane, np.eye(3)) is plane
