# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files; skipped where launch_ros is not installed, as it is not on PyPI."""

from __future__ import annotations

from pathlib import Path
import runpy
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.launch
launch = pytest.importorskip('launch', reason='launch is not installed')
pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed')


@pytest.fixture(params=['demo', 'focus_stacking', 'kv260', 'replay'])
def launch_file(request: pytest.FixtureRequest, repository: Path) -> dict[str, Any]:
    """Return what a launch file defines."""
    return runpy.run_path(str(repository / 'launch' / f'{request.param}.launch.py'))


def test_every_argument_is_explained(launch_file: dict[str, Any]) -> None:
    arguments = [action for action in launch_file['generate_launch_description']().entities
                 if isinstance(action, launch.actions.DeclareLaunchArgument)]
    assert {'namespace', 'params_file', 'backend'} <= {each.name for each in arguments}
    assert all(each.description for each in arguments)


@pytest.fixture
def stacking(repository: Path) -> dict[str, Any]:
    """Return what the launch file of the stacking node defines."""
    return runpy.run_path(str(repository / 'launch' / 'focus_stacking.launch.py'))


def context_of(stacking: dict[str, Any], **changes: str) -> Any:
    """Return a context with the defaults of the arguments that are plain texts, and changes."""
    context = launch.LaunchContext()
    context.launch_configurations.update({
        name: default for name, default, _ in stacking['ARGUMENTS'] if isinstance(default, str)})
    context.launch_configurations.update(
        params_file='p.yaml', rviz_config='r.rviz', dds_profile='d.xml', **changes)
    return context


def test_rviz_is_started_only_where_it_is_wanted_and_installed(
        stacking: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from ament_index_python import packages
    actions = stacking['rviz_actions']
    assert actions(context_of(stacking)) == []

    def missing(name: str) -> str:
        raise packages.PackageNotFoundError(name)

    monkeypatch.setitem(actions.__globals__, 'get_package_prefix', missing)
    said, = actions(context_of(stacking, rviz='true'))
    assert isinstance(said, launch.actions.LogInfo)
    monkeypatch.setitem(actions.__globals__, 'get_package_prefix', lambda _name: '/opt/ros')
    started, = actions(context_of(stacking, rviz='true'))
    assert started.node_package == 'rviz2'


def test_what_the_environment_says_of_dds_wins(stacking: dict[str, Any],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    assert stacking['environment'](context_of(stacking))[
        'FASTDDS_DEFAULT_PROFILES_FILE'] == 'd.xml'
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA')
    assert 'FASTDDS_DEFAULT_PROFILES_FILE' not in stacking['environment'](context_of(stacking))


@pytest.mark.parametrize(('metric', 'rate', 'expected'), [
    (True, '10.0', {'focus.unit': 'metres', 'stack.timeout': 1.0}),
    (False, '0.5', {'focus.unit': 'raw', 'stack.timeout': 6.0})])
def test_the_parameters_of_a_replay_follow_from_the_folder_and_the_rate(
        metric: bool, rate: str, expected: dict[str, Any], tmp_path: Path,
        repository: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.zeros((8, 8), np.uint8))
    if metric:
        (tmp_path / 'meta.json').write_text('{"focus_distances_m": [0.1, 0.2]}')
    replay = runpy.run_path(str(repository / 'launch' / 'replay.launch.py'))
    context = launch.LaunchContext()
    context.launch_configurations.update(folder=str(tmp_path), recording='', rate=rate)
    for action in replay['parameters_by_folder'](context):
        action.execute(context)
    assert dict(context.launch_configurations['global_params']) == expected
