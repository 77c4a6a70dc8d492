# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The folder that results go to."""

from __future__ import annotations

import os
from pathlib import Path

from focus_stacking_ros.commands.errors import CommandError

__all__ = ['check_folder']


def check_folder(folder: Path) -> None:
    """
    Tell before the work on a stack what would keep its result from being written.

    :param folder: that is going to be written, or made
    :raises CommandError: it is no folder, or may not be written
    """
    place = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise CommandError(f'{folder}: it cannot be written: {place} is no folder; name another')
    if not os.access(place, os.W_OK | os.X_OK):
        raise CommandError(f'{folder}: it cannot be written: {place} may not be written; name '
                           'another')
