# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each ROS test is alone: nothing of the tests before it is in its network."""

from __future__ import annotations

import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from ros_helpers import ready_client, RosContext
from std_srvs.srv import Trigger

DOMAINS: list[int] = []


@pytest.mark.parametrize('turn', range(3))
def test_a_domain_is_not_used_twice_in_succession(ros_domain_id: int, turn: int) -> None:
    DOMAINS.append(ros_domain_id)
    assert len(set(DOMAINS)) == len(DOMAINS)


@pytest.mark.parametrize('turn', range(3))
def test_a_lifecycle_node_of_an_earlier_test_is_not_heard(ros_context: RosContext, turn: int
                                                          ) -> None:
    viewer = Node('viewer', context=ros_context.context)
    node = LifecycleNode('lifecycle_node', context=ros_context.context)
    node.create_service(Trigger, 'trigger', lambda _, response: response)
    executor = SingleThreadedExecutor(context=ros_context.context)
    executor.add_node(viewer)
    ready_client(viewer, executor, Trigger, '/trigger')
    assert viewer.count_services('/lifecycle_node/change_state') == 1
    node.destroy_node()
    viewer.destroy_node()
