# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that stack images when they are asked to, of this version or of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any

from focus_stacking_ros.commands.errors import CommandError

__all__ = ['HERE', 'Cost', 'Work', 'Worker', 'least', 'working']

#: The tree that this package was imported from.
HERE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Work:
    """
    A stack to measure.

    :param count: slices
    :param size: width and height in pixels, None for those of the images
    :param method: of `StackOptions`
    :param backend: its name
    :param rate_hz: slices that come in a second; 0: each when the one before is added
    """

    count: int
    size: tuple[int, int] | None = None
    method: str = 'default'
    backend: str = 'auto'
    rate_hz: float = 0


@dataclass(frozen=True)
class Cost:
    """
    What a stack cost: times in milliseconds.

    :param add: a slice, the median of all but the first
    :param add_cpu: a slice, of all processors, the mean
    :param finish: the end of the stack
    :param finish_cpu: of all processors
    :param timings: of the stacker's stages, a stack
    :param megabytes: greatest memory beyond the slices; NaN where the system does not tell
    :param peak_megabytes: that of the whole process, with libraries and slices
    :param copy: np.copyto of a slice
    :param blur: cv2.GaussianBlur of a slice, 5x5 pixels
    :param slice_bytes: size of a slice
    :param backend: what did the work
    """

    add: float
    add_cpu: float
    finish: float
    finish_cpu: float
    timings: dict[str, float]
    megabytes: float
    peak_megabytes: float
    copy: float
    blur: float
    slice_bytes: int
    backend: str


def least(costs: Sequence[Cost]) -> Cost:
    """Return the least of each number of several runs of the same work; of memory the greatest."""
    def smallest(name: str) -> float:
        return float(min(getattr(cost, name) for cost in costs))

    stages = dict.fromkeys(stage for cost in costs for stage in cost.timings)
    return Cost(smallest('add'), smallest('add_cpu'), smallest('finish'), smallest('finish_cpu'),
                {stage: min(cost.timings[stage] for cost in costs if stage in cost.timings)
                 for stage in stages},
                max(cost.megabytes for cost in costs),
                max(cost.peak_megabytes for cost in costs), smallest('copy'), smallest('blur'),
                costs[0].slice_bytes, costs[0].backend)


class Worker:
    """
    A process that stacks images.

    :param tree: folder with the package ``focus_stacking_ros``, of this version or an older one
    :param images: files in the order of the focus, at least two
    :param words: file for what it says
    :param processors: how many it may use, 0 for all
    """

    def __init__(self, tree: Path, images: Sequence[Path], words: Path, processors: int = 0
                 ) -> None:
        self._tree, self._words = tree, words
        paths = [str(tree), os.environ.get('PYTHONPATH', '')]
        with words.open('w') as stream:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name('worker.py')), str(processors),
                 *map(str, images)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=stream, env={**os.environ,
                                    'PYTHONPATH': os.pathsep.join(filter(None, paths))})

    def cost(self, work: Work) -> Cost:
        """
        Let it stack once.

        :raises CommandError: it has ended; with its last words
        """
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        try:
            into.write(json.dumps(vars(work)) + '\n')
            into.flush()
            line = out.readline()
        except OSError:
            line = ''
        if not line:
            said = self._words.read_text(errors='replace').strip().splitlines()
            raise CommandError(f'what measures {self._tree} has ended: '
                               f'{"".join(said[-1:])[:300] or "it says nothing"}')
        known: dict[str, Any] = json.loads(line)
        return Cost(**known)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def working(trees: Sequence[Path], images: Sequence[Path], processors: int = 0
            ) -> Iterator[list[Worker]]:
    """
    Yield a `Worker` for each tree; they end with the context.

    :param trees: folders with the package
    :param images: files in the order of the focus
    :param processors: how many each may use, 0 for all
    """
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for number, tree in enumerate(trees):
                workers.append(Worker(tree, images, Path(folder, str(number)), processors))
            yield workers
        finally:
            for worker in workers:
                worker.end()
