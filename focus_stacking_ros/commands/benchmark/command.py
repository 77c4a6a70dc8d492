# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``benchmark``: speed, memory and quality on this machine, with other programs beside."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
import importlib.util
import os
from pathlib import Path
import re
import tempfile
from typing import Any

from focus_stacking_ros.commands.benchmark.node import node_table
from focus_stacking_ros.commands.benchmark.programs import missing_peers, PEERS, program_table
from focus_stacking_ros.commands.benchmark.tables import (
    comparison_table,
    scaling_tables,
    stage_table,
)
from focus_stacking_ros.commands.benchmark.workers import Work
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.given_stack import given_stack
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import stack_folder, StackFile
from focus_stacking_ros.core.options import StackOptions

__all__ = ['add_parser']

_PARTS = {'programs': 'whole processes: `stack` with each method, and other programs',
          'stages': 'what each stage costs, beside a copy and a blur of the slices',
          'scaling': 'how that grows with slices and pixels, and falls with processors',
          'node': 'rate and latency of the stacking node, between processes through DDS'}

_RATE, _STACKS = 15.0, 4  # of the node: slices per second, stacks


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'benchmark', help='measure speed, memory and quality',
        description='Measure a focal stack. Programs: each method as a process of its own, and '
        f'{", ".join(PEERS)} where they are on PATH, all in turn; the shortest time of each, its '
        'peak memory and, where the folder has truth/all_in_focus.png and truth/depth.tiff in '
        'the pixel grid of the nearest slice, its quality. Stages: what takes how long.')
    parser.set_defaults(run=_run)
    methods = next(item.metadata['option']['choices'] for item in fields(StackOptions)
                   if item.name == 'method')
    parser.add_argument('--stack', type=Path, metavar='FOLDER',
                        help='folder of images; default: a simulated circuit board')
    parser.add_argument('--methods', default='default,streaming,quality', metavar='NAME,NAME,...',
                        help=f'of {", ".join(methods)} (default: default,streaming,quality)')
    parser.add_argument('--rounds', type=int, default=3, metavar='COUNT',
                        help='how often each runs (default: 3)')
    parser.add_argument(
        '--parts', metavar='NAME,NAME,...',
        help='; '.join(f'{name}: {what}' for name, what in _PARTS.items())
        + ' (default: programs,stages)')
    parser.add_argument('--node', action='store_true', help='short for --parts node')
    parser.add_argument('--against', type=Path, metavar='TREE',
                        help='folder of another version of this package, such as a worktree of '
                        'git: add and finish of both, in turn, in processes of their own; with '
                        'the part node its node instead')
    parser.add_argument('--size', metavar='WIDTHxHEIGHT', help='pixels that the slices are scaled '
                        'to for all but the programs (default: theirs)')
    parser.add_argument('--slices', type=int, metavar='COUNT', help='slices of those stacks '
                        '(default: as many as there are; for --against 10 and 100)')
    parser.add_argument('--backend', default='auto', help='of all but the programs')


def _run(parsed: argparse.Namespace) -> None:
    if parsed.rounds < 1:
        raise CommandError(f'--rounds {parsed.rounds}: it takes a number from 1')
    parts, size = _parts(parsed), _size(parsed.size)
    if parsed.against is not None and not (parsed.against / 'focus_stacking_ros').is_dir():
        raise CommandError(f'--against {parsed.against}: it has no folder focus_stacking_ros')
    if parsed.slices is not None and parsed.slices < 2:
        raise CommandError(f'--slices {parsed.slices}: it takes a number from 2')
    with given_stack(parsed.stack) as folder:
        files = _files(folder)
        images = [file.path.resolve() for file in sorted(files, key=lambda file: file.position)]
        methods = parsed.methods.split(',')
        works = [Work(parsed.slices or len(images), size, method, parsed.backend)
                 for method in methods]
        print(f'{len(files)} images of {"a simulated board" if parsed.stack is None else folder}, '
              f'{os.cpu_count()} processors')
        if 'programs' in parts:
            with tempfile.TemporaryDirectory() as place:
                lines = program_table(folder, files, methods, parsed.rounds, Path(place))
            _say('Whole processes', [f'shortest of {parsed.rounds}\n', *lines])
            if missing_peers():
                print(f'\nnot on PATH: {", ".join(missing_peers())}')
        if 'stages' in parts:
            for work in works:
                _say(f'Stages, {work.method}', stage_table(images, work, parsed.rounds))
        if 'scaling' in parts:
            _say(f'Scaling, {works[0].method}', scaling_tables(images, works[0], parsed.rounds))
        if parsed.against is not None and 'node' not in parts:
            _say(f'Beside {parsed.against}', comparison_table(
                images, parsed.against.resolve(), works[0], parsed.rounds, parsed.slices))
        if 'node' in parts:
            _say('Node', _node_table(images, works[0], parsed.against))


def _say(title: str, lines: Sequence[str]) -> None:
    print(f'\n## {title}\n\n' + '\n'.join(lines), flush=True)


def _parts(parsed: argparse.Namespace) -> list[str]:
    if parsed.parts is None:
        if parsed.node:
            return ['node']
        return [] if parsed.against is not None else ['programs', 'stages']
    parts = [*parsed.parts.split(','), *(['node'] if parsed.node else [])]
    for part in parts:
        if part not in _PARTS:
            raise CommandError(f'--parts {part}: it takes {", ".join(_PARTS)}')
    return parts


def _size(words: str | None) -> tuple[int, int] | None:
    if words is None:
        return None
    found = re.fullmatch(r'(\d{2,5})x(\d{2,5})', words)
    if found is None:
        raise CommandError(f'--size {words}: it takes pixels such as 1920x1080')
    return int(found[1]), int(found[2])


def _files(folder: Path) -> list[StackFile]:
    try:
        files = stack_folder(folder)
    except ImageFileError as error:
        raise CommandError(str(error)) from error
    if any(file.page is not None for file in files):
        raise CommandError(f'{files[0].path}: it holds several images; the programs compared '
                           'take one file each, so store its pages as files')
    if len(files) < 2:
        raise CommandError(f'{folder} holds one image; a focal stack needs at least two')
    return files


def _node_table(images: Sequence[Path], work: Work, other: Path | None) -> list[str]:
    if importlib.util.find_spec('rclpy') is None:
        raise CommandError('no module rclpy; source a ROS 2 installation, or run '
                           '`.ci/ros_python -m focus_stacking_ros benchmark --node`, which '
                           'installs what is needed')
    return node_table(images, work, _RATE, _STACKS, None if other is None else other.resolve())
