# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node measured through real DDS, with the profile of the launch files or without."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from pathlib import Path
from statistics import median
import subprocess
import sys
from typing import Any

from focus_stacking_ros.commands.benchmark.workers import HERE, Work
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.terminal import show_progress
from focus_stacking_ros.launch_environment import find_profile, launch_environment

__all__ = ['node_table']

_SECONDS = 300.0
_VARIANTS = 'profile of the launch files', 'none, as by `ros2 run`'


def node_table(images: Sequence[Path], work: Work, rate: float, stacks: int) -> list[str]:
    """
    Return lines: what the node takes and how late its results are; see ``node_run.py``.

    :param images: files in the order of the focus
    :param work: a stack
    :param rate: slices per second
    :param stacks: how many follow each other without a pause
    :raises CommandError: it cannot be run, or nothing comes; with its last words
    """
    found = []
    for variant, profile in zip(_VARIANTS, (find_profile(), ''), strict=True):
        show_progress(f'DDS: {variant} ')
        added = launch_environment(profile, {}) if profile else {}
        found.append(_measured(images, work, rate, stacks, added))
    show_progress('')
    rows = {
        'from its start to its first publisher seen, s': [
            f'{each["start"]:.2f}' for each in found],
        'processor, idle, %': [f'{each["idle"]:.1f}' for each in found],
        'slices lost of those sent': [f'{each["lost"]} of {each["sent"]}' for each in found],
        'last slice sent to last result received, median, ms': [
            f'{median(each["delays"]):.0f}' for each in found],
        'the same, greatest, ms': [f'{max(each["delays"]):.0f}' for each in found],
        'processor of the node, ms a slice': [f'{each["cpu"]:.0f}' for each in found],
        'memory of the node, peak, MB': [f'{each["megabytes"]:.0f}' for each in found]}
    return [f'{stacks} stacks of {work.count} slices at {rate:g} Hz without a pause, from another '
            f'process; backend {found[0]["backend"]}\n',
            f'| DDS | {" | ".join(_VARIANTS)} |', '| --- | ---: | ---: |',
            *(f'| {name} | {" | ".join(cells)} |' for name, cells in rows.items())]


def _measured(images: Sequence[Path], work: Work, rate: float, stacks: int,
              added: dict[str, str]) -> dict[str, Any]:
    """Return what a process of its own measured: the profile is read once in a process."""
    taken = {name: value for name, value in os.environ.items() if name not in {
        'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'}}
    paths = [str(HERE), os.environ.get('PYTHONPATH', '')]
    asked = json.dumps({**vars(work), 'rate': rate, 'stacks': stacks,
                        'images': [str(path) for path in images]})
    try:
        done = subprocess.run(
            [sys.executable, '-m', 'focus_stacking_ros.commands.benchmark.node_run', asked],
            env={**taken, **added, 'PYTHONPATH': os.pathsep.join(filter(None, paths))},
            capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f'the node was not measured within {_SECONDS:.0f} s') from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CommandError(f'the node cannot be measured: {"".join(said[-1:])[:300]}')
    known: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return known
