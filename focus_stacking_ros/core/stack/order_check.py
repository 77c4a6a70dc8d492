# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slices that are not in the order of a sweep, or shaken: which, and what a user is told of it."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.align.chain import Entry
from focus_stacking_ros.core.depth.focus_history import BlockSignals, FocusHistory
from focus_stacking_ros.core.depth.order import BREATHING, MOST_SORTED, sweep_order
from focus_stacking_ros.core.depth.shaken import shaken_slices
from focus_stacking_ros.core.focus.measure import NoiseResponse
from focus_stacking_ros.core.focus.noisy_slices import noisy_slices
import numpy as np

__all__ = ['FoundOrder', 'looked_through', 'shaken_notes']

_DISORDERED = 'the focus did not move one way from slice to slice'
_FEWEST = 3  # slices that have an order
# Slices in a row within which a flat surface has its peaks, the share of the picture from which on
# it is one, and the correlation of the sizes with the order that confirms that.
_FLAT, _MOST, _ALONG = 3, 0.9, 0.9
_NAMED = 12  # slices that a note names


@dataclass(frozen=True)
class FoundOrder:
    """
    What the images say of the order of the slices, where that is not the one they were given in.

    :param numbers: input numbers of all slices in the order of the sweep; empty where the stack
        has too many slices to sort
    :param displaced: input numbers of slices that are out of place
    :param certain: whether all of the picture tells the same order
    """

    numbers: tuple[int, ...]
    displaced: tuple[int, ...]
    certain: bool

    def note(self, *, sorts: bool, known: bool) -> str:
        """
        Return what a user should know of it.

        :param sorts: whether the slices have been sorted
        :param known: whether the slices came with positions, which say another order
        """
        slices = _listed(self.displaced)
        if known:
            return (f'the focus positions do not fit the images: {slices} '
                    'focused elsewhere than they say, or the scene has changed; check that every '
                    'image has its own position and that the lens had settled')
        if not sorts:
            return (f'{_DISORDERED}: {slices} out of place, and could not be sorted, so '
                    'that the depth is doubtful and its confidence halved; give them in order'
                    + ('' if self.numbers else ', or fewer of them')
                    + ', or with their focus positions to the default method')
        doubt = '' if self.certain else (
            '; parts of the picture tell different orders, so that the depth is doubtful and its '
            'confidence halved')
        return (f'{_DISORDERED}: {slices} out of place. All were sorted by their images: rank in '
                f'the report tells the order, which may be from far to near{doubt}')


def shaken_notes(numbers: Sequence[int], *, left_out: bool) -> list[str]:
    """
    Return what a user should know of slices that are blurred as a whole: a sentence, if there are.

    :param numbers: their input numbers
    :param left_out: whether the depth is from the others
    """
    if not numbers:
        return []
    outcome = 'the depth is from the others' if left_out else 'the depth suffers'
    return [f'{_listed(numbers)} less sharp than those around all over the picture, as where '
            f'camera or target shook or the lens had not settled; {outcome}. More time to settle, '
            'a steadier mount or a shorter exposure mends it']


def looked_through(entries: Sequence[Entry], shape: tuple[int, ...], history: FocusHistory,
                   floor: float, noise: NoiseResponse
                   ) -> tuple[FoundOrder | None, tuple[int, ...]]:
    """
    Return what the images say of the sweep.

    :param entries: all slices, in the order they were added in
    :param shape: their height and width, pixels
    :param history: of their responses
    :param floor: mean response to noise, 8-bit grey levels
    :param noise: what the focus measure makes of noise
    :returns: the order, None where the one they came in is as good as any; and, where that holds
        without them, the input numbers of the slices that are blurred as a whole
    """
    noisy = noisy_slices([entry.link.gain for entry in entries],
                         [entry.noise for entry in entries])
    telling = [rank for rank, entry in enumerate(entries)
               if not entry.link.reason and rank not in noisy]
    if len(telling) < _FEWEST:
        return None, ()
    step = -(-len(telling) // MOST_SORTED)
    looked_at = telling[::step]
    signals = history.signals(looked_at, floor, noise)
    if signals is None:
        return None, ()
    sizes = [float(np.sqrt(abs(np.linalg.det(entries[rank].link.transform[:2, :2]))))
             * float(np.hypot(shape[0], shape[1])) / 2 for rank in looked_at]
    found = sweep_order(signals, sizes)
    shaken = shaken_slices(signals.values) if step == 1 else []
    # They may be what looks like disorder.
    if found is None or (shaken and _in_order_without(shaken, signals, sizes)):
        return None, tuple(entries[looked_at[place]].number for place in shaken)
    order = [looked_at[place] for place in found.order]
    displaced = sorted(set(order) - set(_longest_rise(order)))
    return FoundOrder(() if step > 1 else tuple(
        entries[rank].number for rank in _completed(order, len(entries))),
        tuple(entries[rank].number for rank in displaced), found.certain and step == 1), ()


def _in_order_without(shaken: Sequence[int], signals: BlockSignals, sizes: Sequence[float]
                      ) -> bool:
    """Return whether the slices that are not shaken are seen to be in the order of a sweep."""
    others = BlockSignals(np.delete(signals.values, shaken, axis=0), signals.half)
    if sweep_order(others, np.delete(np.asarray(sizes), shaken).tolist()) is not None:
        return False
    # Of one flat surface so many orders look well that only the magnification tells.
    peaks = np.bincount(others.values.argmax(axis=0), minlength=_FLAT)
    within = np.convolve(peaks, np.ones(_FLAT), 'valid').max() / peaks.sum()
    along = np.corrcoef(np.arange(len(sizes)), sizes)[0, 1] if np.ptp(sizes) > BREATHING else 0.0
    return bool(within < _MOST or abs(along) > _ALONG)


def _completed(order: Sequence[int], count: int) -> list[int]:
    """Return an order with the ranks that it lacks, each next to the one it came after."""
    result = list(order)
    for rank in range(count):
        if rank not in result:
            result.insert(result.index(rank - 1) + 1 if rank else 0, rank)
    return result


def _longest_rise(order: Sequence[int]) -> list[int]:
    """Return the longest part of an order that rises: what need not be moved to sort it."""
    tails: list[int] = []
    ends: list[list[int]] = []
    for rank in order:
        place = bisect.bisect_left(tails, rank)
        chain = [*(ends[place - 1] if place else []), rank]
        tails[place:place + 1] = [rank]
        ends[place:place + 1] = [chain]
    return ends[-1] if ends else []


def _listed(numbers: Sequence[int]) -> str:
    """Return slices by their numbers, with a verb."""
    if len(numbers) == 1:
        return f'slice {numbers[0]} is'
    shown = [str(number) for number in numbers[:_NAMED]]
    more = len(numbers) - len(shown)
    return f'slices {", ".join(shown)}{f" and {more} more" if more else ""} are'
