# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Registration of two slices on one level of their pyramids.

Sparse, robust Gauss-Newton with the mean of both images' gradients (S. Benhimane and E. Malis,
"Real-time image-based tracking of planes using efficient second-order minimization", IROS 2004,
doi:10.1109/IROS.2004.1389474). Defocus moves the edges of tilted surfaces, so every pixel counts
by how sharp it is in both images.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.motion import (
    generator,
    gradient_fields,
    gradients_moved,
    moved,
    PARAMETERS,
)
from focus_stacking_ros.core.align.pyramid import Level, sample_level
from focus_stacking_ros.core.align.warping import identity, joined, reduced, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['CORRELATED', 'DOUBT', 'LevelFit', 'fit_level', 'systematic_error']

#: Cells of 2x2 pixels that enter each level, the sharpest in both images: so many, or that share
#: of a large one; how many it takes.
CELLS, SHARE, LEAST_CELLS = 6000, 0.08, 64
#: Cells of a level up to which all of their pixels enter.
ALL_OF = 4000
MAX_STEPS = 6
CORRELATED = 4.0  # pixels that share the noise of one, after smoothing
# Standard deviation of a level's systematic error: pixels of the level where it is sharp, more
# where it shows no detail of its own size.
DOUBT, BLURRED = 0.04, 0.2
PRIOR = 0.02  # weight of the coarser levels, whose errors are alike


@dataclass(frozen=True)
class LevelFit:
    """
    How one level of a slice lies on that of another.

    :param transform: template pixel -> image pixel, pixels of the level
    :param residual: weighted mean absolute grey-level difference
    :param agreement: correlation of both images' gradients at the points, -1 to 1
    :param information: (p, p) inverse covariance of the parameters, full-size pixels
    :param trade: (p, p) inverse of the normal matrix of the last step, up to a factor: by how
        much the other parameters change where one is held elsewhere
    """

    transform: Transform
    residual: float
    agreement: float
    information: NDArray[np.float64]
    trade: NDArray[np.float64]


def systematic_error(sharpness: float, factor: int, blurred: float = BLURRED) -> float:
    """
    Return the standard deviation that is left however many pixels there are, full-size pixels.

    :param sharpness: mean local sharpness of the pixels compared
    :param factor: full-size pixels per pixel
    :param blurred: sharpness below which defocus is taken for motion
    """
    return DOUBT * factor / sharpness * (1 + (blurred / sharpness) ** 4)


def _points(template: Level, image: Level, start: Transform
            ) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatImage] | None:
    """Return rows, columns and sharpness of the pixels that are sharpest in both images."""
    common = cv2.min(template.cells, warp(image.cells, reduced(start, 2)))
    wanted = max(CELLS, int(SHARE * common.size))
    threshold = np.float32(np.finfo(np.float32).tiny)
    if common.size > wanted:
        least = np.partition(common.ravel(), -wanted)[-wanted:-wanted + 1]
        # To six bits behind the point, so that a histogram tells it, too.
        threshold = max(threshold, (least.view(np.uint32) >> 17 << 17).view(np.float32)[0])
    rows, columns = np.nonzero(common >= threshold)
    count = len(rows) // 32 * 32
    if count < LEAST_CELLS:
        return None
    rows, columns = rows[:count], columns[:count]
    sharpness = common[rows, columns]
    # Two of the four pixels of a cell, across from each other: where there are many, neighbours
    # tell little more.
    places = ((0, 0), (1, 1)) if common.size > ALL_OF else ((0, 0), (1, 1), (0, 1), (1, 0))
    last_row, last_column = (side - 1 for side in template.grey.shape)
    return (np.concatenate([np.minimum(2 * rows + down, last_row) for down, _ in places]),
            np.concatenate([np.minimum(2 * columns + right, last_column) for _, right in places]),
            np.tile(sharpness, len(places)))


def fit_level(template: Level, image: Level, start: Transform, model: str, tolerance: float,
              prior: NDArray[np.float64] | None = None) -> LevelFit | None:
    """
    Refine a transform at one level; None where too few pixels are sharp in both images.

    :param template: slice whose pixel grid the transform starts from
    :param image: slice whose pixel grid it leads to
    :param start: first guess, template pixel -> image pixel, pixels of the level
    :param model: a key of motion.PARAMETERS
    :param tolerance: pixels of the level: a step that is less is the last one
    :param prior: how sure the start is, in the terms of `LevelFit.information`
    """
    points = _points(template, image, start)
    if points is None:
        return None
    rows, columns, sharpness = points
    height, width = template.grey.shape
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    weight = sharpness ** np.float32(template.power)
    # What is left to doubt however many pixels there are: defocus that looks like motion.
    sharp = float(np.average(sharpness, weights=weight))
    if sharp <= 0:  # so little that its products with weights are 0
        return None
    doubt = systematic_error(sharp, template.factor)
    weight = weight / weight.mean()
    chosen = rows * width + columns
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
        certainty[:parameters, :parameters] = PRIOR * prior * template.factor ** 2
    done, size = np.zeros(parameters + 2), 1.0
    for number in range(MAX_STEPS):
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
            back = np.linalg.inv(normal * share + certainty)
            step = back @ (-(weighted @ error).astype(np.float64) * share - certainty @ done)
        except np.linalg.LinAlgError:
            return None
        done += step
        transform = joined(transform, identity() + generator(model, step[:parameters], centre,
                                                             unit))
        gain, bias = gain + float(step[parameters]), bias + float(step[parameters + 1])
        # Parameters are pixels at the rim of the level; steps shrink by about the same factor.
        before, size = size, float(np.abs(step[:parameters]).max())
        if size * (min(size / before, 1.0) if number else 1.0) < tolerance:
            break
    if prior is not None:
        information = information + prior
    return LevelFit(transform, residual, agreement, np.asarray(information, np.float64),
                    np.asarray(back[:parameters, :parameters], np.float64))


def _agreement(weight: FloatImage, x: FloatImage, y: FloatImage, other_x: FloatImage,
               other_y: FloatImage) -> float:
    """Return the weighted correlation of two fields of gradients."""
    ours, theirs = weight @ (x * x + y * y), weight @ (other_x * other_x + other_y * other_y)
    return float((weight @ (x * other_x + y * other_y)) / np.sqrt(ours * theirs + 1e-12))
