# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what a lens or a tag says to metres along the optical axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
import math

import numpy as np

__all__ = ['FOCUS_UNITS', 'CalibrationTable', 'FocusScale', 'is_distance', 'parse_table']

#: Units of a focus position. Raw values have no metric meaning without a calibration table.
FOCUS_UNITS = ('metres', 'millimetres', 'dioptres', 'raw')


#: Metres; beyond them the depth, in 32-bit floats, would overflow in metres or in dioptres.
_NEAREST, _FARTHEST = 1e-30, 1e30


def is_distance(value: float) -> bool:
    """Return whether a number can be a focus distance in metres: finite and positive."""
    return math.isfinite(value) and _NEAREST <= value <= _FARTHEST


@dataclass(frozen=True)
class CalibrationTable:
    """
    Measured pairs of a raw lens value and the distance of the focal plane.

    Between two pairs the distance is linear in dioptres (1 / metres), as the focal plane of a
    lens that moves by little is; beyond the first and the last pair nothing is known.

    :param pairs: raw value and metres, at least two, both strictly monotone; kept by raw value
    :raises ValueError: too few pairs, a distance that is none, or not monotone

    >>> table = CalibrationTable(((100, 0.5), (400, 0.2)))
    >>> round(table.distance_m(200), 6)  # a third of the way from 2 to 5 dioptres
    0.333333
    >>> round(table.raw(0.2))
    400
    >>> table.distance_m(50)
    nan
    """

    pairs: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        pairs = tuple(sorted(self.pairs))
        object.__setattr__(self, 'pairs', pairs)
        if len(pairs) < 2:
            raise ValueError('a calibration table takes at least two pairs of a raw value and '
                             'metres')
        for raw, distance in pairs:
            if not (math.isfinite(raw) and is_distance(distance)):
                raise ValueError(f'the pair {raw:g}: {distance:g} of the calibration table is no '
                                 'raw value with a positive distance in metres')
        rising = pairs[-1][1] > pairs[0][1]
        for (raw, distance), (next_raw, next_distance) in pairwise(pairs):
            if raw == next_raw or distance == next_distance or (
                    (next_distance > distance) is not rising):
                raise ValueError(f'the calibration table is not monotone between the pairs '
                                 f'{raw:g}: {distance:g} and {next_raw:g}: {next_distance:g}')

    def distance_m(self, raw: float) -> float:
        """Return the distance of the focal plane in metres, not a number beyond the table."""
        return 1 / _between([(x, 1 / metres) for x, metres in self.pairs], raw)

    def raw(self, distance_m: float) -> float:
        """Return the raw value that focuses at a distance, not a number beyond the table."""
        if not is_distance(distance_m):
            return math.nan
        return _between(sorted((1 / metres, x) for x, metres in self.pairs), 1 / distance_m)


def _between(pairs: Sequence[tuple[float, float]], x: float) -> float:
    """Return what linear interpolation says at ``x``; pairs by rising first member."""
    known, values = [first for first, _ in pairs], [second for _, second in pairs]
    return float(np.interp(x, known, values, left=math.nan, right=math.nan))


def parse_table(text: str) -> CalibrationTable | None:
    """
    Return the calibration table that a text such as ``100: 0.35, 400: 0.21`` gives.

    :param text: pairs of a raw value and metres; empty for no table
    :returns: None where there is none
    :raises ValueError: no such pairs, or they make no table

    >>> parse_table('400: 0.21, 100: 0.35').pairs
    ((100.0, 0.35), (400.0, 0.21))
    """
    if not text.strip():
        return None
    pairs = []
    for pair in text.split(','):
        raw, _, distance = pair.partition(':')
        try:
            pairs.append((float(raw), float(distance)))
        except ValueError as error:
            raise ValueError(f'{pair.strip()!r} is no pair of a raw value and metres such as '
                             "'100: 0.35'") from error
    return CalibrationTable(tuple(pairs))


@dataclass(frozen=True)
class FocusScale:
    """
    How a focus position is meant.

    :param unit: one of FOCUS_UNITS
    :param offset_m: metres added to the distance; a lens that counts from its sensor needs a
        negative offset to count from the optical centre
    :param table: what raw positions mean; they have no distance without
    :raises ValueError: no such unit
    """

    unit: str = 'metres'
    offset_m: float = 0.0
    table: CalibrationTable | None = None

    def __post_init__(self) -> None:
        if self.unit not in FOCUS_UNITS:
            raise ValueError(f'the focus unit is {self.unit!r}; it is one of: '
                             f'{", ".join(FOCUS_UNITS)}')

    def distance_m(self, position: float) -> float | None:
        """
        Return the distance of the focal plane in metres, None for raw ones without a table.

        Not a number where the position has no distance, such as 0 dioptres or a raw value beyond
        the table.

        >>> FocusScale('millimetres', offset_m=-0.05).distance_m(300)
        0.25
        >>> FocusScale('dioptres').distance_m(4)
        0.25
        """
        if self.unit == 'raw':
            return None if self.table is None else (
                self.table.distance_m(position) + self.offset_m)
        if self.unit == 'dioptres':
            return 1 / position + self.offset_m if position != 0 else math.nan
        return position * (0.001 if self.unit == 'millimetres' else 1.0) + self.offset_m
