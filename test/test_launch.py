# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files; skipped where launch_ros is not installed, as it is not on PyPI."""

from __future__ import annotations

from pathlib import Path
import runpy
from typing import Any

import pytest

pytestmark = pytest.mark.launch
launch = pytest.importorskip('launch', reason='launch is not installed')
pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed')


@pytest.fixture(params=['demo', 'focus_stacking', 'replay'])
def launch_file(request: pytest.FixtureRequest, repository: Path) -> dict[str, Any]:
    """Return what a launch file defines."""
    return runpy.run_path(str(repository / 'launch' / f'{request.param}.launch.py'))


def test_every_argument_is_explained(launch_file: dict[str, Any]) -> None:
    arguments = [action for action in launch_file['generate_launch_description']().entities
                 if isinstance(action, launch.actions.DeclareLaunchArgument)]
    assert {'namespace', 'params_file', 'backend'} <= {each.name for each in arguments}
    assert all(each.description for each in arguments)


@pytest.mark.parametrize(('metric', 'rate', 'expected'), [
    (True, '10.0', {'focus.unit': 'metres', 'stack.timeout': 1.0}),
    (False, '0.5', {'focus.unit': 'raw', 'stack.timeout': 6.0})])
def test_the_parameters_of_a_replay_follow_from_the_folder_and_the_rate(
        metric: bool, rate: str, expected: dict[str, Any], tmp_path: Path,
        repository: Path) -> None:
    if metric:
        (tmp_path / 'meta.json').write_text('{}')
    replay = runpy.run_path(str(repository / 'launch' / 'replay.launch.py'))
    context = launch.LaunchContext()
    context.launch_configurations.update(folder=str(tmp_path), rate=rate)
    for action in replay['parameters_by_folder'](context):
        action.execute(context)
    assert dict(context.launch_configurations['global_params']) == expected
