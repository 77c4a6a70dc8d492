# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Which constants of the algorithm no test holds: each is halved and doubled, and the tests run.

::

    python3 test/benchmark/mutate_constants.py --minutes 60 --results results.tsv

Only a copy of the checkout is changed. Each constant meets the tests of its module, what survives
them those of its folder, then whole stacks. The file of results has a line for each run; these are
not run again, so that it can be done in parts, and a line that is deleted is run anew. In the end
a table in Markdown is printed.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import multiprocessing
import os
from pathlib import Path
import shutil
import sys
import tempfile
import time

__all__ = ['Constant', 'Results', 'all_constants', 'constants_of', 'mutated', 'noticing', 'table']

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = 'focus_stacking_ros/core'
FOLDERS = 'align', 'depth', 'focus', 'fuse', 'stack'
TIME, SAMPLE = 'time or memory', 'how large a sample stands for all'
TINY, LITTLE = 'division by 0, rounding', 'which shares are too small to count'
#: What else than a result depends on a constant, or on that halved or doubled; not judged.
WITHOUT_EFFECT = {
    'depth/curves._BAND': TIME, 'depth/focus_history._FINER doubled': TIME,
    'depth/packed_planes._MOST': TIME,
    'depth/plane_median._PIXELS': TIME, 'depth/plane_median._VALUES': TIME,
    'depth/rims.MARGIN doubled': TIME, 'depth/rims.TILE': TIME, 'depth/rims._SPARSE halved': TIME,
    'depth/seen_through.FEWEST_SLICES halved': TIME, 'depth/tour._AT_ONCE': TIME,
    'depth/tour._LONGEST doubled': TIME, 'depth/tour._STARTS': TIME,
    'depth/tour_bound._INERTIA': TIME, 'depth/tour_bound._PATIENCE': TIME,
    'depth/tour_bound._SHORTER': TIME, 'depth/tour_bound._STEP': TIME,
    'depth/tour_bound._STEPS': TIME, 'stack/order_check._FEWEST halved': TIME,
    'focus/measure._BAND': TIME, 'fuse/gathering._DOUBTED_AT_ONCE': TIME,
    'fuse/job.TILE[0]': TIME, 'fuse/job.TILE[1]': TIME, 'fuse/running_average._BAND': TIME,
    'fuse/unmixing._CHUNK': TIME, 'fuse/unmixing._MOST_STEPS doubled': TIME,
    'fuse/unmixing._ROW': TIME, 'stack/streamed._BAND': TIME,
    'stack/repeated._ROWS': TIME, 'stack/sensor._FARTHEST doubled': TIME,
    'stack/sensor_defects._ALONE doubled': TIME, 'stack/sensor_defects._LOOKED_AT doubled': TIME,
    'align/pyramid.SAMPLED_CELLS': SAMPLE, 'depth/bending._ENOUGH': SAMPLE,
    'depth/focus_history._MOST_BLOCKS': SAMPLE, 'depth/seen_through.SPARSE': SAMPLE,
    'depth/shaken._BLOCKS': SAMPLE, 'depth/volume._MANY_PIXELS': SAMPLE,
    'focus/light._PIXELS': SAMPLE,
    'focus/noise._PIXELS': SAMPLE, 'fuse/unmixing._TRIED': SAMPLE,
    'depth/additive.LEAST': TINY, 'depth/narrower._LEAST': TINY, 'depth/surface.TINY': TINY,
    'depth/tour._ROUNDING': TINY, 'fuse/greatest_blocks.APART': TINY,
    'fuse/gathering._ERROR': TINY, 'fuse/running_average.FAINT': TINY,
    'fuse/soft_structure._STEPS': TINY, 'fuse/unmixing._SURE_OF_EDGE': TINY,
    'fuse/faint._LEAST': LITTLE, 'fuse/job.DISTRUSTED': LITTLE, 'fuse/unsure._LEAST': LITTLE,
}
STAGES = 'module', 'folder', 'stacks'
STACKS = [f'test/{name}.py' for name in (
    'core/stack/test_order_check_long', 'backends/test_specification', 'backends/test_fuse',
    'core/stack/test_estimate', 'core/stack/test_finish', 'core/stack/test_order_check',
    'core/stack/test_stack_classes')]
