# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which images ``stack`` was given, and which focus distance belongs to which."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.terminal import say
from focus_stacking_ros.core.files.arrivals import arrivals
from focus_stacking_ros.core.files.focus_file import focus_distances_from
from focus_stacking_ros.core.files.folder import image_files_in, natural_order
from focus_stacking_ros.core.files.stack_files import stack_files, stack_folder, StackFile

__all__ = ['given_files', 'watched_files']


def given_files(paths: Sequence[Path], focus_distances: str | None,
                focus_file: Path | None, lights: int = 1) -> list[StackFile]:
    """
    Return the images of a stack with their focus distances.

    Of a folder, the images are taken in natural order (img_2 before img_10), with the distances
    of its meta.json where no others are given. A focus file in the folder of the images, all of
    which are named, speaks of that folder: then they are taken in natural order too, whatever
    order the shell has named them in. Else distances belong to the images in the order these are
    named in.

    :param paths: image files, or one folder
    :param focus_distances: metres, separated by commas
    :param focus_file: JSON file with the list focus_distances_m
    :param lights: images that follow one another at each position
    :raises CommandError: the distances are no numbers, or a folder is not the only argument
    :raises ImageFileError: folder, images and distances do not fit each other
    """
    distances = None
    if focus_file is not None:
        distances = focus_distances_from(focus_file)
    elif focus_distances is not None:
        distances = _numbers(focus_distances)
    folder = next((path for path in paths if path.is_dir()), None)
    if folder is not None:
        if len(paths) > 1:
            raise CommandError(f'{folder} is a folder and there are other arguments beside it; '
                               'give one folder, or image files')
        return stack_folder(folder, distances, lights)
    return stack_files(_ordered(paths, focus_file, counted=distances is None), distances, lights)


def _numbers(words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(',')]
    except ValueError as error:
        raise CommandError(f'--focus-distances: {error}; it takes numbers separated by commas'
                           ) from None


def _ordered(paths: Sequence[Path], focus_file: Path | None, *, counted: bool) -> list[Path]:
    """Return the files in the order they are taken in; say so where that may surprise."""
    given, natural = list(paths), natural_order(paths)
    if given == natural:
        return given
    place = next(at for at, (one, other) in enumerate(zip(given, natural, strict=True))
                 if one != other)
    differs = (f'the images are not named in natural order ({given[place].name} before '
               f'{natural[place].name})')
    if focus_file is not None:
        if _speaks_of(focus_file, given):
            say(f'{differs}; as {focus_file} speaks of their folder, they are taken in natural '
                'order')
            return natural
        say(f'{differs}; the distances of {focus_file} are taken for them as they are named')
    elif counted and given == sorted(given):
        say(f'{differs}, as a shell does without leading zeros; that order is taken for near to '
            'far. Give their folder for the natural order')
    return given


def _speaks_of(focus_file: Path, paths: Sequence[Path]) -> bool:
    """Return whether a focus file lies beside the images, all of which are named, once each."""
    folder = focus_file.parent
    if any(path.parent.resolve() != folder.resolve() for path in paths):
        return False
    names = [path.name for path in paths]
    return sorted(names) == sorted(path.name for path in image_files_in(folder))


def watched_files(parsed: argparse.Namespace, files: list[StackFile]) -> Iterator[StackFile]:
    """
    Yield the images of the one folder that is named as they come.

    :param parsed: images, focus_distances, focus_file, count and quiet of the command line
    :param files: those that have come are added to it
    :raises CommandError: it is no folder, or the arguments do not fit each other
    :raises ImageFileError: a file cannot be read
    """
    folder = parsed.images[0]
    if len(parsed.images) > 1 or (folder.exists() and not folder.is_dir()):
        raise CommandError('--watch takes one folder')
    if parsed.count < 0 or parsed.count == 1 or not parsed.quiet > 0:
        raise CommandError(f'--count {parsed.count} --quiet {parsed.quiet:g}: a stack takes two '
                           'slices at least, and some time to wait')
    distances = None
    if parsed.focus_file is not None:
        distances = focus_distances_from(parsed.focus_file)
    elif parsed.focus_distances is not None:
        distances = _numbers(parsed.focus_distances)
    count = parsed.count or (0 if distances is None else len(distances))
    if distances is not None and count != len(distances):
        raise CommandError(f'there are {len(distances)} focus distances for --count {count}')
    for path in arrivals(folder, count, parsed.quiet):
        found = stack_files([path], None)
        if len(found) > 1:
            raise CommandError(f'{path}: it holds {len(found)} images; --watch takes files of one')
        files.append(replace(found[0], number=len(files), focus_distance_m=(
            found[0].focus_distance_m if distances is None else distances[len(files)])))
        yield files[-1]
