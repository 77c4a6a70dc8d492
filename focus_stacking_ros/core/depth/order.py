# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the focus moved one way from slice to slice, and the order in which it did, by the images.

In the order of a sweep almost every place is sharpest once; in the order in which an autofocus
hunts it is so several times. The order with the fewest valleys in the focus curves is a shortest
tour, see `tour`. It tells least surely where the tour begins, as glints have sharp rims when they
are far out of focus; and a single flat surface is sharpest once in many orders. There
magnification, which changes with the focus, tells more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.depth.focus_history import BlockSignals
from focus_stacking_ros.core.depth.tour import distances, length, shortened, shortest
from focus_stacking_ros.core.depth.tour_bound import lower_bounds
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['BREATHING', 'MOST_SORTED', 'SweepOrder', 'sweep_order']

#: Slices of which an order is found; of a longer stack so many, evenly spread, are looked at.
MOST_SORTED = 255
# By which share of the least length a tour in the order of the sweep is shorter, in either half
# of the picture: rendered sweeps that are in order gain at most a fifth of it, one pair of
# neighbours in the wrong order more. And by which share of what even that tour is longer than the
# least: noise, rims of occlusions, slices that were shaken.
_LEAST_GAIN, _LEAST_OF_REST = 0.01, 0.1
_LEAST_GAIN_OF_CUT = 0.05  # the same of a tour that is the same but for where it begins
#: Pixels by which slices must differ in their size for that to tell anything.
BREATHING = 2.0
_ALIKE = 0.9  # agreement of the orders that both halves of the picture tell, from which one holds


@dataclass(frozen=True)
class SweepOrder:
    """
    The order in which the images say that the focus moved.

    :param order: numbers of the slices, counted in the order given, along the sweep
    :param certain: whether both halves of the picture tell about the same order
    """

    order: tuple[int, ...]
    certain: bool


def sweep_order(signals: BlockSignals, sizes: Sequence[float]) -> SweepOrder | None:
    """
    Return the order of a sweep; None where the given one is as good as any.

    :param signals: of three slices or more
    :param sizes: half the diagonal of one and the same picture in each slice, pixels
    """
    given = list(range(len(signals.values)))
    highest = signals.values.max(axis=0)
    parts = (signals.half, ~signals.half)
    least = [2 * float(highest[part].sum(dtype=np.float64)) for part in parts]
    if min(least) <= 0:
        return None
    with lasting_threads('order') as pool:
        halves = list(pool.results(distances, [signals.values[:, part] for part in parts]))
    whole, scale = halves[0] + halves[1], sum(least)
    longest = length(whole, given)
    if longest < (1 + _LEAST_GAIN) * scale:
        return None  # there are no valleys
    # A search takes long; of most stacks it is soon known that it would find nothing.
    if any(longest - bound < _gain_of(bound, scale) * scale
           for bound in lower_bounds(whole, longest)):
        return None
    found = shortest(whole, given)
    gain = _gain_of(length(whole, found), scale)
    if longest - length(whole, found) < gain * scale:
        return None
    told = [shortest(each, given) for each in halves]
    # What one half tells must hold in the other: noise does not.
    if any(length(between, given) - length(between, order) < gain * shortest_possible
           for between, order, shortest_possible in zip(halves, told[::-1], least, strict=True)):
        return None
    certain = _agreement(*told) >= _ALIKE
    if not certain and np.ptp(sizes) > BREATHING:
        by_size = shortened(whole, np.argsort(sizes, kind='stable').tolist())
        if length(whole, by_size) - length(whole, found) < _LEAST_GAIN * scale:
            found = by_size
    found = _begun(whole, found, sizes, _LEAST_GAIN_OF_CUT * scale)
    if found in (given, given[::-1]):
        return None
    return SweepOrder(tuple(found if _concordance(found, given) >= 0 else found[::-1]), certain)


def _gain_of(shortest_length: float, scale: float) -> float:
    """Return by which share of the least length a tour must be shorter than the given one."""
    return max(_LEAST_GAIN, _LEAST_OF_REST * (shortest_length / scale - 1))


def _begun(between: NDArray[np.float64], order: list[int], sizes: Sequence[float],
           tolerance: float) -> list[int]:
    """Return the order with its most likely beginning, as given where that may be."""
    cuts = [order[first:] + order[:first] for first in range(len(order))]
    lengths = [length(between, cut) for cut in cuts]
    near = [cut for cut, each in zip(cuts, lengths, strict=True)
            if each <= min(lengths) + tolerance]
    for cut in near:
        if cut in (sorted(cut), sorted(cut, reverse=True)):
            return cut
    if np.ptp(sizes) > BREATHING:
        return min(near, key=lambda cut: float(
            np.abs(np.diff(np.asarray(sizes)[cut])).sum()))
    return cuts[int(np.argmin(lengths))]


def _concordance(one: Sequence[int], other: Sequence[int]) -> float:
    """Return by how much more pairs two orders have alike than not, -1 to 1 (Kendall 1938)."""
    ranks = np.argsort(one), np.argsort(other)
    signs: list[NDArray[np.float64]] = [np.sign(rank[:, None] - rank[None]) for rank in ranks]
    pairs = len(one) * (len(one) - 1)
    return float((signs[0] * signs[1]).sum() / pairs)


def _agreement(one: Sequence[int], other: Sequence[int]) -> float:
    """Return how much two orders have alike, whichever end comes first, 0 to 1."""
    return abs(_concordance(one, other))
