# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a lens says, while what is made of it changes."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.ros.sweeper.lens_feedback import LensFeedback
from focus_stacking_ros.ros.sweeper.options import SweepOptions
import pytest

pytestmark = pytest.mark.ros


class Subscriptions:
    """Stands for the node: keeps the callbacks."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Any] = {}

    def create_subscription(self, _kind: type, name: str, callback: Any, _profile: Any) -> None:
        """Keep a callback."""
        self.callbacks[name] = callback


class JointStates:
    """Joint states that are being read when the options change."""

    name = ('focus', 'zoom')

    def __init__(self, change: Any) -> None:
        self._change = change

    @property
    def position(self) -> list[float]:
        """Change the options and return where the joints are."""
        self._change()
        return [0.25, 5.0]


def test_one_message_is_understood_by_one_set_of_options() -> None:
    heard: list[float] = []
    options = {'feedback_message': 'joint_state', 'feedback_unit': 'lens'}
    node = Subscriptions()
    feedback = LensFeedback(node, SweepOptions(
        feedback_joint='focus', lens_unit='same', **options), heard.append)
    changed = SweepOptions(feedback_joint='zoom', lens_unit='dioptres', **options)
    states = JointStates(lambda: feedback.use(changed))
    node.callbacks['joint_states'](states)
    assert heard == [0.25]
    node.callbacks['joint_states'](states)
    assert heard == [0.25, pytest.approx(1 / 5.0)]
