# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Alignment of two slices of a focal stack: scale, shift, rotation and gain.

Sparse, robust Gauss-Newton on a pyramid with the mean of both images' gradients (efficient
second-order minimisation, Benhimane and Malis 2004). Defocus moves the edges of tilted surfaces,
so every pixel counts by how sharp it is in both images.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.focus_measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.warping import identity, Pixel, reduced, warp
import numpy as np
from numpy.typing import NDArray

__all__ = ['AlignmentFrame', 'Level', 'Registration', 'prepare', 'register']

_COARSEST_SIDE = 40  # pixels: a smaller level has too little texture left
_FULL_SIZE_PIXELS = 200_000  # images up to this size are aligned at full resolution
_POINTS = 25_000  # pixels that enter each level: the sharpest in both images
_CHOICE_LEVEL = 2  # where the better of two first guesses is chosen; finer levels cost more
_ROTATION = 0.15  # pixels at the corners; a smaller rotation is within the error of its estimate
_CLIPPED = 250  # 8-bit grey level from which a pixel may be clipped
_MAX_STEPS = 12
_TOLERANCE, _COARSE_TOLERANCE = 2e-3, 2e-2  # pixels of the level at which a fit has converged
_MAX_SCALE = 1.35  # between two neighbours; anything beyond is a failure


# Defocus blurs light, not grey levels: in these, edges move as they blur. Cameras encode light by
# a power of about 1 / 2.2; undoing all of it would leave the dark parts to the noise.
_GAMMA = 1.3
_EXPANDED = (255 * (np.arange(256 * GREY_STEPS) / (255 * GREY_STEPS)) ** _GAMMA
             ).astype(np.float32)


@dataclass(frozen=True)
class Level:
    """
    One level of a slice's pyramid; images are (h, w) float32.

    :param factor: full-size pixels per pixel of this level
    :param grey: smoothed luma, 0 to 255, nearer to linear in light than grey levels
    :param gradient_x: derivative of grey along x per pixel of this level
    :param gradient_y: derivative of grey along y per pixel of this level
    :param weight: local sharpness to the power the level calls for
    """

    factor: int
    grey: FloatImage
    gradient_x: FloatImage
    gradient_y: FloatImage
    weight: FloatImage


@dataclass(frozen=True)
class AlignmentFrame:
    """
    What alignment keeps of a slice: a pyramid, finest level first.

    :param levels: the pyramid
    :param shape: height and width of the slice, pixels
    """

    levels: tuple[Level, ...]
    shape: tuple[int, int]


@dataclass(frozen=True)
class Registration:
    """
    Where a slice lies relative to another.

    :param transform: (3, 3) template pixel -> image pixel, full size
    :param gain: factor on the image's grey values that gives the template's brightness
    :param residual: weighted mean absolute grey-level difference after alignment
    :param reason: why the transform is a guess, '' where it was estimated
    """

    transform: Transform
    gain: float = 1.0
    residual: float = 0.0
    reason: str = ''


def _sharpness(grey: FloatImage, gradient_x: FloatImage, gradient_y: FloatImage,
               radius: int) -> FloatImage:
    """Local Laplacian energy over gradient energy, both less or plus their noise floor."""
    window = (2 * radius + 1, 2 * radius + 1)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    detail = cv2.boxFilter(cv2.multiply(laplacian, laplacian), -1, window)
    slope = cv2.boxFilter(cv2.add(cv2.multiply(gradient_x, gradient_x),
                                  cv2.multiply(gradient_y, gradient_y)), -1, window)
    floor_detail = float(np.percentile(detail[::4, ::4], 5))
    floor_slope = float(np.percentile(slope[::4, ::4], 5))
    sharp = cv2.divide(cv2.max(cv2.subtract(detail, 2 * floor_detail), 0.0),
                       cv2.add(slope, floor_slope + 2.0))
    return np.asarray(sharp, np.float32)


