# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files start exists: executables, files, parameters, topics, arguments."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import sys
from typing import Any
from xml.etree import ElementTree

import cv2
from focus_stacking_ros import executables, StackOptions
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.player.options import PlayerOptions
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from helpers.launch_stand_in import launch_modules, Launched, launched
import numpy as np
import pytest

OPTIONS: dict[str, tuple[type, ...]] = {
    'stacker': (StackOptions, NodeOptions), 'player': (PlayerOptions,),
    'sim_camera': (SimCameraOptions,), 'sweeper': (SweepOptions,)}
STARTS = {'demo': {'stacker', 'sim_camera', 'sweeper'}, 'focus_stacking': {'stacker'},
          'kv260': {'stacker'}, 'replay': {'stacker', 'player'}}
Launch = Callable[..., Launched]


@pytest.fixture
def launch(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Launch:
    """Return what launches a file with the stand-in."""
    for name, module in launch_modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ('RMW_IMPLEMENTATION', 'FASTDDS_BUILTIN_TRANSPORTS',
                 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))  # where there is no rviz

    def begin(name: str, **arguments: str) -> Launched:
        if name == 'replay':
            arguments.setdefault('folder', str(tmp_path))
        return launched(repository / 'launch' / f'{name}.launch.py', repository, arguments)
    return begin


def ours(found: Launched) -> dict[str, dict[str, Any]]:
    """Return the nodes of this package by executable."""
    return {node['executable']: node for node in found.nodes
            if node['package'] == 'focus_stacking_ros'}


def topics(repository: Path, name: str) -> set[str]:
    """Return the topics of a node; its policy is compared with it elsewhere."""
    root = ElementTree.parse(repository / 'config' / 'security' / f'{name}.policy.xml')
    return {each.text or '' for each in root.iterfind('.//topic')}


@pytest.mark.ros
@pytest.mark.parametrize('name', STARTS)
def test_what_is_started_exists(name: str, launch: Launch, repository: Path) -> None:
    found = launch(name, namespace='cell')
    nodes = ours(found)
    assert set(nodes) == STARTS[name]
    assert set(nodes) <= set(executables.__all__)  # entry points of setup.py
    for executable, node in nodes.items():
        assert node['namespace'] == 'cell'
        assert node['name'] == executable
        file, *values = node['parameters']
        assert Path(file).is_file()
        known = {item.name: item for each in OPTIONS[executable] for item in specifications(each)}
        for key, value in (pair for each in values for pair in each.items()):
            assert known[key].check(value) == value
        assert {source for source, _ in node.get('remappings', ())} <= topics(
            repository, executable)
    stacker = {item.name for each in OPTIONS['stacker'] for item in specifications(each)}
    assert set(found.set_parameters) <= stacker


@pytest.mark.ros
@pytest.mark.parametrize('name', STARTS)
def test_every_node_gets_what_makes_large_images_lossless(name: str, launch: Launch) -> None:
    for node in ours(launch(name)).values():
        variables = node['additional_env']
        assert Path(variables['FASTDDS_DEFAULT_PROFILES_FILE']).name == 'fastdds_large_images.xml'
        assert Path(variables['FASTDDS_DEFAULT_PROFILES_FILE']).is_file()
        assert 'MALLOC_TRIM_THRESHOLD_' in variables
    for node in ours(launch(name, dds_profile='')).values():
        assert 'FASTDDS_DEFAULT_PROFILES_FILE' not in node['additional_env']


@pytest.mark.ros
@pytest.mark.parametrize('name', STARTS)
def test_every_argument_is_explained_and_known_to_who_gets_it(name: str, launch: Launch) -> None:
    found = launch(name)
    assert {'namespace', 'params_file', 'backend', 'dds_profile'} <= set(found.declared)
    assert all(len(words) > 15 for words in found.declared.values()), found.declared
    for path, given, declared in found.included:
        assert given <= declared, path


@pytest.mark.ros
@pytest.mark.parametrize('name', STARTS)
def test_the_backend_is_that_which_is_asked_for(name: str, launch: Launch) -> None:
    for given, backend in ({}, 'kria' if name == 'kv260' else 'auto'), (
            {'backend': 'opencv'}, 'opencv'):
        _, values = ours(launch(name, **given))['stacker']['parameters']
        assert values == {'backend': backend}


@pytest.mark.ros
@pytest.mark.parametrize(('metric', 'rate', 'expected'), [
    (True, '10.0', {'focus.unit': 'metres', 'stack.timeout': 1.0}),
    (False, '0.5', {'focus.unit': 'raw', 'stack.timeout': 6.0})])
def test_the_parameters_of_a_replay_follow_from_the_folder_and_the_rate(
        metric: bool, rate: str, expected: dict[str, Any], tmp_path: Path, launch: Launch) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.zeros((8, 8), np.uint8))
    if metric:
        (tmp_path / 'meta.json').write_text('{"focus_distances_m": [0.1, 0.2]}')
    assert launch('replay', folder=str(tmp_path), rate=rate).set_parameters == expected


@pytest.mark.ros
@pytest.mark.parametrize('file', ['focus_stacking', 'kv260'])
def test_what_a_cell_hears_may_have_other_names(file: str, launch: Launch) -> None:
    from focus_stacking_ros.ros.stacker.focus_sources import create_source
    from focus_stacking_ros.ros.stacker.options import FOCUS_SOURCES, NodeOptions

    sources = [create_source(NodeOptions(focus_source=name), lambda *_: None, lambda *_: None,
                             lambda: 0) for name in FOCUS_SOURCES]
    tags = {topic for source in sources for topic in source.topics if not topic.startswith('/')}
    assert len(tags) > 2
    names = ('image', 'camera_info', *tags)
    node = ours(launch(file, **{name: f'/other/{name}_raw' for name in names}))['stacker']
    remapped = {source: ''.join(target) for source, target in node['remappings']}
    assert remapped == {'image/compressed': '/other/image_raw/compressed',
                        **{name: f'/other/{name}_raw' for name in names}}
    assert os.environ.get('FASTDDS_DEFAULT_PROFILES_FILE') is None


@pytest.mark.ros
def test_a_recording_is_played_in_place_of_a_folder(launch: Launch) -> None:
    found = launch('replay', folder='', recording='/data/sweep', loop='true', focus_unit='raw',
                   image='/arm/camera/image_raw')
    assert [process['cmd'] for process in found.processes] == [
        ['ros2', 'bag', 'play', '/data/sweep', '--loop']]
    assert set(ours(found)) == {'stacker'}
    stacker = ours(found)['stacker']
    assert ('image', '/arm/camera/image_raw') in stacker['remappings']
    assert found.set_parameters['focus.unit'] == 'raw'


@pytest.mark.ros
@pytest.mark.parametrize('given', [{'folder': ''}, {'recording': '/data/sweep'}])
def test_a_replay_takes_a_folder_or_a_recording(launch: Launch, given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match='one of them'):
        launch('replay', **given)
