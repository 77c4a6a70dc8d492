# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Slices that are blurred as a whole: camera or target shook, or the lens had not settled.

Where the focus moves one way the response of a place is at no slice below both neighbours. A
slice that is shaken is so nearly everywhere, and above both nowhere that counts; one that is out
of order is sharp somewhere. Its responses tell no depth, and in the order of the slices they would
look like those of one from far out of focus.
"""

from __future__ import annotations

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['shaken_slices']

_FEWEST = 5  # slices of which one may be called shaken
_LEFT = 3  # slices that are left, as curves need
_LEAST_DROP = 0.1  # below the lower neighbour, as a share of it, over the whole picture
_BLOCKS = 2048  # that are looked at: sums over more would say the same
# Which slices before and after are above, and how far those looked at are below in all, times what
# they are above: a step of a sweep has more above. Beside two in a row there may be one that is
# out of order instead: not so if they are below the ones after next, too.
_OF_ONE = ((1, 1, 2.0),)
_OF_TWO = ((1, 1, 2.0), (2, 1, 1.0), (1, 2, 1.0))


def shaken_slices(values: FloatImage) -> list[int]:
    """
    Return the numbers of the slices that are less sharp than those around all over the picture.

    :param values: (n, blocks) float32, not negative, signals of the slices in their order
    :returns: rising; single slices, and two in a row, the first and the last one never
    """
    if len(values) < _FEWEST:
        return []
    some = values[:, ::-(-values.shape[1] // _BLOCKS)]
    left: NDArray[np.intp] = np.arange(len(values))
    for run, sides in (1, _OF_ONE), (2, _OF_TWO):
        while len(left) - run >= _LEFT:
            drops = np.minimum.reduce([_drops(some[left], run, *side) for side in sides])
            first = 1 + int(drops.argmax())
            if drops[first - 1] <= _LEAST_DROP:
                break
            left = np.delete(left, slice(first, first + run))
    return sorted(set(range(len(values))) - set(left.tolist()))


def _drops(values: FloatImage, run: int, before: int, after: int, ratio: float
           ) -> NDArray[np.float64]:
    """
    Return how far slices in a row are below those on both sides.

    :param run: how many in a row
    :param before: how far away that before them is, 1 is next to them
    :param after: the same of that after them
    :param ratio: of what they are below to what they are above, at least
    :returns: for the second slice and on, as a share of the lower side; 0 where they are not
    """
    first, last = np.arange(1, len(values) - run), len(values) - 1
    lower = np.minimum(values[np.maximum(first - before, 0)],
                       values[np.minimum(first + run - 1 + after, last)])
    above = np.maximum.reduce([values[first + each] for each in range(run)]) - lower
    risen = np.maximum(above, 0).sum(axis=1, dtype=np.float64)
    fallen = risen - above.sum(axis=1, dtype=np.float64)
    share = fallen / np.maximum(lower.sum(axis=1, dtype=np.float64), 1e-30)
    return np.asarray(np.where(fallen > ratio * risen, share, 0.0), np.float64)
