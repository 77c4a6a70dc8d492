# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the state of a stack to a sub-slice index, its confidence and metres."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from focus_stacking_ros.core.focus_measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.state import NO_SLICE, StackState

__all__ = ['DepthEstimate', 'Peak', 'find_peak', 'metres', 'regularise']

_ROUNDS = 4  # of smoothing and weighing down outliers


@dataclass(frozen=True)
class Peak:
    """
    Where each pixel's focus curve peaks.

    :param index: (H, W) float32 fractional slice index
    :param weight: (H, W) float32, 0 to 1, trust in it by contrast and noise
    :param slices: number of slices of the stack
    """

    index: FloatImage
    weight: FloatImage
    slices: int


@dataclass(frozen=True)
class DepthEstimate:
    """
    A dense slice index and what to trust.

    :param index: (H, W) float32 fractional slice index, smoothed, dense
    :param confidence: (H, W) float32, 0 to 1
    """

    index: FloatImage
    confidence: FloatImage


def find_peak(state: StackState, noise_floor: float) -> Peak:
    """
    Find the sub-slice peak of each pixel's focus curve.

    A parabola through the logarithms of three responses (a Gaussian; Nayar and Nakagawa 1994);
    at both ends of the stack the curve is continued with the stack's mean curvature.

    :param state: the stack's state
    :param noise_floor: mean response to noise alone, 1/16 of an 8-bit grey level
    """
    scale = np.float32(1 / GREY_STEPS)
    floor = np.float32(noise_floor) * scale
    best = np.maximum(state.best, 0) * scale
    index = state.index.astype(np.float32)
    index[state.index == NO_SLICE] = 0
    last = state.slices - 1
    lift = np.float32(0.01) + np.float32(0.05) * floor

    signal = best - floor
    mean = state.total / np.maximum(state.count, 1) * scale - floor
    mean = np.maximum(mean, 0).astype(np.float32)
    np.maximum(signal, 0, out=signal)
    contrast = (signal - mean) / (signal + mean + np.float32(0.001))
    np.maximum(contrast, 0, out=contrast)
    weight = contrast * contrast * signal / (signal + floor + 1)
    weight[state.count < min(state.slices, 2)] = 0

    def logarithm(response: FloatImage) -> FloatImage:
        return np.asarray(cv2.log(cv2.max(cv2.subtract(response, float(floor)), float(lift))))

    has_left, has_right = state.left >= 0, state.right >= 0
    a = logarithm(state.left * scale)
    b = logarithm(best)
    c = logarithm(state.right * scale)
    curvature = 2 * b - (a + c)
    inside = has_left & has_right
    offset = np.zeros_like(index)
    bent = inside & (curvature > 1e-6)
    offset[bent] = np.clip((c - a)[bent] / (2 * curvature[bent]), -0.5, 0.5)
    if state.slices > 2 and inside.any():
        trusted = weight[inside].astype(np.float64)
        typical = float((trusted * curvature[inside]).sum() / max(trusted.sum(), 1e-9))
        if typical > 1e-3:
            at_end = has_left & (state.index == last)
            offset[at_end] = np.clip((b - a)[at_end] / typical - 0.5, -0.5, 0.5)
            at_start = has_right & (state.index == 0)
            offset[at_start] = np.clip(0.5 - (b - c)[at_start] / typical, -0.5, 0.5)
    return Peak(index + offset, weight, state.slices)


def regularise(peak: Peak, guide: FloatImage, strength: float, edge_contrast: float,
               outlier: float) -> DepthEstimate:
    """
    Smooth a peak index along the guide's edges, robustly, and say what to trust.

    :param peak: index and weight per pixel
    :param guide: (H, W) float32 luma of the all-in-focus image, 8-bit grey levels
    :param strength: lambda of the smoother
    :param edge_contrast: grey levels that count as an edge
    :param outlier: distance from the smooth index that halves a pixel's weight, slices
    """
    smoother = FastGlobalSmoother(guide, strength, edge_contrast)
    tiny = np.float32(1e-6)
    # The mean index is what a pixel without any evidence nearby gets.
    weight_sum = float(peak.weight.sum(dtype=np.float64))
    mean = float((peak.weight * peak.index).sum(dtype=np.float64)) / max(weight_sum, 1e-12) \
        if weight_sum > 0 else (peak.slices - 1) / 2
    weight = peak.weight
    support = first = weight
    index = peak.index
    for turn in range(_ROUNDS):
        support, moment = smoother.smooth(np.stack([weight, weight * peak.index]))
        if turn == 0:
            first = support
        index = (moment + tiny * np.float32(mean)) / (support + tiny)
        distance = (peak.index - index) * np.float32(1 / outlier)
        weight = peak.weight / (1 + distance * distance)
    agreement = support / (first + tiny)
    kernel = np.ones((15, 15), np.uint8)
    jump = (cv2.dilate(index, kernel) - cv2.erode(index, kernel)) * np.float32(1 / 1.5)
    confidence = agreement * support / (support + np.float32(0.01)) / (1 + jump * jump)
    return DepthEstimate(np.clip(index, 0, peak.slices - 1),
                         np.clip(confidence, 0, 1).astype(np.float32))


def metres(index: FloatImage, focus_distances_m: list[float]) -> FloatImage:
    """
    Convert a fractional slice index to metres along Z.

    Linear between slices in 1/distance, as defocus blur is linear in dioptres.

    :param index: (H, W) float32 slice index, 0 the nearest
    :param focus_distances_m: distance of each slice's focal plane in metres, rising
    """
    dioptres = 1 / np.asarray(focus_distances_m, np.float64)
    table = np.interp(index, np.arange(len(dioptres)), dioptres)
    return (1 / table).astype(np.float32)
