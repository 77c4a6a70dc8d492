# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the package's methods on a stack, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Any

import cv2
from focus_stacking_ros import StackOptions
import numpy as np
from scores import Outcome
from truth_stack import TruthStack

__all__ = ['ABLATIONS', 'RunError', 'known_methods', 'run_ours', 'run_process']

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 900  # seconds

#: What is changed, by the name of what is then missing or different.
ABLATIONS: dict[str, dict[str, Any]] = {
    'default': {},
    'alignment by translation only': {'alignment_model': 'translation'},
    'no alignment': {'alignment_model': 'none'},
    'alignment by an affine transform': {'alignment_model': 'affine'},
    'no gain': {'alignment_gain': False},
    'modified Laplacian': {'focus_measure_operator': 'modified_laplacian'},
    'LoG norm': {'focus_measure_operator': 'log_norm'},
    'window of 3 px': {'focus_measure_window': 3},
    'window of 15 px': {'focus_measure_window': 15},
    'no smoothing of the depth': {'depth_smoothing': 0.0},
    'smoothing blind to edges': {'depth_edge_contrast': 255.0},
    'smoothing keeps outliers': {'depth_outlier': 100.0},
    'fusion without the depth gate': {'fusion_depth_gate': 10.0},
    'fusion without sharpness weights': {'fusion_sharpness_power': 0.0},
    'streaming': {'method': 'streaming'},
}


class RunError(RuntimeError):
    """A program failed on a stack; the message is its last words."""


def known_methods(wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return options by method for those that StackOptions knows."""
    choices = next(item.metadata['option']['choices'] for item in fields(StackOptions)
                   if item.name == 'method')
    return {name: {} if name == 'default' else {'method': name}
            for name in wanted if name in choices}


def run_ours(stack: TruthStack, options: dict[str, Any], folder: Path) -> Outcome:
    """
    Stack the images and return what came out.

    :param stack: with truth; the result is in its reference's grid
    :param options: of StackOptions
    :param folder: for the result's files, replaced
    :raises RunError: the process failed
    """
    shutil.rmtree(folder, ignore_errors=True)
    options = {'reference': stack.reference_option, **options}
    command = [sys.executable, str(Path(__file__).with_name('run_method.py')),
               '--output', str(folder), '--options', json.dumps(options)]
    if stack.focus_distances_m is not None:
        command += ['--distances', json.dumps(stack.focus_distances_m)]
    seconds, megabytes = run_process([*command, *map(str, stack.images)],
                                     {'PYTHONPATH': str(REPOSITORY)})
    with np.load(folder / 'maps.npz') as maps:
        values: dict[str, Any] = {name: maps[name] for name in maps.files}
    frames = json.loads((folder / 'report.json').read_text())['frames']
    refused = [frame['reason'] for frame in frames if not frame['accepted']]
    if refused:
        raise RunError(f'refused a slice: {refused[0]}')
    return Outcome(
        all_in_focus=cv2.imread(str(folder / 'all_in_focus.png'), cv2.IMREAD_UNCHANGED),
        transforms=[np.array(frame['transform'], float) for frame in frames],
        seconds=seconds, megabytes=megabytes, **values)


def run_process(command: Sequence[str], environment: dict[str, str] | None = None,
                folder: Path | None = None) -> tuple[float, float]:
    """
    Run a program; return seconds of wall clock and megabytes of peak resident memory.

    :param command: program and arguments
    :param environment: variables beside this process' own
    :param folder: to run in
    :raises RunError: it cannot be started, fails or takes more than a quarter of an hour
    """
    with tempfile.TemporaryDirectory() as place:
        facts, words = Path(place, 'facts.json'), Path(place, 'words')
        launcher = [sys.executable, '-I', '-S', str(Path(__file__).with_name('launcher.py')),
                    str(facts), *command]
        with words.open('w') as stream:
            process = subprocess.Popen(
                launcher, env={**os.environ, **(environment or {})}, cwd=folder, stdout=stream,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                raise RunError(f'{command[0]} took more than {PATIENCE} s') from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        said = [line for line in words.read_text(errors='replace').splitlines() if line.strip()]
        if not facts.exists():
            raise RunError(f'{command[0]} cannot be run: {"".join(said[-1:])[:300]}')
        code, seconds, megabytes = json.loads(facts.read_text())
    if code != 0:
        raise RunError(f'{Path(command[0]).name} ended with exit code {code}: '
                       f'{"".join(said[-1:])[:300]}')
    return seconds, megabytes
