# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Which constants of the algorithm no test holds: each is halved and doubled, and the tests run.

::

    python3 test/benchmark/mutate_constants.py --minutes 60 --jobs 2

Only copies of the checkout are changed. Prints a table in Markdown: a constant survives a factor
if all tests still pass.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
import queue
import shutil
import subprocess
import sys
import tempfile
import time

__all__ = ['Constant', 'constants_of', 'mutated']

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = 'focus_stacking_ros/core'
MODULES = ('depth/bending', 'depth/clues', 'depth/confidence', 'depth/curves', 'depth/surface',
           'fuse/weights', 'fuse/job', 'stack/fusion_guide', 'stack/finish', 'stack/estimate',
           'depth/peaks', 'depth/volume', 'align/level_fit', 'align/pyramid', 'align/pairwise',
           'align/repetition')
#: After those of the constant's module and of its folder: whole stacks, class by class.
CLASSES = 'test/core/stack/test_stack_classes.py'
FACTORS = 0.5, 2.0
TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Constant:
    """
    A number at the top of a module.

    :param module: path of its file in the repository
    :param name: of the constant
    :param text: as it is written
    :param start: offset of that text in the file, characters
    """

    module: str
    name: str
    text: str
    start: int


def constants_of(module: str, source: str) -> Iterator[Constant]:
    """
    Yield the numbers that are assigned to names in capitals at the top of a module, in order.

    :param module: path of the file in the repository
    :param source: its text, ASCII before each number on its line
    """
    lines = source.splitlines(keepends=True)
    offsets = [sum(map(len, lines[:number])) for number in range(len(lines))]
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            for name, value in _pairs(target, statement.value):
                if not name.strip('_').isupper():
                    continue
                text = ast.get_source_segment(source, value) or ''
                yield Constant(module, name, text, offsets[value.lineno - 1] + value.col_offset)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.Constant]]:
    """Yield the names and numbers of an assignment, of tuples one by one."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _pairs(each, part)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Tuple):
        for number, part in enumerate(value.elts):
            if isinstance(part, ast.Constant):
                yield f'{target.id}[{number}]', part
    elif (isinstance(target, ast.Name) and isinstance(value, ast.Constant)
          and type(value.value) in {int, float}):
        yield target.id, value


def mutated(source: str, constant: Constant, factor: float) -> str:
    """Return the module's text with one number multiplied; whole numbers stay whole, odd odd."""
    value = ast.literal_eval(constant.text)
    if isinstance(value, int):
        changed: float = max(round(value * factor), 1)
        changed += value % 2 != changed % 2 and value % 2
    else:
        changed = value * factor
    end = constant.start + len(constant.text)
    return source[:constant.start] + repr(changed) + source[end:]


def _copied(folder: Path) -> Path:
    """Return a copy of what the tests need."""
    for name in ('focus_stacking_ros', 'test'):
        shutil.copytree(REPOSITORY / name, folder / name,
                        ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml', 'setup.cfg', 'pytest.ini', 'package.xml'):
        if (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, folder)
    return folder


def tests_of(module: str) -> list[str]:
    """
    Return the tests that may notice a change, those that notice most quickly first.

    :param module: path of a file in the repository
    """
    file = Path('test/core') / Path(module).relative_to(CORE)
    own = file.with_name(f'test_{file.name}')
    first = [str(own)] if (REPOSITORY / own).is_file() else []
    return [*first, str(file.parent), CLASSES]


def _survives(copy: Path, tests: Sequence[str]) -> bool:
    """Tell whether tests pass in a copy."""
    command = [sys.executable, '-m', 'pytest', '-x', '-q', '-p', 'no:cacheprovider', *tests]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, check=False,
                              timeout=TIMEOUT_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0].strip())
    parser.add_argument('--minutes', type=float, default=60.0, help='begin no run after that')
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--module', action='append', help='only these, such as depth/curves')
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    found: list[Constant] = []
    for name in options.module or MODULES:
        file = f'{CORE}/{name}.py'
        found += constants_of(file, (REPOSITORY / file).read_text(encoding='utf-8'))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(options.jobs):
            copies.put(_copied(Path(folder) / str(number)))
        if not _survives(Path(folder) / '0', ['test/core/depth', 'test/core/fuse', CLASSES]):
            sys.exit('the tests fail before anything is changed: run them alone first')

        def judge(constant: Constant) -> list[str]:
            copy = copies.get()
            file = copy / constant.module
            source = file.read_text(encoding='utf-8')
            results = []
            for factor in FACTORS:
                if time.monotonic() > end:
                    results.append('not run')
                    continue
                try:
                    file.write_text(mutated(source, constant, factor), encoding='utf-8')
                    survives = _survives(copy, tests_of(constant.module))
                    results.append('survives' if survives else 'noticed')
                finally:
                    file.write_text(source, encoding='utf-8')
            copies.put(copy)
            return results

        print('| Constant | Value | halved | doubled |\n|---|---|---|---|')
        for constant, results in zip(found, pool.map(judge, found), strict=True):
            name = constant.module[len(CORE) + 1:-3]
            print(f'| `{name}.{constant.name}` | {constant.text} | {results[0]} | {results[1]} |',
                  flush=True)


if __name__ == '__main__':
    main()
