# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A smooth surface through uncertain peaks that keeps the depth's own edges.

Smoothing follows the edges of the image. It begins weak and grows stronger; from each round to
the next the links across which the surface jumps weaken, as far as both of its sides are known,
and so do those of what is well known anyway, and peaks far from the surface lose their weight.
So surfaces of equal brightness at different depths come apart, and noise does not make steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.depth.bending import bending
from focus_stacking_ros.core.depth.curves import PeakLayer, SYSTEMATIC
from focus_stacking_ros.core.depth.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['BROAD', 'CERTAIN', 'JUMP', 'KNOWN', 'ROUNDS', 'TINY', 'Surface', 'known_support',
           'mean_peak', 'regularise']

ROUNDS = 1 / 31, 0.1, 0.3, 1.0  # strength of the smoothing, as a share of the full strength
BROAD = 8.0  # strength of the broad surface, as a share
JUMP = 0.05  # step between neighbours at which their link halves, in widths of the focus curve
CERTAIN = 0.02  # support at which half of a step counts
KNOWN = 0.03  # support at which links halve, since what is known needs little smoothing
TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Surface:
    """
    A dense surface through the peaks of a stack; (h, w) float32 each.

    :param coordinate: of the surface
    :param agreement: 0 to 1, share of the weight around that lies near the surface
    :param spread: standard deviation of that weight around the surface
    :param broad: of a surface that only the edges of the image and strong evidence bend
    """

    coordinate: FloatImage
    agreement: FloatImage
    spread: FloatImage
    broad: FloatImage


def regularise(layers: Sequence[PeakLayer], smoother: FastGlobalSmoother, strength: float,
               outlier: float, width: float, bend: float | None = None) -> Surface:
    """
    Lay a surface through peaks.

    :param layers: peaks of one or several windows
    :param smoother: guided by the luma of the all-in-focus image
    :param strength: lambda of the smoothing
    :param outlier: distance from the surface at which a peak has half its weight
    :param width: of the focus curve, in the coordinate
    :param bend: of the first layer, see `bending`, where that is known
    """
    weights = [layer.weight for layer in layers]
    mean = mean_peak(layers)

    def laid(share: float) -> tuple[FloatImage, FloatImage]:
        support, moment = smoother.smooth(
            [sum_of(weights), sum_of([weight * layer.coordinate for weight, layer in zip(
                weights, layers, strict=True)])], strength * share)
        surface = (moment + TINY * np.float32(mean)) / (support + TINY)
        return np.asarray(surface, np.float32), support

    known = np.float32(known_support(layers[0], width, bend))
    broad, _ = laid(BROAD)
    for number, share in enumerate(ROUNDS):
        surface, support = laid(share)
        weights = [_inlying(layer, surface, outlier) for layer in layers]
        if number + 1 < len(ROUNDS):
            _weaken(smoother, surface, support, np.float32(1 / (JUMP * width)), known)
    everything, near, spread = smoother.smooth(
        [sum_of([layer.weight for layer in layers]), sum_of(weights),
         sum_of([weight * np.minimum(np.square(layer.coordinate - surface),
                                     np.float32(4 * outlier ** 2))
                 for weight, layer in zip(weights, layers, strict=True)])], strength)
    return Surface(surface, np.clip(near / (everything + TINY), 0, 1),
                   np.sqrt(np.maximum(spread, 0) / (near + TINY)), broad)


def known_support(layer: PeakLayer, width: float, bend: float | None = None) -> float:
    """
    Return the support at which links halve.

    Smoothing what is known takes away errors of its peaks, and also the surface's own bends: the
    more of these there are beside the error that a peak has anyway, the less it is worth.

    :param layer: peaks of the finest window
    :param width: of the focus curve, in the coordinate
    :param bend: of the layer, see `bending`, where that is known
    """
    if bend is None:
        bend = bending(layer, SYSTEMATIC * width)
    return KNOWN / (1 + bend ** 2)


def mean_peak(layers: Sequence[PeakLayer]) -> float:
    """Return the mean coordinate of peaks: what a pixel without any evidence nearby gets."""
    total = sum(cv2.sumElems(layer.weight)[0] for layer in layers)
    if total <= 0:
        return float(np.median(layers[0].coordinate))
    return sum(float(np.vdot(layer.weight, layer.coordinate)) for layer in layers) / total


def sum_of(planes: Sequence[FloatImage]) -> FloatImage:
    """Return the sum of one or several planes."""
    total = planes[0].copy()
    for plane in planes[1:]:
        total += plane
    return total


def _inlying(layer: PeakLayer, surface: FloatImage, outlier: float) -> FloatImage:
    """Return the layer's weight, halved at ``outlier`` from the surface."""
    distance = np.square(layer.coordinate - surface)
    distance *= np.float32(1 / outlier ** 2)
    distance += 1
    return np.divide(layer.weight, distance, out=distance)


def _weaken(smoother: FastGlobalSmoother, surface: FloatImage, support: FloatImage,
            scale: np.float32, known: np.float32) -> None:
    """Weaken links across steps of the surface and between what is well known."""
    square = support * support
    certain = square / (square + np.float32(CERTAIN ** 2))
    loose = 1 / (1 + support / known)

    def factors(axis: int) -> FloatImage:
        first = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        second = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        step = np.square((surface[second] - surface[first]) * scale)
        step *= np.minimum(certain[second], certain[first])
        step += 1
        return np.divide(np.minimum(loose[second], loose[first]), step, out=step)

    smoother.weaken(factors(0), factors(1))
