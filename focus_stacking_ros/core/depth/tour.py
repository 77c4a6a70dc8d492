# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Short tours through the slices of a stack, which are what sorts them.

Where the focus moves one way, the response of every pixel rises to one peak and falls: the sum of
its changes from slice to slice, from nothing before the first slice to nothing after the last,
is twice its greatest value, and more in any order in which it has a valley. Summed over the
pixels that is the length of a tour through all slices and nothing, in the L1 distances of their
responses; an order without valleys is a shortest tour. Shorter ones are looked for by reversing
and moving stretches (Croes 1958, doi:10.1287/opre.6.6.791; Or 1976), from several starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['distances', 'length', 'shortened', 'shortest']

_STARTS = 8  # nearest-neighbour tours that are begun with
_LONGEST = 12  # slices of a stretch that is moved; longer ones are but reversed
_AT_ONCE = 2048  # pixels whose distances are summed up: they stay in the cache
_ROUNDING = 1e-9  # share of a tour that is no gain


def distances(signals: FloatImage) -> NDArray[np.float64]:
    """
    Return the L1 distances of slices and, last, of nothing.

    :param signals: (n, pixels) float32, not negative
    :returns: (n + 1, n + 1)
    """
    count = len(signals)
    found = np.zeros((count + 1, count + 1))
    for first in range(0, signals.shape[1], _AT_ONCE):
        some = np.ascontiguousarray(signals[:, first:first + _AT_ONCE])
        room = np.empty_like(some)
        for number in range(count):
            apart = np.subtract(some[number + 1:], some[number], out=room[number + 1:])
            found[number, number + 1:count] += np.abs(apart, out=apart).sum(
                axis=1, dtype=np.float64)
        found[:count, count] += some.sum(axis=1, dtype=np.float64)
    return found + found.T


def length(between: NDArray[np.float64], order: Sequence[int]) -> float:
    """Return the length of the tour from nothing through the slices in an order to nothing."""
    nothing = len(between) - 1
    stops = [nothing, *order, nothing]
    return float(between[stops[:-1], stops[1:]].sum())


def shortest(between: NDArray[np.float64], order: Sequence[int]) -> list[int]:
    """
    Return the order of the shortest tour that is found; the given one where none is shorter.

    :param between: (n + 1, n + 1), see `distances`
    :param order: where to begin
    """
    best = shortened(between, order)
    most = length(between, best)
    for start in _nearest_first(between):
        found = shortened(between, start)
        if (now := length(between, found)) < most * (1 - _ROUNDING):
            best, most = found, now
    return best


def shortened(between: NDArray[np.float64], order: Sequence[int]) -> list[int]:
    """Return an order from which no reversed or moved stretch makes a shorter tour."""
    nothing = len(between) - 1
    stops = [nothing, *order, nothing]
    least = _ROUNDING * max(length(between, order), 1e-30)
    while True:
        along = between[np.ix_(stops, stops)]  # in the order of the tour
        gain, changed = max(_reversals(along, stops), _moves(along, stops),
                            key=lambda found: found[0])
        if gain <= least:
            return stops[1:-1]
        stops = changed


def _reversals(along: NDArray[np.float64], stops: list[int]) -> tuple[float, list[int]]:
    """
    Return the greatest gain by a reversed stretch, and the stops with it.

    :param along: distances of the stops, in the order of the tour
    :param stops: nothing, the slices and nothing
    """
    links = along.diagonal(1)
    gain = np.triu(links[:-1, None] + links[None, 1:] - along[:-2, 1:-1] - along[1:-1, 2:], 1)
    one, other = np.unravel_index(int(gain.argmax()), gain.shape)
    stretch = slice(int(one) + 1, int(other) + 2)
    changed = list(stops)
    changed[stretch] = changed[stretch][::-1]
    return float(gain[one, other]), changed


def _moves(along: NDArray[np.float64], stops: list[int]) -> tuple[float, list[int]]:
    """Return the greatest gain by a stretch that is moved, and so on; see `_reversals`."""
    count, links = len(stops) - 2, along.diagonal(1)
    # What a link costs more where it is opened for a stretch, by the stop at either of its ends.
    before, after = along[:, :-1] - links, along[:, 1:]
    best: tuple[float, int, int, int, bool] = 0.0, 1, 1, 0, False
    room = np.empty_like(before)
    for size in range(1, min(_LONGEST, count - 1) + 1):
        stretches = count - size + 1  # the first of them begins at stop 1
        closed = (links[:stretches] + links[size:size + stretches]
                  - along.diagonal(size + 1)[:stretches])
        heads, tails = slice(1, 1 + stretches), slice(size, size + stretches)
        more = room[:stretches]
        own = _along_diagonal(more, size + 1)
        for turned, (near, far) in enumerate(((heads, tails), (tails, heads))):
            np.add(before[near], after[far], out=more)
            own[:] = np.inf  # not into itself, nor to where it is
            gain = closed - more.min(axis=1)
            row = int(gain.argmax())
            if gain[row] > best[0]:
                best = (float(gain[row]), row + 1, size, int(more[row].argmin()), bool(turned))
    gain_of_best, start, size, link_to, turned = best
    stretch = stops[start:start + size]
    stretch = stretch[::-1] if turned else stretch
    if link_to < start:
        changed = [*stops[:link_to + 1], *stretch, *stops[link_to + 1:start],
                   *stops[start + size:]]
    else:
        changed = [*stops[:start], *stops[start + size:link_to + 1], *stretch,
                   *stops[link_to + 1:]]
    return gain_of_best, changed


def _along_diagonal(plane: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return a view of the first columns of every row, from the one with the row's number on."""
    down, across = plane.strides
    return np.lib.stride_tricks.as_strided(plane, (len(plane), width), (down + across, across))


def _nearest_first(between: NDArray[np.float64]) -> Iterator[list[int]]:
    """Yield tours that go to the nearest slice that is left, each from another start."""
    count = len(between) - 1
    for start in np.unique(np.linspace(0, count - 1, _STARTS).astype(int)).tolist():
        away = between[:count, :count].copy()
        tour = [start]
        away[:, start] = np.inf
        while len(tour) < count:
            tour.append(int(away[tour[-1]].argmin()))
            away[:, tour[-1]] = np.inf
        yield tour
