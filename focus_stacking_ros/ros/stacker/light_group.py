# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of one focus position under several lights, in whatever order they come."""

from __future__ import annotations

import math
from typing import Any

from focus_stacking_ros.ros.stacker.pairing import Pair

__all__ = ['LightGroup']

_SAME = 1e-6  # relative difference of focus positions: the rounding of single precision


class LightGroup:
    """
    Gathers the images of a position: by the numbers of their lights, or without these by stamp.

    :param lights: images of a position
    """

    def __init__(self, lights: int) -> None:
        self.lights = lights
        self._pairs: list[Pair[Any]] = []
        self._position = math.nan

    def __len__(self) -> int:
        """Return the number of images that wait for the others of their position."""
        return len(self._pairs)

    def objection(self, pair: Pair[Any]) -> str:
        """Return why an image is of no light that there is, '' where nothing is wrong."""
        if pair.light is None or pair.light < self.lights:
            return ''
        there = 'light 0 alone' if self.lights == 1 else f'lights 0 to {self.lights - 1}'
        return (f'its tag says light {pair.light}, and stack.lights is {self.lights}: {there}; '
                'lights are counted from 0, and stack.lights is their number')

    def is_cut_off_by(self, pair: Pair[Any], position: float) -> str:
        """
        Return what an image leaves those without the rest that wait by, '' where it does not.

        A light that comes again begins its position anew: what waits may be of an earlier sweep.

        :param pair: image and focus position
        :param position: where it is focused
        """
        if not self._pairs:
            return ''
        if not math.isclose(position, self._position, rel_tol=_SAME):
            return 'another focus position'
        repeated = pair.light is not None and pair.light in [each.light for each in self._pairs]
        return f'light {pair.light} of the same position again' if repeated else ''

    def add(self, pair: Pair[Any], position: float) -> bool:
        """
        Add an image of the position that is gathered; returns whether all have come.

        :param pair: image and focus position
        :param position: where it is focused
        """
        self._pairs.append(pair)
        self._position = position
        return len(self._pairs) == self.lights

    def missing(self) -> str:
        """Return which images of the position have not come, for people."""
        lights = {each.light for each in self._pairs}
        if None in lights:
            return f'{len(self._pairs)} of its {self.lights} images have come'
        missing = [str(light) for light in range(self.lights) if light not in lights]
        return f'its image{"s" * (len(missing) > 1)} under light {", ".join(missing)} did not come'

    def take(self) -> list[Pair[Any]]:
        """Return the images that have come, in the order of their lights, and forget them."""
        pairs, self._pairs = self._pairs, []
        return sorted(pairs, key=lambda pair: (pair.light or 0, pair.stamp))
