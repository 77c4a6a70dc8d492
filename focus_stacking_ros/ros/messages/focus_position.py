# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Typed focus positions: made, and checked."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS, FocusScale, is_distance

__all__ = ['Claim', 'claim_of', 'focus_position', 'unit_number']

#: By which share a distance may differ from what position and unit say: a rounded number passes,
#: millimetres taken for metres do not, nor dioptres, unless near one metre, where they are equal.
_SAME = 0.01


@dataclass(frozen=True)
class Claim:
    """
    What a typed focus position says of its number.

    :param unit: one of FOCUS_UNITS, '' where it is not filled in or not known
    :param distance_m: what the position is in metres, not a number where its sender does not know
    :param light: that its image was taken under, counted from 0
    """

    unit: str
    distance_m: float = math.nan
    light: int = 0

    def objection(self, position: float, unit: str) -> str:
        """
        Return why a position cannot be used, '' where it can.

        :param position: that the claim is about
        :param unit: one of FOCUS_UNITS, which it has to be in
        """
        if self.unit != unit:
            return (f'its focus position has {self.unit or "no unit"}, and focus.unit is {unit}; '
                    'its sender is to fill in the unit it works in, and focus.unit is to be that '
                    'one')
        said = FocusScale(unit).distance_m(position)
        if (said is None or not is_distance(said) or math.isnan(self.distance_m)
                or abs(self.distance_m - said) <= _SAME * said):
            return ''
        return (f'its focus position of {position:g} {unit} says that it is at '
                f'{self.distance_m:g} m; its sender mixes up units, or has to leave distance NaN')


def unit_number(unit: str) -> int:
    """
    Return the number of a unit in focus_stacking_interfaces/FocusPositionStamped.

    :param unit: one of FOCUS_UNITS; 0 is a unit that is not filled in
    """
    return FOCUS_UNITS.index(unit) + 1


def focus_position(kind: Any, header: Any, position: float, unit: str, light: int = 0) -> Any:
    """
    Return a typed focus position.

    :param kind: focus_stacking_interfaces/FocusPositionStamped
    :param header: std_msgs/Header of the image
    :param position: in the unit
    :param unit: one of FOCUS_UNITS
    :param light: that the image was taken under, counted from 0
    """
    distance = FocusScale(unit).distance_m(position)
    return kind(header=header, position=float(position), unit=unit_number(unit),
                distance=math.nan if distance is None else float(distance), light=light)


def claim_of(message: Any) -> Claim:
    """Return what a focus_stacking_interfaces/FocusPositionStamped says of its position."""
    known = 1 <= message.unit <= len(FOCUS_UNITS)
    return Claim(FOCUS_UNITS[message.unit - 1] if known else '', float(message.distance),
                 int(message.light))
