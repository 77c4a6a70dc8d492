# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the environment that the launch files start processes with."""

from __future__ import annotations

import re

from focus_stacking_ros.launch_environment import (
    find_profile,
    launch_environment,
    own_environment,
    SEGMENT_BYTES,
    shared_memory_bytes,
)
import pytest

OLDER, NEWER = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'


@pytest.mark.parametrize(('distribution', 'name'), [
    ('humble', OLDER), ('jazzy', OLDER), ('kilted', NEWER), ('lyrical', NEWER)])
def test_the_profile_is_named_as_the_distribution_reads_it(distribution, name) -> None:
    environment = launch_environment('/there/profile.xml', {'ROS_DISTRO': distribution})
    assert environment[name] == '/there/profile.xml'
    assert len({OLDER, NEWER} & set(environment)) == 1
    assert environment['MALLOC_TRIM_THRESHOLD_'] == '4294967296'


@pytest.mark.parametrize(('library', 'name'), [
    ('libfastrtps.so.2.14', OLDER), ('libfastdds.so.3.2', NEWER)])
@pytest.mark.parametrize('place', ['prefix', 'AMENT_PREFIX_PATH'])
def test_the_library_tells_the_name_where_nothing_says_the_distribution(
        library, name, place, monkeypatch, tmp_path) -> None:
    (tmp_path / 'lib').mkdir()
    (tmp_path / 'lib' / library).write_text('')
    monkeypatch.setattr('sys.prefix', str(tmp_path if place == 'prefix' else tmp_path / 'other'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path) if place == 'AMENT_PREFIX_PATH' else '')
    assert launch_environment('/there/profile.xml', {})[name] == '/there/profile.xml'


@pytest.mark.parametrize('variables', [
    {OLDER: 'mine.xml'}, {NEWER: 'mine.xml'}, {'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'},
    {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}])
def test_what_the_environment_says_already_wins(variables) -> None:
    environment = launch_environment('/there/profile.xml', variables)
    assert not {OLDER, NEWER} & set(environment)
    assert environment


def test_without_a_profile_none_is_set() -> None:
    environment = launch_environment('', {})
    assert not {OLDER, NEWER} & set(environment)
    assert own_environment(environment, 'rmw_fastrtps_cpp') == ({}, '')


def test_the_profile_is_found_in_a_checkout_and_where_it_is_installed(monkeypatch, tmp_path,
                                                                      repository) -> None:
    file = 'config/dds/fastdds_large_images.xml'
    assert find_profile() == str(repository / file)
    monkeypatch.setattr('focus_stacking_ros.launch_environment.__file__',
                        str(tmp_path / 'lib' / 'x' / 'module.py'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    assert find_profile() == ''
    installed = tmp_path / 'share' / 'focus_stacking_ros' / file
    installed.parent.mkdir(parents=True)
    installed.write_text('')
    assert find_profile() == str(installed)


def test_a_node_without_a_profile_takes_that_of_the_launch_files_and_says_so() -> None:
    added, said = own_environment({'ROS_DISTRO': 'kilted'}, 'rmw_fastrtps_cpp')
    assert added == {NEWER: find_profile()}
    assert f'set {NEWER}={find_profile()} for all nodes' in said
    assert list(own_environment({'ROS_DISTRO': 'humble'}, 'rmw_fastrtps_cpp')[0]) == [OLDER]


@pytest.mark.parametrize(('variables', 'middleware'), [
    ({NEWER: 'mine.xml'}, 'rmw_fastrtps_cpp'), ({}, 'rmw_cyclonedds_cpp'),
    ({'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'}, 'rmw_fastrtps_cpp')])
def test_a_node_leaves_what_is_set(variables, middleware) -> None:
    assert own_environment(variables, middleware) == ({}, '')


def test_a_node_leaves_a_profile_in_its_working_directory(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert own_environment({}, 'rmw_fastrtps_cpp')[0]
    (tmp_path / 'DEFAULT_FASTDDS_PROFILES.xml').write_text('')
    assert own_environment({}, 'rmw_fastrtps_cpp') == ({}, '')


def test_a_node_takes_no_profile_that_shared_memory_has_no_room_for(repository) -> None:
    segment = re.search('<segment_size>(.*)</segment_size>', (
        repository / 'config' / 'dds' / 'fastdds_large_images.xml').read_text())
    assert int(segment[1]) == SEGMENT_BYTES
    added, said = own_environment({}, 'rmw_fastrtps_cpp', 64e6)  # as containers have
    assert added == {}
    assert 'may arrive late or get lost; set ' in said
    assert '134 MB of /dev/shm' in said
    assert shared_memory_bytes() >= 0
