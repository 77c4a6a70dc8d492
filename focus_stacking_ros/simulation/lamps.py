# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lamps around a simulated scene, one of which is switched on at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
import math
import threading

import numpy as np
from numpy.typing import NDArray

__all__ = ['Lamps']

_CHANGES = 64  # that are remembered, for exposures that are asked for late


@dataclass(frozen=True)
class _Change:
    """From which shares of the lamps to which one, and when in seconds."""

    begins: float
    ends: float
    start: tuple[float, ...]
    goal: int

    def shares(self, at: float) -> tuple[float, ...]:
        gone = max(at - self.begins, 0.0)
        part = 1.0 if at >= self.ends else gone / (self.ends - self.begins)
        return tuple((1 - part) * share + part * (number == self.goal)
                     for number, share in enumerate(self.start))


class Lamps:
    """
    Which lamp lights the scene over time; safe to use from several threads.

    Lamp 0 lights the whole view evenly. The others stand around it, at the distance of its
    diagonal from the middle and at equal angles, the first one to the right; light falls off with
    the square of the distance. A command fades to another lamp for the settling time.

    :param count: number of lamps, at least 1
    :param size: (height, width) of the view, pixels
    :param settling_seconds: from a command until the lamp is alone
    """

    def __init__(self, count: int, size: tuple[int, int], settling_seconds: float = 0.0) -> None:
        self.count, self._settling = count, settling_seconds
        self._lock = threading.Lock()
        self._shades = [np.ones((*size, 1), np.float32), *(
            _shade(size, 2 * math.pi * number / (count - 1)) for number in range(count - 1))]
        start = tuple(float(number == 0) for number in range(count))
        self._changes: deque[_Change] = deque(
            [_Change(-math.inf, -math.inf, start, 0)], maxlen=_CHANGES)

    def command(self, number: int, at_seconds: float) -> None:
        """
        Switch a lamp on and the others off.

        :param number: of the lamp, from 0
        :param at_seconds: now, on any steady clock, not before an earlier command
        :raises ValueError: there is no such lamp
        """
        if not 0 <= number < self.count:
            raise ValueError(f'there is no light {number}: there are {self.count}, from 0')
        with self._lock:
            start = self._changes[-1].shares(at_seconds)
            self._changes.append(
                _Change(at_seconds, at_seconds + self._settling, start, number))

    def alone(self, at_seconds: float) -> int | None:
        """Return the lamp that lights the scene alone at a moment, None while it fades."""
        shares = self._shares(at_seconds)
        return shares.index(1.0) if 1.0 in shares else None

    def shading(self, at_seconds: float) -> NDArray[np.float32]:
        """Return the light on the view at a moment, which may be past: (H, W, 1), 1 at most."""
        return np.asarray(sum(share * shade for share, shade in zip(
            self._shares(at_seconds), self._shades, strict=True) if share), np.float32)

    def shading_between(self, begin: float, end: float) -> NDArray[np.float32]:
        """Return the mean of the light at two moments, as of an exposure between them."""
        return np.asarray((self.shading(begin) + self.shading(end)) / 2, np.float32)

    def _shares(self, at_seconds: float) -> tuple[float, ...]:
        with self._lock:
            change = next((each for each in reversed(self._changes)
                           if at_seconds >= each.begins), self._changes[0])
            return change.shares(at_seconds)


def _shade(size: tuple[int, int], angle: float) -> NDArray[np.float32]:
    """Return the light of a lamp at an angle in the image, radians from right to down."""
    height, width = size
    far = math.hypot(height, width)
    x = np.arange(width) - (width - 1) / 2 - far * math.cos(angle)
    y = np.arange(height) - (height - 1) / 2 - far * math.sin(angle)
    square = x ** 2 + y[:, None] ** 2
    return np.asarray(square.min() / square, np.float32)[..., None]
