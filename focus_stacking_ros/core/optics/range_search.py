# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The focus range of a scene: from the sharpness of its parts to near, far and step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ['MOST_SAMPLES', 'FocusRange', 'RangeError', 'RangeSearch']

#: Positions that a search takes at most.
MOST_SAMPLES = 255
#: Positions within the half-height of a focus curve that its peak is found from.
_WITHIN = 3
#: The ends of a range are known well enough where the positions are this share of it apart.
_SHARE = 1 / 8
_DEVIATIONS = 4.0
_FALSE = 1e-3  # probability that noise alone is taken for sharp, anywhere in a search
_DENSE = 1.5  # times the least distance of two positions
_WIDE = 2.0  # times the width of others of the level: two depths in a tile, or blur from beside
_ALIKE = 0.5  # share of the sharpness beside it that a tile of a wide curve has of its own
# Of a part next to a sharp edge: blur brings at most this share of its sharpness into it. The
# gradient of a step that is blurred by a Gaussian s has, beyond a distance d of it, the share
# x erfc(x) / 2 of d = x s in what it has in focus where s is a pixel; that is 0.12 at most.
_SPREAD = 0.12


class RangeError(ValueError):
    """There is no focus range to be found; the words say why."""


@dataclass(frozen=True)
class FocusRange:
    """
    A focus range, in a coordinate in which blur is linear: dioptres, or raw values.

    :param low: smallest coordinate
    :param high: greatest coordinate
    :param step: longest step with three positions within the half-height of the focus curves
    :param cut: whether sharp parts may lie beyond: (below the smallest, above the greatest)
    """

    low: float
    high: float
    step: float
    cut: tuple[bool, bool] = (False, False)

    @property
    def count(self) -> int:
        """Return the smallest number of equally spaced positions whose step is short enough."""
        return max(math.ceil((self.high - self.low) / self.step - 1e-9) + 1, 2)


@dataclass(frozen=True)
class _Peaks:
    """
    The focus curves of the tiles of a level that have a peak.

    :param centre: where it is, coordinate
    :param margin: how far the true one may be from there
    :param gap: greatest distance to the positions beside it
    :param width: of the curve at half its height; 0 where it is narrower than the positions tell,
        not a number where it goes on beyond the travel
    :param contrast: greatest over least sharpness
    """

    centre: NDArray[np.float64]
    margin: NDArray[np.float64]
    gap: NDArray[np.float64]
    width: NDArray[np.float64]
    contrast: NDArray[np.float64]


