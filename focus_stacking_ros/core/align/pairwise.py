# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Alignment of two slices of a focal stack: scale, shift and rotation.

Sparse, robust Gauss-Newton on a pyramid with the mean of both images' gradients (S. Benhimane and
E. Malis, "Real-time image-based tracking of planes using efficient second-order minimization",
IROS 2004). Defocus moves the edges of tilted surfaces, so every pixel counts by how sharp it is in
both images.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.model_choice import evidence_of, nearest_similarity
from focus_stacking_ros.core.align.motion import (
    generator,
    gradient_fields,
    gradients_moved,
    moved,
    PARAMETERS,
    without_rotation,
)
from focus_stacking_ros.core.align.pyramid import (
    AlignmentFrame,
    Level,
    sample_level,
)
from focus_stacking_ros.core.align.repetition import plausible_shifts, repeats
from focus_stacking_ros.core.align.warping import affine_at, identity, joined, reduced, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['CORRELATED', 'Registration', 'difference', 'register', 'systematic_error',
           'with_perspective']

# Pixels that enter each level, the sharpest in both images: so many, or that share of a large one.
_POINTS, _SHARE = 25_000, 0.08
_CHOICE_LEVEL = 2  # finest where the best of several first guesses is chosen; it takes time
_ROTATION = 0.15  # pixels at the corners; a smaller rotation is within the error of its estimate
_MAX_STEPS = 6
_LEAST_AGREEMENT = 0.4  # correlation of gradients below which a level shows noise, not the scene
CORRELATED = 4.0  # pixels that share the noise of one, after smoothing
# Standard deviation of a level's systematic error: pixels of the level where it is sharp, more
# where it shows no detail of its own size.
_DOUBT, _BLURRED = 0.04, 0.2
_PRIOR = 0.02  # weight of the coarser levels, whose errors are alike
_SURFACE_SIDE = 180  # pixels: the level on which shifts are searched by correlation
_PEAKS, _PEAK_HEIGHT = 4, 0.5  # shifts tried, at most, and their height relative to the highest
_REPETITION_LEVEL, _REPETITIONS = 1, 16  # where repeated texture is looked for; shifts tried
_PERSPECTIVE_LEVEL = 1  # where it is looked for, from a similarity on
_AMBIGUOUS = 1.03  # ratio of the differences that two shifts leave, if none is the better
_TOLERANCE, _COARSE_TOLERANCE = 5e-3, 2e-2  # pixels of the level at which a fit has converged
_FEATURELESS = 'too little texture is sharp in both slices'
_MAX_SCALE = 1.35  # between two neighbours; anything beyond is a failure


@dataclass(frozen=True)
class Registration:
    """
    Where a slice lies relative to another.

    :param transform: (3, 3) template pixel -> image pixel, full size
    :param residual: weighted mean absolute grey-level difference after alignment
    :param reason: why the transform is a guess, '' where it was estimated
    """

    transform: Transform
    residual: float = 0.0
    reason: str = ''


