# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the state of a stack to a sub-slice index, its confidence and metres."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.focus_measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.smoothing import FastGlobalSmoother, Known
from focus_stacking_ros.core.state import NO_SLICE, StackState
import numpy as np
from numpy.typing import NDArray

__all__ = ['DepthEstimate', 'Peak', 'find_peak', 'metres', 'regularise']

#: Response that a blurred edge reaches at most, per grey level of the brightness it adds.
_GLOW_RESPONSE = 2.0
#: Times the noise's mean response at which the best response begins to tell, and surely does.
_SCATTER = 1.15, 1.4
#: Jump of the index at which the link between two pixels falls to 1/e, slices.
_JUMP = 0.1
#: Mean weight at which half of a jump counts.
_HALF_CERTAIN = 0.03
#: Variance of the index at which jumps and support halve, square slices.
_CERTAIN_VARIANCE, _SUPPORT_VARIANCE = 0.1, 0.2
#: Times the scatter of the response to noise at which a response has half its weight.
_TELLING = 3.0
_BAND = 128  # rows
_NEAR = 15  # pixels: side of the surroundings that speak for or against a pixel
_LITTLE_EVIDENCE = 0.005  # mean weight around a pixel at which its confidence halves
_ROUNDS = 3  # of smoothing and weighing down outliers


@dataclass(frozen=True)
class Peak:
    """
    Where each pixel's focus curve peaks.

    :param index: (H, W) float32 fractional slice index
    :param weight: (H, W) float32, 0 to 1, trust in it by contrast and noise
    :param significance: (H, W) float32, 0 to 1, 0 where the best response is within the scatter of
        the noise
    :param slices: number of slices of the stack
    """

    index: FloatImage
    weight: FloatImage
    significance: FloatImage
    slices: int


@dataclass(frozen=True)
class DepthEstimate:
    """
    A dense slice index and what to trust.

    :param index: (H, W) float32 fractional slice index, smoothed, dense
    :param confidence: (H, W) float32, 0 to 1
    :param continuity: (H, W) float32, 0 to 1, low where the index jumps
    """

    index: FloatImage
    confidence: FloatImage
    continuity: FloatImage


def find_peak(state: StackState, glow: FloatImage, noise_floor: float,
              noise_scatter: float = 0.12) -> Peak:
    """
    Find the sub-slice peak of each pixel's focus curve.

    A parabola through the logarithms of three responses (a Gaussian; Nayar and Nakagawa 1994);
    at both ends of the stack the curve is continued with the stack's mean curvature.

    :param state: the stack's state
    :param glow: (H, W) float32 deviation of the brightness at the best slice from its usual
        value, 8-bit grey levels: a response that is weak beside it is a neighbour's blur
    :param noise_floor: mean response to noise alone, 1/16 of an 8-bit grey level
    :param noise_scatter: standard deviation of the response to noise, in units of its mean
    """
    index = np.empty(state.best.shape, np.float32)
    weight = np.empty(state.best.shape, np.float32)
    floor = np.float32(noise_floor / GREY_STEPS)
    curved = trusted = 0.0
    for rows in _bands(state.best.shape[0]):
        weight[rows] = _weight(state, glow, floor, np.float32(noise_scatter), rows)
        inside = (state.left[rows] >= 0) & (state.right[rows] >= 0)
        index[rows] = np.where(state.index[rows] == NO_SLICE, 0, state.index[rows])
        slope, curvature = _parabola(state, floor, rows, inside)
        index[rows][inside] += np.clip(
            slope / np.maximum(curvature, np.float32(1e-6)), -0.5, 0.5)
        here = weight[rows][inside]
        curved += float((here * curvature).sum(dtype=np.float64))
        trusted += float(here.sum(dtype=np.float64))
    typical = curved / trusted if trusted > 0 else 0.0
    if typical > 1e-3:
        for rows in _bands(state.best.shape[0]):
            _extrapolate(index[rows], state, floor, rows, np.float32(typical))
    return Peak(index, weight, _significance(state, noise_floor), state.slices)