class RangeSearch:
    """
    Finds the focus range of a scene, coarse to fine.

    The first positions are equally far apart over the whole travel; the next ones lie where the
    sharpness of some tile has its peak, until the ends of the range and the width of the focus
    curve are known. Blur is taken to be linear in the coordinate.

    :param low: least coordinate of the travel
    :param high: greatest
    :param count: positions of one sweep, at least 5
    :param scatter: relative standard deviation of the sharpness of a tile that is noise
    :raises RangeError: the travel is empty

    >>> search, peaks = RangeSearch(0.0, 64.0, 17, 0.05), np.array([[20.0, 22.0, 26.0]])
    >>> while positions := search.wanted():
    ...     for q in positions:
    ...         search.add(q, [1 + 99 * np.exp(-(q - peaks) ** 2 / 8)])
    >>> found = search.result()
    >>> found.low < 20 < 26 < found.high, 1.2 < found.step < 2.0
    (True, True)
    """

    def __init__(self, low: float, high: float, count: int, scatter: float) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise RangeError(f'the travel from {low:g} to {high:g} is empty')
        self._low, self._high, self._count = low, high, count
        self._scatter = scatter
        greatest = 1 + _DEVIATIONS * scatter
        least = 1 - _DEVIATIONS * scatter
        self._contrast = greatest / least if least > 0 else math.inf
        self._samples: dict[float, list[NDArray[np.float64]]] = {}
        self._range: FocusRange | None = None

    def __len__(self) -> int:
        """Return the number of positions so far."""
        return len(self._samples)

    def add(self, coordinate: float, sharpness: Sequence[NDArray[np.float64]]) -> None:
        """
        Add what was seen at a position.

        :param coordinate: of the position
        :param sharpness: (rows, columns) for each level, the same for all positions
        """
        self._samples[coordinate] = list(sharpness)

    def wanted(self) -> tuple[float, ...]:
        """
        Return the rising coordinates of the next sweep; none where the range is found.

        :raises RangeError: there is no range to be found
        """
        if not self._samples:
            return tuple(np.linspace(self._low, self._high, self._count))
        coordinates = np.array(sorted(self._samples))
        levels = [self._peaks(coordinates, level) for level in range(self._levels())]
        counted = [peaks for peaks in levels if peaks.centre.size]
        if not counted:
            raise RangeError(
                f'nothing gets sharp between {self._low:g} and {self._high:g}: there is no '
                'texture, or it lies beyond')
        low = max(min(float((peaks.centre - peaks.margin).min()) for peaks in counted), self._low)
        high = min(max(float((peaks.centre + peaks.margin).max()) for peaks in counted),
                   self._high)
        finest = counted[0]
        step = _usual_width(finest.width, finest.gap) / _WITHIN
        if step > 0:
            inside = coordinates[np.searchsorted(coordinates, low, 'right') - 1:
                                 np.searchsorted(coordinates, high, 'left') + 1]
            if float(np.diff(inside).max()) <= max(step * 1.01, _SHARE * (high - low)):
                self._range = FocusRange(
                    max(low - step, self._low), min(high + step, self._high), step,
                    (low - step < self._low, high + step > self._high))
                return ()
            wanted = np.linspace(low, high, self._count)
        elif max(float(peaks.margin.max()) for peaks in counted) > _SHARE * (high - low):
            wanted = np.linspace(low, high, self._count)
        else:
            best = int(finest.contrast.argmax())
            reach = finest.margin[best]
            wanted = np.linspace(finest.centre[best] - reach, finest.centre[best] + reach,
                                 self._count)
        fresh = [float(value) for value in wanted
                 if self._low <= value <= self._high and value not in self._samples]
        if not fresh or len(self) + len(fresh) > MOST_SAMPLES:
            raise RangeError(f'the focus curves are still not known after {len(self)} positions; '
                             'give less travel')
        return tuple(fresh)

    def result(self) -> FocusRange:
        """
        Return the range, once nothing is wanted any more.

        :raises RangeError: it is not found yet
        """
        if self._range is None:
            raise RangeError('the range is not found yet')
        return self._range

    def _levels(self) -> int:
        return len(next(iter(self._samples.values())))

    def _peaks(self, coordinates: NDArray[np.float64], level: int) -> _Peaks:
        """Return the peaks of the tiles of a level that have one."""
        grids = np.stack([self._samples[float(each)][level] for each in coordinates])
        greatest, least = grids.max(0), grids.min(0)
        rise = greatest - least
        share = rise / np.maximum(_greatest_beside(rise), np.finfo(np.float64).tiny)
        # Where it is sharp at most positions there is less to tell noise by, and the least is.
        noise = np.minimum(_greatest_noise(self._scatter, grids.size) * np.median(grids, 0),
                           self._contrast * least)
        has = (greatest > 0) & (greatest >= noise) & (share >= _SPREAD)
        curves = grids[:, has]
        number = np.arange(len(coordinates))[:, None]
        peak = curves.argmax(0)
        low_half = curves < (greatest[has] + least[has]) / 2
        left = np.where(low_half & (number < peak), number, -1).max(0)
        right = np.where(low_half & (number > peak), number, len(coordinates)).min(0)
        begin = _crossing(coordinates, curves, (greatest[has] + least[has]) / 2, left, left + 1)
        end = _crossing(coordinates, curves, (greatest[has] + least[has]) / 2, right, right - 1)
        gaps = np.diff(coordinates)
        gap = np.maximum(gaps[np.maximum(peak - 1, 0)], gaps[np.minimum(peak, len(gaps) - 1)])
        within = right - left - 1
        whole = np.isfinite(begin) & np.isfinite(end)
        width = np.where(whole, np.where(within >= 2, end - begin, 0.0), np.nan)
        usual = _usual_width(width, gap)
        own = ~(width > _WIDE * usual) | (share[has] >= _ALIKE) if usual else np.ones(
            width.shape, bool)
        centre = np.where(whole, (begin + end) / 2, coordinates[peak])
        contrast = greatest[has] / np.maximum(least[has], np.finfo(np.float64).tiny)
        return _Peaks(centre[own], np.where(within >= 2, gap / 2, gap)[own], gap[own], width[own],
                      contrast[own])


def _crossing(coordinates: NDArray[np.float64], curves: NDArray[np.float64],
              height: NDArray[np.float64], outside: NDArray[np.intp],
              inside: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return where each curve crosses a height; not a number where it does not."""
    there = (outside >= 0) & (outside < len(coordinates))
    out, column = np.where(there, outside, inside), np.arange(curves.shape[1])
    low, high = curves[out, column], curves[inside, column]
    share = np.where(there, (height - low) / np.where(high > low, high - low, 1), np.nan)
    return np.asarray(coordinates[out] + share * (coordinates[inside] - coordinates[out]))


def _greatest_noise(scatter: float, count: int) -> float:
    """
    Return up to which multiple of their mean all of some values go where they are noise alone.

    The energy of noise is distributed as chi squared; its quantile: E. B. Wilson and M. M.
    Hilferty, "The distribution of chi-square", PNAS 17(12), 1931, doi:10.1073/pnas.17.12.684.

    :param scatter: their relative standard deviation
    :param count: how many there are
    """
    part = scatter ** 2 / 9  # 2 / 9 of the degrees of freedom's inverse
    return float((1 - part + NormalDist().inv_cdf(1 - _FALSE / count) * math.sqrt(part)) ** 3)


def _usual_width(widths: NDArray[np.float64], gaps: NDArray[np.float64]) -> float:
    """
    Return the width that a quarter are below, of the curves where positions are the densest.

    :param widths: see _Peaks
    :param gaps: of the positions at the peaks
    :returns: 0 where there is none, or it is not told
    """
    known = np.isfinite(widths)
    if not known.any():
        return 0.0
    dense = np.sort(widths[known & (gaps <= _DENSE * gaps[known].min())])
    return float(dense[len(dense) // 4])


def _greatest_beside(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the greatest value of each tile and its eight neighbours."""
    padded = np.pad(grid, 1)
    rows, columns = grid.shape
    return np.max([padded[y:y + rows, x:x + columns] for y in range(3) for x in range(3)], axis=0)
