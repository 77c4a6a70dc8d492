# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a focus position to the value that a lens takes for it, and back."""

from __future__ import annotations

from dataclasses import dataclass
import math

from focus_stacking_ros.core.calibration import FOCUS_UNITS, FocusScale, is_distance
import numpy as np

__all__ = ['LENS_UNITS', 'LensScale', 'LensScaleError', 'focus_position']

#: What a lens takes: the focus position itself, a distance in a unit, or a value from a table.
LENS_UNITS = ('same', 'metres', 'millimetres', 'dioptres', 'table')


class LensScaleError(ValueError):
    """A table of lens values cannot be used, or holds no value for a position."""


def focus_position(distance_m: float, unit: str) -> float:
    """
    Return a distance as a focus position.

    :param distance_m: metres, finite and positive
    :param unit: metres, millimetres or dioptres
    :raises LensScaleError: another unit
    """
    if unit == 'dioptres':
        return 1 / distance_m
    if unit not in ('metres', 'millimetres'):
        raise LensScaleError(f'a distance has no focus position in the unit {unit!r}')
    return distance_m * (1000.0 if unit == 'millimetres' else 1.0)


@dataclass(frozen=True)
class LensScale:
    """
    What a lens takes for a focus position.

    :param focus_unit: unit of the focus positions: metres, millimetres, dioptres or raw
    :param lens_unit: one of LENS_UNITS
    :param distances_m: distances of a calibration table, metres, for the unit table
    :param values: what the lens takes for each distance, rising or falling with it
    :raises LensScaleError: the units do not go together, or the table is no monotone one
    """

    focus_unit: str
    lens_unit: str = 'same'
    distances_m: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.focus_unit not in FOCUS_UNITS or self.lens_unit not in LENS_UNITS:
            raise LensScaleError(f'there is no focus unit {self.focus_unit!r} or no lens unit '
                                 f'{self.lens_unit!r}')
        if self.lens_unit == 'same':
            return
        if self.focus_unit == 'raw':
            raise LensScaleError(f'raw focus positions cannot be turned into {self.lens_unit}; '
                                 'give the positions in a unit, or the lens the same values')
        if self.lens_unit == 'table':
            self._check_table()

    def value(self, position: float) -> float:
        """
        Return what the lens takes for a position; linear in dioptres between table entries.

        :raises LensScaleError: the position is no distance, or outside the table
        """
        if self.lens_unit == 'same':
            return position
        distance = FocusScale(self.focus_unit).distance_m(position)
        if distance is None or not is_distance(distance):
            raise LensScaleError(f'the focus position {position} {self.focus_unit} is no finite, '
                                 'positive distance')
        if self.lens_unit != 'table':
            return focus_position(distance, self.lens_unit)
        dioptres, values = self._table()
        # A position at the end of the table must not fall out of it by rounding.
        if not dioptres[0] * (1 - 1e-9) <= 1 / distance <= dioptres[-1] * (1 + 1e-9):
            raise LensScaleError(
                f'the focus distance {distance:g} m is outside the calibration table, which has '
                f'{min(self.distances_m):g} to {max(self.distances_m):g} m')
        return float(np.interp(1 / distance, dioptres, values))

    def _table(self) -> tuple[list[float], list[float]]:
        """Return the table's dioptres, rising, and its values."""
        pairs = sorted((1 / distance, value) for distance, value
                       in zip(self.distances_m, self.values, strict=True))
        return [dioptres for dioptres, _ in pairs], [value for _, value in pairs]

    def _check_table(self) -> None:
        if len(self.distances_m) != len(self.values) or len(self.values) < 2:
            raise LensScaleError(
                f'the calibration table has {len(self.distances_m)} distances and '
                f'{len(self.values)} values; it needs as many of each, and at least two')
        if not (all(map(is_distance, self.distances_m)) and all(map(math.isfinite, self.values))):
            raise LensScaleError('the calibration table needs finite, positive distances in '
                                 'metres and finite values')
        if len(set(self.distances_m)) < len(self.distances_m):
            raise LensScaleError('the calibration table has a distance twice')
        steps = np.diff(self._table()[1])
        if not (np.all(steps > 0) or np.all(steps < 0)):
            raise LensScaleError('the values of the calibration table must rise or fall with the '
                                 'distance')