def _significance(state: StackState, noise_floor: float) -> FloatImage:
    """Return 0 where the best response is what the best of many noise responses reaches."""
    # The mean over a window scatters by a tenth; the best of a stack lies two or three above it.
    low, high = _SCATTER
    scale = 1 / max(noise_floor * (high - low), 1e-3)
    return np.clip(state.best * np.float32(scale) - np.float32(low * noise_floor * scale), 0, 1)


def _bands(height: int) -> list[slice]:
    """Bands of rows: temporary planes then stay small."""
    return [slice(top, min(top + _BAND, height)) for top in range(0, height, _BAND)]


def _weight(state: StackState, glow: FloatImage, floor: np.float32, scatter: np.float32,
            rows: slice) -> FloatImage:
    """Trust in a pixel's peak by its contrast, its strength and its origin."""
    scale = np.float32(1 / GREY_STEPS)
    signal = np.maximum(state.best[rows] * scale - floor, 0)
    count = state.count[rows]
    mean = state.total[rows].astype(np.float32) / np.maximum(count, 1) * scale - floor
    mean = np.maximum(mean, 0)
    contrast = np.maximum((signal - mean) / (signal + mean + np.float32(0.001)), 0)
    suspicion = np.float32(_GLOW_RESPONSE) * glow[rows] / (signal + np.float32(0.001))
    suspicion *= suspicion
    weight = contrast * contrast * signal / (signal + floor + 1) / (1 + suspicion * suspicion)
    # The best of many responses to noise lies one or two deviations above their mean.
    excess = np.square(np.square(signal))
    weight *= excess / (excess + (np.float32(_TELLING) * scatter * floor) ** 4 + np.float32(1e-12))
    weight[count < min(state.slices, 2)] = 0
    return np.asarray(weight, np.float32)


def _logarithm(response: NDArray[np.int16], floor: np.float32) -> NDArray[np.float32]:
    least = np.float32(0.01) + np.float32(0.05) * floor
    return np.log(np.maximum(response * np.float32(1 / GREY_STEPS) - floor, least))


def _parabola(state: StackState, floor: np.float32, rows: slice,
              chosen: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Half the slope at the best slice, towards later ones, and the curvature."""
    a = _logarithm(state.left[rows][chosen], floor)
    b = _logarithm(state.best[rows][chosen], floor)
    c = _logarithm(state.right[rows][chosen], floor)
    return (c - a) * np.float32(0.5), 2 * b - (a + c)


def _extrapolate(index: FloatImage, state: StackState, floor: np.float32, rows: slice,
                 curvature: np.float32) -> None:
    """Place peaks at both ends of the stack as if the curve went on with ``curvature``."""
    for at_end, inner, side in (
            ((state.index[rows] == state.slices - 1) & (state.left[rows] >= 0), state.left, 1),
            ((state.index[rows] == 0) & (state.right[rows] >= 0), state.right, -1)):
        rise = (_logarithm(state.best[rows][at_end], floor)
                - _logarithm(inner[rows][at_end], floor))
        index[at_end] += side * np.clip(rise / curvature - np.float32(0.5), -0.5, 0.5)


def known_beforehand(peak: Peak, window: int) -> Known:
    """
    Return what the smoother is to know of the index: its jumps, and where it is well supported.

    :param peak: index and weight per pixel
    :param window: side of the focus measure's window, pixels
    """
    side = 2 * window + 1  # a median over it drops rims that are as wide as the window
    scale = 255.0 / peak.slices
    # The index goes half a slice beyond the first and the last one.
    level = cv2.medianBlur(cv2.convertScaleAbs(peak.index, alpha=scale, beta=scale / 2), side)
    support, variance = _local_moments(peak, 2 * (3 * window // 4) + 1)
    certain = np.square(support)
    certain /= certain + np.float32(_HALF_CERTAIN ** 2)
    # In noise and in glow the index varies from pixel to pixel.
    certain /= 1 + np.square(variance * np.float32(1 / _CERTAIN_VARIANCE))
    support /= 1 + np.square(variance * np.float32(1 / _SUPPORT_VARIANCE))
    return Known(level, 1 / (scale * _JUMP), certain, support)


def _local_moments(peak: Peak, side: int) -> tuple[FloatImage, FloatImage]:
    """Return the mean weight, and the index's weighted variance, in square windows."""
    window = (side, side)
    weight = cv2.boxFilter(peak.weight, -1, window)
    moment = cv2.multiply(peak.weight, peak.index)
    mean = cv2.boxFilter(moment, -1, window) / (weight + np.float32(1e-6))
    square = cv2.boxFilter(cv2.multiply(moment, peak.index), -1, window)
    square /= weight + np.float32(1e-6)
    return weight, np.maximum(square - mean * mean, 0)


def regularise(peak: Peak, smoother: FastGlobalSmoother, outlier: float) -> DepthEstimate:
    """
    Smooth a peak index along the edges of the image, robustly, and say what to trust.

    :param peak: index and weight per pixel
    :param smoother: guided by the luma of the all-in-focus image
    :param outlier: distance from the smooth index that halves a pixel's weight, slices
    """
    tiny = np.float32(1e-6)
    # The mean index is what a pixel without any evidence nearby gets.
    trusted = float(peak.weight.sum(dtype=np.float64))
    mean = (float(np.vdot(peak.weight, peak.index)) / trusted if trusted > 0
            else (peak.slices - 1) / 2)
    # Everything in place: the planes of this function are the peak of a stack's memory.
    height, width = peak.index.shape
    sums = np.empty((height, 2, width), np.float32)
    support, moment = sums[:, 0], sums[:, 1]
    weight, index = peak.weight.copy(), np.empty_like(peak.index)
    for turn in range(_ROUNDS):
        if turn > 0:
            _weigh_outliers_down(peak, index, outlier, weight)
        np.copyto(support, weight)
        np.multiply(weight, peak.index, out=moment)
        smoother.smooth(sums)
        if turn == 0:
            confidence = support.copy()
        support += tiny
        moment += tiny * np.float32(mean)
        np.divide(moment, support, out=index)
    significant = weight[:, None]
    significant *= peak.significance[:, None]
    smoother.smooth(significant)
    # Agreement with the neighbours, times how much they know, times how much is no noise.
    confidence += tiny
    np.divide(support, confidence, out=confidence)
    confidence *= significant[:, 0]
    support += np.float32(0.01)
    confidence /= support
    # What was only carried here from afar is a guess, however much its sources agree.
    local = cv2.boxFilter(cv2.multiply(peak.weight, peak.significance), -1, (_NEAR, _NEAR))
    confidence *= local / (local + np.float32(_LITTLE_EVIDENCE))
    continuity = _continuity(index)
    confidence *= continuity
    return DepthEstimate(np.clip(index, 0, peak.slices - 1, out=index),
                         np.clip(confidence, 0, 1, out=confidence), continuity)


def _weigh_outliers_down(peak: Peak, index: FloatImage, outlier: float,
                         weight: FloatImage) -> None:
    """Set ``weight`` to the peak's, halved at ``outlier`` slices from a smooth ``index``."""
    np.subtract(peak.index, index, out=weight)
    np.multiply(weight, weight, out=weight)
    weight *= np.float32(1 / outlier ** 2)
    weight += 1
    np.divide(peak.weight, weight, out=weight)


def _continuity(index: FloatImage) -> FloatImage:
    """1 where the index is smooth, towards 0 where it jumps by slices within `_NEAR` pixels."""
    kernel = np.ones((_NEAR, _NEAR), np.uint8)
    jump = cv2.subtract(cv2.dilate(index, kernel), cv2.erode(index, kernel))
    return np.asarray(1 / (1 + jump * jump * np.float32(1 / 1.5 ** 2)), np.float32)


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
