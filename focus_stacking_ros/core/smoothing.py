# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothing: the fast global smoother of Min et al. 2014."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['FastGlobalSmoother']

_PASSES = 3
_ATTENUATION = 0.25  # of lambda from one pass to the next
_LEAST_LINK = 0.03  # across the strongest edge


def _steps(guide: FloatImage, contrast: float) -> FloatImage:
    """Return each pixel's link to the one before it along the first axis."""
    links = np.zeros(guide.shape, np.float32)
    np.abs(np.subtract(guide[1:], guide[:-1], out=links[1:]), out=links[1:])
    links[1:] *= np.float32(-1 / contrast)
    np.exp(links[1:], out=links[1:])
    np.maximum(links[1:], np.float32(_LEAST_LINK), out=links[1:])
    return links


class FastGlobalSmoother:
    """
    Weighted least squares along rows and columns in turn (Min et al. 2014, TIP).

    Each pass solves (1 + lambda A) x = f along every row, then along every column; A is the
    Laplacian whose links weaken with the guide's steps. The links are kept, so one smoother
    serves many solves.

    :param guide: (H, W) float32; steps of the result follow steps of the guide
    :param edge_contrast: guide difference at which a link falls to 1/e
    """

    def __init__(self, guide: FloatImage, edge_contrast: float) -> None:
        # Recursions run along the first axis, so rows need the transposed images.
        self._all_row_links = _steps(np.ascontiguousarray(guide.T), edge_contrast)
        self._all_column_links = _steps(guide, edge_contrast)
        self._row_links, self._column_links = self._all_row_links, self._all_column_links

    def weaken(self, between_rows: FloatImage, between_columns: FloatImage) -> None:
        """
        Weaken the guide's links from now on; earlier weakening is forgotten.

        :param between_rows: (H - 1, W) factors on the links between vertical neighbours
        :param between_columns: (H, W - 1) factors on the links between horizontal neighbours
        """
        self._column_links = self._all_column_links.copy()
        self._column_links[1:] *= between_rows
        self._row_links = self._all_row_links.copy()
        self._row_links[1:] *= between_columns.T

    def smooth(self, planes: NDArray[np.float32], strength: float) -> None:
        """
        Smooth planes in place.

        Smoothing a value times its weight and the weight, and dividing, gives a weighted mean.

        :param planes: (H, P, W) float32: P planes, side by side so that one recursion along the
            first axis serves them all
        :param strength: lambda
        """
        height, count, width = planes.shape
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
