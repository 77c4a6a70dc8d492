#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Error of the depth by the step of the sweep, on two rendered boards.

Run from the repository's root; prints the table of docs/step.md: the step as a multiple of the
rule there, the root mean square error in micrometres at pixels with a confidence of at least 0.5,
and their share.
"""

from __future__ import annotations

from pathlib import Path
import sys

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from focus_stacking_ros import FocusStacker, StackOptions  # noqa: E402
from focus_stacking_ros.simulation import BUILT_IN_LENS, built_in_stack  # noqa: E402
import numpy as np  # noqa: E402

__all__ = ['rule_dioptres']

COUNTS = (4, 6, 8, 12, 18, 27)
SIZE = (384, 512)  # pixels


def rule_dioptres(distance_m: float) -> float:
    """Return the step at which a point blurs by one and a half pixels from slice to slice."""
    lens = BUILT_IN_LENS
    magnification = lens.focal_length_m / (distance_m - lens.focal_length_m)
    return 1.5 * lens.pixel_pitch_m * lens.f_number / (
        lens.focal_length_m ** 2 * (1 + magnification))


def main() -> None:
    """Print the table."""
    print('| slices | step / rule | error, µm | share of pixels |')
    print('| ---: | ---: | ---: | ---: |')
    for count in COUNTS:
        errors, shares = [], []
        for seed in (0, 1):
            stack = built_in_stack(seed, SIZE, count)
            stacker = FocusStacker(StackOptions())
            for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
                stacker.add(image, distance)
            result = stacker.finish()
            known = (result.confidence >= 0.5) & np.isfinite(result.depth_m)
            errors.append(np.mean((result.depth_m - stack.depth_m)[known] ** 2))
            shares.append(known.mean())
        distances = np.array(stack.focus_distances_m)
        step = np.ptp(1 / distances) / (count - 1)
        print(f'| {count} | {step / rule_dioptres(float(distances.mean())):.1f} '
              f'| {1e6 * np.sqrt(np.mean(errors)):.0f} | {np.mean(shares):.2f} |', flush=True)


if __name__ == '__main__':
    main()
