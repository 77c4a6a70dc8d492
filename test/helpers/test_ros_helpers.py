# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each ROS test is alone, with nothing of those before it in its network; waiting is bounded."""

from __future__ import annotations

from pathlib import Path
import runpy
import sys
import time

from helpers.ros_helpers import ready_client, RosContext, wait_until
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from std_srvs.srv import Trigger

DOMAINS: list[int] = []


@pytest.mark.parametrize('turn', range(3))
def test_a_domain_is_not_used_twice_in_succession(ros_domain_id: int, turn: int) -> None:
    DOMAINS.append(ros_domain_id)
    assert len(set(DOMAINS)) == len(DOMAINS)


@pytest.mark.parametrize('workers', [1, 2, 3])
def test_the_processes_of_a_run_share_no_domain(repository: Path, monkeypatch: pytest.MonkeyPatch,
                                                workers: int) -> None:
    used = []
    monkeypatch.setattr(sys, 'path', list(sys.path))  # which conftest.py extends
    monkeypatch.setenv('PYTEST_XDIST_WORKER_COUNT', str(workers))
    for worker in range(workers):
        monkeypatch.setenv('PYTEST_XDIST_WORKER', f'gw{worker}')
        next_domain = runpy.run_path(str(repository / 'test' / 'conftest.py'))['_next_domain']
        used.append({next_domain() for _ in range(200)})
    assert all(len(domains) == 100 // workers for domains in used)
    assert set.union(*used) <= set(range(1, 101))
    assert sum(map(len, used)) == len(set.union(*used))


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


def test_a_pause_of_this_process_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 40.0, 40.1])
    monkeypatch.setattr(time, 'monotonic', lambda: next(clock))
    looked = iter([False, False, True])
    assert wait_until(lambda: next(looked), 10.0)


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('helpers.ros_helpers.SPIN_SECONDS', 0.01)
    with pytest.raises(TimeoutError, match=r'waited 0\.05 s for godot'):
        wait_until(lambda: False, 0.05, 'godot')
