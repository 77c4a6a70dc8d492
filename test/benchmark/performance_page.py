#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Measure what docs/performance.md shows, by the commands that it names; best on a quiet machine.

Run from the repository's root: performance_page.py --stack FOLDER --sweep FOLDER [--against TREE].
Prints the tables; with --write-docs they replace those of the page. The sweep is of a hundred
slices, for what few slices cannot tell; where the folder is not there it is rendered, which takes
some minutes. Other programs take part where they are on PATH; without ROS the node is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import os
from pathlib import Path
import platform
import re
import shlex
import subprocess
import sys
import time

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import cv2  # noqa: E402
from focus_stacking_ros.simulation import built_in_stack, write_stack  # noqa: E402
from marked_page import replaced  # noqa: E402
import numpy as np  # noqa: E402

__all__ = ['PAGE', 'sections', 'tables_of']

_REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = _REPOSITORY / 'docs' / 'performance.md'
_SWEEP_SIZE, _SWEEP_COUNT = (1080, 1920), 100  # pixels, height and width; slices


def sections(stack: str, sweep: str, other: str, size: str, rounds: int
             ) -> Iterator[tuple[str, list[str]]]:
    """Yield markers of the page, and the arguments of `benchmark` for what is there."""
    common, long = (['--stack', each, '--rounds', str(rounds)] for each in (stack, sweep))
    yield 'programs', [*common, '--parts', 'programs', '--methods', 'default,streaming']
    for method in 'default', 'streaming':
        yield f'stages-{method}', [*common, '--parts', 'stages', '--methods', method, '--size',
                                   size]
    yield 'scaling', [*long, '--parts', 'scaling', '--methods', 'default', '--size', size,
                      '--slices', '10']
    beside = ['--against', other] if other else []
    if other:
        yield 'against', [*long, *beside, '--methods', 'default', '--size', size]
        yield 'against-streaming', [*long, *beside, '--methods', 'streaming', '--size', size]
        yield 'against-large', [*long, *beside, '--methods', 'default', '--size', '4608x2592',
                                '--slices', '30']
    yield 'node', [*common, '--node', '--methods', 'default', '--size', size, *beside]


def tables_of(said: str) -> str:
    """Return what `benchmark` printed of one part, without its titles."""
    lines = [line for line in said.splitlines() if not line.startswith('## ')]
    return re.sub(r'\n{3,}', '\n\n', '\n'.join(lines)).strip()


def _machine() -> str:
    """Return a line about this machine."""
    model = platform.machine()
    try:
        found = re.search(r'^model name\s*: (.*)$', Path('/proc/cpuinfo').read_text(),
                          re.MULTILINE)
        model = f'{model}, {found[1]}' if found else model
    except OSError:
        pass
    revision = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=_REPOSITORY,
                              capture_output=True, text=True, check=False).stdout.strip()
    return (f'{time.strftime("%Y-%m-%d")}, revision {revision or "unknown"}: {model}, '
            f'{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} processes waiting for them '
            f'when it began; Python {platform.python_version()}, NumPy {np.__version__}, OpenCV '
            f'{cv2.__version__}.')


def main() -> None:
    """Print the tables, or write them to the page."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--stack', required=True, metavar='FOLDER', help='of images')
    parser.add_argument('--sweep', required=True, metavar='FOLDER', help='of a hundred images')
    parser.add_argument('--against', default='', metavar='TREE', help='of an older version')
    parser.add_argument('--size', default='1920x1080')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--only', help='markers of the page, separated by commas')
    parser.add_argument('--write-docs', action='store_true')
    given = parser.parse_args()
    text, machine = PAGE.read_text(encoding='utf-8'), _machine()
    wanted = None if given.only is None else given.only.split(',')
    if not Path(given.sweep).is_dir():
        write_stack(built_in_stack(size=_SWEEP_SIZE, count=_SWEEP_COUNT), given.sweep)
    for name, arguments in sections(given.stack, given.sweep, given.against, given.size,
                                    given.rounds):
        if wanted is not None and name not in wanted:
            continue
        print(f'{name}: benchmark {shlex.join(arguments)}', file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, '-m', 'focus_stacking_ros', 'benchmark',
                               *arguments], cwd=_REPOSITORY, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            print(f'{name} is left out: {done.stderr.strip()}', file=sys.stderr)
            continue
        # The page names no folder of the machine that it was measured on.
        said = done.stdout
        for folder, words in ((given.stack, 'pcb_switch'), (given.sweep, 'a rendered sweep'),
                              (given.against, 'version 0.1.0')):
            said = said.replace(folder, words) if folder else said
        table = tables_of(said)
        print(f'\n{table}', flush=True)
        text = replaced(text, name, f'{table}\n')
    text = replaced(text, 'machine', f'{machine}\n')
    if given.write_docs:
        PAGE.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
