#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Make the pictures and numbers of docs/notebook.md; run from the repository's root.

Renders the built-in circuit board twice, through a lens without and with focus breathing, runs
the command line with the methods notebook and default on both, and FocusWeave where its command
is on PATH (pip install FocusWeave; any environment). Pictures go to docs/notebook/, the numbers
into the page and to standard output.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from time import perf_counter

import cv2
from focus_stacking_ros.core.files.animation import encode_animation
from focus_stacking_ros.core.files.pictures import depth_picture
from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS, built_in_sweep
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.render import render_stack, SimulatedStack
from focus_stacking_ros.simulation.write import write_stack
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

PAGE, FOLDER = Path('docs', 'notebook.md'), Path('docs', 'notebook')
BEGIN, END = '<!-- numbers: begin -->', '<!-- numbers: end -->'
SIZE = (768, 1024)
SEED = 0
STACKS = {'plain': ('no breathing', 0.0), 'breathing': ('4 % breathing', BUILT_IN_LENS.breathing)}
METHODS = {'notebook': 'notebook', 'default': 'default', 'focusweave': 'FocusWeave'}
BORDER = 16  # pixels that do not count
DETAIL = np.s_[300:492, 400:656]  # of the comparison
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]


def run(arguments: Sequence[str]) -> float:
    """Run a command, whose output is shown only where it fails; returns its seconds."""
    start = perf_counter()
    done = subprocess.run(arguments, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(arguments)}\n{done.stdout}')
    return perf_counter() - start


def run_all(folder: Path) -> dict[str, float]:
    """Run every method on a folder of slices; results go to its subfolders."""
    frames = [str(path) for path in sorted(folder.glob('frame_*.png'))]
    runs = {}
    for method in ('notebook', 'default'):
        runs[method] = run([
            sys.executable, '-m', 'focus_stacking_ros', 'stack', *frames, '--focus-file',
            str(folder / 'meta.json'), '--reference', 'nearest', '--method', method,
            '--output', str(folder / method)])
    if shutil.which('focusweave'):
        # Only the slices: it takes every image of a folder.
        images = folder / 'images'
        images.mkdir()
        for frame in frames:
            shutil.copy(frame, images)
        (folder / 'focusweave').mkdir()
        runs['focusweave'] = run([
            'focusweave', str(images), '--reference', '0', '--keep-size', '--min-shift', '0',
            '--output', str(folder / 'focusweave' / 'all_in_focus.png')])
    return runs


def registered(image: Picture, truth: Picture) -> Picture:
    """Return an image after the affine registration to the truth that suits it best."""
    greys = [cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(np.float32) for each in (truth, image)]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-7)
    _, warp = cv2.findTransformECC(*greys, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
                                   criteria, None, 5)
    return cv2.warpAffine(image, warp, truth.shape[1::-1], borderMode=cv2.BORDER_REFLECT,
                          flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)


