# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``batch``: what is left to do is done, and an index is written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
import fcntl
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.bag.command import add_node_flags, given_node_flags
from focus_stacking_ros.commands.batch.index_page import INDEX_FILE, index_page
from focus_stacking_ros.commands.batch.jobs import Job, jobs_in
from focus_stacking_ros.commands.batch.runners import on_cluster, on_this_machine, processors
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.stack import add_option_flags, given_flags, set_flags
from focus_stacking_ros.commands.terminal import say, show_progress
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.stack.registry import backend_choices

__all__ = ['add_parser']

_LOCK_FILE = '.batch.lock'
_BAR = 30  # characters


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'batch', help='fuse many stacks',
        description='Fuse every folder of images in a folder, each as `stack` does, and every '
        'recording, as `bag` does, in several processes, and write an index page of all. What is '
        'done already, from the files as they are and with these options, is not done again: a '
        'batch that was stopped goes on where it was.')
    parser.set_defaults(run=_run)
    parser.add_argument('folder', type=Path, metavar='FOLDER',
                        help='folder of folders of images, where a meta.json has the distances, '
                        'or of recordings')
    parser.add_argument('--output', required=True, type=Path, metavar='DIR',
                        help='folder for the results, one for each stack, and index.html')
    parser.add_argument('--jobs', type=int, default=0, metavar='COUNT',
                        help='processes at a time (default: as many as there are processors)')
    parser.add_argument('--scheduler', metavar='ADDRESS',
                        help='have the workers of a Dask cluster do the work, which see the same '
                        'folders under the same names')
    parser.add_argument('--backend', default='auto', choices=backend_choices(),
                        help='who does the per-slice work (default: auto)')
    parser.add_argument('--html', action='store_true', help='write report.html for each stack')
    parser.add_argument('--skip-bad', action='store_true',
                        help='go on without files that cannot be used')
    add_option_flags(parser)
    add_node_flags(parser, without=('backend',))


def _run(parsed: argparse.Namespace) -> None:
    if parsed.jobs < 0:
        raise CommandError(f'--jobs {parsed.jobs}: it takes a number from 0')
    check_folder(parsed.output)
    bag_flags = ['--backend', parsed.backend, *set_flags(parsed), *given_node_flags(parsed)]
    jobs = jobs_in(parsed.folder, parsed.output, given_flags(parsed), bag_flags)
    try:
        parsed.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f'{parsed.output}: it cannot be written: {error.strerror}') from error
    with _alone_in(parsed.output):
        problems = _done(parsed, jobs)
    if problems:
        raise CommandError(f'{len(problems)} of {len(jobs)} stacks have no result; '
                           f'{parsed.output / INDEX_FILE} says why')
    print(f'{len(jobs)} stacks; {parsed.output / INDEX_FILE} shows them')


@contextmanager
def _alone_in(output: Path) -> Iterator[None]:
    """Refuse a second batch into the same folder."""
    with (output / _LOCK_FILE).open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(f'{output}: another batch is writing into it; wait for it, or '
                               'name another folder') from error
        yield


def _done(parsed: argparse.Namespace, jobs: list[Job]) -> dict[str, str]:
    """Do what is left to do; returns why stacks have no result, by their names."""
    left = [job for job in jobs if not job.is_done()]
    if len(left) < len(jobs):
        say(f'{len(jobs) - len(left)} of {len(jobs)} stacks are done already')
    problems: dict[str, str] = {}
    outcomes = (on_cluster(left, parsed.scheduler) if parsed.scheduler else
                on_this_machine(left, parsed.jobs or processors()))
    done = len(jobs) - len(left)
    try:
        show_progress(_bar(done, len(jobs)))
        with closing(outcomes):
            for outcome in outcomes:
                done += 1
                if outcome.problem:
                    problems[outcome.job.name] = outcome.problem
                    say(f'{outcome.job.name}: {outcome.problem}')
                show_progress(_bar(done, len(jobs)))
    finally:
        show_progress('')
        try:
            write_files(parsed.output, {INDEX_FILE: index_page(
                parsed.output, jobs, problems).encode})
        except ImageFileError as error:
            raise CommandError(str(error)) from error
    return problems


def _bar(done: int, count: int) -> str:
    full = _BAR * done // count
    return f'[{"#" * full}{"." * (_BAR - full)}] {done} of {count} stacks '
