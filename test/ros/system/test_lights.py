# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sweep, lights, camera and stack in the closed loop: an image of each light, and one depth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
from typing import Any

from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sim_camera.node import SimCameraNode
from focus_stacking_ros.ros.stacker.output_messages import light_topic
from focus_stacking_ros.ros.sweeper.node import SweepNode
from helpers.cell import Cell
from helpers.ros_helpers import ready_client, RosContext, spin_until
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

CAMERA = {'scene': 'dome', 'camera.width': 96, 'camera.height': 72, 'camera.rate': 25.0,
          'lens.settling_time': 0.02, 'light.settling_time': 0.15}
SWEEP = {'sweep.near': 0.245, 'sweep.far': 0.252, 'sweep.count': 4, 'settle.by': 'feedback',
         'settle.time': 0.0, 'light.settle_by': 'feedback', 'light.settle_time': 0.0}


def overrides(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


@contextmanager
def closed_loop(ros: RosContext, camera: dict[str, Any], sweep: dict[str, Any],
                **stacker: Any) -> Iterator[Cell]:
    """Yield a Cell whose camera, lens and lights are simulated, with a sweeper."""
    with Cell(ros, subscribe=('report', 'all_in_focus/image'), **stacker) as cell:
        for publisher in (cell.images, cell.positions, cell.camera_infos):
            cell.node.destroy_publisher(publisher)
        nodes = (SimCameraNode(context=ros.context, parameter_overrides=overrides(
            {**CAMERA, **camera})), SweepNode(context=ros.context, parameter_overrides=overrides(
                {**SWEEP, **sweep})))
        for node in nodes:
            cell.executor.add_node(node)
        try:
            yield cell
        finally:
            for node in nodes:
                node.close()
                cell.executor.remove_node(node)
                node.destroy_node()


def sweep(cell: Cell) -> Any:
    client = ready_client(cell.node, cell.executor, Trigger, '/sweeper/sweep')
    answer = client.call_async(Trigger.Request())
    spin_until(cell.executor, answer.done, 60, 'the answer of the sweep')
    return answer.result()


def slope(image: Any) -> float:
    """Return how much brighter the right third of an image is than the left one."""
    third = image.shape[1] // 3
    return float(image[:, -third:].mean() / image[:, :third].mean())


@pytest.mark.slow
def test_every_light_has_its_image_and_none_is_taken_for_another(
        interfaces: Path, ros_context: RosContext) -> None:
    with closed_loop(ros_context, {'light.count': 3}, {'light.count': 3}, stack__lights=3,
                     focus__source='typed') as cell:
        others: dict[int, Image] = {}
        for light in (1, 2):
            cell.node.create_subscription(
                Image, light_topic(light), lambda message, light=light: others.update(
                    {light: message}), output_profile())
        answer = sweep(cell)
        assert answer.success, answer.message
        said = json.loads(answer.message)
        assert (said['positions'], said['slices'], said['missing']) == (4, 4, 0)
        assert [len(frame['light_stamps']) for frame in cell.report()['frames']] == [2] * 4
        spin_until(cell.executor, lambda: len(others) == 2, what='the images of the other lights')
        even, right, left = (slope(image_to_array(each)) for each in (
            cell.wait_for('all_in_focus/image')[0], others[1], others[2]))
        assert right > 1.3 * even > 1.3 ** 2 * left
        # An exposure during the change, or under another light, would flatten one of them.
        assert right / even == pytest.approx(even / left, rel=0.05)


@pytest.mark.slow
def test_a_light_that_does_not_change_ends_the_sweep_and_leaves_no_slice(
        ros_context: RosContext) -> None:
    with closed_loop(ros_context, {'light.count': 2, 'light.stuck': True}, {
            'light.count': 2, 'light.settle_timeout': 1.0}, stack__lights=2) as cell:
        answer = sweep(cell)
        assert not answer.success
        assert answer.message == (
            'the light did not reach light 1 at position 0.245 (1 of 4) within 1 s: it says that '
            'it is at 0; its slices are dropped')
        cell.expect_told('sweep', 'did not reach light 1', 'did not reach light 1', failed=1)
        stacker = cell.stacker._stacker
        spin_until(cell.executor, lambda: not len(stacker) and not len(stacker._group),
                   what='an empty stack')


def test_another_number_of_lights_at_the_stacking_node_is_refused(ros_context: RosContext) -> None:
    with closed_loop(ros_context, {}, {'light.count': 2}) as cell:
        answer = sweep(cell)
        assert not answer.success
        assert 'the sweep has 2 exposures at each position, and stacker takes 1' in answer.message
        cell.expect_told('sweep', 'stacker takes 1', 'stacker takes 1', failed=1)
        assert len(cell.stacker._stacker) == 0
