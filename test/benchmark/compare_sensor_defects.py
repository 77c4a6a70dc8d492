#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tell which defects of the sensor are found in a simulated stack, and how many in given ones.

Run from the repository's root: compare_sensor_defects.py [FOLDER...]. Of the simulated board 200
pixels at random are white in every slice, black, or white in the raw image of a colour camera,
from which its colours are interpolated; then every folder with four images or more tells how many
it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import cv2  # noqa: E402
from focus_stacking_ros import FocusStacker, Sensor, StackOptions  # noqa: E402
from focus_stacking_ros.commands.score import psnr  # noqa: E402
from focus_stacking_ros.core.files.stack_files import stack_folder  # noqa: E402
from focus_stacking_ros.core.stack.sensor_defects import FEWEST_SLICES  # noqa: E402
from focus_stacking_ros.simulation import built_in_stack  # noqa: E402
import numpy as np  # noqa: E402

__all__ = ['known_spots']

_COUNT = 200  # defective pixels


def known_spots(slices: Sequence[Any], *, finds: bool = True) -> tuple[Any, Any]:
    """Return the all-in-focus image, and (H, W) bool, which pixels are filled."""
    sensor = Sensor()
    stacker = FocusStacker(StackOptions(input_sensor_defects=finds), sensor=sensor)
    for image in slices:
        stacker.add(image)
    result = stacker.finish().all_in_focus
    some = np.arange(slices[0].size, dtype=np.int64) * 7919 % 251  # no neighbours are alike
    noise = some.astype(np.uint8).reshape(slices[0].shape)
    filled = sensor.filled([noise])[0] != noise
    return result, filled if filled.ndim == 2 else filled.any(axis=2)


def _raw(image: Any, white: tuple[Any, Any] | None) -> Any:
    """Return an image as a colour camera with a Bayer pattern takes it."""
    mosaic = np.empty(image.shape[:2], np.uint8)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = image[row::2, column::2, channel]
    if white is not None:
        mosaic[white] = 255
    return cv2.cvtColor(mosaic, cv2.COLOR_BayerRG2BGR)


def main(folders: Sequence[str]) -> None:
    """Print a table, and a line for each folder."""
    stack = built_in_stack()
    height, width = stack.slices[0].shape[:2]
    rng = np.random.default_rng(3)
    at = rng.integers(5, height - 5, _COUNT), rng.integers(5, width - 5, _COUNT)

    def changed(value: int) -> list[Any]:
        copies = [image.copy() for image in stack.slices]
        for image in copies:
            image[at] = value
        return copies

    kinds = {'white': (stack.slices, changed(255)), 'black': (stack.slices, changed(0)),
             'white in the raw image': ([_raw(image, None) for image in stack.slices],
                                        [_raw(image, at) for image in stack.slices])}
    near = np.zeros((height, width), np.uint8)
    near[at] = 1
    near = cv2.dilate(near, np.ones((9, 9), np.uint8)) > 0
    print(f'| {_COUNT} pixels are | found | spots elsewhere | PSNR without them, dB | with them | '
          'filled |\n| --- | ---: | ---: | ---: | ---: | ---: |')
    for name, (clean, spoiled) in kinds.items():
        image, spots = known_spots(spoiled)
        found = sum(spots[y - 1:y + 2, x - 1:x + 2].any() for y, x in zip(*at, strict=True))
        elsewhere = cv2.connectedComponents((spots & ~near).astype(np.uint8))[0] - 1
        levels = [psnr(each, stack.all_in_focus) for each in (
            known_spots(clean)[0], known_spots(spoiled, finds=False)[0], image)]
        print(f'| {name} | {found} | {elsewhere} | '
              + ' | '.join(f'{level:.2f}' for level in levels) + ' |')
    for folder in map(Path, folders):
        images = [cv2.imread(str(file.path), cv2.IMREAD_COLOR) for file in stack_folder(folder)]
        if len(images) < FEWEST_SLICES:
            continue
        count = cv2.connectedComponents(known_spots(images)[1].astype(np.uint8))[0] - 1
        print(f'{folder.name}: {count} spots in {len(images)} slices', flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
