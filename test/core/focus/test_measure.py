# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the focus measures and of the noise they see."""

from __future__ import annotations

from itertools import pairwise

import cv2
from focus_stacking_ros.core.focus.measure import (
    averaged,
    coarse_sharpness,
    FOCUS_MEASURES,
    focus_response,
    GREY_STEPS,
    half_size,
    halved,
    log_norm,
    luma,
    modified_laplacian,
    ring_difference,
    sharpness,
)
from focus_stacking_ros.core.fuse.job import NOISE_SHARPNESS
from helpers.camera_noise import camera_noise
from helpers.stacks import texture
import numpy as np
import pytest

OPERATORS = tuple(FOCUS_MEASURES)


def image_of(channels: int = 1, dtype: type = np.uint8, offset: float = 0.0) -> np.ndarray:
    values = np.rint(texture((80, 100), channels, contrast=20)) + offset
    return (values * (256 if dtype == np.uint16 else 1)).astype(dtype)


def noisy(sigma: float, channels: int = 1, dtype: type = np.uint8, shape=(300, 300)):
    rng = np.random.default_rng(5)
    size = shape if channels == 1 else (*shape, channels)
    values = 128 + sigma * rng.standard_normal(size)
    return np.rint(values * (256 if dtype == np.uint16 else 1)).astype(dtype)


def test_luma_is_in_sixteenths_of_a_grey_level() -> None:
    grey = np.array([[0, 1, 255]], np.uint8)
    np.testing.assert_array_equal(luma(grey), [[0, 16, 255 * 16]])
    np.testing.assert_array_equal(luma(grey.astype(np.uint16) * 256), luma(grey))
    assert luma(grey).dtype == np.int16


def test_luma_of_the_brightest_16_bit_value_does_not_wrap() -> None:
    assert luma(np.array([[65535]], np.uint16))[0, 0] == 4095


def test_luma_weighs_blue_green_red() -> None:
    pixels = np.zeros((1, 3, 3), np.uint8)
    pixels[0, [0, 1, 2], [0, 1, 2]] = 200
    expected = GREY_STEPS * 200 * np.array([[0.114, 0.587, 0.299]])
    # Weights in 1/256.
    np.testing.assert_allclose(luma(pixels), expected, atol=GREY_STEPS * 200 / 512)


def test_luma_of_8_bit_colours_keeps_what_is_below_a_grey_level() -> None:
    pixels = np.full((1, 4, 3), 100, np.uint8)
    pixels[0, [1, 2, 3], [0, 1, 2]] += 1  # one channel by one level
    np.testing.assert_array_equal(luma(pixels) - 100 * GREY_STEPS, [[0, 2, 9, 5]])


def test_luma_of_colours_is_monotone_and_reaches_both_ends() -> None:
    grey = np.dstack([np.arange(256, dtype=np.uint8)[None]] * 3)
    np.testing.assert_array_equal(luma(grey), luma(grey[..., 0]))


@pytest.mark.parametrize('operator', OPERATORS)
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_operator_sees_texture_and_not_constants(operator, channels, dtype) -> None:
    shape = (40, 50) if channels == 1 else (40, 50, 3)
    flat = np.full(shape, 200, dtype)
    assert (focus_response(flat, luma(flat), operator) == 0).all()
    image = image_of(channels, dtype)
    response = averaged(focus_response(image, luma(image), operator), 3)[0]
    assert response.shape == half_size(image.shape)
    assert response.dtype == np.int16
    assert response.min() > GREY_STEPS


@pytest.mark.parametrize('operator', OPERATORS)
def test_response_falls_steadily_with_blur(operator) -> None:
    image = image_of()
    means = [focus_response(blurred, luma(blurred), operator).mean() for blurred in (
        image, *(cv2.GaussianBlur(image, (0, 0), sigma) for sigma in (0.7, 1.3, 2.0, 3.0)))]
    assert all(more > 1.2 * less for more, less in pairwise(means))


