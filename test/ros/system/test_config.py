# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter files of a cell, read by ROS as a launch file has them read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.demo.cell import CELL_PARAMETERS
from focus_stacking_ros.ros.node.parameters import declare_options, read_options
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from helpers.ros_helpers import RosContext
import pytest
from rclpy.node import Node

pytestmark = pytest.mark.ros

OPTIONS = {'sim_camera': SimCameraOptions, 'sweeper': SweepOptions, 'stacker': NodeOptions}


def given(ros: RosContext, file: Path, name: str, namespace: str) -> dict[str, Any]:
    """Return what a parameter file gives to a node, and check that the node takes it."""
    node = Node(name, context=ros.context, namespace=namespace, cli_args=[
        '--ros-args', '--params-file', str(file)])
    try:
        declare_options(node, OPTIONS[name])
        read_options(node, OPTIONS[name])
        overrides = {key: parameter.value for key, parameter
                     in node._parameter_overrides.items()}
        assert all(node.has_parameter(key) for key in overrides), overrides
        return overrides
    finally:
        node.destroy_node()


@pytest.mark.parametrize('namespace', ['/', '/demo', '/hall/cell_1'])
@pytest.mark.parametrize('name', sorted(CELL_PARAMETERS))
def test_the_demonstration_has_the_parameters_of_its_launch_file(
        name: str, namespace: str, ros_context: RosContext, repository: Path) -> None:
    assert given(ros_context, repository / 'config' / 'demo.yaml', name, namespace) == (
        CELL_PARAMETERS[name])


def test_the_parameters_to_start_from_make_a_sweep(ros_context: RosContext, repository: Path
                                                   ) -> None:
    values = given(ros_context, repository / 'config' / 'sweeper.yaml', 'sweeper', '/cell')
    options = SweepOptions(**{key.replace('.', '_'): value for key, value in values.items()})
    assert len(options.positions()) == 10
