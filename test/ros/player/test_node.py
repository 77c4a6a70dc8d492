# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the node that plays a folder: its parameters; test/ros/system plays stacks with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.player.node import PlayerNode
from focus_stacking_ros.ros.player.options import PlayerOptions
from helpers.ros_helpers import RosContext
import numpy as np
import pytest
from rclpy.parameter import Parameter

pytestmark = pytest.mark.ros


@pytest.fixture
def player(ros_context: RosContext, tmp_path: Path) -> Iterator[PlayerNode]:
    """Return a player of a folder with one image."""
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8), np.uint8))
    node = PlayerNode(context=ros_context.context, parameter_overrides=[
        Parameter('folder', value=str(tmp_path))])
    yield node
    node.close()
    node.destroy_node()


@pytest.mark.parametrize('name', [item.name for item in specifications(PlayerOptions)])
def test_a_parameter_that_would_change_nothing_any_more_is_refused(player: PlayerNode, name: str
                                                                   ) -> None:
    refused = player.set_parameters([player.get_parameter(name)])[0]
    assert not refused.successful
    assert refused.reason == f'{name} is read when the node starts; set it there'
