# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a focus position to the value that a lens takes for it, and back."""

from __future__ import annotations

from dataclasses import dataclass
import math

from focus_stacking_ros.core.optics.calibration import (
    CalibrationTable,
    FOCUS_UNITS,
    FocusScale,
    is_distance,
)

__all__ = ['LENS_UNITS', 'LensScale', 'LensScaleError', 'focus_position']

#: What a lens takes: the focus position itself, a distance in a unit, or a value from a table.
LENS_UNITS = ('same', 'metres', 'millimetres', 'dioptres', 'table')


class LensScaleError(ValueError):
    """A lens cannot be told a position in this unit."""


def focus_position(distance_m: float, unit: str) -> float:
    """
    Return a distance as a focus position.

    :param distance_m: metres, finite and positive
    :param unit: metres, millimetres or dioptres
    :raises LensScaleError: another unit

    >>> focus_position(0.25, 'dioptres'), focus_position(0.25, 'millimetres')
    (4.0, 250.0)
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
    :param table: what the lens takes for a distance, for the unit table
    :raises LensScaleError: the units do not go together, or there is no table

    >>> scale = LensScale('metres', 'table', CalibrationTable(((100, 0.5), (400, 0.2))))
    >>> round(scale.value(0.5)), round(scale.position(400), 6)
    (100, 0.2)
    """

    focus_unit: str
    lens_unit: str = 'same'
    table: CalibrationTable | None = None

    def __post_init__(self) -> None:
        if self.focus_unit not in FOCUS_UNITS or self.lens_unit not in LENS_UNITS:
            raise LensScaleError(f'there is no focus unit {self.focus_unit!r} or no lens unit '
                                 f'{self.lens_unit!r}')
        if self.lens_unit == 'same':
            return
        if self.focus_unit == 'raw':
            raise LensScaleError(f'raw focus positions cannot be turned into {self.lens_unit}; '
                                 'give the positions in a unit, or the lens the same values')
        if self.lens_unit == 'table' and self.table is None:
            raise LensScaleError('the lens takes values from a calibration table, and there is '
                                 'none')

    def value(self, position: float) -> float:
        """
        Return what the lens takes for a position.

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
        assert self.table is not None
        ends = sorted(metres for _, metres in self.table.pairs)
        # A position at the end of the table must not fall out of it by rounding.
        end = min((ends[0], ends[-1]), key=lambda metres: abs(metres - distance))
        value = self.table.raw(end if math.isclose(distance, end) else distance)
        if math.isnan(value):
            raise LensScaleError(f'the focus distance {distance:g} m is outside the calibration '
                                 f'table, which has {ends[0]:g} to {ends[-1]:g} m')
        return value

    def position(self, value: float) -> float:
        """Return the focus position of what a lens says, not a number where it has none."""
        if self.lens_unit == 'same':
            return value
        distance = (self.table.distance_m(value) if self.lens_unit == 'table' and self.table
                    else FocusScale(self.lens_unit).distance_m(value))
        if distance is None or not is_distance(distance):
            return math.nan
        return focus_position(distance, self.focus_unit)
