# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``benchmark``: speed, memory and quality on this machine, with other programs beside."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
import os
from pathlib import Path
import shutil
import sys
import tempfile
from typing import Any

import cv2
from focus_stacking_ros.commands.benchmark.whole_process import run_process, RunError
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.given_stack import given_stack
from focus_stacking_ros.commands.score import psnr, score_depth
from focus_stacking_ros.commands.terminal import show_progress
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import read_image
from focus_stacking_ros.core.files.stack_files import stack_folder, StackFile
from focus_stacking_ros.core.options import StackOptions
import numpy as np
from numpy.typing import NDArray

__all__ = ['add_parser']

_IMAGE = 'all_in_focus.png'
_PEERS = 'focusweave', 'focus-stack'


@dataclass(frozen=True)
class _Cost:
    """Wall clock and peak resident memory of a whole process."""

    seconds: float
    megabytes: float


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'benchmark', help='measure speed, memory and quality',
        description='Fuse a focal stack with each method, as a process of its own, and with '
        f'{" and ".join(_PEERS)} where they are on PATH, all in turn; print the shortest time of '
        'each, its peak memory and, where the folder has truth/all_in_focus.png and '
        'truth/depth.tiff in the pixel grid of the nearest slice, its quality.')
    parser.set_defaults(run=_run)
    methods = next(item.metadata['option']['choices'] for item in fields(StackOptions)
                   if item.name == 'method')
    parser.add_argument('--stack', type=Path, metavar='FOLDER',
                        help='folder of images; default: a simulated circuit board')
    parser.add_argument('--methods', default='default,streaming,quality', metavar='NAME,NAME,...',
                        help=f'of {", ".join(methods)} (default: default,streaming,quality)')
    parser.add_argument('--rounds', type=int, default=3, metavar='COUNT',
                        help='how often each runs (default: 3)')


def _run(parsed: argparse.Namespace) -> None:
    if parsed.rounds < 1:
        raise CommandError(f'--rounds {parsed.rounds}: it takes a number from 1')
    with given_stack(parsed.stack) as folder, tempfile.TemporaryDirectory() as name:
        try:
            files = stack_folder(folder)
        except ImageFileError as error:
            raise CommandError(str(error)) from error
        if any(file.page is not None for file in files):
            raise CommandError(f'{files[0].path}: it holds several images; the programs compared '
                               'take one file each, so store its pages as files')
        programs = _programs(files, parsed.methods.split(','), Path(name))
        costs: dict[str, _Cost] = {}
        for number in range(parsed.rounds):
            for title, (command, _) in programs.items():
                show_progress(f'round {number + 1} of {parsed.rounds}: {title} ')
                cost = _cost(command)
                before = costs.get(title, cost)
                costs[title] = _Cost(min(cost.seconds, before.seconds),
                                     max(cost.megabytes, before.megabytes))
        show_progress('')
        print(f'{len(files)} images of {"a simulated board" if parsed.stack is None else folder}, '
              f'{os.cpu_count()} processors, shortest of {parsed.rounds}\n')
        print('| program | seconds | peak MB | PSNR, dB | depth |\n| --- | ---: | ---: | ---: '
              '| --- |')
        for title, cost in costs.items():
            image, depth = _quality(folder, files, programs[title][1])
            print(f'| {title} | {cost.seconds:.2f} | {cost.megabytes:.0f} | {image} | {depth} |')
    missing = [program for program in _PEERS if shutil.which(program) is None]
    if missing:
        print(f'\nnot on PATH: {", ".join(missing)}')


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
    for name in _PEERS:
        path = shutil.which(name)
        if path is None:
            continue
        output = place / f'{name}.png'
        if name == 'focusweave':
            alone = place / 'images'  # it takes a folder, of nothing else and in order
            alone.mkdir()
            for number, image in enumerate(images):
                (alone / f'{number:04d}{Path(image).suffix}').symlink_to(image)
            command = [path, str(alone), '--reference', '0', '--keep-size', '--min-shift', '0',
                       '--output', str(output)]
        else:
            command = [path, '--nocrop', '--reference=0', f'--output={output}', *images]
        programs[name] = (command, output)
    return programs


def _cost(command: list[str]) -> _Cost:
    """
    Run a program to its end.

    :raises CommandError: it cannot be started or fails; with its last words
    """
    # The folder this package was imported from, in case it is not installed.
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get('PYTHONPATH', '')]
    environment = {'PYTHONPATH': os.pathsep.join(filter(None, paths))}
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
