# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Comparison of two slices at full resolution, the difference of their defocus taken out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.joint_solution import frame_of
from focus_stacking_ros.core.align.level_fit import CORRELATED, systematic_error
from focus_stacking_ros.core.align.misfit import Local, Misfit
from focus_stacking_ros.core.align.model_choice import Evidence, evidence_of
from focus_stacking_ros.core.align.motion import (
    generator,
    gradient_fields,
    gradients_moved,
    moved,
    PARAMETERS,
    parameters_of,
)
from focus_stacking_ros.core.align.pyramid import (
    AlignmentFrame,
    Level,
    level_of,
    linear_light,
    prepare,
    sample,
    sample_level,
)
from focus_stacking_ros.core.align.warping import (
    identity,
    inverse,
    joined,
    reduced,
    valid_mask,
    warp,
)
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['RICHEST', 'Comparison', 'Detail', 'Judgement', 'compare']

#: The model that has all freedom.
RICHEST = 'projective'
_FULL_PIXELS = 1_500_000  # larger images are compared at half resolution
# Pixels that enter a comparison: one in so many of the sharpest in both slices. Errors of defocus
# are alike over whole neighbourhoods: pixels of many more places tell more than all of some.
_POINTS, _SPARSE = 20_000, 3
_STEPS, _TOLERANCE = 6, 4e-3  # pixels
# Geman and McClure's scale: median residuals, of one step after the other; grey levels. A narrow
# one from the start would hold what lies beside its place for a disturbance and stay there
# (graduated non-convexity: Black and Rangarajan 1996, doi:10.1007/BF00131148).
_ROBUST, _LEAST_SPREAD = (8.0, 4.0, 2.0, 1.0), 0.5
# Standard deviation of the exponent by which the encoding of light is off: cameras encode by 1 to
# 1 / 2.2; grey levels below which light is not divided by.
_TONE, _DARK = 0.5, 8.0
_ENOUGH = 50_000  # pixels that tell the threshold of sharpness
_WINDOW = 5  # half-size pixels: side of the window of the difference of defocus, applied twice
_SPREADING = 1.5  # share of the displacement by uneven defocus, see `_defocus`
_ACROSS, _DOWN = 8, 6  # parts of the picture that defocus displaces each on its own
_BLURRED = 0.1  # sharpness below which what is left of defocus is taken for motion


@dataclass(frozen=True)
class Detail:
    """
    What the refinement needs of a slice.

    :param frame: the finest level of its pyramid
    :param level: its finest level, full resolution where the slice is not too large
    :param laplacian: of level.grey
    """

    frame: AlignmentFrame
    level: Level
    laplacian: FloatImage

    @classmethod
    def of(cls, grey: NDArray[np.int16], valid: NDArray[np.uint8] | None = None) -> Detail:
        """
        Return a slice's detail.

        :param grey: (H, W) int16 luma in 1/16 grey level
        :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
        """
        frame = prepare(grey, 1, valid)
        level = frame.levels[0]
        if level.factor > 1 and grey.size <= _FULL_PIXELS:
            level = level_of(linear_light(grey), 1)
        return cls(frame, level, cv2.Laplacian(level.grey, cv2.CV_32F))


