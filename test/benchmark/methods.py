# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the package's methods on a stack, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
import json
from pathlib import Path
import shutil
import sys
from typing import Any

import cv2
from focus_stacking_ros import StackOptions
from focus_stacking_ros.commands.benchmark.whole_process import run_process, RunError
import numpy as np
from scores import Outcome
from truth_stack import TruthStack

__all__ = ['ABLATIONS', 'known_methods', 'run_ours']

REPOSITORY = Path(__file__).resolve().parents[2]

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
