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
_CHOICE_LEVEL = 2  # finest where the best of several first guesses is chosen; it takes time
_ROTATION = 0.15  # pixels at the corners; a smaller rotation is within the error of its estimate
_CLIPPED = 250  # 8-bit grey level from which a pixel may be clipped
_FINE_POWER, _COARSE_POWER = 3.0, 0.5  # of the sharpness, on the finest level and on others
_MAX_STEPS = 12
_LEAST_AGREEMENT = 0.4  # correlation of gradients below which a level shows noise, not the scene
_CORRELATED = 4.0  # pixels that share the noise of one, after smoothing
# Standard deviation of a level's systematic error: pixels of the level where it is sharp, more
# where it shows no detail of its own size.
_DOUBT, _BLURRED = 0.04, 0.2
_PRIOR = 0.02  # weight of the coarser levels, whose errors are alike
_SURFACE_SIDE = 180  # pixels: the level on which shifts are searched by correlation
_PEAKS, _PEAK_HEIGHT = 4, 0.5  # shifts tried, at most, and their height relative to the highest
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
    :param sharpness: local sharpness
    :param power: of the sharpness in a pixel's weight
    """

    factor: int
    grey: FloatImage
    gradient_x: FloatImage
    gradient_y: FloatImage
    sharpness: FloatImage
    power: float


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
        power = _COARSE_POWER if levels else _FINE_POWER
        levels.append(Level(factor, smooth, gradient_x, gradient_y, sharp, power))
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


def sample_level(level: Level, u: FloatImage, v: FloatImage
                 ) -> tuple[FloatImage, FloatImage, FloatImage]:
    """
    Return grey values and gradients of a level at points between pixels.

    :param level: the level
    :param u: (N,) float32 column, N a multiple of 64
    :param v: (N,) float32 row
    :returns: grey, gradient along x, gradient along y; (N,) float32 each
    """
    # remap rounds to 1/32 pixel, all points of a mere shift alike; the gradient makes up for it.
    u_near, v_near = np.rint(u * 32) / 32, np.rint(v * 32) / 32
    slope_x = _sample(level.gradient_x, u_near, v_near, cv2.INTER_LINEAR)
    slope_y = _sample(level.gradient_y, u_near, v_near, cv2.INTER_LINEAR)
    grey = _sample(level.grey, u_near, v_near, cv2.INTER_CUBIC)
    return grey + slope_x * (u - u_near) + slope_y * (v - v_near), slope_x, slope_y


@dataclass(frozen=True)
class _Fit:
    transform: Transform  # level pixel -> level pixel
    residual: float
    agreement: float  # correlation of both images' gradients at the points, -1 to 1
    information: NDArray[np.float64]  # (p, p) inverse covariance of the parameters, full-size px


def _fit_level(template: Level, image: Level, start: Transform, model: str, tolerance: float,
               prior: NDArray[np.float64] | None = None) -> _Fit | None:
    """
    Refine a transform at one level; None where too few pixels are sharp in both images.

    :param prior: how sure the start is, in the terms of `_Fit.information`
    """
    height, width = template.grey.shape
    common = cv2.min(template.sharpness, warp(image.sharpness, start))
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
    sharpness = common.ravel()[chosen]
    weight = sharpness ** np.float32(template.power)
    # What is left to doubt however many pixels there are: defocus that looks like motion.
    sharp = float(np.average(sharpness, weights=weight))
    doubt = _DOUBT * template.factor / sharp * (1 + (_BLURRED / sharp) ** 4)
    weight = weight / weight.mean()
    target = template.grey.ravel()[chosen]
    target_x, target_y = template.gradient_x.ravel()[chosen], template.gradient_y.ravel()[chosen]
    centre, unit = ((width - 1) / 2, (height - 1) / 2), max(width, height) / 2
    x_unit = (x - np.float32(centre[0])) / np.float32(unit)
    y_unit = (y - np.float32(centre[1])) / np.float32(unit)
    transform, gain, bias, residual, agreement = start.copy(), 1.0, 0.0, np.inf, -1.0
    parameters = _BASES[model]
    certainty = np.zeros((parameters + 2,) * 2)
    if prior is not None:
        certainty[:parameters, :parameters] = _PRIOR * prior * template.factor ** 2
    moved = np.zeros(parameters + 2)
    for _ in range(_MAX_STEPS):
        a = transform.astype(np.float32)
        u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
        inside = (u >= 1) & (v >= 1) & (u <= width - 2) & (v <= height - 2)
        grey, image_x, image_y = sample_level(image, u, v)
        error = np.float32(gain) * grey + np.float32(bias) - target
        spread = np.abs(error - np.median(error[::7]))
        pixel_weight = weight * inside / (spread + 2)
        total = float(pixel_weight.sum())
        if total <= 0:
            return None
        residual = float((pixel_weight * spread).sum()) / total
        # Chain rule: gradient of the warped image in the template's pixel grid.
        moved_x = a[0, 0] * image_x + a[1, 0] * image_y
        moved_y = a[0, 1] * image_x + a[1, 1] * image_y
        agreement = _agreement(pixel_weight, target_x, target_y, moved_x, moved_y)
        slope_x, slope_y = 0.5 * (target_x + moved_x), 0.5 * (target_y + moved_y)
        jacobian = np.stack([*_fields(model, x_unit, y_unit, slope_x, slope_y),
                             grey, np.ones_like(grey)])
        weighted = jacobian * pixel_weight
        normal = (weighted @ jacobian.T).astype(np.float64)
        # White's covariance: right whatever the weights are.
        scores = weighted * error
        scatter = _CORRELATED * (scores @ scores.T).astype(np.float64)
        try:
            covariance = np.linalg.solve(normal, np.linalg.solve(normal, scatter).T)
            covariance = covariance[:parameters, :parameters] * template.factor ** 2
            information = np.linalg.inv(covariance + doubt ** 2 * np.eye(parameters))
            share = float(np.trace(information) * template.factor ** 2
                          / np.trace(normal[:parameters, :parameters]))
            step = np.linalg.solve(normal * share + certainty,
                                   -(weighted @ error).astype(np.float64) * share
                                   - certainty @ moved)
        except np.linalg.LinAlgError:
            return None
        moved += step
        transform = transform @ _increment(model, step[:parameters], centre, unit)
        gain, bias = gain + step[parameters], bias + step[parameters + 1]
        # Parameters are pixels at the rim of the level.
        if np.abs(step[:parameters]).max() < tolerance:
            break
    return _Fit(transform, residual, agreement,
                information if prior is None else information + prior)


def _agreement(weight: FloatImage, x: FloatImage, y: FloatImage, other_x: FloatImage,
               other_y: FloatImage) -> float:
    """Return the weighted correlation of two fields of gradients."""
    ours, theirs = weight @ (x * x + y * y), weight @ (other_x * other_x + other_y * other_y)
    return float((weight @ (x * other_x + y * other_y)) / np.sqrt(ours * theirs + 1e-12))


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
            levels: range, coarse: _Fit | None = None) -> _Fit | None:
    """Run the pyramid from coarse to fine, from a coarser fit on; the result is full size."""
    best = coarse
    for index in levels:
        ours = template.levels[index]
        transform = start if best is None else best.transform
        fit = _fit_level(ours, image.levels[index], reduced(transform, ours.factor), model,
                         _TOLERANCE if index == 0 else _COARSE_TOLERANCE,
                         None if best is None else best.information)
        if fit is None or fit.agreement < _LEAST_AGREEMENT:
            continue
        moved = reduced(fit.transform, 1 / ours.factor)
        if not _plausible(moved, template.shape):
            return None
        best = _Fit(moved, fit.residual, fit.agreement, fit.information)
    return best


def _without_rotation(transform: Transform, shape: tuple[int, int]) -> tuple[Transform, float]:
    """Return the transform less its rotation, and that rotation's pixels at the corner."""
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    angle = np.arctan2(transform[1, 0] - transform[0, 1], transform[0, 0] + transform[1, 1])
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    straight = identity()
    straight[:2, :2] *= scale
    straight[:2, 2] = transform[:2, :2] @ centre + transform[:2, 2] - scale * centre
    return straight, abs(float(angle)) * float(np.hypot(*centre))


