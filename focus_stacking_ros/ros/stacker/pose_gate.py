# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slices wait for the pose of their camera, in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
import time
from typing import Any

from focus_stacking_ros.core.optics.camera_pose import CameraPose
from focus_stacking_ros.ros.stacker.pairing import Pair

__all__ = ['PoseGate']


class PoseGate:
    """
    Lets slices through once TF has the pose of their camera, or has not had it for too long.

    :param find: returns the pose for the header of an image, None while it is not known
    :param wait_seconds: longest wait for it
    :param depth: slices that may wait
    :param through: called with each slice; its pose is None where it never came
    :param clock: a steady clock, seconds
    """

    def __init__(self, find: Callable[[Any], CameraPose | None], wait_seconds: float, depth: int,
                 through: Callable[[Pair[Any]], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._wait_seconds, self._depth = find, wait_seconds, depth
        self._through, self._clock = through, clock
        self._waiting: deque[tuple[float, Pair[Any]]] = deque()

    def add(self, pair: Pair[Any]) -> None:
        """Take a slice."""
        self._waiting.append((self._clock() + self._wait_seconds, pair))
        self.poll()

    def poll(self) -> None:
        """Let through what can go now; to be called from time to time."""
        while self._waiting:
            deadline, pair = self._waiting[0]
            pose = self._find(pair.image.header)
            if pose is None and self._clock() < deadline and len(self._waiting) <= self._depth:
                return
            self._waiting.popleft()
            self._through(replace(pair, pose=pose))

    def clear(self) -> None:
        """Give up what waits."""
        self._waiting.clear()
