# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``stack``: image files in, result files out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import focus_stacking_ros.backends  # noqa: F401 - registers what may be chosen
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.stack_input import given_files, watched_files
from focus_stacking_ros.commands.stack_reading import read_ahead, read_coming, ReadSlice
from focus_stacking_ros.commands.terminal import end_with_input, say
from focus_stacking_ros.commands.thumbnails import thumbnail_width
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import (
    bad_distances,
    near_to_far,
    orientation_note,
    StackFile,
)
from focus_stacking_ros.core.memory import share_one_heap
from focus_stacking_ros.core.option import OptionError, OptionSpecification, specifications
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.stack.registry import backend_choices

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
        options = options_from(parsed)
        files, count, reading = _reading(parsed, options)
    except (ImageFileError, OptionError) as error:
        raise CommandError(str(error)) from error
    with reading as slices:
        # It takes as long to import as several images take to read, which they are meanwhile.
        from focus_stacking_ros.commands.stacking import stack_images
        stack_images(parsed, options, files, slices, count)


def _reading(parsed: argparse.Namespace, options: StackOptions
             ) -> tuple[list[StackFile], int, AbstractContextManager[Iterator[ReadSlice]]]:
    """Return the images, how many there will be, 0 for unknown, and how they are read."""
    operator = options.focus_measure_operator if parsed.html else ''
    lights = options.stack_lights
    if parsed.watch:
        if lights > 1:
            raise CommandError(f'--stack-lights is {lights}, and --watch takes one light; give '
                               'the folder without --watch when all images are there')
        coming: list[StackFile] = []
        return coming, parsed.count, read_coming(watched_files(parsed, coming), operator)
    files = given_files(parsed.images, parsed.focus_distances, parsed.focus_file, lights)
    if note := orientation_note(files):
        say(note)
    bad = bad_distances(files)
    if bad and not parsed.skip_bad:
        raise CommandError(next(iter(bad.values())))
    # Where one may be missing another is in the middle; a page shows all.
    widths = None if operator or parsed.skip_bad else [
        thumbnail_width(place, len(files), in_order=True) for place in range(len(files))]
    return files, len(files), read_ahead(near_to_far(files), bad, operator, widths)