def row(folder: Path, method: str, stack: SimulatedStack, seconds: float) -> str:
    """Return a row of the table of numbers."""
    inner = np.zeros(SIZE, bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    image = cv2.imread(str(folder / method / 'all_in_focus.png'))
    if method == 'focusweave':
        image = registered(image, stack.all_in_focus)
    error = (image.astype(np.float64) - stack.all_in_focus)[inner]
    cells = [f'{10 * np.log10(255 ** 2 / np.mean(error ** 2)):.1f}']
    if method == 'focusweave':
        cells += ['', '', '', '']
    else:
        counted = inner & ~stack.occluded
        index, depth = (cv2.imread(str(folder / method / name), cv2.IMREAD_UNCHANGED)
                        for name in ('focus_index.tiff', 'depth.tiff'))
        slices = np.abs(index - stack.slice_index())[counted]
        metres = np.abs(depth - stack.depth_m)[counted]
        known = np.isfinite(metres)
        cells += [f'{np.sqrt(np.mean(slices ** 2)):.2f}', f'{np.mean(slices <= 0.5):.0%}',
                  f'{known.mean():.0%}', f'{np.sqrt(np.mean(metres[known] ** 2)) * 1e3:.2f}']
    return ' | '.join([*cells, f'{seconds:.1f}'])


def labelled(image: Picture, label: str, width: int) -> Picture:
    """Return a picture of a width with a label above."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    height = round(image.shape[0] * width / image.shape[1])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA
                       if width < image.shape[1] else cv2.INTER_CUBIC)
    panel = np.full((height + 22, width, 3), 255, np.uint8)
    panel[22:] = small
    cv2.putText(panel, label, (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return panel


def sheet(name: str, rows: Sequence[Sequence[tuple[str, Picture]]], width: int) -> None:
    """Write rows of labelled pictures as one file."""
    lines = [np.hstack([labelled(image, label, width) for label, image in row]) for row in rows]
    widest = max(line.shape[1] for line in lines)
    lines = [cv2.copyMakeBorder(line, 0, 0, 0, widest - line.shape[1], cv2.BORDER_CONSTANT,
                                value=(255, 255, 255)) for line in lines]
    path = FOLDER / f'{name}.jpg'
    cv2.imwrite(str(path), np.vstack(lines), JPEG)


def step_pictures(folder: Path, slices: int) -> None:
    """Write the pictures of the walk through the steps."""
    def step(name: str) -> Picture:
        return cv2.imread(str(folder / 'notebook' / 'notebook' / f'{name}.png'))

    some = [0, slices // 2, slices - 1]
    sheet('slices', [[(f'01_aligned_{n:02d}', step(f'01_aligned_{n:02d}')) for n in some]], 400)
    sheet('responses', [[(name, step(name)) for name in (
        f'02_focus_response_r3_{some[0]:02d}', f'02_focus_response_r3_{some[1]:02d}',
        f'03_depth_volume_{some[1]:02d}')]], 400)
    sheet('images', [[(name, step(name)) for name in ('04_in_focus', '05_weighted')]], 600)
    sheet('depth', [[(name, step(name)) for name in ('06_depth_raw', '07_confidence')],
                    [(name, step(name)) for name in ('08_depth_masked', '09_depth_filled')]], 500)
    sheet('variants', [[(name, step(name)) for name in (
        '10_depth_entropy', '11_post_processed')]], 500)
    frames = [np.hstack([cv2.resize(step(f'{kind}_{n:02d}'), (160, 120),
                                    interpolation=cv2.INTER_AREA)
                         for kind in ('01_aligned', '02_focus_response_r3')])
              for n in range(0, slices, 2)]
    (FOLDER / 'slices_and_responses.png').write_bytes(encode_animation(frames, 600))


def comparison(work: Path, stacks: dict[str, SimulatedStack]) -> None:
    """Write images and depth of all methods beside the truth."""
    images, depths = [], []
    for name, stack in stacks.items():
        label = STACKS[name][0]
        near, far = 0.0, len(stack.slices) - 1.0
        line, depth = [], []
        for method, title in METHODS.items():
            path = work / name / method / 'all_in_focus.png'
            if path.exists():
                image = cv2.imread(str(path))
                if method == 'focusweave':
                    image = registered(image, stack.all_in_focus)
                line.append((f'{title}, {label}', image[DETAIL]))
            path = work / name / method / 'focus_index.tiff'
            if path.exists():
                index = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
                depth.append((f'{title}, {label}', depth_picture(index, near, far)))
        images.append([*line, ('truth', stack.all_in_focus[DETAIL])])
        depths.append([*depth, ('truth', depth_picture(stack.slice_index(), near, far))])
    sheet('compared', images, 320)
    sheet('compared_depth', depths, 400)


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, help='folder to keep the stacks and results in')
    work = parser.parse_args().work
    if not PAGE.exists():
        sys.exit('run this from the root of the repository')
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary) if work is None else work)


def make(work: Path) -> None:
    """Render, run and write everything; ``work`` takes the stacks and the results."""
    lines = ['| stack | method | PSNR, dB | depth RMSE, slices | within half a slice '
             '| pixels with metric depth | its RMSE, mm | time, s |',
             '| --- | --- ' + '| ---: ' * 6 + '|']
    stacks = {}
    for name, (label, breathing) in STACKS.items():
        stack = render_stack(circuit_board(SEED, SIZE), replace(BUILT_IN_LENS,
                                                                breathing=breathing),
                             built_in_sweep(seed=SEED), SEED, 'nearest')
        write_stack(stack, work / name)
        for method, seconds in run_all(work / name).items():
            lines.append(f'| {label} | {METHODS[method]} | '
                         f'{row(work / name, method, stack, seconds)} |')
        stacks[name] = stack
    table = '\n'.join(lines)
    print(table)
    step_pictures(work / 'plain', len(stacks['plain'].slices))
    comparison(work, stacks)
    if not shutil.which('focusweave'):
        print('\nfocusweave is not on PATH: the pictures are without it, and the page keeps its '
              'table; pip install FocusWeave')
        return
    before, _, rest = PAGE.read_text(encoding='utf-8').partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f'{before}{BEGIN}\n{table}\n{END}{after}', encoding='utf-8')


if __name__ == '__main__':
    main()
