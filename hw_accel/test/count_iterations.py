#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Count how often each pipelined loop of the kernel's source runs for a 1080p slice, with gcov.

Prints, per operation, the iterations of every process; at one iteration per cycle (II=1, which
nobody has synthesised) and with memory that keeps up, the process with the most is what a slice
takes. Needs g++ and gcov; run it from the root of the repository.
"""

from __future__ import annotations

from pathlib import Path
import re
import struct
import subprocess
import sys
import tempfile

HERE = Path(__file__).resolve().parent
ROWS, COLUMNS = 1080, 1920
SOURCE = 'src/focus_stacking_accel.cpp'


def operations() -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return sizes of memory in bytes and scalars of each operation."""
    half = (ROWS // 2, COLUMNS // 2)
    pixels = half[0] * half[1]
    one = 1 << 24
    scale = (int(1.01 * one), 0, -4 << 16, 0, int(1.01 * one), -2 << 16, 16384)
    return {
        'measure, luma': ((ROWS * COLUMNS * 2, pixels * 2, 16, 16),
                          (1, ROWS, COLUMNS, 0, 0, 0, 0, *[0] * 14)),
        'measure, 8-bit colour': ((ROWS * COLUMNS * 3, pixels * 2, 16, 16),
                                  (1, ROWS, COLUMNS, 3, 2, 0, 0, *[0] * 14)),
        'align': ((pixels * 2, pixels * 2, 16, 16), (2, *half, 0, 0, 0, 0, *scale, *[0] * 7)),
        'accumulate': ((pixels * 2, 16, pixels * 16, pixels * 16),
                       (3, *half, 0, 0, 3, 1, *[0] * 14)),
        **{name: ((ROWS * COLUMNS * size, ROWS * COLUMNS * size, ROWS * COLUMNS * 8,
                   ROWS * COLUMNS * 16),
                  (4, ROWS, COLUMNS, layout, 0, 0, 1, *scale, 16384, 16384, ROWS, 0, 0, 256,
                   steps))
           for name, layout, size, steps in (('fuse, 8-bit colour', 3, 4, 0),
                                             ('fuse, 16-bit colour', 4, 8, 0))},
    }


def iterations(build: Path) -> dict[str, int]:
    """Return the iterations of pipelined loops by function, from what gcov says."""
    listing = subprocess.run(['gcov', '-t', *(str(path) for path in build.glob('*accel.gcda'))],
                             cwd=build, capture_output=True, text=True, check=True).stdout
    found: dict[str, int] = {}
    function, wanted = '', False
    for line in listing.splitlines():
        count, _, text = [*line.split(':', 2), '', ''][:3]
        named = re.match(r'(?:inline )?\w+ (\w+)\(', text)
        if named:
            function = named.group(1)
        if 'PIPELINE II=1' in text:
            wanted = True
        elif wanted and re.match(r'\s*[\d#]', count) and not text.lstrip().startswith('#'):
            times = int(re.match(r'\s*(\d*)', count).group(1) or 0)
            if times:
                found[function] = found.get(function, 0) + times
            wanted = False
    return found


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        build = Path(name)
        flags = ['-std=c++14', '-O0', '--coverage', '-Wno-unknown-pragmas',
                 f'-I{HERE / "include"}', f'-I{HERE.parent / "include"}']
        for source in (HERE.parent / SOURCE, HERE / 'driver.cpp'):
            subprocess.run(['g++', *flags, '-c', str(source), '-o',
                            str(build / f'{source.stem}.o')], check=True)
        subprocess.run(['g++', '--coverage', *map(str, build.glob('*.o')), '-o',
                        str(build / 'driver')], check=True)
        print('| operation | process | iterations |\n| --- | --- | --- |')
        for operation, (sizes, scalars) in operations().items():
            for path in build.glob('*.gcda'):
                path.unlink()
            data = struct.pack('<4q21i', *sizes, *scalars) + bytes(sizes[0] + sizes[2] + sizes[3])
            subprocess.run([str(build / 'driver')], input=data, stdout=subprocess.DEVNULL,
                           check=True)
            for process, count in iterations(build).items():
                print(f'| {operation} | {process} | {count:,} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
