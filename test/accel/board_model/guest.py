# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Stack slices in the machine that is counted (counter.c), and say which stage runs.

``guest.py REPOSITORY SLICES.npy WORDS.json [DRIVER]``: with a driver, the kernel's operations are
done by that program outside of the machine, in a stage of their own, 'fabric'.
"""

from __future__ import annotations

from contextlib import suppress
import json
import os
from pathlib import Path
import sys
from typing import Any

_THREAD, _ALL = 0x4653, 0x4654  # of counter.c
_STAGES = ['nothing', 'add', 'finish', 'fabric']


def _say(which: int, stage: int) -> None:
    with suppress(OSError):  # as it means nothing
        os.getpriority(which, stage)


def _number(stage: str) -> int:
    if stage not in _STAGES:
        _STAGES.append(stage)
    return _STAGES.index(stage)


def _within(stage: str, function: Any) -> Any:
    """Return a function that does the same, and says that it is a stage."""
    def call(*arguments: Any, **named: Any) -> Any:
        _say(_THREAD, _number(stage))
        try:
            return function(*arguments, **named)
        finally:
            _say(_THREAD, 0)
    return call


def main(repository: str, slices: str, words: str, driver: str = '') -> None:
    """Stack, and write the names of the stages."""
    sys.path[:0] = [repository, str(Path(repository, 'test'))]
    from focus_stacking_ros import FocusStacker, StackOptions
    from focus_stacking_ros.backends.kernel import KernelBackend
    from focus_stacking_ros.backends.native_library import NativeLibrary
    from focus_stacking_ros.core.stack.backend import create_backend
    import numpy as np

    plain = NativeLibrary.call

    def call(self: Any, name: str, *arguments: Any) -> None:
        _within(name, plain)(self, name, *arguments)

    NativeLibrary.call = call  # type: ignore[method-assign]
    backend: Any
    if driver:
        from accel.kernel_builds import ProcessDevice

        device = ProcessDevice([driver])
        device.start = _within('fabric', device.start)  # type: ignore[method-assign]
        backend = KernelBackend(device)
    else:
        backend = create_backend('native')
    stack = np.load(slices)
    stacker = FocusStacker(StackOptions(), backend)
    _say(_ALL, _STAGES.index('add'))
    for image in stack:
        stacker.add(image)
    _say(_ALL, _STAGES.index('finish'))
    result = stacker.finish()
    _say(_ALL, 0)
    Path(words).write_text(json.dumps({
        'stages': _STAGES, 'backend': result.backend, 'slices': len(stack),
        'shape': stack.shape[1:3], 'index': float(np.nanmean(result.slice_index))}))


if __name__ == '__main__':
    main(*sys.argv[1:])
