# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A cell on three hosts: camera and sweeper, stacking node, viewer; joined by a network only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
import json
import os
from pathlib import Path
import signal
import sys

from helpers.hosts import Host, HostsError, several_hosts
from helpers.ros_helpers import NodeProcess
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.hosts]

SIZE = (640, 480)
PARAMETERS = {
    'sim_camera': [f'camera.width:={SIZE[0]}', f'camera.height:={SIZE[1]}',
                   'camera.rate:=8.0', 'scene:=tilted_plane'],
    'sweeper': ['sweep.near:=0.2427', 'sweep.far:=0.2508', 'sweep.count:=6',
                'settle.by:=feedback', 'settle.time:=0.05', 'camera.timeout:=20.0',
                'settle.timeout:=20.0'],
    'stacker': ['stack.timeout:=30.0']}


@pytest.fixture
def hosts() -> Iterator[dict[str, Host]]:
    """Return three hosts, or skip where they cannot be made."""
    with ExitStack() as stack:
        try:
            spaces = stack.enter_context(several_hosts(('camera', 'stacker', 'viewer')))
        except HostsError as error:
            pytest.skip(f'needs network namespaces: {error}')
        yield spaces


def node_on(host: Host, module: str) -> list[str]:
    command = [sys.executable, '-m', f'focus_stacking_ros.ros.{module}.node', '--ros-args', '-r',
               '__ns:=/cell']
    for parameter in PARAMETERS[module]:
        command += ['-p', parameter]
    return host.command(command)


def test_camera_stacker_and_viewer_may_be_on_hosts_of_their_own(
        hosts: dict[str, Host], environment: dict[str, str], tmp_path: Path,
        repository: Path) -> None:
    environment.pop('ROS_LOCALHOST_ONLY', None)
    environment['PYTHONPATH'] += os.pathsep + str(repository / 'test')
    if 'ROS_AUTOMATIC_DISCOVERY_RANGE' in environment:
        environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'SUBNET'
    file = str(repository / 'config' / 'dds' / 'fastdds_several_hosts.xml')
    environment.update(FASTDDS_DEFAULT_PROFILES_FILE=file, FASTRTPS_DEFAULT_PROFILES_FILE=file)
    with ExitStack() as stack:
        nodes = [stack.enter_context(NodeProcess.running(
            node_on(hosts[host], module), environment, tmp_path / module))
            for host, module in (('stacker', 'stacker'), ('camera', 'sim_camera'),
                                 ('camera', 'sweeper'))]
        viewer = stack.enter_context(NodeProcess.running(
            hosts['viewer'].command([sys.executable, '-m', 'helpers.viewer', '/cell', '40']),
            environment, tmp_path / 'viewer'))
        assert viewer.process.wait(100) == 0, '\n'.join(
            each.log for each in (viewer, *nodes))
        seen = json.loads(viewer.log.splitlines()[-1])
        assert seen['answer']['slices'] == seen['answer']['positions'] == 6, seen
        assert seen['answer']['missing'] == 0, seen
        stamp = seen['answer']['stamp']
        assert seen['stacker_stamp'] == stamp
        assert seen['stamps'] == [[stamp['sec'], stamp['nanosec']]] * 3
        assert tuple(seen['size']) == SIZE
        assert seen['known'] > 0.6, seen
        assert 0.2427 < seen['median_m'] < 0.2508, seen
        for node in nodes:
            assert node.stop(signal.SIGINT) == 0, node.log
