# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What ``stack`` does with the images that it reads."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from focus_stacking_ros.commands.batch.mark import marked_files
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.result_files import HTML_FILE, write_result
from focus_stacking_ros.commands.stack_reading import ReadSlice
from focus_stacking_ros.commands.terminal import say, show_progress
from focus_stacking_ros.commands.thumbnails import Thumbnail
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import StackFile
from focus_stacking_ros.core.memory import return_free_memory
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import SliceError, StackError, StackResult
from focus_stacking_ros.core.stack.registry import BackendError
from focus_stacking_ros.core.stack.report import stack_report
from focus_stacking_ros.core.stack.stacker import FocusStacker
import numpy as np
from numpy.typing import NDArray

__all__ = ['stack_images']


def stack_images(parsed: argparse.Namespace, options: StackOptions, files: list[StackFile],
                 slices: Iterable[ReadSlice], count: int) -> None:
    """
    Fuse images and write the result.

    :param parsed: the words of the command line
    :param options: those that it gives
    :param files: the images; those that come later are added to it
    :param slices: the same as they are read
    :param count: how many there will be, 0 where that is not known
    :raises CommandError: an image or a result is not what it should be
    """
    try:
        stacker = FocusStacker(options, parsed.backend, expected_slices=count or None, lean=True)
        seen = _add_each(stacker, slices, count, skip_bad=parsed.skip_bad)
        result = stacker.finish()
        return_free_memory()  # of the slices, before what is written takes more
        if stacker.backend.problem:
            say(stacker.backend.problem)
    except (BackendError, ImageFileError, StackError) as error:
        raise CommandError(str(error)) from error
    details = {file.number: _details(file) for file in files}
    report = stack_report(result, stacker.options, details)
    reference = next(file for file in files if file.number == result.reference)
    report['pixel_size_m'] = pixel_m = reference.header.pixel_m
    pages: dict[str, Callable[[], Any]] = {}
    if parsed.html:
        pages[HTML_FILE] = lambda: _html_page(parsed, result, report, seen)
    if parsed.mark:
        pages |= marked_files(result, parsed.mark)  # last
    write_result(parsed.output, result, report, list(seen.thumbnails.values()),
                 seen.metadata[result.reference], pages, pixel_m)
    for words in result.faults.values():
        say(words)
    for remark in result.remarks:
        show_progress(f'{remark}\n')
    if result.backend_choice:
        show_progress(f'{result.backend_choice}\n')
    show_progress(f'{len(seen.thumbnails)} slices fused by {result.backend}; the results are in '
                  f'{parsed.output}\n')


def _html_page(parsed: argparse.Namespace, result: StackResult, report: dict[str, Any],
               seen: _Seen) -> bytes:
    from focus_stacking_ros.commands.html_report.page import html_report, PageSlice
    ranks = {each.number: each.rank for each in result.reports if each.rank is not None}
    slices = [PageSlice(number, seen.thumbnails[number].image, seen.thumbnails[number].label,
                        seen.grids[number])
              for number in sorted(ranks, key=lambda number: ranks[number])]  # near to far
    return html_report(result, report, slices, parsed.output.resolve().name).encode()


def _details(file: StackFile) -> dict[str, Any]:
    """Return what the report says of a file."""
    details: dict[str, Any] = {'file': str(file.path)}
    if file.page is not None:
        details['page'] = file.page
    if file.lights:
        details['light_files'] = [str(each.path) for each in file.lights]
    own = file.header.orientation
    applied = own if file.orientation is None else file.orientation
    if (own, applied) != (1, 1):
        details |= {'orientation': applied, 'orientation_tag': own}
    return details


@dataclass
class _Seen:
    """What is kept of the accepted slices for pictures and files, by input number."""

    thumbnails: dict[int, Thumbnail] = field(default_factory=dict)
    metadata: dict[int, Metadata] = field(default_factory=dict)
    grids: dict[int, NDArray[np.uint16]] = field(default_factory=dict)


def _add_each(stacker: FocusStacker, slices: Iterable[ReadSlice], count: int, *, skip_bad: bool
              ) -> _Seen:
    """Add images to the stacker as they are read; returns what is shown and told of them."""
    seen = _Seen()
    for done, (file, decoded, preview) in enumerate(slices):
        try:
            if isinstance(decoded, ImageFileError):
                stacker.refuse(Refusal.PAYLOAD, str(decoded), file.focus_distance_m, file.number)
                raise decoded
            stacker.add(decoded.image, file.focus_distance_m, number=file.number,
                        valid=decoded.valid, lights=decoded.lights)
        except ImageFileError as error:
            _refuse(str(error), skip_bad=skip_bad)
            continue
        except SliceError as error:
            if error.refusal is Refusal.MEMORY and not seen.thumbnails:
                raise CommandError(str(error)) from None  # no file is to blame
            _refuse(f'{file.name}: {error}', skip_bad=skip_bad)
            continue
        seen.thumbnails[file.number], grid = preview[0]
        if grid is not None:
            seen.grids[file.number] = grid
        seen.metadata[file.number] = decoded.metadata
        show_progress(f'slice {done + 1} of {count} ' if count else f'slice {done + 1} ')
    show_progress('fusing ')
    return seen


def _refuse(reason: str, *, skip_bad: bool) -> None:
    if not skip_bad:
        raise CommandError(f'{reason}; --skip-bad goes on without it')
    say(f'left out: {reason}')
