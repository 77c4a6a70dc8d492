# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's linear filters against SciPy."""

from __future__ import annotations

from focus_stacking_ros.core.notebook.linear_filters import (
    filtered_response,
    gaussian_filter,
    gaussian_matrix,
    laplacian_gaussian_filter,
)
import numpy as np
import pytest

RADII = [(3, 1.0), (6, 1.0), (4, 2.0)]


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize(('radius', 'sigma'), [*RADII, (15, 5.0)])
def test_gaussian_is_the_discrete_one_of_bessel_functions(radius, sigma) -> None:
    special = pytest.importorskip('scipy.special')
    expected = special.ive(np.abs(np.arange(-radius, radius + 1)), sigma ** 2)
    kernel = gaussian_matrix(radius, sigma)
    np.testing.assert_allclose(kernel, expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize(('radius', 'sigma'), RADII)
def test_second_derivative_is_a_finite_difference_of_it(radius, sigma) -> None:
    special = pytest.importorskip('scipy.special')
    wide = special.ive(np.abs(np.arange(-radius - 1, radius + 2)), sigma ** 2)
    places = np.arange(-radius, radius + 1)
    kernel = gaussian_matrix(radius, sigma, 2)
    # Rescaled and shifted for the cut, no more.
    shift, scale = np.polynomial.polynomial.polyfit(np.diff(wide, 2), kernel, 1)
    np.testing.assert_allclose(kernel, shift + scale * np.diff(wide, 2), atol=1e-12)
    assert kernel.sum() == pytest.approx(0, abs=1e-12)
    assert (kernel * places ** 2).sum() == pytest.approx(2)
    if radius >= 6 * sigma:
        np.testing.assert_allclose(kernel, np.diff(wide, 2), atol=2e-4)


def test_curvature_of_a_paraboloid_is_exact() -> None:
    y, x = np.mgrid[:41, :41]
    image = (3 * (x - 20) ** 2 + 2 * (y - 20) ** 2).astype(np.uint16)
    for radius, sigma in RADII:
        response = laplacian_gaussian_filter(image, radius, sigma)[10:-10, 10:-10]
        np.testing.assert_allclose(response * 65535, 2 * 3 + 2 * 2, rtol=1e-3)


@pytest.mark.parametrize(('radius', 'sigma'), RADII)
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_laplacian_of_gaussian_is_that_convolution(radius, sigma, dtype) -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    image = noise((40, 50, 3), dtype)
    smooth, curved = gaussian_matrix(radius, sigma), gaussian_matrix(radius, sigma, 2)
    kernel = np.outer(smooth, curved) + np.outer(curved, smooth)
    response = laplacian_gaussian_filter(image, radius, sigma)
    for channel in range(3):
        expected = ndimage.convolve(image[..., channel] / np.iinfo(dtype).max, kernel,
                                    mode='nearest')
        np.testing.assert_allclose(response[..., channel], expected, atol=2e-6)
    np.testing.assert_allclose(filtered_response(image, radius, sigma),
                               np.linalg.norm(response, axis=2), rtol=1e-5)
    np.testing.assert_array_equal(filtered_response(image[..., 0], radius, sigma),
                                  np.abs(laplacian_gaussian_filter(image[..., 0], radius, sigma)))


def test_wide_laplacian_of_gaussian_is_that_of_the_continuous_gaussian() -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    image = noise((60, 60))
    expected = ndimage.gaussian_laplace(image / 255, 2.0, mode='nearest', truncate=5)
    response = laplacian_gaussian_filter(image, 10, 2.0)
    assert np.corrcoef(response.ravel(), expected.ravel())[0, 1] > 0.98


def test_a_constant_image_has_no_response() -> None:
    for value in (0, 77, 255):
        assert filtered_response(np.full((20, 30, 3), value, np.uint8), 3, 1.0).max() < 1e-6


@pytest.mark.parametrize('radius', [2, 6])
def test_gaussian_filter_is_that_convolution(radius) -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    image = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    kernel = gaussian_matrix(radius, radius / 2)
    expected = ndimage.convolve(image.astype(float), np.outer(kernel, kernel), mode='nearest')
    np.testing.assert_allclose(gaussian_filter(image, radius), expected, atol=1e-5)
