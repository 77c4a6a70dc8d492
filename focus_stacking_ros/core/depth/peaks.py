# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Where focus curves peak between slices, and how well that is known.

A focus curve is what a focus measure gives at one pixel over the slices. Near its peak it falls
with the blur, whose variance grows with the square of the defocus; so the inverse square root of
the response is nearly a parabola, and a better one than the logarithm of Nayar and Nakagawa 1994
(doi:10.1109/34.308479) where the slices lie far apart. The parabola is fitted to all slices within
the peak by weighted least squares, in the coordinate in which the blur is linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLEAR', 'CLEAR_SIGNAL', 'CURVATURE_SPREAD', 'FAINT', 'FAINT_SHARE', 'LEAST_CURVATURE',
           'MODEL_ERROR', 'PeakFit', 'Sample', 'curvature_of', 'fall_of', 'fit_peak',
           'typical_fall']

FAINT, FAINT_SHARE = 0.01, 0.05  # least signal: grey levels, and share of the noise floor
MODEL_ERROR = 0.02  # by which curves differ from a parabola, as a share of the response
CURVATURE_SPREAD = 0.3  # of the pixels' curvatures around the stack's typical one
LEAST_CURVATURE = 0.15  # of the typical one: what is flatter has no peak
_FEWEST = 200  # pixels that say how far curves fall
CLEAR, CLEAR_SIGNAL = 6.0, 0.5  # signal, in scatters of the noise and in grey levels, that tells


@dataclass(frozen=True)
class Sample:
    """
    The response of one slice near each pixel's peak.

    :param offset: (h, w) float32 coordinate relative to the best slice's
    :param signal: (h, w) float32 response less the noise floor, 8-bit grey levels
    :param valid: (h, w) bool, where there is such a slice and it has data
    """

    offset: FloatImage
    signal: FloatImage
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class PeakFit:
    """
    Peaks relative to the best slices.

    :param shift: (h, w) float32 coordinate of the peak relative to the best slice's
    :param variance: (h, w) float32 of the shift by noise, square of the coordinate
    """

    shift: FloatImage
    variance: FloatImage


def _least(floor: FloatImage) -> FloatImage:
    return np.asarray(np.float32(FAINT) + np.float32(FAINT_SHARE) * floor, np.float32)


def fit_peak(samples: Iterable[Sample], best: FloatImage, floor: FloatImage,
             scatter: float, curvature: float) -> PeakFit:
    """
    Fit a parabola to the inverse square root of the responses around each best slice.

    The stack's typical curvature counts as one more measurement, so that peaks at both ends of
    the stack, of which one side is unseen, and weak ones are not thrown far off.

    :param samples: of the slices within the peak
    :param best: (h, w) float32 signal of the best slice, 8-bit grey levels
    :param floor: (h, w) float32 mean response to noise, 8-bit grey levels
    :param scatter: standard deviation of the response to noise, in units of the floor
    :param curvature: typical curvature of the logarithm at the peak, per square of the coordinate
    """
    top = np.maximum(best, _least(floor))
    # Weighted moments of the offset, and of the offset with the transformed response.
    m0, m1, m2, m3, m4, r0, r1, r2 = (np.zeros(best.shape, np.float32) for _ in range(8))
    reach = 0.0
    for sample in samples:
        ratio = np.maximum(sample.signal, _least(floor)) / top
        # d(ratio^-1/2) = -1/2 ratio^-3/2 d(ratio): the weights are the inverse variances.
        limited = np.minimum(ratio, np.float32(1.5))
        weight = limited * limited * limited
        weight *= sample.valid
        value = 2 - 2 / np.sqrt(ratio)
        offset = sample.offset
        reach = max(reach, float(np.abs(offset).max(initial=0)))
        first = weight * offset
        second = first * offset
        m0 += weight
        m1 += first
        m2 += second
        m3 += second * offset
        m4 += second * offset * offset
        r0 += weight * value
        r1 += first * value
        r2 += second * value
    quality = np.square(np.float32(scatter) * floor / top) + np.float32(MODEL_ERROR ** 2)
    prior = quality * np.float32(1 / (CURVATURE_SPREAD * curvature) ** 2)
    m0 += np.float32(1e-6)
    m4 += prior
    r2 -= prior * np.float32(curvature / 2)
    return _solved((m0, m1, m2, m3, m4), (r0, r1, r2), quality, curvature)