def _shifts(template: AlignmentFrame, image: AlignmentFrame, start: Transform) -> list[Transform]:
    """Return ``start`` and ``start`` with other shifts, by the peaks of a phase correlation."""
    index = next((index for index, level in enumerate(template.levels)
                  if max(level.grey.shape) <= _SURFACE_SIDE), len(template.levels) - 1)
    ours, theirs = template.levels[index], image.levels[index]
    local = reduced(start, ours.factor)
    height, width = ours.grey.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    moved = warp(theirs.grey, local, border=cv2.BORDER_REPLICATE)
    spectra = [np.fft.rfft2(window * (grey - cv2.GaussianBlur(grey, (0, 0), 8)))
               for grey in (ours.grey, moved)]
    cross = spectra[1] * np.conj(spectra[0])
    # Half whitened: fully, the noise of a blurred slice would outweigh what is left of it.
    surface = np.fft.irfft2(cross / np.sqrt(np.abs(cross) + 1e-6), (height, width))
    surface = np.fft.fftshift(surface).astype(np.float32)
    peaks = np.flatnonzero(surface >= cv2.dilate(surface, np.ones((3, 3), np.uint8)))
    heights = surface.ravel()[peaks]
    guesses = [start]
    for peak in peaks[np.argsort(heights)[::-1][:_PEAKS]]:
        shift = identity()
        shift[:2, 2] = peak % width - width // 2, peak // width - height // 2
        expected = bool(np.abs(shift[:2, 2]).max() <= 1)
        if not expected and surface.flat[peak] > _PEAK_HEIGHT * heights.max():
            guesses.append(reduced(local @ shift, 1 / ours.factor))
    return guesses


def _coarse(template: AlignmentFrame, image: AlignmentFrame, start: Transform, model: str,
            levels: range) -> _Fit | None:
    """Return the best fit on the coarse levels of several first guesses."""
    guesses = _shifts(template, image, start)
    fits = [fit for fit in (_refine(template, image, guess, model, levels)
                            for guess in guesses) if fit is not None]
    return max(fits, key=lambda fit: fit.agreement) if fits else None


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
    choice = max(last - 1, min(last, _CHOICE_LEVEL), 1)
    coarse = _coarse(template, image, start, model, range(last, choice - 1, -1))
    fit = _refine(template, image, start, model, range(choice - 1, -1, -1), coarse)
    if fit is not None and model == 'similarity':
        straight, corner_pixels = _without_rotation(fit.transform, template.shape)
        if corner_pixels < _ROTATION:
            straightened = _Fit(straight, fit.residual, fit.agreement, fit.information[:3, :3])
            fit = _refine(template, image, straight, 'scale', range(0, -1, -1), straightened)
    if fit is None:
        return Registration(start, 1.0, 0.0, 'too little texture is sharp in both slices')
    return Registration(fit.transform, _gain(template, image, fit.transform) if gain else 1.0,
                        fit.residual)
