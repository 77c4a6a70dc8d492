# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Environment variables that the launch files start processes with, for large messages."""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import sys

__all__ = ['find_profile', 'launch_environment', 'profile_hint']

_PROFILE_FILE = Path('config', 'dds', 'fastdds_large_images.xml')

#: Page faults of large messages cost more than copying them, so the allocator keeps its memory.
_KEEP_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': '1073741824',
    'MALLOC_TRIM_THRESHOLD_': '4294967296',
    'MALLOC_TOP_PAD_': '67108864',
}

#: Name of the variable up to Jazzy, and after; the newer Fast DDS warns of the older name.
_PROFILE, _NEWER_PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'
_OLDER_DISTRIBUTIONS = ('humble', 'iron', 'jazzy')


def launch_environment(dds_profile: str, variables: Mapping[str, str]) -> dict[str, str]:
    """
    Return what to add to the environment of a process.

    :param dds_profile: path of a Fast DDS profile, '' for none
    :param variables: the environment that is there; a profile, transport or other middleware
        that it names is left alone
    """
    if not dds_profile or 'fastrtps' not in variables.get(
            'RMW_IMPLEMENTATION', 'fastrtps') or _has_transport(variables):
        return dict(_KEEP_MEMORY)
    return {**_KEEP_MEMORY, _name_of_profile(variables): dds_profile}


def profile_hint(variables: Mapping[str, str], middleware: str) -> str:
    """
    Return what to set for large messages, in words, '' where nothing is missing.

    :param variables: the environment of the process
    :param middleware: the implementation in use, such as rmw_fastrtps_cpp
    """
    if 'fastrtps' not in middleware or _has_transport(variables):
        return ''
    profile = find_profile() or 'fastdds_large_images.xml'
    return ('no Fast DDS profile is set, as the launch files do: large images may arrive late or '
            f'get lost; set {_name_of_profile(variables)}={profile} for all nodes (docs/dds.md)')


def _has_transport(variables: Mapping[str, str]) -> bool:
    return any(variables.get(name) for name in (
        _PROFILE, _NEWER_PROFILE, 'FASTDDS_BUILTIN_TRANSPORTS'))


def _name_of_profile(variables: Mapping[str, str]) -> str:
    older = variables.get('ROS_DISTRO') in _OLDER_DISTRIBUTIONS
    return _PROFILE if older else _NEWER_PROFILE


def find_profile() -> str:
    """Return the Fast DDS profile of the launch files, '' where it is not installed."""
    share = Path('share', 'focus_stacking_ros')
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    candidates = [Path(__file__).resolve().parents[1] / _PROFILE_FILE, *(
        Path(prefix) / share / _PROFILE_FILE for prefix in prefixes if prefix)]
    return next((str(path) for path in candidates if path.is_file()), '')
