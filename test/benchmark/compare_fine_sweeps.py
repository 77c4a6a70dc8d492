#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tell what several times as many slices of the same sweep tell more of rendered scenes.

Run from the repository's root: compare_fine_sweeps.py [SCENE...], of those of rendered_stacks.py,
by default all that have noise, in a few minutes. Prints for each with its slices, and with six
times as many: the share of pixels with a confidence of at least 0.5, the median error of their
depth in micrometres, the area under the sparsification error (of that error, below 1 mm), and the
PSNR of the all-in-focus image.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import sys

sys.path[:0] = [str(Path(__file__).resolve().parents[which]) for which in (2, 1)]

from focus_stacking_ros import FocusStacker, StackOptions  # noqa: E402
from focus_stacking_ros.commands.score import psnr  # noqa: E402
from focus_stacking_ros.simulation import render_stack, SimulatedStack  # noqa: E402
from helpers.metrics import area_under_sparsification_error, inner  # noqa: E402
import numpy as np  # noqa: E402
from rendered_stacks import RECIPES  # noqa: E402

__all__ = ['finer']

_FINER = 6
_SIZE = (360, 480)  # pixels
_MOST_M = 1e-3  # errors beyond are counted as this, and what is unknown
_SCENES = ('board', 'board_breathing_out', 'board_noisy', 'board_drift', 'board_handheld',
           'solder', 'solder_16_bit', 'metal', 'metal_handheld', 'balls_16_bit', 'plane_uneven',
           'dome', 'wires', 'wires_breathing', 'textureless')


def finer(name: str, times: int) -> SimulatedStack:
    """Return a stack of `RECIPES`, smaller, with several times as many slices from end to end."""
    recipe = RECIPES[name]
    dioptres = 1 / np.asarray(recipe.sweep.focus_distances_m)
    places = np.linspace(0, len(dioptres) - 1, times * len(dioptres))
    distances = 1 / np.interp(places, np.arange(len(dioptres)), dioptres)
    sweep = replace(recipe.sweep, focus_distances_m=tuple(distances.tolist()))
    return render_stack(recipe.scene(recipe.seed, _SIZE), recipe.lens, sweep, recipe.seed)


def main(names: list[str]) -> None:
    """Print the table."""
    print('| scene | slices | share | error, µm | AUSE | PSNR, dB |')
    print('| --- | ---: | ---: | ---: | ---: | ---: |')
    for name in names or _SCENES:
        for times in (1, _FINER):
            stack = finer(name, times)
            stacker = FocusStacker(StackOptions(
                reference='first' if stack.reference == 0 else 'last'))
            for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
                stacker.add(image, distance)
            result = stacker.finish()
            seen = inner(stack.depth_m.shape) & ~stack.occluded
            error = np.minimum(np.nan_to_num(np.abs(result.depth_m - stack.depth_m), nan=_MOST_M),
                               _MOST_M)[seen]
            confidence = result.confidence[seen]
            known = confidence >= 0.5
            ause = area_under_sparsification_error(error, confidence)
            print(f'| {name} | {len(stack.focus_distances_m)} | {known.mean():.2f} '
                  f'| {1e6 * np.median(error[known]):.0f} | {ause:.2f} '
                  f'| {psnr(result.all_in_focus, stack.all_in_focus):.1f} |', flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