def _halved(image: NDArray[Pixel]) -> NDArray[Pixel]:
    """Mean of 2x2 pixels; an odd last row or column is left out, so the factor is exactly 2."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return cv2.resize(image[:2 * height, :2 * width], (width, height),
                      interpolation=cv2.INTER_AREA)


def prepare(grey: NDArray[np.int16]) -> AlignmentFrame:
    """
    Build what alignment needs of a slice.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    factor = 1 if grey.size <= _FULL_SIZE_PIXELS else 2
    image = _EXPANDED[np.clip(grey if factor == 1 else _halved(grey), 0, len(_EXPANDED) - 1)]
    levels: list[Level] = []
    radius = 6
    while True:
        smooth = cv2.GaussianBlur(image, (0, 0), 0.7)
        gradient_x = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
        gradient_y = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
        sharp = _sharpness(smooth, gradient_x, gradient_y, radius)
        # What is clipped grows and shrinks with the focus, mostly away from the light.
        clipped = cv2.compare(image, float(_EXPANDED[_CLIPPED * GREY_STEPS]), cv2.CMP_GE)
        sharp[cv2.dilate(clipped, np.ones((5, 5), np.uint8)) > 0] = 0
        power = 3.0 if not levels else 0.5
        levels.append(Level(factor, smooth, gradient_x, gradient_y, cv2.pow(sharp, power)))
        if min(image.shape) < 2 * _COARSEST_SIDE:
            return AlignmentFrame(tuple(levels), (grey.shape[0], grey.shape[1]))
        image = _halved(image)
        factor *= 2
        radius = max(radius // 2, 2)


_BASES = {
    'none': 0,
    'translation': 2,
    'scale': 3,
    'similarity': 4,
    'affine': 6,
}


def _fields(model: str, x: FloatImage, y: FloatImage, gradient_x: FloatImage,
            gradient_y: FloatImage) -> list[FloatImage]:
    """Return the derivative of the grey values by each parameter of a model."""
    along_x, along_y = gradient_x * x, gradient_y * y
    fields = [gradient_x, gradient_y]
    if model == 'affine':
        return [*fields, along_x, gradient_x * y, gradient_y * x, along_y]
    if model != 'translation':
        fields.append(along_x + along_y)
    if model == 'similarity':
        fields.append(gradient_y * x - gradient_x * y)
    return fields


def _increment(model: str, step: NDArray[np.float64], centre: tuple[float, float],
               unit: float) -> Transform:
    """Small transform (pixel -> pixel of one level) of a parameter step in centred units."""
    change = np.zeros((2, 2))
    if model == 'affine':
        change[:] = step[2:6].reshape(2, 2)
    elif model != 'translation':
        change += step[2] * np.eye(2)
    if model == 'similarity':
        change += step[3] * np.array([[0, -1], [1, 0]])
    increment = identity()
    increment[:2, :2] += change / unit
    increment[:2, 2] = step[:2] - change @ np.asarray(centre) / unit
    return increment


def _sample(image: FloatImage, u: FloatImage, v: FloatImage, interpolation: int) -> FloatImage:
    # remap takes maps of up to 32767 columns, so a list of points is folded into rows.
    return cv2.remap(image, u.reshape(-1, 64), v.reshape(-1, 64), interpolation,
                     borderMode=cv2.BORDER_REPLICATE).ravel()


@dataclass(frozen=True)
class _Fit:
    transform: Transform  # level pixel -> level pixel
    residual: float


def _fit_level(template: Level, image: Level, start: Transform, model: str,
               tolerance: float) -> _Fit | None:
    """Refine a transform at one level; None where too few pixels are sharp in both images."""
    height, width = template.grey.shape
    common = cv2.min(template.weight, warp(image.weight, start))
    if common.size > _POINTS:
        rest = np.partition(common[::2, ::2].ravel(), -(_POINTS // 4))
        threshold = max(float(rest[-(_POINTS // 4)]), 1e-12)
        chosen = np.flatnonzero(common.ravel() >= threshold)
    else:
        chosen = np.flatnonzero(common.ravel() > 0)
    chosen = chosen[:len(chosen) // 64 * 64]
    if len(chosen) < 256:
        return None
    rows, columns = np.divmod(chosen.astype(np.int32), width)
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    weight = common.ravel()[chosen]
    weight = weight / weight.mean()
    target = template.grey.ravel()[chosen]
    target_x, target_y = template.gradient_x.ravel()[chosen], template.gradient_y.ravel()[chosen]
    centre, unit = ((width - 1) / 2, (height - 1) / 2), max(width, height) / 2
    x_unit = (x - np.float32(centre[0])) / np.float32(unit)
    y_unit = (y - np.float32(centre[1])) / np.float32(unit)
    transform, gain, bias, residual = start.copy(), 1.0, 0.0, np.inf
    for _ in range(_MAX_STEPS):
        a = transform.astype(np.float32)
        u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
        inside = (u >= 1) & (v >= 1) & (u <= width - 2) & (v <= height - 2)
        grey = _sample(image.grey, u, v, cv2.INTER_CUBIC)
        image_x = _sample(image.gradient_x, u, v, cv2.INTER_LINEAR)
        image_y = _sample(image.gradient_y, u, v, cv2.INTER_LINEAR)
        error = np.float32(gain) * grey + np.float32(bias) - target
        spread = np.abs(error - np.median(error[::7]))
        pixel_weight = weight * inside / (spread + 2)
        total = float(pixel_weight.sum())
        if total <= 0:
            return None
        residual = float((pixel_weight * spread).sum()) / total
        # Chain rule: gradient of the warped image in the template's pixel grid.
        slope_x = 0.5 * (target_x + a[0, 0] * image_x + a[1, 0] * image_y)
        slope_y = 0.5 * (target_y + a[0, 1] * image_x + a[1, 1] * image_y)
        jacobian = np.stack([*_fields(model, x_unit, y_unit, slope_x, slope_y),
                             grey, np.ones_like(grey)])
        weighted = jacobian * pixel_weight
        normal = (weighted @ jacobian.T).astype(np.float64)
        try:
            step = np.linalg.solve(normal, -(weighted @ error).astype(np.float64))
        except np.linalg.LinAlgError:
            return None
        parameters = _BASES[model]
        transform = transform @ _increment(model, step[:parameters], centre, unit)
        gain, bias = gain + step[parameters], bias + step[parameters + 1]
        # Parameters are pixels at the rim of the level.
        if np.abs(step[:parameters]).max() < tolerance:
            break
    return _Fit(transform, residual)


def _plausible(transform: Transform, shape: tuple[int, int]) -> bool:
    """Whether a transform could be two neighbours of one stack."""
    if not np.isfinite(transform).all():
        return False
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    height, width = shape
    centre = np.array([width / 2, height / 2, 1])
    shift = np.hypot(*((transform @ centre) - centre)[:2])
    return bool(1 / _MAX_SCALE < scale < _MAX_SCALE and shift < 0.3 * max(width, height))


def _gain(template: AlignmentFrame, image: AlignmentFrame, transform: Transform) -> float:
    """
    Brightness ratio: weighted median over pixels at a coarse level.

    Flat areas count most: defocus leaves them as they are, wherever the focus is.
    """
    level = min(len(template.levels) - 1, 2)
    ours, theirs = template.levels[level], image.levels[level]
    local = reduced(transform, ours.factor)
    bright = warp(theirs.grey, local)
    weight = cv2.min(_flatness(ours), warp(_flatness(theirs), local))
    weight = cv2.multiply(weight, cv2.min(bright, ours.grey))
    # Clipped highlights and black carry no ratio.
    low, high = _EXPANDED[[2 * GREY_STEPS, _CLIPPED * GREY_STEPS]]
    chosen = (bright > low) & (bright < high) & (ours.grey > low) & (ours.grey < high)
    if np.count_nonzero(chosen) < 64:
        return 1.0
    ratio = ours.grey[chosen] / bright[chosen]
    order = np.argsort(ratio)
    total = np.cumsum(weight[chosen][order], dtype=np.float64)
    middle = int(np.searchsorted(total, total[-1] / 2))
    return float(np.clip(ratio[order][middle] ** (1 / _GAMMA), 0.2, 5.0))


def _flatness(level: Level) -> FloatImage:
    return np.asarray(1 / (1 + level.gradient_x ** 2 + level.gradient_y ** 2), np.float32)


def _refine(template: AlignmentFrame, image: AlignmentFrame, start: Transform, model: str,
            levels: range) -> _Fit | None:
    """Run the pyramid from coarse to fine; the result is full size."""
    transform, fit = start, None
    for index in levels:
        ours = template.levels[index]
        fit = _fit_level(ours, image.levels[index], reduced(transform, ours.factor), model,
                         _TOLERANCE if index == 0 else _COARSE_TOLERANCE)
        if fit is None:
            continue
        moved = reduced(fit.transform, 1 / ours.factor)
        if not _plausible(moved, template.shape):
            return None
        transform = moved
    return None if fit is None else _Fit(transform, fit.residual)


def _without_rotation(transform: Transform, shape: tuple[int, int]) -> tuple[Transform, float]:
    """Return the transform less its rotation, and that rotation's pixels at the corner."""
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    angle = np.arctan2(transform[1, 0] - transform[0, 1], transform[0, 0] + transform[1, 1])
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    straight = identity()
    straight[:2, :2] *= scale
    straight[:2, 2] = transform[:2, :2] @ centre + transform[:2, 2] - scale * centre
    return straight, abs(float(angle)) * float(np.hypot(*centre))


def register(
    template: AlignmentFrame, image: AlignmentFrame, model: str = 'similarity',
    start: Transform | None = None, gain: bool = True,
) -> Registration:
    """
    Estimate where ``image`` lies relative to ``template``.

    :param template: slice whose pixel grid the transform starts from
    :param image: slice whose pixel grid it leads to
    :param model: none, translation, similarity or affine; similarity keeps a rotation only
        where it moves the corners by more than half a pixel
    :param start: first guess, template pixel -> image pixel
    :param gain: whether to estimate the brightness ratio
    """
    start = identity() if start is None else start
    if model == 'none':
        return Registration(identity(), _gain(template, image, identity()) if gain else 1.0)
    last = len(template.levels) - 1
    middle = max(min(last, _CHOICE_LEVEL), 1)
    fits = [fit for fit in (_refine(template, image, guess, model, range(last, middle - 1, -1))
                            for guess in (start, identity())) if fit is not None]
    coarse = min(fits, key=lambda fit: fit.residual).transform if fits else start
    fit = _refine(template, image, coarse, model, range(middle - 1, -1, -1))
    if fit is not None and model == 'similarity':
        straight, corner_pixels = _without_rotation(fit.transform, template.shape)
        if corner_pixels < _ROTATION:
            fit = _refine(template, image, straight, 'scale', range(0, -1, -1))
    if fit is None:
        return Registration(start, 1.0, 0.0, 'too little texture is sharp in both slices')
    return Registration(fit.transform, _gain(template, image, fit.transform) if gain else 1.0,
                        fit.residual)
