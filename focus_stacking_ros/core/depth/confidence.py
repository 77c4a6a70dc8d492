# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What to believe of a depth map.

Three things make a depth credible: that there is texture of the pixel's own whose focus curve
stands out of the noise, that the peaks around agree, and that the depth does not jump nearby,
where its edge may lie a few pixels off. Their product is mapped to 0..1 so that of the pixels at
confidence c at least the share c lies within one slice of the truth (see docs/quality.md).
Differences of depth count in widths of the focus curve, so that a finer sweep of the same scene
has the same confidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.surface import Surface
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['confidence_of', 'depth_unit', 'deviation_of', 'jumps', 'sudden_jumps']

_TELLING, _TELLING_RANGE = 4.5, 0.5  # significance of a peak that is evidence; steepness
_WEIGHTY = 0.02  # weight of a peak at which it is half evidence
_BLUR = 2.0  # standard deviation of the mean of evidence, half-size pixels
_REACH = 9  # width of what must have evidence: windows reach beyond what they measure
_MEAN = 5  # side of the mean of the least evidence around, half-size pixels
_HALF_EVIDENT = 0.13
_FLAT = 0.3  # evidence below which a region has no texture
_ENCLOSED = 0.52  # evidence that a region without texture has if its surroundings agree
_AGREEING = 0.22  # units by which the depth around such a region may scatter
_AGREEMENT_POWER = 2.3
_NEAR = 5  # side of the surroundings in which the depth must not jump, half-size pixels
_JUMP, _JUMP_POWER, _JUMP_WEIGHT = 0.336, 4.5, 2.4  # units; how suddenly, how much it counts
_SLOPE = 0.5  # share of the evidence that remains on a slope
_SPREAD, _JUMP_SHARE = 0.6, 0.12  # of the peaks around, and of a jump nearby, that remains
_LEAST_DEVIATION, _DOUBT = 0.028, 1.0  # units; logarithm of the factor without confidence
_HALF, _STEEPNESS = 0.37, 3.0  # product at which confidence is one half; steepness


def jumps(coordinate: FloatImage, unit: float) -> FloatImage:
    """
    Return by how much the depth differs nearby: (h, w) float32, in units.

    :param coordinate: (h, w) float32, of the surface, at half the size
    :param unit: see `depth_unit`
    """
    return np.asarray(_range(coordinate, _NEAR) * np.float32(1 / unit), np.float32)


def sudden_jumps(coordinate: FloatImage, unit: float) -> FloatImage:
    """
    Return by how much the depth differs nearby beyond a slope: (h, w) float32, in units.

    Over twice the distance a slope rises twice as far, and a step no farther.

    :param coordinate: (h, w) float32, of the surface, at half the size
    :param unit: see `depth_unit`
    """
    excess = 2 * _range(coordinate, _NEAR) - _range(coordinate, 2 * _NEAR - 1)
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


def confidence_of(layers: Sequence[PeakLayer], surface: Surface,
                  unit: float) -> tuple[FloatImage, FloatImage]:
    """
    Return the confidence of a surface, and what it were without jumps: (h, w) float32, 0 to 1.

    :param layers: the peaks it was laid through
    :param surface: the surface
    :param unit: see `depth_unit`
    """
    evidence = _evidence(layers)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_REACH, _REACH))
    own = cv2.erode(cv2.GaussianBlur(evidence, (0, 0), _BLUR), disc)
    # One weak pixel among many is no hole, and makes no disc of its own in the map.
    own = np.asarray(cv2.blur(own, (_MEAN, _MEAN)), np.float32)
    own /= own + np.float32(_HALF_EVIDENT)
    scatter = _scatter_around(evidence, surface.coordinate * np.float32(1 / unit))
    product = np.maximum(own, np.float32(_ENCLOSED) * np.exp(
        -np.square(scatter * np.float32(1 / _AGREEING))))
    product *= surface.agreement ** np.float32(_AGREEMENT_POWER)
    # A slope may hide a step, so it is believed less than level ground, but not given up.
    believed = _without_jump(sudden_jumps(surface.coordinate, unit))
    believed *= np.float32(_SLOPE) + np.float32(1 - _SLOPE) * _without_jump(
        jumps(surface.coordinate, unit))
    return _mapped(product * believed), _mapped(product)


def _without_jump(jump: FloatImage) -> FloatImage:
    """Return the share of the evidence that a jump of the depth leaves."""
    return np.asarray((1 + (jump * np.float32(1 / _JUMP)) ** np.float32(_JUMP_POWER)
                       ) ** np.float32(-_JUMP_WEIGHT), np.float32)


def _mapped(product: FloatImage) -> FloatImage:
    power = product ** np.float32(_STEEPNESS)
    return np.asarray(power / (power + np.float32(_HALF ** _STEEPNESS)), np.float32)


def _evidence(layers: Sequence[PeakLayer]) -> FloatImage:
    """Return (h, w) 0 to 1: whether a pixel's own focus curve tells, at any window."""
    best = np.zeros(layers[0].weight.shape, np.float32)
    for layer in layers:
        here = layer.weight / (layer.weight + np.float32(_WEIGHTY))
        here /= 1 + np.exp((np.float32(_TELLING) - layer.significance)
                           * np.float32(1 / _TELLING_RANGE))
        np.maximum(best, here, out=best)
    return best


def _scatter_around(evidence: FloatImage, depth: FloatImage) -> FloatImage:
    """
    Return by how much the depths around each region without texture differ, in units.

    A plain region whose whole rim lies at one depth most likely lies there too. One that reaches
    the border of the image has no whole rim: it is given a great scatter.
    """
    mean = cv2.blur(evidence, (3, 3))
    plain = (mean < _FLAT).astype(np.uint8)
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


def deviation_of(confidence: FloatImage, surface: Surface, unit: float) -> FloatImage:
    """
    Return the standard deviation of the coordinate, (h, w) float32.

    :param confidence: (h, w) float32, 0 to 1
    :param surface: the surface
    :param unit: see `depth_unit`
    """
    variance = np.square(surface.spread * np.float32(_SPREAD)) + np.float32(
        (_LEAST_DEVIATION * unit) ** 2)
    variance += np.square(jumps(surface.coordinate, unit) * np.float32(_JUMP_SHARE * unit))
    return np.asarray(np.sqrt(variance) * np.exp((1 - confidence) * np.float32(_DOUBT)),
                      np.float32)
