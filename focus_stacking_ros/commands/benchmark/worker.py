# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A process that stacks images and tells what that cost; `workers.py` starts it and asks.

    worker.py PROCESSORS IMAGE...

It uses what `focus_stacking_ros` exports, so that an older version on PYTHONPATH can be asked,
too. A line of JSON on standard input is answered by one; what it asks is ``count``, ``size``,
``method``, ``backend``, ``rate_hz`` (see `workers.Work`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

if __name__ == '__main__':
    del sys.path[0]  # this folder: its modules have the names of others
    if int(sys.argv[1]) and hasattr(os, 'sched_setaffinity'):
        # Before the libraries count the processors.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
import focus_stacking_ros.backends  # noqa: F401
import numpy as np

__all__ = ['answer', 'series']

_REPEATS = 7
_COPIED = 10


def series(files: Sequence[str], count: int, size: Sequence[int] | None) -> list[Any]:
    """
    Return a stack of a number of slices and a size.

    Of fewer slices than there are files it is of those that lie evenly among them; of more, what
    is between two given slices is their weighted mean.

    :param files: of at least two images, in the order of their focus
    :param count: how many slices to return
    :param size: their width and height in pixels, None for that of the images
    """
    @lru_cache(maxsize=2)
    def image(number: int) -> Any:
        found = cv2.imread(files[number], cv2.IMREAD_COLOR)
        return found if size is None else cv2.resize(
            found, (size[0], size[1]), interpolation=cv2.INTER_CUBIC)

    slices = []
    for number in range(count):
        place = number * (len(files) - 1) / max(count - 1, 1)
        if count <= len(files):
            slices.append(image(int(place + 0.5)))
            continue
        before = min(int(place), len(files) - 2)
        slices.append(cv2.addWeighted(image(before), 1 - (place - before), image(before + 1),
                                      place - before, 0))
    return slices


def _memory(name: str) -> float:
    """Return VmRSS or VmHWM of this process in megabytes; NaN where the system does not tell."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return float('nan')
    return next(float(line.split()[1]) / 1e3 for line in lines if line.startswith(f'{name}:'))


def _shortest(work: Any) -> float:
    """Return the shortest of several times, in milliseconds."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def answer(slices: list[Any], method: str, backend: str, rate_hz: float = 0) -> dict[str, Any]:
    """
    Stack images once; returns times in milliseconds and memory in megabytes.

    :param rate_hz: slices that come in a second; 0: each when the one before is added
    :return: ``add`` (the median but for the first slice), ``add_cpu`` (the mean of all slices),
        ``finish``, ``finish_cpu``, ``timings`` of the stacker, ``backend``; ``megabytes`` beyond
        the slices themselves, ``peak_megabytes`` of the process; ``copy`` and ``blur``: np.copyto
        and cv2.GaussianBlur of 5x5 pixels of a slice
    """
    some = slices[:_COPIED]  # more than one, as a single slice stays in the processor's cache
    targets = [np.empty_like(image) for image in some]

    def copy() -> None:
        for target, image in zip(targets, some, strict=True):
            np.copyto(target, image)

    found: dict[str, Any] = {
        'copy': _shortest(copy) / len(some),
        'blur': _shortest(lambda: cv2.GaussianBlur(some[0], (5, 5), 1, dst=targets[0])),
        'slice_bytes': some[0].nbytes}
    targets.clear()
    before = _memory('VmRSS')
    try:
        Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew
    except OSError:
        before = float('nan')
    stacker = FocusStacker(StackOptions(method=method), backend)
    times, start_cpu, due = [], time.process_time(), time.perf_counter()
    for image in slices:
        time.sleep(max(due - time.perf_counter(), 0))
        due += 1 / rate_hz if rate_hz else 0
        start = time.perf_counter()
        stacker.add(image)
        times.append(time.perf_counter() - start)
    added_cpu, start = time.process_time(), time.perf_counter()
    result = stacker.finish()
    end, end_cpu = time.perf_counter(), time.process_time()
    peak = _memory('VmHWM')
    return {**found, 'add': 1e3 * float(np.median(times[1:])),
            'add_cpu': 1e3 * (added_cpu - start_cpu) / len(slices),
            'finish': 1e3 * (end - start), 'finish_cpu': 1e3 * (end_cpu - added_cpu),
            'timings': result.timings_ms, 'backend': result.backend,
            'megabytes': peak - before, 'peak_megabytes': peak}


def main(paths: list[str]) -> None:
    """Answer until standard input ends."""
    known: dict[str, list[Any]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = json.dumps([asked['count'], asked['size']])
        if key not in known:
            known = {key: series(paths, asked['count'], asked['size'])}  # the others are let go
        print(json.dumps(answer(known[key], asked['method'], asked['backend'],
                                asked['rate_hz'])), flush=True)


if __name__ == '__main__':
    main(sys.argv[2:])
