# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a depth and what is to be trusted of it to what decides how much of each slice enters."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.depth.upsampling import doubled_rows
from focus_stacking_ros.core.fuse.job import MISSED, NOISE_SHARPNESS
from focus_stacking_ros.core.fuse.narrow_gate import seen
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import by_bands
import numpy as np
from numpy.typing import NDArray

__all__ = ['CALM', 'CALM_NOISE', 'GLOWING', 'GLOWING_FROM', 'MORE', 'SMOOTH', 'SMOOTH_RANGE',
           'SURE', 'SURE_RANGE', 'alike_of', 'belying', 'calm_of', 'slices_of_gate', 'trust_of',
           'widest_gate']

#: Width of the focus curve, in steps of the sweep, up to which `fusion.depth_gate` is in slices:
#: in a finer sweep it holds as many more.
_USUAL_SPAN = 2.2
#: Change of the local brightness over the stack that tells of glow, 8-bit grey levels; the part of
#: it from which on it may.
GLOWING, GLOWING_FROM = 3.0, 0.5
#: Continuity of a depth, where all glows, from which on only slices near the index are taken.
SMOOTH, SMOOTH_RANGE = 0.1, 0.3
#: Change of the local brightness up to which nothing can glow, 8-bit grey levels, and its share
#: of the noise; and how much wider the gate is there.
CALM, CALM_NOISE, MORE = 1.0, 1.0, 6.0
#: Three standard errors of a sharpness, as a share of the noise's.
_DOUBTFUL = 0.5
#: Share of the greatest sharpness within _NEAR that blur is taken to bring where nothing is in
#: focus: twice what it brings beside lines, edges, dots and textures, which is 1/6 at most.
_SPREAD = 0.35
_NEAR = np.ones((9, 9), np.uint8)  # pixels at half the size
_BY_NOISE = 5.6  # sharpness that no noise has beyond that of another slice, as a share of its own
_ROUNDING = np.float32(12 ** -0.5)  # standard deviation, 8-bit grey levels
SURE, SURE_RANGE = 0.5, 0.4  # confidence from which on only slices near the index are taken


def slices_of_gate(span: float) -> float:
    """
    Return the factor on the gate that makes it slices of a sweep.

    In a fine sweep as many more slices lie within the focus curve; in one whose slices lie farther
    apart than the curve is wide, a neighbour is blurred wherever a slice is sharp.

    :param span: standard deviation of the focus curve, slices
    """
    return max(min(span, 1.0), span / _USUAL_SPAN)


def alike_of(span: float, noise: float) -> float:
    """
    Return the difference of sharpness up to which slices enter alike, as a share of the noise's.

    A slice beside the sharpest keeps exp(-1 / span²) of its energy, by the definition of the
    focus curve's width: in a fine sweep what seems less sharp may be noise, in a coarse one it is
    not. Averaging lowers the noise, which is worth it as far as noise is seen.

    :param span: standard deviation of the focus curve, slices
    :param noise: standard deviation, 8-bit grey levels
    :returns: 0 to 0.5
    """
    kept = float(np.exp(-1 / max(span, 0.1) ** 2))
    return _DOUBTFUL * kept * float(seen(np.float32(noise)))


def belying(sharpest: NDArray[np.uint8], noise: FloatImage) -> NDArray[np.uint8]:
    """
    Return the sharpness beyond that at the index at which the index loses half its trust.

    Some other slice may be sharper by its noise, or as a structure nearby is blurred over the
    pixel; what is sharper than both explain, the index has missed.

    :param sharpest: (h, w) uint8, greatest sharpness of all slices, at half the size
    :param noise: (h, w) float32, standard deviation of the noise, 8-bit grey levels
    :returns: (h, w) uint8, `MISSED` at most, which it is where noise is of 1.5 grey levels
    """
    by_noise = np.maximum(noise, _ROUNDING) * np.float32(_BY_NOISE * NOISE_SHARPNESS)
    by_blur = cv2.dilate(sharpest, _NEAR) * np.float32(_SPREAD)
    return np.rint(np.minimum(np.maximum(by_noise, by_blur), np.float32(MISSED))).astype(np.uint8)


def calm_of(spread: FloatImage, noise: FloatImage) -> FloatImage:
    """
    Return where the brightness stays what it is over the whole stack, (H, W) float32, 0 to 1.

    :param spread: (H, W) float32, greatest change of the brightness, 8-bit grey levels
    :param noise: (H, W) float32, standard deviation of the noise, 8-bit grey levels
    """
    def calm(rows: slice) -> FloatImage:
        return np.asarray(np.exp(-np.square(spread[rows] / (
            np.float32(CALM) + np.float32(CALM_NOISE) * noise[rows]))), np.float32)

    return by_bands(calm, np.empty_like(spread), 'fusion')


def widest_gate(calm: FloatImage, gate: float) -> FloatImage:
    """
    Return how far from the index slices may enter at most, as a standard deviation in slices.

    Where the brightness stays what it is over the whole stack nothing can glow, and many slices
    may lower the noise.

    :param calm: of `calm_of`; the result takes its place
    :param gate: standard deviation where the brightness changes, slices
    """
    return by_bands(lambda rows: np.asarray(
        gate * (1 + np.float32(MORE) * calm[rows]), np.float32), calm, 'fusion')


def trust_of(confidence: FloatImage, continuity: FloatImage, spread: FloatImage) -> FloatImage:
    """
    Return where the all-in-focus image is to take only the slices near the index.

    Where the depth is confident, and also where brightness varies over the stack while the
    depth is smooth: there an average would let a blurred neighbour glow.

    :param confidence: (ceil(H / 2), ceil(W / 2)) float32, of the depth, 0 to 1
    :param continuity: as that, low where the depth jumps
    :param spread: as for `calm_of`
    :returns: (H, W) float32, 0 to 1
    """
    shape = (spread.shape[0], spread.shape[1])

    def trust(rows: slice) -> FloatImage:
        glowing = np.clip(spread[rows] * np.float32(1 / GLOWING) - np.float32(GLOWING_FROM), 0, 1)
        smooth = (doubled_rows(continuity, shape, rows) * glowing
                  - np.float32(SMOOTH)) * np.float32(1 / SMOOTH_RANGE)
        sure = (doubled_rows(confidence, shape, rows)
                - np.float32(SURE)) * np.float32(1 / SURE_RANGE)
        return np.clip(np.maximum(sure, smooth), 0, 1)

    return by_bands(trust, np.empty_like(spread), 'fusion')
