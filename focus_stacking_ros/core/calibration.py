# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what a lens or a tag says to metres along the optical axis."""

from __future__ import annotations

from dataclasses import dataclass
import math

__all__ = ['FOCUS_UNITS', 'FocusScale', 'is_distance']

#: Units of a focus position. Raw values order the slices but have no metric meaning.
FOCUS_UNITS = ('metres', 'millimetres', 'dioptres', 'raw')


#: Metres; beyond them the depth, in 32-bit floats, would overflow in metres or in dioptres.
_NEAREST, _FARTHEST = 1e-30, 1e30


def is_distance(value: float) -> bool:
    """Return whether a number can be a focus distance in metres: finite and positive."""
    return math.isfinite(value) and _NEAREST <= value <= _FARTHEST


@dataclass(frozen=True)
class FocusScale:
    """
    How a focus position is meant.

    :param unit: one of FOCUS_UNITS
    :raises ValueError: no such unit
    :param offset_m: metres added to the distance; a lens that counts from its sensor needs a
        negative offset to count from the optical centre
    """

    unit: str = 'metres'
    offset_m: float = 0.0

    def __post_init__(self) -> None:
        if self.unit not in FOCUS_UNITS:
            raise ValueError(f'the focus unit is {self.unit!r}; it is one of: '
                             f'{", ".join(FOCUS_UNITS)}')

    def distance_m(self, position: float) -> float | None:
        """
        Return the distance of the focal plane in metres, None for raw positions.

        Not a number where the position has no distance, such as 0 dioptres.
        """
        if self.unit == 'raw':
            return None
        if self.unit == 'dioptres':
            return 1 / position + self.offset_m if position != 0 else math.nan
        return position * (0.001 if self.unit == 'millimetres' else 1.0) + self.offset_m
