#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Stack images in the order given and write what can be scored.

    python3 test/benchmark/run_method.py --output DIR --options JSON [--distances JSON] IMAGE...

Unlike the command ``stack`` it does not sort the images: far to near stays far to near.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
import numpy as np


def main() -> None:
    """Write all_in_focus.png, maps.npz and report.json."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('images', nargs='+', type=Path)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--options', type=json.loads, required=True)
    parser.add_argument('--distances', type=json.loads)
    parsed = parser.parse_args()
    stacker = FocusStacker(StackOptions(**parsed.options))
    started = perf_counter()
    for number, path in enumerate(parsed.images):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        stacker.add(image, None if parsed.distances is None else parsed.distances[number])
    result = stacker.finish()
    seconds = perf_counter() - started
    parsed.output.mkdir(parents=True, exist_ok=True)
    maps = {'index': result.slice_index, 'confidence': result.confidence,
            'depth_m': result.depth_m}
    deviation = getattr(result, 'depth_std_m', None)
    if deviation is not None:
        maps['depth_std_m'] = deviation
    np.savez(parsed.output / 'maps.npz', **maps)
    cv2.imwrite(str(parsed.output / 'all_in_focus.png'), result.all_in_focus)
    (parsed.output / 'report.json').write_text(json.dumps({
        'frames': [report.as_dict() for report in result.reports], 'notes': result.notes,
        'noise_sigma': result.noise_sigma, 'timings_ms': result.timings_ms,
        'seconds': seconds}))


if __name__ == '__main__':
    main()
