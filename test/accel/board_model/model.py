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
    python3 test/accel/board_model/model.py FOLDER IMAGE...
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
                    str(Path(__file__).resolve().parents[2])]

from accel.board_model.blocks import Cost, costs, read_blocks
import cv2
from focus_stacking_ros.backends.native_build import build
from focus_stacking_ros.commands.benchmark.worker import series
import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CLOCK_MHZ = 1333  # of the application cores: assumed
#: What the page calls the stages, and what a fabric that has them would need.
STAGES = {
    'front': ('front pass', 'has it'),
    'align': ('responses aligned', 'has it'),
    'gather': ('slices fused, without what decides their weights', 'has it'),
    'guide': ('what decides the weights',
              'the sharpness of all slices twice, roots and logarithms in single precision'),
    'average_luma': ('running average of luma',
                     'interpolation as `fuse` has it, sums in single precision'),
    'pyramid': ('luma reduced, for registration', 'lines of five sizes'),
    'fit_level': ('registration', 'interpolation, and sums of products in double precision'),
    'compare': ('pairs compared at full resolution',
                'interpolation of two slices, sums of products per region'),
    'falls': ('falls of brightness', 'all slices of a pixel at once'),
    'peaks': ('peaks of the focus curves', 'all slices of a pixel at once, divisions'),
    'surface': ('surface', 'sweeps along rows and columns, one after the other'),
    'rims': ('rims of the depth', 'all slices around an edge'),
    'beside': ('pixels beside near surfaces', 'the depth around a pixel'),
    'spread': ('light that near surfaces spread', 'the image around a pixel, by its depth'),
    'faint': ('sharpness where detail is faint', 'the sharpness of a slice at two sizes'),
    'block_sums': ('sharpness of blocks', 'sums of its pixels'),
    'evidence': ('peaks that tell a depth', 'exponentials'),
    'judge': ('clues to the confidence', 'square roots, exponentials'),
    'add': ('the rest of `add`, NumPy, OpenCV and Python', 'no pass of its own'),
    'finish': ('the rest of `finish`, NumPy, OpenCV and Python', 'no pass of its own'),
}


def run(folder: Path, name: str, driver: Path | None = None) -> dict[str, Cost]:
    """Stack in QEMU, with the kernel's operations outside where a driver is given."""
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
    found = costs(read_blocks(counts))
    return {stage: found[number] for number, stage in enumerate(said['stages'])
            if number in found and stage != 'fabric'}


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
    np.save(folder / 'slices.npy',
            np.stack(series([cv2.imread(image) for image in images], count, size)))
    return driver


def main() -> int:
    """Print the table of docs/kv260.md."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('folder', type=Path, help='what aarch64_python.sh has made')
    parser.add_argument('images', nargs='+', help='of a stack, in the order of their focus')
    parser.add_argument('--slices', type=int, default=10)
    parser.add_argument('--size', default='1920x1080')
    given = parser.parse_args()
    folder = given.folder.resolve()
    driver = prepare(folder, given.images, given.slices,
                     [int(part) for part in given.size.split('x')])
    alone, together = run(folder, 'alone'), run(folder, 'together', driver)
    fuse, guide = alone.pop('fuse'), together['guide']
    alone['guide'] = guide
    alone['gather'] = Cost(fuse.instructions - guide.instructions, fuse.cycles - guide.cycles)
    whole = sum(cost.cycles for cost in alone.values())
    print('| Stage | Instructions, millions | Cycles, millions | Milliseconds on one core | Share '
          '| With the kernel | What the fabric has, or would need |\n'
          '| --- | --: | --: | --: | --: | --: | --- |')

    def row(name: str, first: Cost, second: Cost, needed: str = '') -> None:
        print(f'| {name} | {first.instructions / 1e6:,.0f} | {first.cycles / 1e6:,.0f} | '
              f'{first.cycles / CLOCK_MHZ / 1e3:,.0f} | {first.cycles / whole:.1%} | '
              f'{second.cycles / CLOCK_MHZ / 1e3:,.0f} | {needed} |')

    for stage, cost in sorted(alone.items(), key=lambda item: -item[1].cycles):
        row(*(STAGES.get(stage, (stage, '')))[:1], cost, together.get(stage, Cost()),
            STAGES.get(stage, ('', ''))[1])
    row('all', *(Cost(sum(cost.instructions for cost in each.values()),
                      sum(cost.cycles for cost in each.values())) for each in (alone, together)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
