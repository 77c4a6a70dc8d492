# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the brightness of slices relative to each other."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align.exposure import Exposure, relative_gains
from focus_stacking_ros.core.focus.light import light_cells
from helpers.stacks import make_stack, similarity, texture
import numpy as np
import pytest

SHAPE = (160, 200)
IDENTITY = np.eye(3)


def gains_of(images: list[np.ndarray], transform: np.ndarray = IDENTITY) -> np.ndarray | None:
    return relative_gains(*(Exposure.of(light_cells(image)) for image in images), transform)


@pytest.mark.parametrize('gain', [0.7, 0.95, 1.04, 1.3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_gain_makes_up_for_the_exposure(gain, dtype, channels) -> None:
    transform = similarity(SHAPE, 1.02, (1.0, -1.0))
    stack = make_stack(SHAPE, 2, transforms=[IDENTITY, transform], gains=[1.0, gain], noise=1.0,
                       dtype=dtype, channels=channels)
    found = gains_of(stack.images, transform)
    assert found.shape == (channels,)
    np.testing.assert_allclose(found * gain, 1.0, atol=0.01)


def test_the_transform_leads_from_template_to_image() -> None:
    x = np.linspace(40, 200, SHAPE[1])
    ramp = np.broadcast_to(x, SHAPE).astype(np.float32)
    moved = cv2.warpAffine(ramp, np.array([[1, 0, 40.0], [0, 1, 0]]), SHAPE[::-1])
    images = [np.rint(each).astype(np.uint8) for each in (ramp, moved)]
    assert gains_of(images, similarity(SHAPE, shift=(40, 0))) == pytest.approx(1.0, abs=0.01)
    assert abs(gains_of(images)[0] - 1) > 0.1


@pytest.mark.parametrize(('gamma', 'flat'), [(2.2, False), (1.0, True)])
def test_defocus_is_no_change_of_brightness(gamma, flat) -> None:
    # Blur acts on light; encoded, fine contrast gets brighter by it. Flat areas do not, however
    # the camera encodes.
    light = np.clip(0.4 + 0.35 * np.sign(texture((320, 400), seed=3) - 100), 0.02, 1)
    if flat:
        light[:, :80] = 0.25
    images = [np.rint(255 * cv2.GaussianBlur(light, (0, 0), sigma) ** (1 / gamma))
              .astype(np.uint8) for sigma in (0.5, 6.0)]
    assert gains_of(images) == pytest.approx(1.0, abs=0.01)


def test_clipped_highlights_do_not_count() -> None:
    # Only where it is clipped does the brighter slice look as bright as the other.
    image = np.full(SHAPE, 120, np.uint8)
    image[:, ::2] = 90
    image[20:120, 30:150] = 255
    darker = np.rint(image * 0.8).astype(np.uint8)
    darker[20:120, 30:150] = 255
    assert gains_of([image, darker]) == pytest.approx(1.25, abs=0.01)


@pytest.mark.parametrize('value', [0, 255])
def test_black_and_white_tell_nothing(value) -> None:
    found = gains_of([np.full(SHAPE, value, np.uint8)] * 2)
    assert found is None or found == pytest.approx(1.0)


def test_views_without_overlap_tell_nothing() -> None:
    images = make_stack(SHAPE, 2).images
    assert gains_of(images, similarity(SHAPE, shift=(500, 0))) is None


def test_what_contradicts_itself_hardly_counts() -> None:
    # As where glow covers half of the picture, the median alone would be off by a third.
    rng = np.random.default_rng(0)
    image = np.full((320, 400), 100.0)
    factor = cv2.resize(rng.uniform(0.5, 1.0, (8, 10)), (400, 320))
    found = gains_of([np.rint(each).astype(np.uint8) for each in (image, image * factor)])
    median = 1 / np.median(factor)
    assert 1.0 < found[0] < 1 + 0.95 * (median - 1)


def test_slices_without_a_shape_of_their_own_have_that_of_their_cells() -> None:
    exposure = Exposure.of(light_cells(np.full((150, 203, 3), 100, np.uint8)))
    assert exposure.light.shape == (37, 50, 3)  # of 4x4 pixels
    assert exposure.shape == (148, 200)
    np.testing.assert_allclose(exposure.light, (100 / 256) ** 2, rtol=0.001)
    np.testing.assert_allclose(exposure.square, exposure.light ** 2, rtol=0.001)
