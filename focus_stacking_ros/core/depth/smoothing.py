# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothing: the fast global smoother of Min et al. 2014."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['ATTENUATION', 'LEAST_LINK', 'PASSES', 'FastGlobalSmoother']

PASSES = 3
ATTENUATION = 0.25  # of lambda from one pass to the next
LEAST_LINK = 0.03  # across the strongest edge


def _steps(guide: FloatImage, contrast: float) -> FloatImage:
    """Return each pixel's link to the one before it along the first axis."""
    links = np.zeros(guide.shape, np.float32)
    np.abs(np.subtract(guide[1:], guide[:-1], out=links[1:]), out=links[1:])
    links[1:] *= np.float32(-1 / contrast)
    np.exp(links[1:], out=links[1:])
    np.maximum(links[1:], np.float32(LEAST_LINK), out=links[1:])
    return links


class FastGlobalSmoother:
    """
    Weighted least squares along rows and columns in turn.

    D. Min et al., "Fast global image smoothing based on weighted least squares", IEEE Transactions
    on Image Processing 23(12), 2014.

    Each pass solves (1 + lambda A) x = f along every row, then along every column; A is the
    Laplacian whose links weaken with the guide's steps. The links are kept, so one smoother
    serves many solves.

    A line is eliminated from both ends at once, so planes are folded: of H lines, lines k and
    H - 1 - k lie side by side, along both axes, a line of nothing added where H is odd.

    :param guide: (H, W) float32; steps of the result follow steps of the guide
    :param edge_contrast: guide difference at which a link falls to 1/e
    """

    def __init__(self, guide: FloatImage, edge_contrast: float) -> None:
        # Recursions run along the first axis, so rows need the transposed images.
        self._all_row_links = _steps(np.ascontiguousarray(guide.T), edge_contrast)
        self._all_column_links = _steps(guide, edge_contrast)
        self._row_links = _folded_links(self._all_row_links)
        self._column_links = _folded_links(self._all_column_links)

    def weaken(self, between_rows: FloatImage, between_columns: FloatImage) -> None:
        """
        Weaken the guide's links from now on; earlier weakening is forgotten.

        :param between_rows: (H - 1, W) factors on the links between vertical neighbours
        :param between_columns: (H, W - 1) factors on the links between horizontal neighbours
        """
        links = self._all_column_links.copy()
        links[1:] *= between_rows
        self._column_links = _folded_links(links)
        links = self._all_row_links.copy()
        links[1:] *= between_columns.T
        self._row_links = _folded_links(links)

    def smooth(self, planes: Sequence[FloatImage], strength: float) -> list[FloatImage]:
        """
        Return smoothed planes.

        Smoothing a value times its weight and the weight, and dividing, gives a weighted mean.

        :param planes: (H, W) float32 each
        :param strength: lambda
        """
        height, width = planes[0].shape
        rows, columns, count = _half(height), _half(width), len(planes)
        down = np.zeros((rows, 2, count, 2, columns), np.float32)
        across = np.empty((columns, 2, count, 2, rows), np.float32)
        for number, plane in enumerate(planes):
            _fold(plane, down[:, :, number])
        for _ in range(PASSES):
            for number, side, end in np.ndindex(count, 2, 2):
                cv2.transpose(down[:, side, number, end], across[:, end, number, side])
            _solve(self._row_links, np.float32(strength), across)
            for number, side, end in np.ndindex(count, 2, 2):
                cv2.transpose(across[:, end, number, side], down[:, side, number, end])
            _solve(self._column_links, np.float32(strength), down)
            strength *= ATTENUATION
        del across
        results = [np.empty((height, width), np.float32) for _ in planes]
        for number, result in enumerate(results):
            _unfold(down[:, :, number], result)
        return results


def _half(count: int) -> int:
    return (count + 1) // 2


def _quarters(folded: NDArray[np.float32], plane: FloatImage
              ) -> Iterator[tuple[NDArray[np.float32], FloatImage]]:
    """Yield the parts of a folded plane, (h, 2, 2, w), each with that of the plane."""
    def halves(count: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        half = _half(count)
        return ((slice(half), slice(half)),
                (slice(count % 2, half), slice(None, half - count - 1, -1)))

    for side, (to_rows, rows) in enumerate(halves(plane.shape[0])):
        for end, (to_columns, columns) in enumerate(halves(plane.shape[1])):
            yield folded[to_rows, side, end, to_columns], plane[rows, columns]


def _fold(plane: FloatImage, folded: NDArray[np.float32]) -> None:
    for part, there in _quarters(folded, plane):
        part[...] = there


def _unfold(folded: NDArray[np.float32], plane: FloatImage) -> None:
    for part, there in _quarters(folded, plane):
        there[...] = part


def _folded_links(links: FloatImage) -> NDArray[np.float32]:
    """Return links as (h + 1, 2, 1, M): of each folded line to the one outside of it."""
    lines, across = links.shape
    half, half_across = _half(lines), _half(across)
    # One more than there are lines, and the last links lead to nothing.
    padded = np.zeros((2 * half + 1, across), np.float32)
    padded[:lines] = links
    folded = np.zeros((half + 1, 2, 2, half_across), np.float32)
    outer = padded[:half + 1], padded[:half - 1:-1]
    for side in (0, 1):
        folded[:, side, 0] = outer[side][:, :half_across]
        folded[:, side, 1, across % 2:] = outer[side][:, :half_across - 1:-1]
    return folded.reshape(half + 1, 2, 1, 2 * half_across)


def _solve(links: NDArray[np.float32], strength: np.float32,
           values: NDArray[np.float32]) -> None:
    """
    Solve the tridiagonal systems along folded lines in place (Thomas, from both ends).

    :param links: (h + 1, 2, 1, M) as of `_folded_links`
    :param strength: lambda
    :param values: (h, 2, P, 2, M / 2)
    """
    half, _, count = values.shape[:3]
    lines = list(values.reshape(half, 2, count, -1))
    scaled = links * strength
    pivots = scaled[:-1] + scaled[1:]
    pivots += 1
    onward = np.empty_like(pivots)
    carried = np.empty_like(lines[0])
    product = np.empty_like(pivots[0])
    np.reciprocal(pivots[0], out=product)
    np.multiply(scaled[1], product, out=onward[0])
    lines[0] *= product
    for link, following, pivot, before, after, line, last in zip(
            scaled[1:], scaled[2:], pivots[1:], onward, onward[1:], lines[1:], lines,
            strict=False):
        np.multiply(link, before, out=product)
        np.subtract(pivot, product, out=product)
        np.reciprocal(product, out=product)
        np.multiply(following, product, out=after)
        np.multiply(last, link, out=carried)
        np.add(line, carried, out=line)
        np.multiply(line, product, out=line)
    # Where the two ends meet: x = a + u y and y = b + v x.
    ends = onward[-1]
    np.reciprocal(1 - ends[:1] * ends[1:], out=product[:1])
    np.multiply(lines[-1][::-1], ends, out=carried)
    np.add(lines[-1], carried, out=lines[-1])
    lines[-1] *= product[:1]
    for line, inner, before in zip(lines[-2::-1], lines[:0:-1], onward[-2::-1], strict=True):
        np.multiply(inner, before, out=carried)
        np.add(line, carried, out=line)
