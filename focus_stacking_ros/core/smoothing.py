# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothing: the fast global smoother of Min et al. 2014."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['FastGlobalSmoother', 'Known']

_PASSES = 3
_ATTENUATION = 0.25  # of lambda from one pass to the next
_LOOSENING = 0.02  # support from which links weaken: what is known needs little smoothing
_LOOSEST = 0.07
_SIDES = 5, 9, 13, 17  # distances from a jump at which its sides are looked for, pixels
_BAND = 128  # rows: temporary planes then stay small


@dataclass(frozen=True)
class Known:
    """
    A rough result, which breaks links where it jumps and loosens them where it is well known.

    :param level: (H, W) uint8
    :param step: jump of the result per level, in units of the jump at which a link falls to 1/e
    :param certain: (H, W) float32, 0 to 1: a jump counts by the certainty on both of its sides
    :param support: (H, W) float32, 0 to 1, trust in the level itself
    """

    level: NDArray[np.uint8]
    step: float
    certain: FloatImage
    support: FloatImage

    def transposed(self) -> Known:
        """Return the same of the transposed image."""
        return Known(self.level.T, self.step, self.certain.T, self.support.T)


def _links(guide: FloatImage, edge_contrast: float, known: Known | None) -> FloatImage:
    """Return each pixel's link to the one before it along the first axis."""
    links = np.zeros(guide.shape, np.float32)
    for top in range(1, len(links), _BAND):
        rows = np.arange(top, min(top + _BAND, len(links)))
        exponent = np.abs(guide[rows] - guide[rows - 1]) * np.float32(-1 / edge_contrast)
        if known is not None:
            exponent -= _jumps(known, rows)
        np.exp(exponent, out=links[rows[0]:rows[-1] + 1])
        if known is not None:
            loose = np.square(np.square(known.support[rows] * np.float32(1 / _LOOSENING)))
            links[rows[0]:rows[-1] + 1] *= np.maximum(1 / (1 + loose), np.float32(_LOOSEST))
    return links


def _jumps(known: Known, rows: NDArray[np.intp]) -> FloatImage:
    """Return the jump from the row before, by how certain both its sides are."""
    last = len(known.level) - 1
    # A jump itself lies between its sides: what is certain is looked for beyond its rims.
    before = np.max([known.certain[np.maximum(rows - 1 - side, 0)] for side in _SIDES], axis=0)
    after = np.max([known.certain[np.minimum(rows + side, last)] for side in _SIDES], axis=0)
    jump = cv2.absdiff(known.level[rows], known.level[rows - 1]).astype(np.float32)
    return jump * np.minimum(before, after) * np.float32(known.step)


class FastGlobalSmoother:
    """
    Weighted least squares along rows and columns in turn (Min et al. 2014, TIP).

    Each pass solves (1 + lambda A) x = f along every row, then along every column; A is the
    Laplacian whose links weaken with the guide's steps. The links are kept, so one smoother
    serves many solves.

    :param guide: (H, W) float32; steps of the result follow steps of the guide
    :param strength: lambda
    :param edge_contrast: guide difference at which a link falls to 1/e
    :param known: what is known of the result beforehand
    """

    def __init__(self, guide: FloatImage, strength: float, edge_contrast: float,
                 known: Known | None = None) -> None:
        self._strength = strength
        # Recursions run along the first axis, so rows need the transposed images.
        self._row_links = _links(guide.T, edge_contrast, known and known.transposed())
        self._column_links = _links(guide, edge_contrast, known)

    def smooth(self, planes: NDArray[np.float32]) -> None:
        """
        Smooth planes in place.

        Smoothing a value times its weight and the weight, and dividing, gives a weighted mean.

        :param planes: (H, P, W) float32: P planes, side by side so that one recursion along the
            first axis serves them all
        """
        height, count, width = planes.shape
        strength = self._strength
        across = np.empty((width, count, height), np.float32)
        for _ in range(_PASSES):
            for i in range(count):
                cv2.transpose(planes[:, i], across[:, i])
            self._solve(self._row_links, np.float32(strength), across)
            for i in range(count):
                cv2.transpose(across[:, i], planes[:, i])
            self._solve(self._column_links, np.float32(strength), planes)
            strength *= _ATTENUATION

    @staticmethod
    def _solve(links: FloatImage, strength: np.float32, values: NDArray[np.float32]) -> None:
        """Solve the tridiagonal systems along axis 0 of (N, P, M) values in place (Thomas)."""
        count = len(values)
        onward = np.empty_like(links)  # eliminated upper diagonal, negated
        inverse = np.empty_like(links[0])
        back = np.empty_like(links[0])
        carried = np.empty_like(values[0])
        for i in range(count):
            np.multiply(links[i], strength, out=back)
            np.add(back, 1, out=inverse)
            if i + 1 < count:
                np.multiply(links[i + 1], strength, out=onward[i])
                inverse += onward[i]
            else:
                onward[i] = 0
            if i > 0:
                # onward is free to hold the next link: the product of the last one is needed once.
                inverse -= back * onward[i - 1]
                np.multiply(values[i - 1], back, out=carried)
                values[i] += carried
            np.reciprocal(inverse, out=inverse)
            values[i] *= inverse
            onward[i] *= inverse
        for i in range(count - 2, -1, -1):
            np.multiply(values[i + 1], onward[i], out=carried)
            values[i] += carried
