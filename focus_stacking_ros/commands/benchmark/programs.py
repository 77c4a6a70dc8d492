# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whole processes: this package's command ``stack`` and other programs, all in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import sys
from typing import Any

import cv2
from focus_stacking_ros.commands.benchmark.whole_process import run_process, RunError
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.score import psnr, score_depth
from focus_stacking_ros.commands.terminal import show_progress
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import read_image
from focus_stacking_ros.core.files.stack_files import StackFile
import numpy as np
from numpy.typing import NDArray

__all__ = ['PEERS', 'missing_peers', 'program_table']

_IMAGE = 'all_in_focus.png'
#: Other programs, as they are called on PATH.
PEERS = 'focusweave', 'focus-stack', 'shinestacker'


@dataclass(frozen=True)
class _Cost:
    """Wall clock and peak resident memory of a whole process."""

    seconds: float
    megabytes: float


def missing_peers() -> list[str]:
    """Return the other programs that are not on PATH."""
    return [program for program in PEERS if shutil.which(program) is None]


def program_table(folder: Path, files: Sequence[StackFile], methods: Sequence[str], rounds: int,
                  place: Path) -> list[str]:
    """
    Run every program on a stack, in turn.

    :param folder: of the stack, with its truth where it has one
    :param files: its images, a file each
    :param methods: of this package
    :param rounds: how often each runs
    :param place: folder for what they write
    :return: lines of a table: shortest time, greatest memory, quality
    :raises CommandError: a program fails; with its last words
    """
    programs = _programs(files, methods, place)
    costs: dict[str, _Cost] = {}
    for number in range(rounds):
        for title, (command, _) in programs.items():
            show_progress(f'round {number + 1} of {rounds}: {title} ')
            cost = _cost(command)
            before = costs.get(title, cost)
            costs[title] = _Cost(min(cost.seconds, before.seconds),
                                 max(cost.megabytes, before.megabytes))
    show_progress('')
    lines = ['| program | seconds | peak MB | PSNR, dB | depth |',
             '| --- | ---: | ---: | ---: | --- |']
    for title, cost in costs.items():
        image, depth = _quality(folder, files, programs[title][1])
        lines.append(f'| {title} | {cost.seconds:.2f} | {cost.megabytes:.0f} | {image} '
                     f'| {depth} |')
    return lines


def _programs(files: Sequence[StackFile], methods: Sequence[str], place: Path
              ) -> dict[str, tuple[list[str], Path]]:
    """Return the command line of each program and the image that it writes."""
    nearest = sorted(files, key=lambda file: file.position)
    images = [str(file.path.resolve()) for file in nearest]
    known = [file.focus_distance_m for file in nearest]
    distances = [] if None in known else ['--focus-distances', ','.join(map(str, known))]
    programs: dict[str, tuple[list[str], Path]] = {}
    for method in methods:
        output = place / method
        programs[method] = ([sys.executable, '-m', 'focus_stacking_ros', 'stack', *images,
                             *distances, '--reference', 'first', '--method', method, '--output',
                             str(output)], output / _IMAGE)
    for name in PEERS:
        path = shutil.which(name)
        if path is not None:
            output = place / f'{name}.png'
            programs[name] = (_peer(name, path, images, place, output), output)
    return programs


def _peer(name: str, path: str, images: list[str], place: Path, output: Path) -> list[str]:
    """Return the command line of another program."""
    if name == 'focusweave':
        alone = place / 'images'  # it takes a folder, of nothing else and in order
        alone.mkdir()
        for number, image in enumerate(images):
            (alone / f'{number:04d}{Path(image).suffix}').symlink_to(image)
        return [path, str(alone), '--reference', '0', '--keep-size', '--min-shift', '0',
                '--output', str(output)]
    if name == 'focus-stack':
        return [path, '--nocrop', '--reference=0', f'--output={output}', *images]
    # It is driven from Python, by the interpreter that it is installed for.
    return [str(Path(path).with_name('python')),
            str(Path(__file__).with_name('shine_stacker.py')), '--work', str(place / name),
            '--reference', '0', '--output', str(output), *images]


def _cost(command: list[str]) -> _Cost:
    # The folder this package was imported from, in case it is not installed.
    paths = [str(Path(__file__).resolve().parents[3]), os.environ.get('PYTHONPATH', '')]
    # With bytecode, as an installed package has it.
    environment = {'PYTHONPATH': os.pathsep.join(filter(None, paths)),
                   'PYTHONDONTWRITEBYTECODE': ''}
    try:
        return _Cost(*run_process(command, environment=environment))
    except RunError as error:
        raise CommandError(str(error)) from error


def _quality(folder: Path, files: Sequence[StackFile], result: Path) -> tuple[str, str]:
    """Return how near an image, and the depth beside it, are to the truth, in words."""
    truth = folder / 'truth'
    image, depth = '-', '-'
    known = [file.focus_distance_m for file in files if file.focus_distance_m is not None]
    try:
        if (truth / _IMAGE).is_file():
            image = f'{psnr(read_image(result), read_image(truth / _IMAGE)):.2f}'
        beside = result.with_name('depth.tiff')
        if (truth / 'depth.tiff').is_file() and beside.is_file() and len(known) == len(files):
            score = score_depth(_plane(beside), _plane(truth / 'depth.tiff'), known)
            depth = (f'{score.known:.0%} known, RMSE {score.rmse_m * 1e6:.0f} µm, '
                     f'{score.within_one_slice:.1%} within one slice')
    except (ImageFileError, ValueError) as error:
        raise CommandError(f'{folder / "truth"}: {error}') from error
    return image, depth


def _plane(path: Path) -> NDArray[Any]:
    plane = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if plane is None:
        raise CommandError(f'{path}: it is not a TIFF that can be read')
    return np.asarray(plane)
