#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Whole-process time and peak memory of ``stack`` beside FocusWeave, in the same run.

    python3 test/benchmark/compare_speed.py FOLDER [--focusweave PATH] [--rounds 3]

FocusWeave (``pip install FocusWeave``, best in an environment of its own) writes an all-in-focus
image only; ``stack`` writes depth, confidence and the overview too. The two alternate, and the
fastest round of each counts.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time

from focus_stacking_ros.core.stack_files import META_FILE, stack_folder

REPOSITORY = Path(__file__).resolve().parents[2]


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return seconds of wall clock and megabytes of peak resident memory."""
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY))
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f'{command[0]} ended with exit code {process.returncode}')
    return seconds, usage.ru_maxrss / 1e3


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--focusweave', default=shutil.which('focusweave'))
    parser.add_argument('--rounds', type=int, default=3)
    parsed = parser.parse_args()
    images = [str(file.path) for file in stack_folder(parsed.folder)]
    meta = parsed.folder / META_FILE
    focus = ['--focus-file', str(meta)] if meta.exists() else []
    with tempfile.TemporaryDirectory() as output:
        only_images = Path(output, 'images')
        only_images.mkdir()
        for image in images:
            (only_images / Path(image).name).symlink_to(Path(image).resolve())
        commands = {'stack': [sys.executable, '-m', 'focus_stacking_ros', 'stack', *images, *focus,
                              '--output', str(Path(output, 'ours'))]}
        if parsed.focusweave:
            commands['FocusWeave'] = [
                parsed.focusweave, str(only_images), '--reference', '0', '--keep-size',
                '--min-shift', '0', '--output', str(Path(output, 'focusweave.png'))]
        best = {name: (float('inf'), 0.0) for name in commands}
        for _ in range(parsed.rounds):
            for name, command in commands.items():
                best[name] = min(best[name], measure(command))
    print('| program | seconds | peak megabytes |\n| --- | --- | --- |')
    for name, (seconds, megabytes) in best.items():
        print(f'| {name} | {seconds:.2f} | {megabytes:.0f} |')
    if len(best) == 2:
        ours, theirs = best['stack'], best['FocusWeave']
        print(f'| ratio | {ours[0] / theirs[0]:.2f} | {ours[1] / theirs[1]:.2f} |')


if __name__ == '__main__':
    main()