@pytest.mark.parametrize('operator', OPERATORS)
@pytest.mark.parametrize('channels', [1, 3])
def test_response_does_not_depend_on_a_brightness_offset(operator, channels) -> None:
    dark, bright = image_of(channels), image_of(channels, offset=8)
    difference = (focus_response(dark, luma(dark), operator).astype(int)
                  - focus_response(bright, luma(bright), operator))
    # The luma of colours is rounded, at each of the pixels of a second difference.
    assert np.abs(difference).max() <= (1 if channels == 1 else 8)


@pytest.mark.parametrize('operator', OPERATORS)
def test_response_does_not_depend_on_a_brightness_ramp(operator) -> None:
    ramp = np.tile(np.arange(60, dtype=np.uint8) * 3, (50, 1))
    response = focus_response(ramp, luma(ramp), operator)
    assert (response[4:-4, 4:-4] == 0).all()


@pytest.mark.parametrize('operator', OPERATORS)
def test_same_numbers_in_8_and_16_bit(operator) -> None:
    eight, sixteen = image_of(), image_of(dtype=np.uint16)
    difference = (focus_response(eight, luma(eight), operator).astype(int)
                  - focus_response(sixteen, luma(sixteen), operator))
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(('operator', 'expected'), [
    # Of a single bright pixel v: two times v at the pixel itself for each pair.
    (ring_difference, 12), (modified_laplacian, 8)])
def test_second_differences_of_a_single_pixel(operator, expected) -> None:
    grey = np.zeros((11, 11), np.int16)
    grey[5, 5] = 100
    response = operator(grey)
    assert response[5, 5] == expected * 100
    assert response[5, 7] == 100  # an end of one pair
    assert response[0, 0] == 0
    np.testing.assert_array_equal(response, response[::-1, ::-1])


def test_modified_laplacian_is_that_of_steps_one_and_two() -> None:
    grey = luma(image_of())
    wide = np.pad(grey.astype(int), 2, mode='reflect')
    middle = wide[2:-2, 2:-2]
    expected = sum(
        np.abs(2 * middle - wide[2:-2, 2 - step:][:, :100] - wide[2:-2, 2 + step:][:, :100])
        + np.abs(2 * middle - wide[2 - step:, 2:-2][:80] - wide[2 + step:, 2:-2][:80])
        for step in (1, 2))
    np.testing.assert_array_equal(modified_laplacian(grey), expected)


def test_ring_difference_saturates_instead_of_wrapping() -> None:
    star = np.zeros((11, 11), np.int16)
    star[5, 5] = 4095  # the sum is 49140
    assert ring_difference(star)[5, 5] == 32767


def test_log_norm_is_the_norm_over_channels() -> None:
    grey = image_of()
    three = cv2.merge([grey] * 3)
    np.testing.assert_allclose(log_norm(three), log_norm(grey) * np.sqrt(3), atol=1.5)
    red = np.zeros_like(three)
    red[..., 2] = grey
    np.testing.assert_array_equal(log_norm(red), log_norm(grey))


def test_log_norm_sees_colour_edges_of_equal_luma() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :20, 1], image[:, 20:, 2] = 100, 196  # green and red of luma 59
    assert ring_difference(luma(image)).max() <= 4 * GREY_STEPS
    assert log_norm(image).max() > 20 * GREY_STEPS


@pytest.mark.parametrize('operator', OPERATORS)
def test_noise_predicts_the_mean_response(operator) -> None:
    image = noisy(5.0)
    measured = focus_response(image, luma(image), operator)[4:-4, 4:-4].mean() / GREY_STEPS
    assert measured == pytest.approx(5.0 * FOCUS_MEASURES[operator].noise[1].mean, rel=0.05)


def test_log_norm_of_three_equally_noisy_channels() -> None:
    image = noisy(5.0, 3)
    measured = log_norm(image)[4:-4, 4:-4].mean() / GREY_STEPS
    assert measured == pytest.approx(5.0 * FOCUS_MEASURES['log_norm'].noise[3].mean, rel=0.05)


