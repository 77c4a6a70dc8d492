# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images that came more than once: no sensor takes the same one twice, to the last bit."""

from __future__ import annotations

from collections.abc import Iterable
import itertools

from focus_stacking_ros.core.slices import Image, Slice
import numpy as np

__all__ = ['repeated_notes']

_ROWS, _NAMED = 64, 12  # of so many rows one is looked at first; slices that a note names


def repeated_notes(slices: Iterable[Slice]) -> tuple[str, ...]:
    """
    Return what a user should know of slices with the image of the one before: a sentence or none.

    :param slices: in the order they came in; those that are not kept have empty images
    """
    found = [(before.number, item.number) for before, item in itertools.pairwise(slices)
             if _is_same(before.image, item.image)]
    if not found:
        return ()
    named = [f'{number} that of slice {before}' for before, number in found[:_NAMED]]
    more = f' and {len(found) - _NAMED} more' if len(found) > _NAMED else ''
    return (f'images came twice, to the last bit: slice {", slice ".join(named)}{more}. The '
            'camera or its driver has delivered an old one, or the lens has not moved; the depth '
            'is off where these are sharp',)


def _is_same(one: Image, other: Image) -> bool:
    return bool(one.size and np.array_equal(one[::_ROWS], other[::_ROWS])
                and np.array_equal(one, other))