FACTORS = 0.5, 2.0
TIMEOUT_S = 900.0
#: Most of a short test's time is that of imports, which a process forked after them has not.
PROCESSES = multiprocessing.get_context('forkserver')
PROCESSES.set_forkserver_preload(['pytest', 'hypothesis', '_hypothesis_pytestplugin', 'xdist',
                                  'numpy', 'cv2', 'PIL.Image'])


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

    @property
    def full_name(self) -> str:
        """Return folder, module and name, such as ``depth/curves.WEAK``."""
        return f'{self.module[len(CORE) + 1:-3]}.{self.name}'


def constants_of(module: str, source: str) -> Iterator[Constant]:
    """
    Yield the numbers that are assigned to names in capitals at the top of a module, in order.

    :param module: path of the file in the repository
    :param source: its text, ASCII before each number on its line
    """
    lines = source.splitlines(keepends=True)
    offsets = [sum(map(len, lines[:number])) for number in range(len(lines))]
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and statement.value:
            targets, assigned = [statement.target], statement.value
        elif isinstance(statement, ast.Assign):
            targets, assigned = statement.targets, statement.value
        else:
            continue
        for target in targets:
            for name, value in _pairs(target, assigned):
                if name.strip('_').split('[')[0].isupper():
                    text = ast.get_source_segment(source, value) or ''
                    yield Constant(module, name, text,
                                   offsets[value.lineno - 1] + value.col_offset)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and numbers of an assignment, of tuples one by one."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _pairs(each, part)
    elif isinstance(target, ast.Name):
        yield from _parts(target.id, value)


