# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How right confidence and standard deviation are, class by class, on stacks they were not fitted to.

::

    python3 test/benchmark/judge_confidence.py [--stacks 132] [--method default] [--data FOLDER]

Judges the odd numbers of `confidence_scenes`, and with --data the stacks of other makers there.
Prints the tables of docs/confidence.md: right is what lies, with all of its
neighbours, within half a depth of field.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
import sys
import tempfile

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'test')]

from confidence_samples import (  # noqa: E402
    HALF_DEPTH_OF_FIELD,
    rendered_sample,
    Sample,
    sampled,
)
import cv2  # noqa: E402
from evaluation_stacks import evaluation_stack, EVALUATION_STACKS, MissingStackError  # noqa: E402
from focus_stacking_ros.core.depth.confidence import confidence_of, deviation_of  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

__all__ = ['reliability', 'row_of']

BINS = 0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.001
CLAIMS = 0.1, 0.5, 0.9
Array = NDArray[np.float64]


def judged(samples: Sequence[Sample]) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Return confidence, worst error, error in deviations, and where occlusion is near."""
    return (np.concatenate([confidence_of(sample.clues) for sample in samples]),
            np.concatenate([sample.worst for sample in samples]),
            np.concatenate([np.abs(sample.error) / deviation_of(sample.clues, 1.0)
                            for sample in samples]),
            np.concatenate([sample.occluded for sample in samples]))


def row_of(name: str, samples: Sequence[Sample]) -> str:
    """Return a row: share of the pixels at a confidence and more, and how many are right."""
    sure, error, deviations, hidden = judged(samples)
    right = error <= HALF_DEPTH_OF_FIELD
    cells = [name, str(len(samples)), f'{right.mean():.3f}']
    for claim in CLAIMS:
        chosen = sure >= claim
        cells.append(f'{chosen.mean():.3f}, {_share(right, chosen)}')
    cells.append(_share(right, (sure >= CLAIMS[1]) & ~hidden))
    known = sure >= CLAIMS[1]
    cells.append(f'{_share(deviations <= 1, known)}, {_share(deviations <= 2, known)}')
    return f'| {" | ".join(cells)} |'


def reliability(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield rows: of pixels between two confidences the share and how many are right."""
    sure, error, _, hidden = judged(samples)
    right = error <= HALF_DEPTH_OF_FIELD
    for low, high in pairwise(BINS):
        chosen = (sure >= low) & (sure < high)
        yield (f'| {low:g} to {min(high, 1):g} | {chosen.mean():.3f} | {sure[chosen].mean():.3f} '
               f'| {_share(right, chosen)} | {_share(right, chosen & ~hidden)} |')


def _share(what: NDArray[np.bool_], of: NDArray[np.bool_]) -> str:
    return f'{what[of].mean():.3f}' if of.any() else '-'


def others(data: Path, method: str) -> Iterator[Sample]:
    """Yield the samples of the stacks of other makers."""
    with tempfile.TemporaryDirectory() as cache:
        for name in EVALUATION_STACKS:
            if name.startswith('hci_'):  # the truth is affine: its unit is not known
                continue
            try:
                stack = evaluation_stack(name, Path(cache), data)
            except MissingStackError as error:
                print(f'left out: {error}', flush=True)
                continue
            slices = [image for path in stack.images if (
                image := cv2.imread(str(path), cv2.IMREAD_UNCHANGED)) is not None]
            yield sampled(name, name, slices, stack.index, method=method,
                          distances_m=stack.focus_distances_m, occluded=stack.occluded)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--stacks', type=int, default=132, help='of which half are judged')
    parser.add_argument('--method', default='default')
    parser.add_argument('--data', type=Path)
    arguments = parser.parse_args()
    samples = [rendered_sample(number, arguments.method)
               for number in range(1, arguments.stacks, 2)]
    print('| stacks | n | right | confidence >= 0.1: share, right | >= 0.5 | >= 0.9 '
          '| >= 0.5 without occlusion: right | >= 0.5: within 1, 2 deviations |')
    print('| --- |' + ' ---: |' * 7)
    for kind in dict.fromkeys(sample.kind for sample in samples):
        print(row_of(kind, [sample for sample in samples if sample.kind == kind]))
    if arguments.data:
        for sample in others(arguments.data, arguments.method):
            print(row_of(sample.name, [sample]), flush=True)
    print('\n| confidence | share of pixels | mean confidence | right | without occlusion |')
    print('| --- | ---: | ---: | ---: | ---: |')
    print('\n'.join(reliability(samples)))


if __name__ == '__main__':
    main()
