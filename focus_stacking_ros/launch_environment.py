# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Environment variables that the launch files start processes with, for large messages."""

from __future__ import annotations

from collections.abc import Mapping
import math
import os
from pathlib import Path
import sys

__all__ = ['SEGMENT_BYTES', 'find_profile', 'launch_environment', 'own_environment',
           'shared_memory_bytes']

_PROFILE_FILE = Path('config', 'dds', 'fastdds_large_images.xml')

#: Page faults of large messages cost more than copying them, so the allocator keeps its memory.
_KEEP_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': '1073741824',
    'MALLOC_TRIM_THRESHOLD_': '4294967296',
    'MALLOC_TOP_PAD_': '67108864',
}

#: Name of the variable up to Jazzy, and after; the newer Fast DDS warns of the older name.
_PROFILE, _NEWER_PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'
#: Names transports of Fast DDS itself, from Jazzy on.
_TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
#: Fast DDS reads these where it is started.
_LOCAL_PROFILES = ('DEFAULT_FASTDDS_PROFILES.xml', 'DEFAULT_FASTRTPS_PROFILES.xml')
#: Of the profile, for each process.
SEGMENT_BYTES = 134217728
_OLDER_DISTRIBUTIONS = ('humble', 'iron', 'jazzy')
_OLDER_LIBRARY = 'libfastrtps.so*'  # Fast DDS up to Jazzy; then libfastdds


def launch_environment(dds_profile: str, variables: Mapping[str, str]) -> dict[str, str]:
    """
    Return what to add to the environment of a process.

    :param dds_profile: path of a Fast DDS profile, '' for none
    :param variables: the environment that is there; a profile, transport or other middleware
        that it names is left alone
    """
    if 'fastrtps' not in variables.get('RMW_IMPLEMENTATION', 'fastrtps') or _has_transport(
            variables):
        return dict(_KEEP_MEMORY)
    if not dds_profile:  # the nodes would take one of their own
        return {**_KEEP_MEMORY, _TRANSPORTS: 'DEFAULT'}
    return {**_KEEP_MEMORY, _name_of_profile(variables): dds_profile}


def own_environment(variables: Mapping[str, str], middleware: str,
                    shared_bytes: float = math.inf) -> tuple[dict[str, str], str]:
    """
    Return what a node for large messages adds to its environment itself, and what it says of it.

    It is the profile of the launch files, where nothing else is set and there is room for it.

    :param variables: the environment of the process, before the middleware has read it
    :param middleware: the implementation in use, such as rmw_fastrtps_cpp
    :param shared_bytes: room for shared memory
    """
    if 'fastrtps' not in middleware or _has_transport(variables):
        return {}, ''
    name, found = _name_of_profile(variables), find_profile()
    profile = found or 'fastdds_large_images.xml'
    set_it = f'set {name}={profile} for all nodes (docs/dds.md)'
    missing = 'no Fast DDS profile is set, as the launch files do'
    if found and shared_bytes >= 2 * SEGMENT_BYTES:
        return {name: profile}, (f'{missing}: this node takes theirs, and large images of others '
                                 f'may arrive late or get lost; {set_it}')
    why = (f'; it takes {SEGMENT_BYTES / 1e6:.0f} MB of /dev/shm for each node'
           if found and shared_bytes else '')
    return {}, f'{missing}: large images may arrive late or get lost; {set_it}{why}'


def shared_memory_bytes() -> float:
    """Return the room that is left for shared memory, 0 where it cannot be told."""
    try:
        room = os.statvfs('/dev/shm')
    except (AttributeError, OSError):
        return 0.0
    return float(room.f_bavail * room.f_frsize)


def _has_transport(variables: Mapping[str, str]) -> bool:
    """
    Return whether a transport of Fast DDS is set.

    :param variables: the environment; a profile in the working directory counts too
    """
    return any(variables.get(name) for name in (
        _PROFILE, _NEWER_PROFILE, _TRANSPORTS)) or any(
            Path(name).exists() for name in _LOCAL_PROFILES)


def _name_of_profile(variables: Mapping[str, str]) -> str:
    distribution = variables.get('ROS_DISTRO')
    # Wheels from PyPI do not say it, as a sourced ROS does.
    older = distribution in _OLDER_DISTRIBUTIONS if distribution else any(
        any(Path(prefix, 'lib').glob(_OLDER_LIBRARY)) for prefix in _prefixes())
    return _PROFILE if older else _NEWER_PROFILE


def find_profile() -> str:
    """Return the Fast DDS profile of the launch files, '' where it is not installed."""
    share = Path('share', 'focus_stacking_ros')
    candidates = [Path(__file__).resolve().parents[1] / _PROFILE_FILE, *(
        Path(prefix) / share / _PROFILE_FILE for prefix in _prefixes())]
    return next((str(path) for path in candidates if path.is_file()), '')


def _prefixes() -> list[str]:
    """Return where ROS and its packages are installed."""
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    return [prefix for prefix in prefixes if prefix]
