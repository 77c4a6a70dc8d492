# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the slices that wait for the pose of their camera."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.core.optics.camera_pose import CameraPose
from focus_stacking_ros.ros.stacker.pairing import Pair
from focus_stacking_ros.ros.stacker.pose_gate import PoseGate
import numpy as np

POSE = CameraPose(np.zeros(3), np.array((0.0, 0.0, 1.0)))


class Gate:
    """A gate, the poses that are known by the number of a slice, and what came through."""

    def __init__(self, depth: int = 3) -> None:
        self.known: set[int] = set()
        self.now = 10.0
        self.through: list[tuple[int, bool]] = []
        self.gate = PoseGate(lambda number: POSE if number in self.known else None, 2.0, depth,
                             self._came, lambda: self.now)

    def add(self, number: int) -> None:
        """Send a slice, whose header is its number."""
        image: Any = SimpleNamespace(header=number)
        self.gate.add(Pair((number, 0), image, 0.1 * number))

    def _came(self, pair: Pair[Any]) -> None:
        assert pair.position == 0.1 * pair.stamp[0]
        self.through.append((pair.stamp[0], pair.pose is POSE))


def test_a_slice_whose_pose_is_known_goes_through_at_once() -> None:
    gate = Gate()
    gate.known = {1}
    gate.add(1)
    assert gate.through == [(1, True)]


def test_slices_keep_their_order_while_one_waits() -> None:
    gate = Gate()
    gate.known = {2}
    gate.add(1)
    gate.add(2)
    assert gate.through == []
    gate.known = {1, 2}
    gate.gate.poll()
    assert gate.through == [(1, True), (2, True)]


def test_a_pose_that_never_comes_is_waited_for_no_longer_than_said() -> None:
    gate = Gate()
    gate.add(1)
    gate.now += 1.9
    gate.gate.poll()
    assert gate.through == []
    gate.now += 0.1
    gate.gate.poll()
    assert gate.through == [(1, False)]


def test_no_more_slices_wait_than_there_is_room_for() -> None:
    gate = Gate(depth=2)
    for number in range(4):
        gate.add(number)
    assert gate.through == [(0, False), (1, False)]


def test_what_is_given_up_never_comes() -> None:
    gate = Gate()
    gate.add(1)
    gate.gate.clear()
    gate.known = {1}
    gate.gate.poll()
    assert gate.through == []
