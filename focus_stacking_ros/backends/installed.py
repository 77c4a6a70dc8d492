# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the package focus_stacking_accel leaves what it builds."""

from __future__ import annotations

import os
from pathlib import Path

from focus_stacking_ros.core.stack.backend import BackendError

__all__ = ['find_built', 'library_folders']


def library_folders() -> list[Path]:
    """Return where to look: hw_accel/build of this checkout, then lib of every ROS prefix."""
    prefixes = [part for part in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if part]
    return [Path(__file__).resolve().parents[2] / 'hw_accel' / 'build',
            *(Path(prefix) / 'lib' for prefix in prefixes)]


def find_built(library: str, variable: str, title: str) -> Path:
    """
    Return a library of the package focus_stacking_accel.

    :param library: its file name
    :param variable: environment variable that may name it elsewhere
    :param title: what messages call it
    :raises BackendError: there is none
    """
    named = os.environ.get(variable)
    if named:
        if not Path(named).is_file():
            raise BackendError(f'{variable} is {named}, and there is no such file')
        return Path(named)
    for folder in library_folders():
        if (folder / library).is_file():
            return folder / library
    raise BackendError(
        f'the {title} {library} is not built; build it with `make -C hw_accel`, or with colcon '
        f'the package focus_stacking_accel, or set {variable}')