def systematic_error(sharpness: float, factor: int, blurred: float = _BLURRED) -> float:
    """
    Return the standard deviation that is left however many pixels there are, full-size pixels.

    :param sharpness: mean local sharpness of the pixels compared
    :param factor: full-size pixels per pixel
    :param blurred: sharpness below which defocus is taken for motion
    """
    return _DOUBT * factor / sharpness * (1 + (blurred / sharpness) ** 4)


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
    wanted = max(_POINTS, int(_SHARE * common.size))
    if common.size > wanted:
        rest = np.partition(common[::2, ::2].ravel(), -(wanted // 4))
        threshold = max(float(rest[-(wanted // 4)]), 1e-12)
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
    doubt = systematic_error(sharp, template.factor)
    weight = weight / weight.mean()
    target = template.grey.ravel()[chosen]
    target_x, target_y = template.gradient_x.ravel()[chosen], template.gradient_y.ravel()[chosen]
    centre, unit = ((width - 1) / 2, (height - 1) / 2), max(width, height) / 2
    x_unit = (x - np.float32(centre[0])) / np.float32(unit)
    y_unit = (y - np.float32(centre[1])) / np.float32(unit)
    transform, residual, agreement = start.copy(), np.inf, -1.0
    gain: float = 1.0
    bias: float = 0.0
    parameters = PARAMETERS[model]
    certainty = np.zeros((parameters + 2,) * 2)
    if prior is not None:
        certainty[:parameters, :parameters] = _PRIOR * prior * template.factor ** 2
    done = np.zeros(parameters + 2)
    for number in range(_MAX_STEPS):
        u, v = moved(transform, x, y)
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
        moved_x, moved_y = gradients_moved(transform, (x, y), (u, v), (image_x, image_y))
        agreement = _agreement(pixel_weight, target_x, target_y, moved_x, moved_y)
        slope_x, slope_y = 0.5 * (target_x + moved_x), 0.5 * (target_y + moved_y)
        jacobian = np.stack([*gradient_fields(model, x_unit, y_unit, slope_x, slope_y),
                             grey, np.ones_like(grey)])
        weighted = jacobian * pixel_weight
        normal = (weighted @ jacobian.T).astype(np.float64)
        try:
            if number in (0, 2):  # it changes little afterwards, and takes time
                # White's covariance: right whatever the weights are.
                scores = weighted * error
                scatter = CORRELATED * (scores @ scores.T).astype(np.float64)
                covariance = np.linalg.solve(normal, np.linalg.solve(normal, scatter).T)
                covariance = covariance[:parameters, :parameters] * template.factor ** 2
                information = np.linalg.inv(covariance + doubt ** 2 * np.eye(parameters))
                share = float(np.trace(information) * template.factor ** 2
                              / np.trace(normal[:parameters, :parameters]))
            step = np.linalg.solve(normal * share + certainty,
                                   -(weighted @ error).astype(np.float64) * share
                                   - certainty @ done)
        except np.linalg.LinAlgError:
            return None
        done += step
        transform = joined(transform, identity() + generator(model, step[:parameters], centre,
                                                             unit))
        gain, bias = gain + float(step[parameters]), bias + float(step[parameters + 1])
        # Parameters are pixels at the rim of the level.
        if np.abs(step[:parameters]).max() < tolerance:
            break
    if prior is not None:
        information = information + prior
    return _Fit(transform, residual, agreement, np.asarray(information, np.float64))


def _agreement(weight: FloatImage, x: FloatImage, y: FloatImage, other_x: FloatImage,
               other_y: FloatImage) -> float:
    """Return the weighted correlation of two fields of gradients."""
    ours, theirs = weight @ (x * x + y * y), weight @ (other_x * other_x + other_y * other_y)
    return float((weight @ (x * other_x + y * other_y)) / np.sqrt(ours * theirs + 1e-12))


def _plausible(transform: Transform, shape: tuple[int, int]) -> bool:
    """Whether a transform could be two neighbours of one stack."""
    if not np.isfinite(transform).all():
        return False
    height, width = shape
    centre = np.array([width / 2, height / 2, 1])
    transform = affine_at(transform, (width / 2, height / 2))
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    shift = np.hypot(*((transform @ centre) - centre)[:2])
    return bool(1 / _MAX_SCALE < scale < _MAX_SCALE and shift < 0.3 * max(width, height))


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
        full = reduced(fit.transform, 1 / ours.factor)
        if not _plausible(full, template.shape):
            return None
        best = _Fit(full, fit.residual, fit.agreement, fit.information)
    return best


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


def _resolved(template: AlignmentFrame, image: AlignmentFrame, start: Transform, model: str,
              fit: _Fit | None) -> tuple[_Fit | None, str]:
    """
    Return the best of the fits that a texture which repeats itself allows, and what is amiss.

    On the fine levels only what does not repeat tells right from wrong: there the right one
    leaves the least difference. On coarse levels it may look no better than others.
    """
    coarser = min(_REPETITION_LEVEL, len(template.levels) - 1)
    level = template.levels[coarser]
    guesses = plausible_shifts(level, image.levels[coarser], start, _REPETITIONS)
    if fit is not None:
        guesses.append(fit.transform)
    fits = [each for each in (_refine(template, image, guess, model, range(coarser, -1, -1))
                              for guess in guesses) if each is not None]
    if not fits:
        return fit, ''
    best = min(fits, key=lambda each: each.residual)
    rivals = [each for each in fits if each.residual < _AMBIGUOUS * best.residual
              and _distance(each.transform, best.transform, template.shape) > level.factor]
    if not rivals:
        return best, ''
    nearest = min([best, *rivals],
                  key=lambda each: _distance(each.transform, start, template.shape))
    return nearest, 'the texture repeats itself and several shifts fit equally well'


def _distance(one: Transform, other: Transform, shape: tuple[int, int]) -> float:
    """Return by how many pixels two transforms differ in the centre."""
    centre = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    return float(np.hypot(*((one - other) @ centre)[:2]))


def register(
    template: AlignmentFrame, image: AlignmentFrame, model: str = 'similarity',
    start: Transform | None = None, *, certain: bool = False,
) -> Registration:
    """
    Estimate where ``image`` lies relative to ``template``.

    :param template: slice whose pixel grid the transform starts from
    :param image: slice whose pixel grid it leads to
    :param model: none, translation, rigid, similarity, affine or projective; rigid and
        translation keep the scale of the start; rigid and similarity have a rotation only where
        the images show one; projective is found from a similarity on
    :param start: first guess, template pixel -> image pixel; the result of the model none
    :param certain: whether the first guess is right to about a pixel
    """
    start = identity() if start is None else start
    if model == 'none':
        return Registration(start)
    if model == 'projective' and not certain:
        found = register(template, image, 'similarity', nearest_similarity(start, template.shape))
        return found if found.reason else with_perspective(template, image, found) or found
    if certain:
        fit = _refine(template, image, start, model, range(0, -1, -1))
        return (Registration(start, 0.0, _FEATURELESS) if fit is None else
                Registration(_straightened(template, image, fit, model).transform, fit.residual))
    last = len(template.levels) - 1
    choice = max(last - 1, min(last, _CHOICE_LEVEL), 1)
    coarse = _coarse(template, image, start, model, range(last, choice - 1, -1))
    fit = _refine(template, image, start, model, range(choice - 1, -1, -1), coarse)
    doubt = ''
    if any(repeats(frame.levels[min(_REPETITION_LEVEL, last)]) for frame in (template, image)):
        fit, doubt = _resolved(template, image, start, model, fit)
    if fit is None:
        return Registration(start, 0.0, _FEATURELESS)
    fit = _straightened(template, image, fit, model)
    return Registration(fit.transform, fit.residual, doubt)


def difference(template: AlignmentFrame, image: AlignmentFrame, transform: Transform) -> float:
    """
    Return the weighted mean absolute grey-level difference that a transform leaves.

    Infinite where too few pixels are sharp in both.

    :param transform: template pixel -> image pixel
    """
    level = template.levels[0]
    look = _fit_level(level, image.levels[0], reduced(transform, level.factor), 'translation',
                      np.inf)
    return np.inf if look is None else look.residual


def with_perspective(template: AlignmentFrame, image: AlignmentFrame, found: Registration,
                     *, likely: bool = False) -> Registration | None:
    """
    Return a registration with perspective; None where it cannot be estimated.

    :param found: a similarity
    :param likely: whether to return None, too, where a first look shows no need of it
    """
    level = min(_PERSPECTIVE_LEVEL, len(template.levels) - 1)
    if likely:
        ours = template.levels[level]
        look = _fit_level(ours, image.levels[level], reduced(found.transform, ours.factor),
                          'projective', np.inf)
        if look is None:
            return None
        evidence = evidence_of(reduced(look.transform, 1 / ours.factor),
                               np.asarray(np.linalg.inv(look.information), np.float64),
                               template.shape)
        if not evidence.is_large():
            return None
    fit = _refine(template, image, found.transform, 'projective', range(level, -1, -1))
    return None if fit is None else Registration(fit.transform, fit.residual)


def _straightened(template: AlignmentFrame, image: AlignmentFrame, fit: _Fit,
                  model: str) -> _Fit:
    """Return the fit without its rotation where that is within the error of its estimate."""
    if model not in ('similarity', 'rigid'):
        return fit
    straight, corner_pixels = without_rotation(fit.transform, template.shape)
    if corner_pixels >= _ROTATION:
        return fit
    count, lesser = (3, 'scale') if model == 'similarity' else (2, 'translation')
    start = _Fit(straight, fit.residual, fit.agreement, fit.information[:count, :count])
    return _refine(template, image, straight, lesser, range(0, -1, -1), start) or start
