#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Count how often each pipelined loop of the kernel's source runs for a 1080p slice, with gcov.

Prints, per operation, the iterations of every process, and then the table of docs/kv260.md, or
writes it there (--write-docs): at one iteration per cycle (II=1, which nobody has synthesised) and
with memory that keeps up, the process with the most is what a slice takes. Needs g++ and gcov 9 or
newer; run it from the root of the repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import re
import struct
import subprocess
import sys
import tempfile

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / 'docs' / 'kv260.md'
ROWS, COLUMNS = 1080, 1920
SOURCE = HERE.parent / 'src' / 'focus_stacking_accel.cpp'
HEADERS = HERE.parent / 'include' / 'focus_stacking_accel'
CLOCKS_MHZ = 200, 250, 300
#: What an accelerator can count on of the memory, bytes per nanosecond (estimate, see the page).
MEMORY = 10
#: All planes of 'front' but the responses, with the first of those.
PLANES = 0b1111
_NAME = re.compile(r'(?:\w+ )?focus_stacking::(\w+(?:<\d+>)?)\(.*')


@dataclass(frozen=True)
class Operation:
    """
    One run of the kernel.

    :param name: the operation, then a variant
    :param sizes: of source, response, state_in, state_out, bytes
    :param moved: bytes that are read and written in the device's memory
    :param scalars: what is not 0
    """

    name: str
    sizes: tuple[int, int, int, int]
    moved: int
    scalars: dict[str, int]


def operations() -> list[Operation]:
    """Return what is counted."""
    full, quarter = ROWS * COLUMNS, ROWS * COLUMNS // 4
    half = {'rows': ROWS // 2, 'columns': COLUMNS // 2}
    scale = {'xx': int(1.01 * (1 << 24)), 'x0': -4 << 16, 'yy': int(1.01 * (1 << 24)),
             'y0': -2 << 16, 'gain': 16384, 'gain_2': 16384, 'gain_3': 16384}
    light = {'noise_step': 9, 'light_step': 5, 'cell_rows': 30, 'cell_columns': 30}
    # Luma and sharpness; half luma and a response: bytes.
    planes = full * 3 + quarter * 4
    sums = (4096 + 768 + 64 * 36 * 3) * 16
    found = [Operation(f'front, {name}', (full * size, planes, 16, sums),
                       full * size + planes + sums,
                       {'operation': 1, 'rows': ROWS, 'columns': COLUMNS, 'layout': layout,
                        'planes': PLANES, **light})
             for name, layout, size in (('8-bit grey', 1, 1), ('8-bit colour', 3, 3),
                                        ('16-bit colour', 4, 6))]
    found.append(Operation('align', (quarter * 2, quarter * 2, 16, 16), quarter * 4,
                           {'operation': 2, **half, **scale}))
    found.append(Operation('accumulate', (quarter * 2, 16, quarter * 16, quarter * 16),
                           quarter * 34, {'operation': 3, **half, 'window': 3, 'slice': 1}))
    found += [Operation(f'fuse, {name}', (full * size, full * size, full * 8, full * 16),
                        full * (size + 8 + 32),
                        {'operation': 4, 'rows': ROWS, 'columns': COLUMNS, 'layout': layout,
                         'slice': 1, **scale, 'height': ROWS, 'power': 256})
              for name, layout, size in (('8-bit colour', 3, 4), ('16-bit colour', 4, 8))]
    return found


def arguments() -> list[str]:
    """Return the names of the kernel's scalars in their order."""
    signature = re.search(r'void focus_stacking_accel\((.*?)\)\s*\{', SOURCE.read_text(), re.S)
    assert signature is not None
    return re.findall(r'\bint (\w+)', signature.group(1))


def pipelined_lines(path: Path) -> Iterator[int]:
    """Yield the numbers of the lines with which the bodies of pipelined loops begin."""
    wanted = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if 'PIPELINE II=1' in line:
            wanted = True
        elif wanted and not line.lstrip().startswith(('#', '//')):
            yield number
            wanted = False


def iterations(build: Path) -> dict[str, int]:
    """Return the iterations of pipelined loops by function, from what gcov says."""
    said = subprocess.run(
        ['gcov', '--json-format', '--stdout', *map(str, build.glob('*accel.gcda'))], cwd=build,
        capture_output=True, text=True, check=True).stdout
    found: dict[str, int] = {}
    for file in json.loads(said)['files']:
        path = (build / file['file']).resolve()
        if HEADERS not in path.parents:
            continue
        names = {each['name']: _NAME.sub(r'\1', each['demangled_name'])
                 for each in file['functions']}
        wanted = set(pipelined_lines(path))
        for line in file['lines']:
            if line['line_number'] in wanted and line['count']:
                name = names[line['function_name']]
                found[name] = found.get(name, 0) + line['count']
    return found


def sharing(operation: str, process: str) -> int:
    """Return how many processes of an operation share what is counted of a function."""
    header = (HEADERS / f'{operation.partition(",")[0]}.hpp').read_text()
    return max(1, len(re.findall(rf'FOCUS_STACKING_PROCESS\(\s*{re.escape(process)}\(', header)))


def main() -> int:
    """Print the tables; write the last one into the page."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--write-docs', action='store_true', help='write the table of the page')
    write = parser.parse_args().write_docs
    with tempfile.TemporaryDirectory() as name:
        build, names = Path(name), arguments()
        flags = ['-std=c++14', '-O0', '--coverage', '-Wno-unknown-pragmas',
                 f'-I{HERE / "include"}', f'-I{HEADERS.parent}']
        for source in (SOURCE, HERE / 'driver.cpp'):
            subprocess.run(['g++', *flags, '-c', str(source), '-o',
                            str(build / f'{source.stem}.o')], check=True)
        subprocess.run(['g++', '--coverage', *map(str, build.glob('*.o')), '-o',
                        str(build / 'driver')], check=True)
        longest = []
        print('| operation | process | iterations |\n| --- | --- | --- |')
        for each in operations():
            for path in build.glob('*.gcda'):
                path.unlink()
            scalars = [each.scalars.get(name, 0) for name in names]
            data = struct.pack(f'<4q{len(names)}i', *each.sizes, *scalars)
            data += bytes(each.sizes[0] + each.sizes[2] + each.sizes[3])
            subprocess.run([str(build / 'driver')], input=data, stdout=subprocess.DEVNULL,
                           check=True)
            counts = {process: count // sharing(each.name, process)
                      for process, count in iterations(build).items()}
            for process, count in counts.items():
                print(f'| {each.name} | {process} | {count:,} |')
            longest.append((each, max(counts.values())))
    table = ('| Operation | Longest process, iterations (counted) | '
             + ' | '.join(f'{clock} MHz (arithmetic)' for clock in CLOCKS_MHZ)
             + f' | Read and written (arithmetic) | At {MEMORY} GB/s (estimate) |\n'
             + '| --- ' * (4 + len(CLOCKS_MHZ)) + '|\n')
    for each, count in longest:
        times = [f'{count / clock / 1e3:.1f} ms' for clock in CLOCKS_MHZ]
        table += (f'| {each.name} | {count:,} | {" | ".join(times)} | {each.moved / 1e6:.1f} MB | '
                  f'{each.moved / MEMORY / 1e6:.1f} ms |\n')
    print(f'\n{table}', end='')
    if write:
        sys.path.insert(0, str(HERE.parents[1] / 'test' / 'benchmark'))
        from marked_page import refresh
        refresh(PAGE, 'kernel', table)
    return 0


if __name__ == '__main__':
    sys.exit(main())
