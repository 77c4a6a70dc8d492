# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``stack``: image files in, result files out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import focus_stacking_ros.backends  # noqa: F401 - registers what may be chosen
from focus_stacking_ros.commands.batch.mark import marked_files
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.html_report.focus_grid import focus_grid
from focus_stacking_ros.commands.html_report.page import html_report, PageSlice
from focus_stacking_ros.commands.result_files import (
    check_folder,
    HTML_FILE,
    Thumbnail,
    thumbnail_width,
    write_result,
)
from focus_stacking_ros.commands.stack_input import given_files, watched_files
from focus_stacking_ros.commands.terminal import end_with_input, say, show_progress
from focus_stacking_ros.core.files.decoded import Decoded, Metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import (
    bad_distances,
    near_to_far,
    orientation_note,
    StackFile,
)
from focus_stacking_ros.core.memory import return_free_memory, share_one_heap
from focus_stacking_ros.core.option import OptionError, OptionSpecification, specifications
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import SliceError, StackError, StackResult
from focus_stacking_ros.core.stack.backend import backend_choices, BackendError
from focus_stacking_ros.core.stack.report import stack_report
from focus_stacking_ros.core.stack.stacker import FocusStacker
import numpy as np
from numpy.typing import NDArray

__all__ = ['add_option_flags', 'add_parser', 'flag_word', 'given_flags', 'option_reader',
           'options_from', 'set_flags']


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'stack', help='fuse image files',
        description='Fuse a focal stack given as image files. Writes all_in_focus.png, '
        'depth.tiff (metres), focus_index.tiff, confidence.tiff, overview.png and report.json; '
        'with --method notebook also a picture of every step, in the subfolder notebook.')
    parser.set_defaults(run=_run)
    parser.add_argument('images', nargs='+', type=Path, metavar='IMAGE',
                        help='PNG, JPEG or TIFF; grey or colour, 8 or 16 bit; or one folder of '
                        'them, or one TIFF of several pages')
    parser.add_argument('--output', required=True, type=Path, metavar='DIR',
                        help='folder for the results; made if it does not exist')
    distances = parser.add_mutually_exclusive_group()
    distances.add_argument('--focus-distances', metavar='METRES,METRES,...',
                           help='distance of the focal plane, one per image')
    distances.add_argument('--focus-file', type=Path, metavar='FILE',
                           help='JSON file with the list focus_distances_m')
    parser.add_argument('--backend', default='auto', choices=backend_choices(),
                        help='who does the per-slice work (default: auto)')
    parser.add_argument('--html', action='store_true',
                        help='write report.html, too: one file to look at the result in, in any '
                        'browser, with a surface to turn and focus curves')
    parser.add_argument('--skip-bad', action='store_true',
                        help='go on without files that cannot be used')
    watching = parser.add_argument_group(
        'a folder that a camera fills', 'With --watch the folder named is watched, and every '
        'image is added as soon as it is whole, in the order in which they come.')
    watching.add_argument('--watch', action='store_true', help='watch the folder')
    watching.add_argument('--count', type=int, default=0, metavar='SLICES',
                          help='slices that end the stack (default: only --quiet does)')
    watching.add_argument('--quiet', type=float, default=5.0, metavar='SECONDS',
                          help='how long nothing new may come before the stack ends (default: 5)')
    parser.add_argument('--mark', help=argparse.SUPPRESS)  # by batch, see commands.batch.mark
    add_option_flags(parser)


def add_option_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every field of StackOptions."""
    group = parser.add_argument_group('options of the algorithm')
    for item in specifications(StackOptions):
        words = f'{item.meaning} ({item.range_text}; default: {flag_word(item.default)}'
        group.add_argument(
            item.flag, dest=item.attribute, type=option_reader(item), default=item.default,
            metavar=item.unit.replace(' ', '-').upper() or 'VALUE',
            help=(words + ')').replace('%', '%%'))


def options_from(parsed: argparse.Namespace) -> StackOptions:
    """Return the options that the flags of `add_option_flags` have set."""
    return StackOptions(**{item.attribute: getattr(parsed, item.attribute)
                           for item in specifications(StackOptions)})


def given_flags(parsed: argparse.Namespace) -> list[str]:
    """Return the flags of ``stack`` that ask for what another command was asked for."""
    flags = ['--backend', parsed.backend]
    flags += [f'--{name}' for name, given in (('html', parsed.html),
                                              ('skip-bad', parsed.skip_bad)) if given]
    return flags + set_flags(parsed)


def set_flags(parsed: argparse.Namespace) -> list[str]:
    """Return the flags of `add_option_flags` that were given, for another process."""
    flags: list[str] = []
    for item in specifications(StackOptions):
        value = getattr(parsed, item.attribute)
        if value != item.default:
            flags += [item.flag, flag_word(value)]
    return flags


def flag_word(value: object) -> str:
    """Return a value of an option as a flag takes it."""
    if isinstance(value, tuple):
        return ','.join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_reader(item: OptionSpecification) -> Any:
    """Return the function argparse reads a flag's value with."""
    def read(words: str) -> Any:
        value: Any = words
        try:
            if isinstance(item.default, tuple):
                value = [float(word) for word in words.split(',')]
            elif isinstance(item.default, bool):
                value = {'true': True, 'false': False}.get(words, words)
            elif isinstance(item.default, (int, float)):
                value = type(item.default)(words)
        except ValueError:
            pass  # check() says what is wrong with the words
        try:
            return item.check(value)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return read


