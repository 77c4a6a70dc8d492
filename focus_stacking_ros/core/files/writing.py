# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files out: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import re
from typing import Any

from focus_stacking_ros.core.files.errors import ImageFileError

__all__ = ['remove_unfinished', 'write_files']

_UNFINISHED = re.compile(r'\..+\.[0-9a-f]{16}')


def write_files(folder: Path, makers: Mapping[str, Callable[[], Any]]) -> None:
    """
    Write all files or none: under temporary names first, renamed when the last one is there.

    :param folder: made, with its parents, if it does not exist
    :param makers: by file name, functions that return the bytes-like content, or a tuple of its
        parts; two run at a time. Files appear in their order, so where the last is all are. A
        name may begin with a subfolder, which is made like the folder
    :raises ImageFileError: the folder cannot be written
    """
    made: list[Path] = []
    written: dict[str, Path] = {}

    def write(name: str) -> None:
        place = folder / name
        path = place.with_name(f'.{place.name}.{os.urandom(8).hex()}')
        written[name] = path
        with path.open('xb') as file:
            content = makers[name]()
            for part in content if isinstance(content, tuple) else (content,):
                file.write(part)

    try:
        subfolders = {(folder / name).parent for name in makers} - {folder}
        made += [each for each in (*subfolders, folder, *folder.parents) if not each.exists()]
        for each in (folder, *subfolders):
            each.mkdir(parents=True, exist_ok=True)
        _check_names(folder, makers)
        with ThreadPoolExecutor(2) as writers:
            for _ in writers.map(write, makers):
                pass
        for name in makers:
            os.replace(written[name], folder / name)
    except BaseException as error:
        for path in written.values():
            path.unlink(missing_ok=True)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
        if isinstance(error, OSError):
            raise ImageFileError(
                f'{folder}: it cannot be written: {error.strerror or error}') from error
        raise


def _check_names(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder in place of a file while all files are still as they were."""
    for name in names:
        if (folder / name).is_dir():
            raise ImageFileError(f'{folder / name}: it cannot be written: it is a folder')


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed has left of its writing; nobody else may write."""
    if folder.is_dir():
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)