@pytest.mark.parametrize('operator', OPERATORS)
def test_curvature_is_that_to_a_parabola(operator) -> None:
    parabola = np.tile(np.square(np.arange(-25, 25)) / 4, (40, 1)) + 20
    image = np.rint(parabola * 256).astype(np.uint16)
    response = focus_response(image, luma(image), operator)[8:-8, 8:-8] / GREY_STEPS
    assert response.mean() == pytest.approx(FOCUS_MEASURES[operator].curvature / 2, rel=0.1)


@pytest.mark.parametrize('window', [1, 2, 3, 5, 7, 13])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('operator', OPERATORS)
def test_scatter_is_that_of_the_averaged_response_to_noise(operator, channels, window) -> None:
    if channels == 1:
        image = noisy(20.0, dtype=np.uint16, shape=(1000, 1000))
    else:
        image = noisy(20.0, 3, np.uint16, (1000, 1000))
    response = averaged(focus_response(image, luma(image), operator), window)[0]
    inside = response[8:-8, 8:-8]
    assert inside.std() / inside.mean() == pytest.approx(
        FOCUS_MEASURES[operator].noise[channels].scatter_of(window), rel=0.045)


def test_an_unknown_focus_measure_is_an_error_that_names_the_known_ones() -> None:
    image = noisy(5.0)
    with pytest.raises(KeyError, match=r'abacus; known are: .*log_norm'):
        focus_response(image, luma(image), 'abacus')


def test_half_size_counts_an_odd_last_row_and_column() -> None:
    assert [half_size(shape) for shape in ((4, 6), (5, 7), (1, 2), (480, 641, 3))] == [
        (2, 3), (3, 4), (1, 1), (240, 321)]


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize('shape', [(8, 12), (7, 12), (8, 11), (9, 13)])
def test_halved_is_the_mean_of_two_by_two_pixels(shape, dtype) -> None:
    plane = (4 * np.random.default_rng(1).integers(0, 60, shape)).astype(dtype)
    found = halved(plane)
    assert (found.shape, found.dtype) == (half_size(shape), dtype)
    # An odd last row or column is followed by the one before it.
    whole = np.pad(plane, [(0, side % 2) for side in shape], mode='reflect').astype(float)
    expected = whole.reshape(found.shape[0], 2, found.shape[1], 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('operator', ['ring_difference', 'modified_laplacian'])
def test_response_is_the_operators_at_half_the_size(operator) -> None:
    image = image_of()[:79, :99]
    full = {'ring_difference': ring_difference, 'modified_laplacian': modified_laplacian}[
        operator](luma(image)).astype(float)
    found = focus_response(image, luma(image), operator)
    assert found.shape == (40, 50)
    assert found[20, 30] == pytest.approx(full[40:42, 60:62].mean(), abs=0.51)


@pytest.mark.parametrize('window', [1, 3, 5])
def test_averaged_is_the_mean_over_the_window(window) -> None:
    response = np.random.default_rng(2).integers(0, 32768, (12, 15)).astype(np.int16)
    found, valid = averaged(response, window)
    assert valid is None
    side = window // 2
    wide = np.pad(response.astype(float), side, mode='symmetric')
    expected = np.mean([wide[y:y + 12, x:x + 15] for y in range(window) for x in range(window)],
                       axis=0)
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_averaged_leaves_out_what_has_no_data() -> None:
    rng = np.random.default_rng(3)
    response = rng.integers(0, 32768, (12, 15)).astype(np.int16)
    missing = rng.random((12, 15)) < 0.4
    missing[:5, :5] = True
    response[missing] = -1
    found, valid = averaged(response, 3)
    np.testing.assert_array_equal(valid, np.where(missing, 0, 255))
    assert (found[missing] == -1).all()
    for y, x in zip(*np.nonzero(~missing), strict=True):
        if 0 < y < 11 and 0 < x < 14:
            around = response[y - 1:y + 2, x - 1:x + 2]
            assert found[y, x] == pytest.approx(around[around >= 0].mean(), abs=0.6)


def test_averaged_of_no_data_at_all_is_none() -> None:
    found, valid = averaged(np.full((4, 5), -1, np.int16), 3)
    assert (found == -1).all()
    assert (valid == 0).all()


def test_sharpness_falls_with_blur_and_is_zero_on_flats() -> None:
    image = image_of()
    blurred = cv2.GaussianBlur(image, (0, 0), 1.5)
    sharp, soft = sharpness(luma(image)), sharpness(luma(blurred))
    assert sharp.dtype == np.uint8
    assert sharp.mean() > 2 * soft.mean()
    assert (sharpness(np.full((20, 20), 1000, np.int16)) == 0).all()


def test_sharpness_of_noise_is_its_mean_laplacian() -> None:
    grey = luma(noisy(3.0, dtype=np.uint16))
    smooth = np.outer([1, 2, 1], [1, 2, 1]) / 16
    kernel = cv2.filter2D(np.pad(smooth, 2), -1, np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]))
    # The mean of |N(0, 1)| times the norm of the kernel, in quarters of a grey level.
    assert sharpness(grey).mean() == pytest.approx(
        3 * 4 * 0.798 * np.linalg.norm(kernel), rel=0.03)


def test_an_edge_stands_out_of_white_noise_five_times_as_far_as_without_smoothing() -> None:
    # As far as a lens and a pixel blur it, beside noise of one grey level.
    edge = np.zeros((60, 80), np.float32)
    edge[:, 40:] = 100
    edge = cv2.GaussianBlur(edge, (0, 0), 1.0)
    noise = np.random.default_rng(0).normal(0, 1, (400, 400)).astype(np.float32)

    def plain(image: np.ndarray) -> np.ndarray:
        return cv2.blur(cv2.blur(np.abs(cv2.Laplacian(image, cv2.CV_32F)), (5, 5)), (3, 3))

    def smoothed(image: np.ndarray) -> np.ndarray:
        return sharpness(np.rint(16 * (image + 100)).astype(np.int16)).astype(float)

    without, within = (each(edge).max() / each(noise).mean() for each in (plain, smoothed))
    assert within / without == pytest.approx(5, rel=0.1)


def test_sharpness_of_the_noise_of_a_camera_is_what_it_has_to_stand_out_of() -> None:
    noise = np.rint(16 * (camera_noise(3.0, (400, 400)) + 125)).astype(np.int16)
    assert sharpness(noise).mean() == pytest.approx(3 * NOISE_SHARPNESS, rel=0.06)


def test_coarse_sharpness_of_noise_is_that_which_sharpness_has_to_stand_out_of() -> None:
    noise = np.random.default_rng(0).normal(2000, 16 * 3, (400, 400))
    half = halved(np.rint(noise).astype(np.int16))
    assert coarse_sharpness(half).shape == (100, 100)
    assert coarse_sharpness(half).mean() == pytest.approx(3 * 0.798 * 20 ** 0.5, rel=0.06)
    assert coarse_sharpness(half).mean() == pytest.approx(3 * NOISE_SHARPNESS, rel=0.06)


def test_coarse_sharpness_of_the_strongest_texture_is_127() -> None:
    chessboard = np.kron(np.indices((20, 20)).sum(0) % 2 * 4080, np.ones((2, 2)))
    assert (coarse_sharpness(chessboard.astype(np.int16)) == 127).all()


def test_sharpness_is_smoothed_as_by_a_gaussian_of_1_6_pixels() -> None:
    grey = np.zeros((41, 41), np.int16)
    grey[20, 20] = 2000
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (3, 3), 0)  # (1 2 1) x (1 2 1)
    laplacian = np.abs(cv2.Laplacian(smooth, cv2.CV_32F)).clip(0, 1020) / 4
    found, away = sharpness(grey).astype(float), np.square(np.arange(41) - 20)
    assert found.sum() == pytest.approx(laplacian.sum(), rel=0.02)
    spread = [(plane.sum(0) * away).sum() / plane.sum() for plane in (found, laplacian)]
    assert spread[0] - spread[1] == pytest.approx(1.63 ** 2, rel=0.05)


def test_sharpness_of_the_strongest_texture_is_255() -> None:
    # Smoothing leaves nothing of a board whose squares are single pixels.
    chessboard = np.kron(np.indices((10, 10)).sum(0) % 2 * 4080, np.ones((2, 2)))
    assert (sharpness(chessboard.astype(np.int16)) == 255).all()
