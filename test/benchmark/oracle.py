#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Find how near to the truth means of slices can come whose index and motion are the true ones.

    python3 test/benchmark/oracle.py --output DIR --scenes plane_uneven,textureless

prints a table: the PSNR of means with Gaussian weights about the true index, of the standard
deviation that is best for the whole image and of that which is best around every pixel, which
takes the truth to know. What no such mean reaches, noise and blur of the slices keep from whoever
fuses them. ``--write-docs`` refreshes the table in docs/quality.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
import sys

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'test')]

import cv2  # noqa: E402
from helpers import metrics  # noqa: E402
import marked_page  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
import quality_page  # noqa: E402
from rendered_stacks import rendered_stack  # noqa: E402
import tables  # noqa: E402
from truth_stack import TruthStack  # noqa: E402

#: Standard deviations about the index, slices; the last one is a mean of all.
GATES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.4, 2.0, 4.0, 1e3)
#: Sides of the squares around a pixel of which the best mean is known, pixels.
SIDES = (16, 4)


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--output', type=Path, required=True, help='folder for everything')
    parser.add_argument('--cache', type=Path, help='folder for rendered stacks')
    parser.add_argument('--scenes', default='plane_uneven,textureless', help='with commas')
    parser.add_argument('--write-docs', action='store_true', help='refresh docs/quality.md')
    parsed = parser.parse_args()
    parsed.output.mkdir(parents=True, exist_ok=True)
    cache = parsed.cache or parsed.output / 'cache'
    rows = [[name, *(f'{value:.2f}' for value in reached(rendered_stack(name, cache)))]
            for name in parsed.scenes.split(',')]
    text = tables.table(['stack', 'one gate', *(f'the best in {side}x{side} pixels'
                                                for side in SIDES)], rows)
    (parsed.output / 'oracle.md').write_text(text)
    print(text)
    if parsed.write_docs:
        marked_page.refresh(quality_page.PAGE, 'oracle', text)


def reached(stack: TruthStack) -> list[float]:
    """Return the PSNR in dB of the best single gate, and of the best around every pixel."""
    assert stack.all_in_focus is not None
    truth = metrics.grey_levels(stack.all_in_focus)
    counted = metrics.inner(stack.index.shape)
    slices = np.array(list(aligned(stack)))
    means = [mean_about(slices, stack.index, gate) for gate in GATES]
    errors = [np.square(mean - truth).mean(2) for mean in means]
    found = [max(metrics.psnr(mean, truth, counted) for mean in means)]
    for side in SIDES:
        around = np.array([cv2.blur(error, (side, side)) for error in errors])
        best = around.argmin(0)
        image = np.take_along_axis(np.array(means), best[None, ..., None], 0)[0]
        found.append(metrics.psnr(image, truth, counted))
    return found


def aligned(stack: TruthStack) -> Iterator[NDArray[np.float64]]:
    """Yield the slices, near to far, in the truth's pixel grid, 8-bit grey levels."""
    assert stack.transforms is not None
    assert stack.focus_distances_m is not None
    height, width = stack.index.shape
    way = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    for number in np.argsort(stack.focus_distances_m):
        image = metrics.grey_levels(cv2.imread(str(stack.images[number]), cv2.IMREAD_UNCHANGED))
        yield cv2.warpPerspective(
            image.astype(np.float64), stack.transforms[number], (width, height), flags=way,
            borderMode=cv2.BORDER_REPLICATE)


def mean_about(slices: NDArray[np.float64], index: NDArray[np.float32], gate: float
               ) -> NDArray[np.float64]:
    """Return the mean of slices with Gaussian weights about an index, (H, W, 3)."""
    away = np.arange(len(slices))[:, None, None] - index
    # The nearest has the weight one, however narrow the gate is.
    squares = (np.square(away) - np.square(away).min(0)) / (2 * gate ** 2)
    weights = np.exp(-squares)
    return np.asarray((slices * weights[..., None]).sum(0) / weights.sum(0)[..., None])


if __name__ == '__main__':
    main()
