# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What tells of each pixel's depth whether it is right.

That there is texture of the pixel's own whose focus curve stands out of the noise, that the peaks
around agree, and that the depth does not jump nearby, where its edge may lie a few pixels off.
Differences of depth count in widths of the focus curve, so that a finer sweep of the same scene
has the same clues. What they are worth is in `confidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.depth.curves import logistic, PeakLayer
from focus_stacking_ros.core.depth.surface import Surface
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['AGREEING', 'AGREEMENT_POWER', 'BLUR', 'ENCLOSED', 'FAR', 'FLAT', 'HALF',
           'HALF_EVIDENT', 'MEAN', 'NEAR', 'OWN_BLUR', 'REACH', 'STEEPNESS', 'TELLING',
           'TELLING_RANGE', 'WEIGHTY', 'Clues', 'clues_of', 'depth_unit', 'evidence_of', 'jumps',
           'sudden_jumps']

TELLING, TELLING_RANGE = 4.5, 0.5  # significance of a peak that is evidence; steepness
WEIGHTY = 0.02  # weight of a peak at which it is half evidence
BLUR = 2.0  # standard deviation of the mean of evidence, half-size pixels
REACH = 9  # width of what must have evidence: windows reach beyond what they measure
MEAN = 5  # side of the mean of the least evidence around, half-size pixels
HALF_EVIDENT = 0.13
FLAT = 0.3  # evidence below which a region has no texture
ENCLOSED = 0.52  # evidence that a region without texture has if its surroundings agree
AGREEING = 0.22  # units by which the depth around such a region may scatter
AGREEMENT_POWER = 2.3
NEAR = 5  # side of the surroundings in which the depth must not jump, half-size pixels
OWN_BLUR, FAR = 1.5, 2.0  # of how far own peaks are off: half-size pixels; units, at most
HALF, STEEPNESS = 0.37, 3.0  # product at which the support is one half; steepness


@dataclass(frozen=True)
class Clues:
    """
    What tells whether a surface is right; (h, w) float32 each, at half the size.

    :param support: 0 to 1, texture of the pixel's own that stands out of the noise, or what is
        around at one depth, as far as the peaks there agree
    :param agreement: 0 to 1, share of the weight around that lies near the surface
    :param own_distance: mean distance around of the pixels' own peaks, those of the narrowest
        window, from the surface, units
    :param jump: by how much the depth differs nearby, units
    :param sudden_jump: by how much it does beyond a slope, units
    :param spread: standard deviation of the weight around the surface, units
    """

    support: FloatImage
    agreement: FloatImage
    own_distance: FloatImage
    jump: FloatImage
    sudden_jump: FloatImage
    spread: FloatImage


def jumps(coordinate: FloatImage, unit: float) -> FloatImage:
    """
    Return by how much the depth differs nearby: (h, w) float32, in units.

    :param coordinate: (h, w) float32, of the surface, at half the size
    :param unit: see `depth_unit`
    """
    return np.asarray(_range(coordinate, NEAR) * np.float32(1 / unit), np.float32)


def sudden_jumps(coordinate: FloatImage, unit: float) -> FloatImage:
    """
    Return by how much the depth differs nearby beyond a slope: (h, w) float32, in units.

    Over twice the distance a slope rises twice as far, and a step no farther.

    :param coordinate: (h, w) float32, of the surface, at half the size
    :param unit: see `depth_unit`
    """
    excess = 2 * _range(coordinate, NEAR) - _range(coordinate, 2 * NEAR - 1)
    return np.asarray(np.maximum(excess, 0) * np.float32(1 / unit), np.float32)


def _range(plane: FloatImage, side: int) -> FloatImage:
    near = np.ones((side, side), np.uint8)
    return np.asarray(cv2.subtract(cv2.dilate(plane, near), cv2.erode(plane, near)), np.float32)


def depth_unit(span: float) -> float:
    """
    Return the length that differences of depth are judged by, in the coordinate.

    The width of the focus curve, and not less than what slices a step apart can resolve.

    :param span: standard deviation of the whole focus curve, in the coordinate
    """
    return float(np.hypot(span, 1.0))


def clues_of(evidence: FloatImage, own: FloatImage, surface: Surface, unit: float) -> Clues:
    """
    Return what tells whether a surface is right.

    :param evidence: (h, w) float32 of the peaks that it was laid through, see `evidence_of`
    :param own: (h, w) float32, coordinate of each pixel's own peak
    :param surface: the surface
    :param unit: see `depth_unit`
    """
    scale = np.float32(1 / unit)
    distance = np.abs(own - surface.coordinate) * scale
    distance = cv2.GaussianBlur(np.minimum(distance, np.float32(FAR)), (0, 0), OWN_BLUR)
    return Clues(_support(evidence, surface, unit), surface.agreement,
                 np.asarray(distance, np.float32),
                 jumps(surface.coordinate, unit), sudden_jumps(surface.coordinate, unit),
                 surface.spread * scale)


def _own(evidence: FloatImage) -> FloatImage:
    """Return the least evidence around, 0 to 1: windows reach beyond what they measure."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (REACH, REACH))
    own = cv2.erode(cv2.GaussianBlur(evidence, (0, 0), BLUR), disc)
    # One weak pixel among many is no hole, and makes no disc of its own in the map.
    own = np.asarray(cv2.blur(own, (MEAN, MEAN)), np.float32)
    return own / (own + np.float32(HALF_EVIDENT))


def _support(evidence: FloatImage, surface: Surface, unit: float) -> FloatImage:
    own = _own(evidence)
    scatter = _scatter_around(evidence, surface.coordinate * np.float32(1 / unit))
    product = np.maximum(own, np.float32(ENCLOSED) * np.exp(
        -np.square(scatter * np.float32(1 / AGREEING))))
    product *= surface.agreement ** np.float32(AGREEMENT_POWER)
    return _mapped(product)


def _mapped(product: FloatImage) -> FloatImage:
    power = product ** np.float32(STEEPNESS)
    return np.asarray(power / (power + np.float32(HALF ** STEEPNESS)), np.float32)


def evidence_of(layers: Sequence[PeakLayer]) -> FloatImage:
    """
    Return whether a pixel's own focus curve tells, at any window: (h, w) float32, 0 to 1.

    :param layers: peaks
    """
    best = np.zeros(layers[0].weight.shape, np.float32)
    for layer in layers:
        here = layer.weight / (layer.weight + np.float32(WEIGHTY))
        here *= logistic((layer.significance - np.float32(TELLING))
                         * np.float32(1 / TELLING_RANGE))
        np.maximum(best, here, out=best)
    return best


def _scatter_around(evidence: FloatImage, depth: FloatImage) -> FloatImage:
    """
    Return by how much the depths around each region without texture differ, in units.

    A plain region whose whole rim lies at one depth most likely lies there too. One that reaches
    the border of the image has no whole rim: it is given a great scatter.
    """
    mean = cv2.blur(evidence, (3, 3))
    plain = (mean < FLAT).astype(np.uint8)
    # The default algorithm for 4 neighbours crashes in OpenCV 4.5.5.
    count, labels = cv2.connectedComponentsWithAlgorithm(plain, 4, cv2.CV_32S, cv2.CCL_WU)
    regions = labels.astype(np.float32)
    rim = np.ones((5, 5), np.uint8)
    highest = cv2.dilate(regions, rim).astype(np.intp)
    lowest = cv2.erode(np.where(plain > 0, regions, np.float32(count)), rim).astype(np.intp)
    lowest[lowest == count] = 0
    weight = np.where(plain > 0, 0, mean)
    # A pixel of the rim may have a region on either side of it.
    sums = [sum(np.bincount(side.ravel(), (weight * depth ** power).ravel(), count)
                for side in (highest, lowest)) for power in range(3)]
    total = np.maximum(sums[0], 1e-9)
    scatter = np.sqrt(np.maximum(sums[2] / total - np.square(sums[1] / total), 0))
    scatter[0] = scatter[sums[0] < 1e-6] = np.inf
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        scatter[np.unique(side)] = np.inf
    return np.minimum(scatter, 99).astype(np.float32)[labels]
