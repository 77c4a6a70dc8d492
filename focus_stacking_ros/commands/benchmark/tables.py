# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of what stacks cost: by stage, beside another version, and how they grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import os
from pathlib import Path

from focus_stacking_ros.commands.benchmark.workers import Cost, HERE, least, Work, working
from focus_stacking_ros.commands.terminal import show_progress

__all__ = ['comparison_table', 'scaling_tables', 'stage_table']

_BAR = 30  # characters of the longest bar
_COUNTS = 10, 100  # slices of the stacks that are compared
_RATE_HZ = 15  # at which a camera sends slices
_MANY = 10, 20, 50, 100
_MEGAPIXELS = 0.5, 1.0, 2.0, 4.0, 8.0


def _costs(trees: Sequence[Path], images: Sequence[Path], works: Sequence[Work], rounds: int,
           processors: int = 0) -> dict[tuple[Path, Work], Cost]:
    """Return the least cost of each work by each tree, after one that does not count."""
    found: dict[tuple[Path, Work], Cost] = {}
    with working(trees, images, processors) as workers:
        for work in works:
            runs: dict[Path, list[Cost]] = {tree: [] for tree in trees}
            for number in range(rounds + 1):
                for tree, worker in zip(trees, workers, strict=True):
                    show_progress(f'{work.count} slices, {work.method}: {number} of {rounds} ')
                    cost = worker.cost(work)
                    if number:  # the first one has to get its memory
                        runs[tree].append(cost)
            found.update({(tree, work): least(costs) for tree, costs in runs.items()})
    show_progress('')
    return found


def stage_table(images: Sequence[Path], work: Work, rounds: int) -> list[str]:
    """
    Return lines: what each stage of a stack costs, and how often that is a copy of the slices.

    :param images: files in the order of the focus
    :param work: the stack
    :param rounds: of which the shortest counts
    """
    cost = _costs([HERE], images, [work], rounds)[HERE, work]
    size = work.count * cost.slice_bytes
    lines = ['| a stack | ms | CPU ms | GB/s of slices | copies | blurs |',
             '| --- | ---: | ---: | ---: | ---: | ---: |']

    def row(name: str, milliseconds: float, cpu: float | None) -> str:
        return (f'| {name} | {milliseconds:.1f} | {"" if cpu is None else f"{cpu:.1f}"} '
                f'| {size / milliseconds / 1e6:.2f} | {milliseconds / cost.copy / work.count:.1f} '
                f'| {milliseconds / cost.blur / work.count:.2f} |')

    lines += [row(f'`add`, {work.count} slices of {cost.add:.1f} ms', work.count * cost.add,
                  work.count * cost.add_cpu), row('`finish`', cost.finish, cost.finish_cpu)]
    lines += [row(f'of which {stage}', spent, None) for stage, spent in cost.timings.items()
              if stage != 'finish' and spent > 0]
    lines += [row('all slices copied, `np.copyto`', work.count * cost.copy, None),
              row('all slices blurred, `cv2.GaussianBlur` 5x5', work.count * cost.blur, None)]
    return [f'{work.count} slices, method {work.method}, backend {cost.backend}, '
            f'{cost.megabytes:.0f} MB beyond the slices, shortest of {rounds}\n', *lines]


def comparison_table(images: Sequence[Path], other: Path, work: Work, rounds: int,
                     count: int | None = None) -> list[str]:
    """
    Return lines: this version beside that of another tree, both in turn.

    :param images: files in the order of the focus
    :param other: folder with another version of the package
    :param work: the stack; its number of slices does not count
    :param rounds: of which the shortest counts
    :param count: slices of the only stack; None for a short and a long one
    """
    trees = HERE, other
    works = [replace(work, count=each) for each in (_COUNTS if count is None else (count,))]
    paced = [replace(works[0], rate_hz=_RATE_HZ)] if count is None else []
    costs = _costs(trees, images, [*works, *paced], rounds)

    def of(each: Work, name: str) -> list[float]:
        return [getattr(costs[tree, each], name) for tree in trees]

    rows = [(f'`add`, slices at {_RATE_HZ} Hz, ms', of(each, 'add')) for each in paced]
    rows += [('`add`, one after the other, ms', of(works[0], 'add')),
             ('`add`, CPU ms', of(works[0], 'add_cpu'))]
    for each in works:
        rows += [(f'`finish` of {each.count} slices, ms', of(each, 'finish')),
                 (f'`finish` of {each.count} slices, CPU ms', of(each, 'finish_cpu')),
                 (f'memory beyond {each.count} slices, MB', of(each, 'megabytes'))]
    if count is None:
        few, many = (of(each, 'finish') for each in works)
        rows.append((f'`finish` of {_COUNTS[1]} slices / of {_COUNTS[0]}', [
            more / less for less, more in zip(few, many, strict=True)]))
    else:
        rows.append(('peak of the process, MB', of(works[0], 'peak_megabytes')))
    lines = ['| | this version | the other one | share |', '| --- | ---: | ---: | ---: |']
    lines += [f'| {name} | {mine:.1f} | {theirs:.1f} | {mine / theirs:.2f} |'
              for name, (mine, theirs) in rows]
    backends = ' and '.join(costs[tree, works[0]].backend for tree in trees)
    return [f'method {work.method}, backends {backends}, in turn, shortest of {rounds}\n', *lines]


def scaling_tables(images: Sequence[Path], work: Work, rounds: int) -> list[str]:
    """
    Return lines: how a stack's cost grows with slices and pixels, and falls with processors.

    :param images: files in the order of the focus
    :param work: the stack, of which one thing is changed
    :param rounds: of which the shortest counts
    """
    def changed(count: int = work.count, size: tuple[int, int] | None = work.size) -> Work:
        return Work(count, size, work.method, work.backend)

    by_slices = [(str(count), changed(count)) for count in _MANY]
    by_pixels = [(f'{millions:g}', changed(size=_size(millions))) for millions in _MEGAPIXELS]
    costs = _costs([HERE], images, [each for _, each in (*by_slices, *by_pixels)], rounds)
    lines = _growth('slices', [(name, costs[HERE, each]) for name, each in by_slices])
    lines += ['', *_growth('megapixels', [(name, costs[HERE, each]) for name, each in by_pixels])]
    most = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1
    counts = [count for count in (1, 2, 4, 8, 16) if count <= most]
    return [*lines, '', *_growth('processors', [
        (str(count), _costs([HERE], images, [work], rounds, count)[HERE, work])
        for count in counts])]


def _size(megapixels: float) -> tuple[int, int]:
    """Return width and height of a picture of 4:3 with even sides."""
    height = 2 * round((megapixels * 1e6 * 3 / 4) ** 0.5 / 2)
    return 2 * round(height * 2 / 3), height


def _growth(title: str, costs: Sequence[tuple[str, Cost]]) -> list[str]:
    """Return a table with a bar for each finish, the longest one full."""
    longest = max(cost.finish for _, cost in costs)
    lines = [f'| {title} | add, ms | finish, ms | MB | finish |',
             '| ---: | ---: | ---: | ---: | --- |']
    return [*lines, *(
        f'| {name} | {cost.add:.1f} | {cost.finish:.0f} | {cost.megabytes:.0f} '
        f'| {"█" * max(round(_BAR * cost.finish / longest), 1)} |' for name, cost in costs)]