def _parts(name: str, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the numbers that a value consists of."""
    if isinstance(value, ast.Tuple):
        for number, part in enumerate(value.elts):
            yield from _parts(f'{name}[{number}]', part)
    else:
        if isinstance(value, ast.Call) and ast.unparse(value.func) == 'np.float32':
            value = value.args[0]
        if _value(value):
            yield name, value


def _value(expression: ast.expr) -> float:
    """Return what numbers alone make of it, 0 where it has anything else."""
    parts = ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop
    if not all(isinstance(node, parts) for node in ast.walk(expression)):
        return 0
    value = eval(compile(ast.Expression(expression), '', 'eval'), {'__builtins__': {}})
    return value if type(value) in {int, float} else 0


def mutated(source: str, constant: Constant, factor: float) -> str:
    """Return the module's text with one number multiplied; whole numbers stay whole, odd odd."""
    value = _value(ast.parse(constant.text, mode='eval').body)
    changed = value * factor
    if isinstance(value, int):
        odd = value % 2 and value > 1  # such as the side of a window
        changed = int(changed // 2 * 2 + 1 if odd else round(changed))
    end = constant.start + len(constant.text)
    return source[:constant.start] + repr(changed) + source[end:]


def all_constants() -> list[Constant]:
    """Return those of all modules on which results depend."""
    found = []
    for folder in FOLDERS:
        for file in sorted((REPOSITORY / CORE / folder).glob('*.py')):
            module = str(file.relative_to(REPOSITORY))
            found += constants_of(module, file.read_text(encoding='utf-8'))
    return found


def excuse(constant: Constant, factor: float) -> str:
    """Return what else than a result depends on a change, '' if a result does."""
    name = constant.full_name
    way = f'{name} {"halved" if factor < 1 else "doubled"}'
    return WITHOUT_EFFECT.get(name, WITHOUT_EFFECT.get(way, ''))


def noticing(module: str, stage: str) -> list[str]:
    """
    Return the tests of a stage, none where the module has no test of its own.

    :param module: path of a file in the repository
    :param stage: one of ``STAGES``
    """
    file = Path('test/core') / Path(module).relative_to(CORE)
    if stage == 'module':
        folder = REPOSITORY / file.parent
        own = [folder / f'test_{file.name}', *sorted(folder.glob(f'test_{file.stem}_*.py'))]
        return [str(each.relative_to(REPOSITORY)) for each in own if each.is_file()]
    return [str(file.parent)] if stage == 'folder' else STACKS


class Results:
    """
    What was found, each line of it in a file as soon as it is known.

    :param file: the lines of earlier runs, if there are any; ``None`` to keep none
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text(encoding='utf-8').splitlines() if file and file.exists() else []
        self._known = {tuple(line.split('\t')[:4]): line.split('\t')[4] for line in lines}

    @staticmethod
    def _key(constant: Constant, factor: float, stage: str) -> tuple[str, ...]:
        return constant.full_name, constant.text, str(factor), stage

    def add(self, constant: Constant, factor: float, stage: str, *, noticed: bool) -> None:
        """Keep what the tests of a stage said."""
        key = self._key(constant, factor, stage)
        self._known[key] = 'noticed' if noticed else 'survives'
        if self._file:
            with self._file.open('a', encoding='utf-8') as lines:
                lines.write('\t'.join([*key, self._known[key]]) + '\n')

    def known(self, constant: Constant, factor: float, stage: str) -> bool:
        """Tell whether a run would be in vain: it was made, or a stage before has noticed."""
        return (self._key(constant, factor, stage) in self._known
                or self.verdict(constant, factor) in STAGES)

    def verdict(self, constant: Constant, factor: float) -> str:
        """Return the stage that notices, or ``none``, ``none yet`` if not all ran, ``not run``."""
        said = [self._known.get(self._key(constant, factor, stage)) for stage in STAGES]
        for stage, each in zip(STAGES, said, strict=True):
            if each == 'noticed':
                return stage
        return 'not run' if not any(said) else 'none yet' if None in said else 'none'


def table(constants: Iterable[Constant], results: Results) -> Iterator[str]:
    """Yield the lines of a table in Markdown: by what each constant is held, module by module."""
    modules: dict[str, list[Constant]] = {}
    for constant in constants:
        modules.setdefault(constant.full_name.split('.')[0], []).append(constant)
    yield '| module | constants | held by its tests | by others | halved, doubled of the rest |'
    yield '| --- | ---: | ---: | ---: | --- |'
    for module, members in modules.items():
        judged = [(each, [excuse(each, factor) or results.verdict(each, factor)
                          for factor in FACTORS]) for each in members]
        own = sum(set(verdicts) == {'module'} for _, verdicts in judged)
        held = sum(set(verdicts) <= {*STAGES} for _, verdicts in judged)
        rest = '; '.join(f'`{each.name}`: ' + ', '.join(dict.fromkeys(
            verdict if verdict not in STAGES else 'noticed' for verdict in verdicts))
            for each, verdicts in judged if not set(verdicts) <= set(STAGES))
        yield f'| `{module}` | {len(judged)} | {own} | {held - own} | {rest} |'


def _copied(folder: Path) -> Path:
    """Return a copy of what the tests need."""
    for name in ('focus_stacking_ros', 'test'):
        shutil.copytree(REPOSITORY / name, folder / name,
                        ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml', 'setup.cfg', 'package.xml'):
        shutil.copy(REPOSITORY / name, folder)
    return folder


def _run(copy: Path, tests: Sequence[str]) -> None:
    """Run tests in this process and end it."""
    import pytest  # the processes' server has it already, the one that starts them needs none
    with Path(os.devnull).open('w', encoding='utf-8') as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.exit(pytest.main(['-x', '-q', '-p', 'no:cacheprovider', *tests]))


def _pass(copy: Path, tests: Sequence[str]) -> bool:
    """Tell whether tests pass in a copy."""
    process = PROCESSES.Process(target=_run, args=(copy, tests))
    process.start()
    process.join(TIMEOUT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0].strip())
    parser.add_argument('--minutes', type=float, default=60.0, help='begin no run after that')
    parser.add_argument('--results', type=Path, help='file of results, of earlier runs, too')
    parser.add_argument('--only', action='append', metavar='START',
                        help='only names that begin so, such as depth/curves or fuse/job.TILE')
    parser.add_argument('--stages', nargs='+', choices=STAGES, default=STAGES,
                        help='only the tests of these')
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    starts = tuple(options.only or [''])
    constants = [each for each in all_constants() if each.full_name.startswith(starts)]
    results = Results(options.results)
    passing: dict[tuple[str, ...], bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = _copied(Path(folder))
        runs = ((stage, constant, factor) for stage in STAGES if stage in options.stages
                for constant in constants for factor in FACTORS
                if not excuse(constant, factor))
        for stage, constant, factor in runs:
            if results.known(constant, factor, stage) or time.monotonic() > end:
                continue
            tests = noticing(constant.module, stage)
            if not passing.setdefault(tuple(tests), not tests or _pass(copy, tests)):
                sys.exit(f'{" ".join(tests)} fail before anything is changed')
            file = copy / constant.module
            source = file.read_text(encoding='utf-8')
            try:
                file.write_text(mutated(source, constant, factor), encoding='utf-8')
                results.add(constant, factor, stage,
                            noticed=bool(tests) and not _pass(copy, tests))
            finally:
                file.write_text(source, encoding='utf-8')
    print('\n'.join(table(constants, results)))


if __name__ == '__main__':
    main()