def _run(parsed: argparse.Namespace) -> None:
    share_one_heap()
    if parsed.mark:
        end_with_input()
    check_folder(parsed.output)
    try:
        stacker = FocusStacker(options_from(parsed), parsed.backend)
        lights = stacker.options.stack_lights
        if parsed.watch:
            if lights > 1:
                raise CommandError(f'--stack-lights is {lights}, and --watch takes one light; '
                                   'give the folder without --watch when all images are there')
            files: list[StackFile] = []
            stacker.expected_slices = parsed.count or None
            stacker.reset()
            operator = stacker.options.focus_measure_operator if parsed.html else ''
            seen = _add_each(stacker, _read_coming(watched_files(parsed, files), operator),
                             parsed.count, skip_bad=parsed.skip_bad)
        else:
            files = given_files(parsed.images, parsed.focus_distances, parsed.focus_file, lights)
            if note := orientation_note(files):
                say(note)
            stacker.expected_slices = len(files)
            stacker.reset()
            seen = _add_all(stacker, files, skip_bad=parsed.skip_bad, gridded=parsed.html)
        result = stacker.finish()
        return_free_memory()  # of the slices, before what is written takes more
        if stacker.backend.problem:
            say(stacker.backend.problem)
    except (BackendError, ImageFileError, OptionError, StackError) as error:
        raise CommandError(str(error)) from error
    details = {file.number: _details(file) for file in files}
    report = stack_report(result, stacker.options, details)
    reference = next(file for file in files if file.number == result.reference)
    report['pixel_size_m'] = pixel_m = reference.header.pixel_m
    pages: dict[str, Callable[[], Any]] = {}
    if parsed.html:
        pages[HTML_FILE] = lambda: html_report(
            result, report, seen.page_slices(result), parsed.output.resolve().name).encode()
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


#: A file, its image or why it has none, and what is shown of it.
_ReadSlice = tuple[StackFile, Decoded | ImageFileError,
                   list[tuple[Thumbnail, NDArray[np.uint16] | None]]]


@dataclass
class _Seen:
    """What is kept of the accepted slices for pictures and files, by input number."""

    thumbnails: dict[int, Thumbnail] = field(default_factory=dict)
    metadata: dict[int, Metadata] = field(default_factory=dict)
    grids: dict[int, NDArray[np.uint16]] = field(default_factory=dict)

    def page_slices(self, result: StackResult) -> list[PageSlice]:
        """Return what a page shows of the slices, near to far."""
        ranks = {report.number: report.rank for report in result.reports
                 if report.rank is not None}
        return [PageSlice(number, self.thumbnails[number].image, self.thumbnails[number].label,
                          self.grids[number])
                for number in sorted(ranks, key=lambda number: ranks[number])]


def _add_all(stacker: FocusStacker, files: list[StackFile], *, skip_bad: bool, gridded: bool
             ) -> _Seen:
    """Add the images to the stacker, near to far; returns what is shown and told of them."""
    bad = bad_distances(files)
    if bad and not skip_bad:
        raise CommandError(next(iter(bad.values())))
    operator = stacker.options.focus_measure_operator if gridded else ''
    # Closed here: left to the garbage collector, its thread may be joined by another thread.
    ordered = near_to_far(files)
    # Where one may be missing another is in the middle; a page shows all.
    widths = None if gridded or skip_bad else [thumbnail_width(place, len(files))
                                               for place in range(len(files))]
    with closing(_read_ahead(ordered, bad, operator, widths)) as slices:
        return _add_each(stacker, slices, len(files), skip_bad=skip_bad)


def _add_each(stacker: FocusStacker, slices: Iterable[_ReadSlice], count: int, *, skip_bad: bool
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


def _read(file: StackFile, bad: dict[int, str], operator: str, width: int | None = None
          ) -> _ReadSlice:
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


def _read_coming(files: Iterable[StackFile], operator: str) -> Iterator[_ReadSlice]:
    """Read each file when it has come."""
    for file in files:
        yield _read(file, {}, operator)


def _read_ahead(files: list[StackFile], bad: dict[int, str], operator: str,
                widths: Sequence[int] | None) -> Generator[_ReadSlice, None, None]:
    """Read files one ahead of the work; ``widths`` are those of their thumbnails."""
    with ThreadPoolExecutor(1, 'focus_stacking_reader') as reader:
        def begin(place: int) -> Future[_ReadSlice]:
            return reader.submit(_read, files[place], bad, operator,
                                 None if widths is None else widths[place])

        waiting = begin(0)
        for place in range(1, len(files) + 1):
            read = waiting.result()
            if place < len(files):
                waiting = begin(place)
            yield read
            del read  # nothing here keeps an image while the next one is waited for
