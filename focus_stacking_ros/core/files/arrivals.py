# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a folder that a camera fills, one by one as they are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import time

from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.folder import image_files_in

__all__ = ['arrivals']

_POLL_SECONDS = 0.1  # a file that has not grown for so long is whole


def arrivals(folder: Path, count: int, quiet_seconds: float, *,
             clock: Callable[[], float] = time.monotonic,
             sleep: Callable[[float], None] = time.sleep) -> Iterator[Path]:
    """
    Yield image files of a folder as they come, those that are there first, in natural order.

    :param folder: which may be made later
    :param count: how many end it; 0: only time does
    :param quiet_seconds: how long nothing new may come, after the first one, before it ends
    :param clock: steady clock, seconds
    :param sleep: waits for some seconds
    :raises ImageFileError: the folder cannot be read
    """
    seen: set[Path] = set()
    sizes: dict[Path, tuple[int, int]] = {}
    last = clock()
    while True:
        for path in _images(folder):
            if path in seen:
                continue
            size = _size(path)
            if size is None or size != sizes.get(path) or not size[0]:
                if size is not None and size != sizes.get(path):
                    last = clock()  # it grows
                    sizes[path] = size
                continue
            seen.add(path)
            yield path
            last = clock()
            if len(seen) == count:
                return
        if seen and clock() - last >= quiet_seconds:
            return
        sleep(_POLL_SECONDS)


def _images(folder: Path) -> list[Path]:
    return image_files_in(folder) if folder.exists() else []


def _size(path: Path) -> tuple[int, int] | None:
    """Return size and time of change; None where it is gone again, as a temporary name is."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ImageFileError(f'{path}: {error.strerror or error}') from error
    return stat.st_size, stat.st_mtime_ns