def _solved(m: tuple[FloatImage, ...], r: tuple[FloatImage, ...], quality: FloatImage,
            curvature: float) -> PeakFit:
    """Solve the normal equations of value = a + b offset + c offset² by Cramer's rule."""
    m0, m1, m2, m3, m4 = m
    r0, r1, r2 = r
    slope_moment = m2 + np.float32(1e-4)  # regular even where only one slice has data
    c01 = m2 * m3 - m1 * m4
    c02 = m1 * m3 - slope_moment * m2
    c11 = m0 * m4 - m2 * m2
    c12 = m1 * m2 - m0 * m3
    c22 = m0 * slope_moment - m1 * m1
    determinant = m0 * (slope_moment * m4 - m3 * m3) + m1 * c01 + m2 * c02
    inverse = 1 / np.maximum(determinant, np.float32(1e-9))
    b = (c01 * r0 + c11 * r1 + c12 * r2) * inverse
    c = (c02 * r0 + c12 * r1 + c22 * r2) * inverse
    least = np.float32(LEAST_CURVATURE * curvature)
    bend = np.maximum(-2 * c, least)
    shift = b / bend
    # Gradient of the shift by b and by c, times their covariance.
    by_b = 1 / bend
    by_c = np.where(bend > least, 2 * shift * by_b, 0)
    variance = quality * inverse * (by_b * by_b * c11 + 2 * by_b * by_c * c12 + by_c * by_c * c22)
    return PeakFit(np.asarray(shift, np.float32), np.maximum(variance, 0).astype(np.float32))


def typical_fall(best: FloatImage, sides: Sequence[Sample],
                 noise: FloatImage) -> tuple[float, float] | None:
    """
    Return how far the stack's mean focus curve has fallen beside its peak.

    Signals are summed, not their logarithms, so that noise cancels.

    :param best: (h, w) float32 signal of the best slice, 8-bit grey levels
    :param sides: of the slices beside it; pixels where all are valid tell
    :param noise: (h, w) float32 standard deviation of the response to noise
    :returns: the share of the peak's response that is left, 0 to 1, and the square of the
        distance, in the coordinate; None where too few pixels tell
    """
    chosen = (best > np.float32(CLEAR) * noise) & (best > np.float32(CLEAR_SIGNAL))
    for side in sides:
        chosen &= side.valid
    total = float(best[chosen].sum(dtype=np.float64))
    beside = sum(float(side.signal[chosen].sum(dtype=np.float64)) for side in sides)
    square = sum(float((best[chosen] * np.square(side.offset[chosen])).sum(dtype=np.float64))
                 for side in sides)
    return fall_of(float(np.count_nonzero(chosen)), total, beside, square, len(sides))


def fall_of(count: float, best: float, beside: float, square: float,
            sides: int) -> tuple[float, float] | None:
    """
    Return what sums over pixels tell; see `typical_fall`.

    :param count: how many pixels they are
    :param best: sum of their best slices' signals
    :param beside: of the signals of the slices beside them
    :param square: of the best signals times the squares of these slices' distances
    :param sides: how many slices beside each best one there are
    """
    if count < _FEWEST:
        return None
    share = float(np.clip(beside / (sides * best), 1e-3, 0.9999))
    return share, square / (sides * best)


def curvature_of(share: float, square: float) -> float:
    """
    Return the curvature of the logarithm of a focus curve, per square of the coordinate.

    :param share: of the peak's response that is left, 0 to 1
    :param square: of the distance from the peak, in the coordinate
    """
    return float(-2 * np.log(share) / square)