def _defocus(template: Level, image: Level, transform: Transform
             ) -> tuple[FloatImage, FloatImage, FloatImage]:
    """
    Return half the difference of the squared blur, image less template, and its gradient.

    At half the size of the level; in squares of its pixels and per pixel of it.

    Defocus spreads light as diffusion does: image - template = div grad (a M), M the mean of
    both, with a smooth: a laplacian(M) + 2 grad(a) grad(M) + M laplacian(a). The first term is
    what a is found by, for it does not look like motion. The second does: it is why edges move
    where defocus is uneven, as on tilted and curved surfaces. (Pentland 1987, Subbarao 1988.)
    """
    local = reduced(transform, template.factor)
    height, width = template.grey.shape
    moved = warp(image.grey, local, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    bend = cv2.Laplacian(cv2.GaussianBlur(cv2.addWeighted(moved, 0.5, template.grey, 0.5, 0),
                                          (0, 0), 0.7), cv2.CV_32F)
    outside = valid_mask((height, width), local)
    if outside is not None:  # the borders beyond the image would count as a difference
        bend[outside == 0] = 0
    difference = cv2.subtract(moved, template.grey)
    # Half the resolution is enough for averages over so many pixels.
    size = (-(-width // 2), -(-height // 2))
    window = (_WINDOW, _WINDOW)

    def averaged(plane: FloatImage) -> FloatImage:
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.blur(cv2.blur(plane, window), window), np.float32)

    amount = cv2.divide(averaged(cv2.multiply(difference, bend)),
                        cv2.add(averaged(cv2.multiply(bend, bend)), 4.0))
    # Per pixel of the template again, which is half as large as one of these.
    return (np.asarray(amount, np.float32),
            cv2.Scharr(amount, cv2.CV_32F, 1, 0, scale=1 / 64),
            cv2.Scharr(amount, cv2.CV_32F, 0, 1, scale=1 / 64))


def _points(template: Detail, image: Detail, transform: Transform
            ) -> tuple[NDArray[np.intp], FloatImage] | None:
    """Return the sharpest pixels of both, as indices of the template's coarser level, and how."""
    coarse = template.frame.levels[0]
    common = cv2.min(coarse.sharpness, warp(image.frame.levels[0].sharpness,
                                            reduced(transform, coarse.factor))).ravel()
    wanted = _SPARSE * _POINTS // (coarse.factor // template.level.factor)
    # A threshold from some pixels: partition is slow where most values are alike.
    step = max(1, len(common) // _ENOUGH) | 1
    some = common[::step]
    some = np.sort(some[some > 0])
    threshold = some[-(wanted // step)] if len(some) > wanted // step else 0
    chosen = np.flatnonzero(common > threshold)
    chosen = chosen[::_SPARSE] if len(chosen) > _SPARSE * 256 else chosen
    chosen = chosen[:len(chosen) // 64 * 64]
    if len(chosen) < 256:
        return None
    return chosen, common[chosen]


@dataclass(frozen=True)
class Comparison:
    """
    What a comparison of two slices says.

    :param step: (p,) change of their transform in parameters of the model, full-size pixels at
        the template's rim
    :param information: (p, p) inverse covariance of the step
    :param judgement: how well they fit; None where that was not wanted
    """

    step: NDArray[np.float64]
    information: NDArray[np.float64]
    judgement: Judgement | None


@dataclass(frozen=True)
class Judgement:
    """
    How well two slices fit.

    :param evidence: how much freedom their geometry needs
    :param misfit: by how much parts of the picture lie beside each other
    """

    evidence: Evidence
    misfit: Misfit


def compare(template: Detail, image: Detail, transform: Transform, model: str,
            judged: bool = False) -> Comparison | None:
    """
    Return how a transform is to change, and how sure that is.

    :param template: slice whose pixel grid the transform starts from
    :param image: slice whose pixel grid it leads to
    :param transform: template pixel -> image pixel, right to about a pixel
    :param model: a key of motion.PARAMETERS
    :param judged: whether to tell as well how well they fit
    :returns: None where too few pixels are sharp in both
    """
    points = _points(template, image, transform)
    if points is None:
        return None
    chosen, sharpness = points
    coarse, fine = template.frame.levels[0], template.level
    rows, columns = np.divmod(chosen, coarse.grey.shape[1])
    amount = [plane[rows // 2, columns // 2]
              for plane in _defocus(coarse, image.frame.levels[0], transform)]
    ratio = coarse.factor // fine.factor
    if ratio > 1:  # two of the four pixels of the finer level
        rows = np.concatenate([ratio * rows, ratio * rows + 1])
        columns = np.concatenate([ratio * columns, ratio * columns + 1])
        sharpness = np.concatenate([sharpness] * 2)
        # Squared blur and its gradient in pixels of the finer level.
        amount = [np.concatenate([plane * np.float32(power)] * 2)
                  for plane, power in zip(amount, (ratio ** 2, ratio, ratio), strict=True)]
    index = rows * fine.grey.shape[1] + columns
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    target, target_x, target_y, target_bend = (
        plane.ravel()[index] for plane in (fine.grey, fine.gradient_x, fine.gradient_y,
                                           template.laplacian))
    height, width = fine.grey.shape
    centre, unit = ((width - 1) / 2, (height - 1) / 2), max(width, height) / 2
    x_unit = (x - np.float32(centre[0])) / np.float32(unit)
    y_unit = (y - np.float32(centre[1])) / np.float32(unit)
    # By the inverse variance of what defocus displaces, up to a factor; see `systematic_error`.
    weight = np.square(sharpness / (1 + (
        np.float32(_BLURRED) / np.maximum(sharpness, np.float32(1e-3))) ** 4))
    doubts = _Doubts.of(x / width, y / height, sharpness, weight, coarse.factor / fine.factor)
    weight /= weight.mean()
    start = reduced(transform, fine.factor)
    local, gain, bias, tone, count = start.copy(), 1.0, 0.0, 0.0, PARAMETERS[model]
    for number in range(_STEPS):
        u, v = moved(local, x, y)
        inside = (u >= 2) & (v >= 2) & (u <= width - 3) & (v <= height - 3)
        grey, image_x, image_y = sample_level(image.level, u, v)
        bend = sample(image.laplacian, u, v, cv2.INTER_LINEAR)
        moved_x, moved_y = gradients_moved(local, (x, y), (u, v), (image_x, image_y))
        slope_x = 0.5 * (target_x + np.float32(gain) * moved_x)
        slope_y = 0.5 * (target_y + np.float32(gain) * moved_y)
        error = np.float32(gain) * grey + np.float32(bias) - target
        error -= amount[0] * 0.5 * (target_bend + np.float32(gain) * bend)
        error -= np.float32(_SPREADING) * (amount[1] * slope_x + amount[2] * slope_y)
        # Light diffuses, not its encoding by a power p: that adds a (1 / p - 1) grad(M)² / M.
        curve = -amount[0] * (slope_x * slope_x + slope_y * slope_y) / np.maximum(
            0.5 * (target + np.float32(gain) * grey), np.float32(_DARK))
        error += np.float32(tone) * curve
        spread = np.abs(error - np.median(error[::7]))
        wide = _ROBUST[min(number, len(_ROBUST) - 1)]
        scale = np.float32(max(wide * float(np.median(spread[::7])), _LEAST_SPREAD))
        pixel_weight = weight * inside / np.square(1 + np.square(spread / scale))
        brightness = [grey, np.ones_like(grey), curve]
        prior = (float(scale) / _TONE) ** 2, tone
        fields = [*gradient_fields(model, x_unit, y_unit, slope_x, slope_y), *brightness]
        found = _step(fields, pixel_weight, error, prior)
        if found is None:
            return None
        step, normal = found
        before, change = local, identity() + generator(model, step[:count], centre, unit)
        local = joined(local, change)
        gain, bias, tone = (value + float(change) for value, change in zip(
            (gain, bias, tone), step[count:], strict=True))
        if not (np.isfinite(step).all() and 0.1 < gain < 10):
            return None
        if number >= len(_ROBUST) - 1 and np.abs(step[:count]).max() < _TOLERANCE:
            break
    full = reduced(joined(inverse(start), local), 1 / fine.factor)
    uncertain = doubts.covariance(fields, pixel_weight, error, (slope_x, slope_y), normal)
    covariance = uncertain[:count, :count] * fine.factor ** 2
    size = template.frame.shape
    step, information = (parameters_of(model, full - identity(), *frame_of(size)),
                         np.asarray(np.linalg.inv(covariance), np.float64))
    if not judged:
        return Comparison(step, information, None)
    misfit = Misfit.of(Local(x, y, slope_x, slope_y, error, weight * inside, sharpness),
                       (height, width), fine.factor, coarse.factor,
                       reduced(before, 1 / fine.factor))
    # One step more with all freedom, from the same differences.
    # From all pixels, not from those alone that fit as it is.
    pixel_weight = weight * inside / np.square(1 + np.square(spread / (_ROBUST[0] * scale)))
    fields = [*gradient_fields(RICHEST, x_unit, y_unit, slope_x, slope_y), *brightness]
    free, most = _step(fields, pixel_weight, error, prior), PARAMETERS[RICHEST]
    if free is None:
        return None
    uncertain = doubts.covariance(fields, pixel_weight, error, (slope_x, slope_y), free[1])
    freely = joined(before, identity() + generator(RICHEST, free[0][:most], centre, unit))
    evidence = evidence_of(reduced(freely, 1 / fine.factor),
                           uncertain[:most, :most] * fine.factor ** 2, size)
    return Comparison(step, information, Judgement(evidence, misfit))


@dataclass(frozen=True)
class _Doubts:
    """
    What defocus displaces: each part of the picture on its own, all of a part alike.

    So a few sharp parts close together tell little of a magnification, however many pixels they
    have (as in the covariance of clustered data: Liang and Zeger 1986,
    doi:10.1093/biomet/73.1.13).

    :param part: (N,) which part each pixel is in
    :param variance: (n,) of the displacement of each part along an axis, squared pixels
    """

    part: NDArray[np.intp]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, x: FloatImage, y: FloatImage, sharpness: FloatImage, weight: FloatImage,
           factor: float) -> _Doubts:
        """
        Return the doubts about pixels.

        :param x: (N,) column over the width
        :param y: (N,) row over the height
        :param sharpness: (N,) in both slices
        :param weight: (N,) how much each pixel counts
        :param factor: pixels per pixel that the sharpness is of
        """
        part = (y * np.float32(_DOWN)).astype(np.intp) * _ACROSS + (
            x * np.float32(_ACROSS)).astype(np.intp)
        total = np.bincount(part, weight, _ACROSS * _DOWN)
        mean = np.bincount(part, weight * sharpness, _ACROSS * _DOWN) / np.maximum(total, 1e-9)
        return cls(part, np.square([systematic_error(max(float(each), 1e-3), 1, _BLURRED)
                                    for each in mean]) * factor ** 2)

    def covariance(self, fields: list[FloatImage], weight: FloatImage, error: FloatImage,
                   slopes: tuple[FloatImage, FloatImage], normal: NDArray[np.float64]
                   ) -> NDArray[np.float64]:
        """Return the covariance of a Gauss-Newton step: of noise and of what defocus displaces."""
        weighted = np.stack(fields) * weight
        scores = weighted * error
        scatter = CORRELATED * (scores @ scores.T).astype(np.float64)
        for slope in slopes:
            pull = np.stack([np.bincount(self.part, each, len(self.variance))
                             for each in weighted * slope])
            scatter += (pull * self.variance) @ pull.T
        return np.asarray(np.linalg.solve(normal, np.linalg.solve(normal, scatter).T), np.float64)


def _step(fields: list[FloatImage], weight: FloatImage, error: FloatImage,
          prior: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """
    Return the Gauss-Newton step and its normal matrix; None where it is not determined.

    :param fields: derivatives of the error by each parameter
    :param prior: weight with which the last parameter is kept near 0, and what it is so far
    """
    jacobian = np.stack(fields)
    weighted = jacobian * weight
    normal = (weighted @ jacobian.T).astype(np.float64)
    right = -(weighted @ error).astype(np.float64)
    normal[-1, -1] += prior[0]
    right[-1] -= prior[0] * prior[1]
    try:
        return np.linalg.solve(normal, right), normal
    except np.linalg.LinAlgError:
        return None
