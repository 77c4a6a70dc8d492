# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of ``stack``, read while others are worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from focus_stacking_ros.commands.html_report.focus_grid import focus_grid
from focus_stacking_ros.commands.thumbnails import Thumbnail
from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import StackFile
import numpy as np
from numpy.typing import NDArray

__all__ = ['ReadSlice', 'read_ahead', 'read_coming']

_AT_FIRST = 3  # files that are read while what works on them is imported

#: A file, its image or why it has none, and what is shown of it.
ReadSlice = tuple[StackFile, Decoded | ImageFileError,
                  list[tuple[Thumbnail, NDArray[np.uint16] | None]]]


def _read(file: StackFile, bad: dict[int, str], operator: str, width: int | None = None
          ) -> ReadSlice:
    """
    Return a file with its image and what is shown of it, or why it has none.

    :param bad: why files cannot be used, by input number
    :param operator: focus measure of the grid for focus curves, '' for none
    :param width: of what is shown of it, pixels; None for as much as anything may need
    """
    if file.number in bad:
        return file, ImageFileError(bad[file.number]), []
    try:
        decoded = file.read()
    except ImageFileError as error:
        return file, error, []
    metric = file.focus_distance_m is not None
    wide = {} if width is None else {'width': width}
    return file, decoded, [(Thumbnail.of(decoded.image, file.position, metric=metric, **wide),
                            focus_grid(decoded.image, operator) if operator else None)]


@contextmanager
def read_ahead(files: Sequence[StackFile], bad: dict[int, str], operator: str,
               widths: Sequence[int] | None) -> Iterator[Iterator[ReadSlice]]:
    """
    Read files in a thread: the first few at once, then one ahead of the work.

    :param files: in the order in which they are wanted
    :param bad: why files cannot be used, by input number
    :param operator: focus measure of the grids for focus curves, '' for none
    :param widths: of what is shown of each, pixels; None for as much as anything may need
    """
    with ThreadPoolExecutor(1, 'focus_stacking_reader') as reader:
        def begin(place: int) -> Future[ReadSlice]:
            return reader.submit(_read, files[place], bad, operator,
                                 None if widths is None else widths[place])

        waiting = deque(begin(place) for place in range(min(_AT_FIRST, len(files))))

        def slices() -> Iterator[ReadSlice]:
            begun = len(waiting)
            while waiting:
                read = waiting.popleft().result()
                if not waiting and begun < len(files):
                    waiting.append(begin(begun))
                    begun += 1
                yield read
                del read  # nothing here keeps an image while the next one is waited for

        try:
            yield slices()
        finally:
            for each in waiting:
                each.cancel()


@contextmanager
def read_coming(files: Iterable[StackFile], operator: str) -> Iterator[Iterator[ReadSlice]]:
    """Read each file when it has come."""
    yield (_read(file, {}, operator) for file in files)
