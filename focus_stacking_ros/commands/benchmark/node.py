# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node measured through real DDS, with the profile of the launch files or without."""

from __future__ import annotations

from collections.abc import Sequence
import json
import math
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

__all__ = ['node_lines', 'node_table']

_SECONDS = 300.0
_IDLE_SECONDS = 3.0  # that an idle node is looked at
_VARIANTS = 'profile of the launch files', 'none, as by `ros2 run`'


def node_table(images: Sequence[Path], work: Work, rate: float, stacks: int,
               other: Path | None = None) -> list[str]:
    """
    Return lines: what the node takes and how late its results are; see ``node_run.py``.

    :param images: files in the order of the focus
    :param work: a stack
    :param rate: slices per second
    :param stacks: how many wait for the result before, and how many follow without a pause
    :param other: folder with another version of the package, whose node is measured, too
    :raises CommandError: it cannot be run, or nothing comes; with its last words
    """
    found = []
    for tree in (None, other) if other else (None,):
        for variant, profile in zip(_VARIANTS, (find_profile(), ''), strict=True):
            show_progress(f'DDS: {variant} ')
            found.append(_measured(images, work, rate, stacks, profile, tree))
    show_progress('')
    return node_lines(work, rate, stacks, found)


def node_lines(work: Work, rate: float, stacks: int, found: Sequence[dict[str, Any]]) -> list[str]:
    """
    Return the table of what was measured.

    :param work: a stack
    :param rate: slices per second
    :param stacks: how many were sent each way
    :param found: what ``node_run.measured`` returned, with the profile and without; then, if so,
        the same of another version
    """
    titles = [*_VARIANTS, *(f'the other version: {each}' for each in _VARIANTS)][:len(found)]
    rows = {
        'start of the process to its first subscription, s': [
            f'{each["start"]:.2f}' for each in found],
        'processor, idle, %': [f'{each["idle"]:.1f}' for each in found],
        'slices lost on their way, of those sent': [
            f'{each["lost"]} of {each["sent"]}' for each in found],
        'slices left out as the node was late': [f'{each["late"]}' for each in found],
        'results received, of those made': [
            f'{each["received"]} of {each["made"]}' for each in found],
        'last slice sent to last result received, median, ms': [
            _middle(each['delays']) for each in found],
        'the same, greatest, ms': [f'{max(each["delays"], default=math.nan):.0f}'
                                   for each in found],
        'of which finishing, median, ms': [_middle(each['finishing']) for each in found],
        'of which all else, median, ms': [_middle([
            delay - finishing for delay, finishing in zip(
                each['delays'], each['finishing'], strict=True)]) for each in found],
        'without a pause between stacks, median, ms': [
            _middle(each['running']) for each in found],
        'processor of the node, ms a slice': [f'{each["cpu"]:.0f}' for each in found],
        'memory of the node, peak, MB': [f'{each["megabytes"]:.0f}' for each in found]}
    return [f'{stacks} stacks of {work.count} slices at {rate:g} Hz, each after the result before '
            f'it, then {stacks} without a pause, from another process; five images of each; '
            f'backend {found[0]["backend"]}\n',
            f'| DDS | {" | ".join(titles)} |', f'| --- {"| ---: " * len(titles)}|',
            *(f'| {name} | {" | ".join(cells)} |' for name, cells in rows.items())]


def _middle(values: Sequence[float]) -> str:
    return f'{median(values):.0f}' if values else 'none'


def _measured(images: Sequence[Path], work: Work, rate: float, stacks: int,
              profile: str, tree: Path | None) -> dict[str, Any]:
    """Return what a process of its own measured: the profile is read once in a process."""
    taken = {name: value for name, value in os.environ.items() if name not in {
        'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'}}
    added = launch_environment(profile, taken) if profile else {}
    paths = [str(HERE), os.environ.get('PYTHONPATH', '')]
    asked = json.dumps({**vars(work), 'rate': rate, 'stacks': stacks,
                        'idle_seconds': _IDLE_SECONDS,
                        'tree': None if tree is None else str(tree),
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
