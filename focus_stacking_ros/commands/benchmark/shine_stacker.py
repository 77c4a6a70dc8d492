# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Drive Shine Stacker as its documentation's first example does; run by its interpreter.

It writes what it reads, so JPEG slices become PNG first.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
import shutil

import cv2


def main() -> None:
    """Align, balance and fuse the slices with all defaults; write the image."""
    # Installed beside the interpreter that runs this file, not beside this package's.
    shine = importlib.import_module('shinestacker')
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('images', nargs='+', type=Path)
    parser.add_argument('--work', type=Path, required=True, help='folder for files in between')
    parser.add_argument('--reference', type=int, required=True, help='number of a slice')
    parser.add_argument('--output', type=Path, required=True)
    parsed = parser.parse_args()
    shutil.rmtree(parsed.work, ignore_errors=True)  # a run before this one
    (parsed.work / 'slices').mkdir(parents=True)
    for number, path in enumerate(parsed.images):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        cv2.imwrite(str(parsed.work / 'slices' / f'{number:04d}.png'), image)
    job = shine.StackJob('job', str(parsed.work), input_path='slices')
    # It counts slices from 1.
    job.add_action(shine.CombinedActions(
        'align', actions=[shine.AlignFrames(), shine.BalanceFrames()],
        reference_index=parsed.reference + 1))
    job.add_action(shine.FocusStack('stack', shine.PyramidStack()))
    job.run()
    written = sorted((parsed.work / 'stack').glob('*.png'))
    if not written:
        raise SystemExit('Shine Stacker wrote no image')
    shutil.copyfile(written[0], parsed.output)


if __name__ == '__main__':
    main()
