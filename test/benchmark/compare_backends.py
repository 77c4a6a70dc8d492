#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Time of each function of the backends within whole stacks, taking turns.

Run from the repository's root: compare_backends.py [IMAGE...], in the order of the focus; without
images on a simulated board. Prints milliseconds per call, the median of all calls, and how many
times that is in the others; and fails where the results of two backends differ.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
import sys
from time import perf_counter
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import cv2  # noqa: E402
from focus_stacking_ros import FocusStacker, StackOptions, StackResult  # noqa: E402
from focus_stacking_ros.core.files.image_files import read_image  # noqa: E402
from focus_stacking_ros.core.slices import Image  # noqa: E402
from focus_stacking_ros.core.stack.backend import create_backend  # noqa: E402
from focus_stacking_ros.simulation import built_in_stack  # noqa: E402
import numpy as np  # noqa: E402

__all__ = ['TimedBackend', 'compared']

FUNCTIONS = ('front', 'align', 'accumulate', 'fuse')
_MOST_DIFFERENT = 0.01  # share of the pixels, as transforms are rounded in another way


class TimedBackend:
    """A backend that notes how long its functions take, in milliseconds."""

    choice = problem = ''

    def __init__(self, name: str) -> None:
        self.name, self._backend = name, create_backend(name)
        self.milliseconds: dict[str, list[float]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._backend, name)
        if name not in FUNCTIONS:
            return function

        def timed(*arguments: Any, **named: Any) -> Any:
            start = perf_counter()
            result = function(*arguments, **named)
            self.milliseconds[name].append(1e3 * (perf_counter() - start))
            return result
        return timed


def _share_that_differs(one: StackResult, other: StackResult) -> float:
    """Return the share of the pixels that are more than a grey level apart."""
    apart = cv2.absdiff(one.all_in_focus, other.all_in_focus)
    return float(np.mean(apart > (1 if apart.dtype == np.uint8 else 257)))


def compared(images: Sequence[Image], names: Sequence[str], repeats: int
             ) -> dict[str, dict[str, float]]:
    """Return the median time of every function and of whole stacks by backend, milliseconds."""
    backends = [TimedBackend(name) for name in names]
    for _ in range(repeats):
        for method in 'default', 'streaming':
            results = []
            for backend in backends:
                start = perf_counter()
                stacker = FocusStacker(StackOptions(method=method), backend)
                for number, image in enumerate(images, 1):
                    stacker.add(image, float(number))
                results.append(stacker.finish())
                backend.milliseconds[f'whole stack, {method}'].append(
                    1e3 * (perf_counter() - start))
            for name, result in zip(names, results, strict=True):
                if _share_that_differs(result, results[0]) > _MOST_DIFFERENT:
                    raise SystemExit(f'the results of {names[0]} and {name} differ')
    return {backend.name: {what: median(times) for what, times in backend.milliseconds.items()}
            for backend in backends}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('images', nargs='*', type=Path, metavar='IMAGE')
    parser.add_argument('--backends', nargs='+', default=['native', 'opencv'], metavar='NAME')
    parser.add_argument('--repeats', type=int, default=3, metavar='TIMES')
    given = parser.parse_args()
    images = [read_image(path) for path in given.images] or built_in_stack(
        0, (1536, 2048), 8).slices
    found = compared(images, given.backends, given.repeats)
    first = given.backends[0]
    print(f'| ms | {" | ".join(given.backends)} |')
    print(f'| --- |{" ---: |" * len(given.backends)}')
    for what in (*FUNCTIONS, 'whole stack, default', 'whole stack, streaming'):
        cells = [f'{found[name][what]:.1f}' + (
            '' if name == first else f' (x {found[name][what] / found[first][what]:.1f})')
            for name in given.backends]
        print(f'| {what} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
