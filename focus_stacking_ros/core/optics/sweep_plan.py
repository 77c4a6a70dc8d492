# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a focus sweep stops: a list, equal steps, or steps that follow from depth of field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

from focus_stacking_ros.core.optics.calibration import FocusScale, is_distance

__all__ = ['MAX_POSITIONS', 'SPACINGS', 'Optics', 'SweepPlanError', 'checked_positions',
           'sweep_positions']

#: What is equal between the positions of a sweep: steps in dioptres, or in the unit of the focus.
SPACINGS = ('dioptres', 'linear')
#: Positions of a sweep; a stack may have more slices, but a plan of more has gone wrong.
MAX_POSITIONS = 255


class SweepPlanError(ValueError):
    """The positions of a sweep cannot be used, or not be chosen."""


@dataclass(frozen=True)
class Optics:
    """
    What the depth of field follows from.

    :param f_number: focal length over the diameter of the aperture
    :param focal_length_m: metres
    :param pixel_size_m: distance of two pixels on the sensor, metres
    :raises SweepPlanError: a value is not finite and positive
    """

    f_number: float
    focal_length_m: float
    pixel_size_m: float

    def __post_init__(self) -> None:
        for name in ('f_number', 'focal_length_m', 'pixel_size_m'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SweepPlanError(f'{name} is {value}: it must be finite and positive')

    def depth_of_field_dioptres(self, distance_m: float, circle_px: float = 1.0) -> float:
        """
        Return the depth of field of a thin lens in dioptres.

        A point at z has a circle of confusion of A v |1/s - 1/z| for the focus s, the aperture A
        and the image distance v = f s / (s - f). Source: M. Potmesil and I. Chakravarty, "A lens
        and aperture camera model for synthetic image generation", SIGGRAPH 1981,
        doi:10.1145/800224.806818.

        :param distance_m: s, distance of the focal plane from the lens, metres
        :param circle_px: the largest circle of confusion that counts as sharp, pixels
        :raises SweepPlanError: the distance is not beyond the focal length

        >>> optics = Optics(f_number=2.8, focal_length_m=0.025, pixel_size_m=3.5e-6)
        >>> round(optics.depth_of_field_dioptres(0.125), 6)  # f/2.8 is 8.93 mm wide, 31.25 mm away
        0.025088
        """
        if not distance_m > self.focal_length_m:
            raise SweepPlanError(
                f'a lens of {self.focal_length_m} m focal length cannot focus at {distance_m} m; '
                'check the focal length (metres) and the unit of the focus')
        image_m = self.focal_length_m * distance_m / (distance_m - self.focal_length_m)
        aperture_m = self.focal_length_m / self.f_number
        return 2 * circle_px * self.pixel_size_m / (aperture_m * image_m)


def sweep_positions(near: float, far: float, unit: str, *, count: int = 0,
                    spacing: str = 'dioptres', optics: Optics | None = None,
                    step_share: float = 0.75) -> tuple[float, ...]:
    """
    Return the positions of a sweep from near to far, both included.

    :param near: first position, in the unit
    :param far: last position, in the unit
    :param unit: of both: metres, millimetres, dioptres or raw
    :param count: number of positions; 0 to choose it from the depth of field
    :param spacing: one of SPACINGS; equal steps in dioptres are equal steps of blur
    :param optics: what the depth of field follows from, for a count of 0
    :param step_share: largest step in depths of field, for a count of 0
    :raises SweepPlanError: the ends or the count make no sweep, or cannot be chosen

    >>> [round(metres, 4) for metres in sweep_positions(0.1, 0.2, 'metres', count=3)]
    [0.1, 0.1333, 0.2]
    >>> sweep_positions(100, 200, 'millimetres', count=3, spacing='linear')
    (100.0, 150.0, 200.0)
    """
    scale = FocusScale(unit)
    ends = [scale.distance_m(near), scale.distance_m(far)]
    if ends[0] is None or ends[1] is None:
        if count == 0:
            raise SweepPlanError('the number of positions cannot follow from the depth of field '
                                 'where the focus has raw values; give a count')
        return checked_positions(_linear(near, far, count), unit)
    for name, end, distance in (('near', near, ends[0]), ('far', far, ends[1])):
        if not is_distance(distance):
            raise SweepPlanError(f'the {name} end of the sweep is {end} {unit}: it must be a '
                                 'finite, positive distance')
    first, last = 1 / ends[0], 1 / ends[1]
    if not first > last:
        raise SweepPlanError(f'the near end of the sweep, {near} {unit}, is not nearer than the '
                             f'far end, {far} {unit}')
    if count == 0:
        count = _count(first, last, optics, step_share)
    if spacing == 'linear' or unit == 'dioptres':
        return checked_positions(_linear(near, far, count), unit)
    per_unit = ends[0] / near
    between = [1 / (value * per_unit) for value in _linear(first, last, count)[1:-1]]
    return checked_positions([near, *between, far], unit)


def checked_positions(positions: Sequence[float], unit: str) -> tuple[float, ...]:
    """
    Return the positions if a stack can be made at them.

    :param positions: in the order of the sweep, in the unit
    :param unit: metres, millimetres, dioptres or raw
    :raises SweepPlanError: too few or too many, a repeated one, or one that is no distance
    """
    scale = FocusScale(unit)
    for position in positions:
        distance = scale.distance_m(position)
        if not math.isfinite(position) or (distance is not None and not is_distance(distance)):
            raise SweepPlanError(f'the sweep has a position of {position} {unit}: it must be '
                                 'finite, and a positive distance')
    if len(set(positions)) < len(positions):
        raise SweepPlanError('a position of the sweep is repeated; each must be there once')
    if not 2 <= len(positions) <= MAX_POSITIONS:
        raise SweepPlanError(f'the sweep has {len(positions)} positions; it takes 2 to '
                             f'{MAX_POSITIONS}')
    return tuple(float(position) for position in positions)


def _count(first: float, last: float, optics: Optics | None, step_share: float) -> int:
    """Return the smallest number of positions whose steps are short enough, from dioptres."""
    if optics is None:
        raise SweepPlanError('the number of positions is not given; give it, or f-number, focal '
                             'length and pixel size, from which it follows')
    # The nearest focus has the smallest depth of field, also in dioptres.
    step = step_share * optics.depth_of_field_dioptres(1 / first)
    count = math.ceil((first - last) / step - 1e-9) + 1
    if count > MAX_POSITIONS:
        raise SweepPlanError(f'steps of {step_share:g} depths of field make {count} positions; a '
                             f'sweep has at most {MAX_POSITIONS}: sweep less, or in longer steps')
    return max(count, 2)


def _linear(first: float, last: float, count: int) -> list[float]:
    """Return equal steps, both ends included and exact."""
    if count < 2:
        raise SweepPlanError(f'the sweep has {count} positions; a stack takes at least 2')
    return [first, *(first + (last - first) * number / (count - 1)
                     for number in range(1, count - 1)), last]
