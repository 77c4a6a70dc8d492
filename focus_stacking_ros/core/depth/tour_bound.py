# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How short a tour through the slices of a stack can be at best, without looking for one.

A tour is a spanning tree of all stops but one with two links to that one, so that the shortest
such tree is no longer than it. Fines on stops that have more or fewer than two links change the
lengths of all tours alike and drive the tree towards a tour (Held and Karp 1971,
doi:10.1007/BF01584070; steps of the fines: Held, Wolfe and Crowder 1974,
doi:10.1007/BF01580223).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ['lower_bounds']

_STEPS = 40  # about as long as a search takes
_STEP, _PATIENCE, _SHORTER = 2.0, 6, 0.6  # of the fines; steps without gain that shorten it, by
_INERTIA = 0.3  # share of a step that goes the way of the one before


def lower_bounds(between: NDArray[np.float64], known: float) -> Iterator[float]:
    """
    Yield rising lengths that no tour is shorter than; ends where the last one is that of a tour.

    :param between: (n + 1, n + 1), see `tour.distances`
    :param known: length of a tour
    """
    fines: NDArray[np.float64] = np.zeros(len(between))
    before: NDArray[np.float64] = np.zeros(len(between))
    best, step, idle = -np.inf, _STEP, 0
    for number in range(_STEPS):
        tree, links = _shortest_one_tree(between + fines[:, None] + fines[None])
        bound = tree - 2 * float(fines.sum())
        if bound > best:
            best, idle = bound, 0
            yield best
        elif (idle := idle + 1) == _PATIENCE:
            step, idle = step * _SHORTER, 0
        excess: NDArray[np.float64] = np.asarray(links - 2.0, np.float64)
        if not excess.any():
            return
        way = excess if not number else np.asarray(
            (1 - _INERTIA) * excess + _INERTIA * before, np.float64)
        before = excess
        fines += np.float64(step * max(known - bound, 0.0) / float(excess @ excess)) * way


def _shortest_one_tree(between: NDArray[np.float64]) -> tuple[float, NDArray[np.intp]]:
    """
    Return a spanning tree of all stops but the last and the two shortest links of that.

    :returns: length, and (n + 1,) links of every stop
    """
    last = len(between) - 1
    links = np.zeros(last + 1, np.intp)
    ends = np.argsort(between[last, :last])[:2]
    length = float(between[last, ends].sum())
    links[ends] += 1
    links[last] = 2
    # Prim's algorithm: the stop that is nearest to the tree is next.
    nearest, away = np.zeros(last, np.intp), between[0, :last].copy()
    taken = np.zeros(last)
    taken[0] = np.inf
    for _ in range(last - 1):
        stop = int((away + taken).argmin())
        length += float(away[stop])
        links[stop] += 1
        links[nearest[stop]] += 1
        taken[stop] = np.inf
        nearer = between[stop, :last] < away
        nearest[nearer] = stop
        away = np.minimum(away, between[stop, :last])
    return length, links
