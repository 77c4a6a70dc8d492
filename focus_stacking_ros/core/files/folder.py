# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The image files of a folder, in the order people count in."""

from __future__ import annotations

from collections.abc import Iterable
import errno
from pathlib import Path
import re
import stat

from focus_stacking_ros.core.files.errors import ImageFileError

__all__ = ['image_files_in', 'natural_order']

_SUFFIXES = {'.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'}


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by name as people count: frame_2 before frame_10."""
    def key(path: Path) -> list[tuple[int, int, str]]:
        return [(0, int(part), '') if part.isdecimal() else (1, 0, part)
                for part in re.split(r'(\d+)', path.name.lower()) if part]
    return sorted(paths, key=lambda path: (key(path), path.name))


def image_files_in(folder: Path) -> list[Path]:
    """
    Return the image files of a folder, by suffix, in natural order; hidden ones are left out.

    :raises ImageFileError: the folder cannot be read
    """
    try:
        return natural_order(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES
                             and not path.name.startswith('.') and _is_file(path))
    except OSError as error:
        raise ImageFileError(f'{folder}: {error.strerror or error}') from error


def _is_file(path: Path) -> bool:
    """Return whether a path is a file; OSError where that cannot be known."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:  # from Python 3.14 on Path.is_file says False whatever the error is
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise
