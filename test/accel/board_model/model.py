#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What a stack costs the Cortex-A53 cores of a KV260, alone and with the kernel: a model.

Runs the package for aarch64 in QEMU, with the native library and with the kernel's host, counts
every instruction by stage (counter.c), and asks llvm-mca for the cycles of a Cortex-A53
(blocks.py). Nothing of it is measured on a board: caches that miss, memory and branches that are
guessed wrongly are not in it. Needs qemu-aarch64 7 or 8 with plugins, gcc, g++,
aarch64-linux-gnu-g++, llvm-mc and llvm-mca. From the root of the repository, in a Python with
NumPy and OpenCV:

    test/accel/board_model/aarch64_python.sh FOLDER
    python3 test/accel/board_model/model.py FOLDER IMAGE... [--write-docs]

prints the tables of docs/kv260.md and what they say, or writes them between the page's markers;
--counted takes the counts that FOLDER has of the last run.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys

if __name__ == '__main__':
    sys.path[:0] = [str(Path(__file__).resolve().parents[3]),
                    str(Path(__file__).resolve().parents[2]),
                    str(Path(__file__).resolve().parents[2] / 'benchmark')]

from accel.board_model.blocks import Cost, costs, read_blocks
from accel.board_model.tables import tables
from focus_stacking_ros.backends.native_build import build
from focus_stacking_ros.commands.benchmark.worker import series
from marked_page import refresh
import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PAGE = ROOT / 'docs' / 'kv260.md'


def run(folder: Path, name: str, driver: Path | None = None) -> None:
    """Stack in QEMU and count, with the kernel's operations outside where a driver is given."""
    words, counts = folder / f'{name}.json', folder / f'{name}.txt'
    command = ['qemu-aarch64', '-cpu', 'cortex-a53', '-L', str(folder / 'root'),
               '-plugin', f'{folder / "counter.so"},out={counts}',
               str(folder / 'root' / 'usr' / 'bin' / 'python3'), str(HERE / 'guest.py'),
               str(ROOT), str(folder / 'slices.npy'), str(words)]
    environment = {**os.environ, 'PYTHONPATH': str(folder / 'site'),
                   'PYTHONDONTWRITEBYTECODE': '1',
                   'FOCUS_STACKING_NATIVE': str(folder / 'libfocus_stacking_native.so')}

    def one_processor() -> None:  # then all work is done in as few threads as can be
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    subprocess.run([*command, *([] if driver is None else [str(driver)])], env=environment,
                   check=True, preexec_fn=one_processor)
    said = json.loads(words.read_text())
    if said['backend'] != ('native' if driver is None else 'kernel'):
        raise SystemExit(f'{said["backend"]} did the work')


def costs_of(folder: Path, name: str) -> tuple[dict[str, Cost], int]:
    """Return what the stages of a run take, and how many slices it had."""
    said = json.loads((folder / f'{name}.json').read_text())
    found = costs(read_blocks(folder / f'{name}.txt'))
    return {stage: found[number] for number, stage in enumerate(said['stages'])
            if number in found and stage != 'fabric'}, said['slices']


def prepare(folder: Path, images: list[str], count: int, size: list[int]) -> Path:
    """Build and write what the runs need; returns the kernel as a program of this machine."""
    driver, accel = folder / 'driver', ROOT / 'hw_accel'
    subprocess.run(['gcc', '-O2', '-shared', '-fPIC', str(HERE / 'counter.c'), '-o',
                    str(folder / 'counter.so')], check=True)
    subprocess.run(['g++', '-std=c++14', '-O3', '-Wno-unknown-pragmas',
                    f'-I{accel / "test" / "include"}', f'-I{accel / "include"}',
                    str(accel / 'src' / 'focus_stacking_accel.cpp'),
                    str(accel / 'test' / 'driver.cpp'), '-o', str(driver)], check=True)
    os.environ['CXX'] = 'aarch64-linux-gnu-g++'
    build(folder / 'libfocus_stacking_native.so')
    np.save(folder / 'slices.npy', np.stack(series(images, count, size)))
    return driver


def main() -> int:
    """Print the tables of docs/kv260.md, or write them there."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('folder', type=Path, help='what aarch64_python.sh has made')
    parser.add_argument('images', nargs='*', help='of a stack, in the order of their focus')
    parser.add_argument('--slices', type=int, default=10)
    parser.add_argument('--size', default='1920x1080')
    parser.add_argument('--counted', action='store_true', help='take the counts of the last run')
    parser.add_argument('--write-docs', action='store_true', help='write them into the page')
    given = parser.parse_args()
    folder = given.folder.resolve()
    if not given.counted:
        driver = prepare(folder, given.images, given.slices,
                         [int(part) for part in given.size.split('x')])
        run(folder, 'alone')
        run(folder, 'together', driver)
    (alone, slices), (together, _) = (costs_of(folder, name) for name in ('alone', 'together'))
    for name, content in tables(alone, together, slices).items():
        if given.write_docs:
            refresh(PAGE, name, content)
        else:
            print(content)
    return 0


if __name__ == '__main__':
    sys.exit(main())
