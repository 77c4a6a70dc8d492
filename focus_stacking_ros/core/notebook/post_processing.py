# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's post-processing of the in-focus image: mask, erosion, even brightness."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['binarize', 'brightness_equalize', 'color_distance', 'erosion', 'post_processed']

_GREY = 0.5  # Wolfram's Gray
_EXPOSED = 2.0, 98.0  # lightness (0 to 100) of what is neither under- nor overexposed
_FITTED = 100_000  # pixels that enter the fit of the illumination
_DARKEST = 1.0  # lightness: a fit that goes to 0 would divide by it


def _lab(image: Image) -> FloatImage:
    """CIE L*a*b* of an image: (H, W, 3) float32, L* from 0 to 100."""
    scaled = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    if image.ndim == 2:
        scaled = cv2.cvtColor(scaled, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2Lab))


def color_distance(image: Image) -> FloatImage:
    """
    ``ColorDistance[image, Gray]``: CIE 1976 distance to middle grey, in L* / 100.

    :param image: (H, W) or (H, W, 3) blue-green-red (sRGB), uint8 or uint16
    :returns: (H, W) float32
    """
    grey = cv2.cvtColor(np.full((1, 1, 3), _GREY, np.float32), cv2.COLOR_BGR2Lab)
    difference = _lab(image) - grey
    return np.asarray(np.sqrt(np.einsum('ijk,ijk->ij', difference, difference))
                      / np.float32(100))


def binarize(image: FloatImage, threshold: float | None = None) -> NDArray[np.bool_]:
    """
    ``Binarize[image, t]``: what is greater than t; by default t is Otsu's threshold.

    :param image: (H, W) float32
    :param threshold: in the image's values; None for the one that divides them best into two
        classes, to 1/255 of their range (Otsu 1979,
        doi:10.1109/TSMC.1979.4310076)
    """
    if threshold is None:
        low, high = float(image.min()), float(image.max())
        scale = 255 / (high - low) if high > low else 0.0
        steps = np.rint((image - np.float32(low)) * np.float32(scale)).astype(np.uint8)
        step, _ = cv2.threshold(steps, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        return np.asarray(steps > step)
    return np.asarray(image > np.float32(threshold))


def erosion(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """
    ``Erosion[mask, r]``: what has only mask within r pixels, corners included.

    Beyond the border there is mask.

    :param mask: (H, W)
    :param radius: pixels
    """
    side = 2 * radius + 1
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(eroded > 0)


def brightness_equalize(image: Image) -> Image:
    """
    ``BrightnessEqualize[image]``: lightness divided by its fit of second order over the image.

    Pixels that are nearly black or white do not enter the fit.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :returns: shape and dtype of the image
    """
    lab = _lab(image)
    lightness = lab[..., 0]
    height, width = lightness.shape
    step = max(int(np.sqrt(lightness.size / _FITTED)), 1)
    exposed = (lightness > _EXPOSED[0]) & (lightness < _EXPOSED[1])
    chosen = np.zeros_like(exposed)
    chosen[::step, ::step] = exposed[::step, ::step]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fields = [np.broadcast_to(field, lightness.shape)
              for field in (np.float32(1), x, y, x * x, x * y, y * y)]
    samples = np.stack([field[chosen] for field in fields], axis=1).astype(np.float64)
    if len(samples) < len(fields):
        return image.copy()  # nothing is exposed well enough to tell the illumination
    weights = np.linalg.lstsq(samples, lightness[chosen].astype(np.float64), rcond=None)[0]
    flat = sum(np.float32(weight) * field for weight, field in zip(weights, fields, strict=True))
    flat = np.maximum(flat, np.float32(_DARKEST))
    lab[..., 0] = np.clip(lightness * (flat.mean() / flat), 0, 100)
    white = np.iinfo(image.dtype).max
    even = np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR), 0, 1) * white)
    return np.asarray((even[..., 1] if image.ndim == 2 else even).astype(image.dtype))


def post_processed(image: Image) -> Image:
    """
    Return the image in even brightness, black where its colour is near middle grey.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    """
    result = brightness_equalize(image)
    result[~erosion(binarize(color_distance(image)), 1)] = 0
    return result
