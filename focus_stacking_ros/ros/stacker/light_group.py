# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of one focus position under several lights, which come one after the other."""

from __future__ import annotations

import math
from typing import Any

from focus_stacking_ros.ros.stacker.pairing import Pair

__all__ = ['LightGroup']

_SAME = 1e-6  # relative difference of focus positions: the rounding of single precision


class LightGroup:
    """
    Gathers the images of a position; the first to come is that of light 0.

    :param lights: images of a position
    """

    def __init__(self, lights: int) -> None:
        self.lights = lights
        self._pairs: list[Pair[Any]] = []
        self._position = math.nan

    def __len__(self) -> int:
        """Return the number of images that wait for the others of their position."""
        return len(self._pairs)

    def is_cut_off_by(self, position: float) -> bool:
        """Return whether images wait that another position leaves without the rest."""
        return bool(self._pairs) and not math.isclose(position, self._position, rel_tol=_SAME)

    def add(self, pair: Pair[Any], position: float) -> bool:
        """
        Add an image of the position that is gathered; returns whether all have come.

        :param pair: image and focus position
        :param position: where it is focused
        """
        self._pairs.append(pair)
        self._position = position
        return len(self._pairs) == self.lights

    def take(self) -> list[Pair[Any]]:
        """Return the images that have come, in the order of their lights, and forget them."""
        pairs, self._pairs = self._pairs, []
        return pairs
