# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``demo``: the main job through real ROS 2 topics, with pictures."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.given_stack import given_stack
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.stack import option_reader
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import bad_distances, stack_folder, StackFile
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.core.slices import MAX_SLICES
from focus_stacking_ros.ros.player.options import PlayerOptions

__all__ = ['add_parser']


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'demo', help='run the nodes over ROS 2 topics',
        description='Play a focal stack as ROS 2 topics, or sweep the lens of a simulated camera, '
        'fuse it with the stacking node, and write what comes out of the topics: the files of '
        'the command stack.')
    parser.set_defaults(run=_run)
    parser.add_argument('--output', required=True, type=Path, metavar='DIR',
                        help='folder for the results; made if it does not exist')
    source = parser.add_mutually_exclusive_group()
    source.add_argument('--sim', action='store_true',
                        help='sweep the lens of a simulated camera instead of playing images, and '
                        'compare the depth with the truth')
    source.add_argument('--stack', type=Path, metavar='FOLDER',
                        help='folder of images, with a meta.json (focus_distances_m) or without; '
                        'default: a simulated circuit board')
    rate = next(item for item in specifications(PlayerOptions) if item.name == 'rate')
    parser.add_argument('--rate', type=option_reader(rate), default=10.0, metavar='HERTZ',
                        help='images per second (default: 10)')


def _run(parsed: argparse.Namespace) -> None:
    try:
        # Imported here: the other commands work without ROS.
        from focus_stacking_ros.commands.demo.cell import run_cell
        from focus_stacking_ros.commands.demo.system import run_system
    except ImportError as error:
        raise CommandError(f'{error}; source a ROS 2 installation, or use `make demo`, which '
                           'installs what is needed') from error
    check_folder(parsed.output)
    if parsed.sim:
        print('sweeping the lens of a simulated camera over a circuit board ...', flush=True)
        outcome = run_cell(parsed.output, parsed.rate)
        began = 'the call of the sweep'
    else:
        with given_stack(parsed.stack) as folder:
            files = _files(folder)
            told = 'a simulated circuit board' if parsed.stack is None else str(folder)
            print(f'playing {len(files)} images of {told} to the stacking node ...', flush=True)
            outcome = run_system(folder, files, parsed.output, parsed.rate)
        began = 'the first image sent'
    print(f'{outcome.slices} slices fused by {outcome.backend} in {outcome.seconds:.1f} s, from '
          f'{began} to the last result received')
    if outcome.left_out:
        print(f'left out: {", ".join(path.name for path in outcome.left_out)}: no image of this '
              'stack')
    print(outcome.summary)
    print(f'results in {os.path.relpath(parsed.output)}: {", ".join(outcome.files)}')


def _files(folder: Path) -> list[StackFile]:
    """Return the images of a folder; refuse what could only end in a timeout."""
    try:
        files = stack_folder(folder)
    except ImageFileError as error:
        raise CommandError(str(error)) from error
    if len(files) > MAX_SLICES:
        raise CommandError(f'{folder} holds {len(files)} images; a stack takes at most '
                           f'{MAX_SLICES}')
    if len(files) < 2:
        raise CommandError(f'{folder} holds one image; a focal stack needs at least two')
    bad = bad_distances(files)
    if bad:
        raise CommandError(next(iter(bad.values())))
    return files
