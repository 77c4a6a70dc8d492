# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A focal stack with truth as a folder: what every method is run on and scored against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['TruthStack', 'load_truth_stack', 'save_truth_stack']


@dataclass(frozen=True)
class TruthStack:
    """
    A focal stack on disk and what is true about it, in the pixel grid of the reference slice.

    :param name: of the stack, for tables and folders
    :param folder: its cached files
    :param images: the slices in the order of exposure
    :param focus_distances_m: metres, one per slice; None where unknown
    :param reference: number of the reference slice
    :param index: (H, W) float32 true fractional slice index, 0 the nearest
    :param index_is_affine: whether index is known up to scale and offset only
    :param occluded: (H, W) bool, pixels into which a depth step's other side blurs
    :param all_in_focus: (H, W, 3) uint8 or uint16, None where unknown
    :param depth_m: (H, W) float32 metres, None where unknown
    :param transforms: (n, 3, 3) reference pixel -> slice pixel, None where unknown
    """

    name: str
    folder: Path
    images: tuple[Path, ...]
    focus_distances_m: tuple[float, ...] | None
    reference: int
    index: NDArray[np.float32]
    index_is_affine: bool
    occluded: NDArray[np.bool_]
    all_in_focus: NDArray[Any] | None = None
    depth_m: NDArray[np.float32] | None = None
    transforms: NDArray[np.float64] | None = None

    @property
    def reference_option(self) -> str:
        """Value of the option ``reference`` that gives results in the truth's grid."""
        return 'first' if self.reference == 0 else 'last'


def save_truth_stack(folder: Path, images: Iterable[NDArray[Any]], *, index: NDArray[Any],
                     occluded: NDArray[np.bool_], reference: int = 0,
                     focus_distances_m: Sequence[float] | None = None,
                     index_is_affine: bool = False, all_in_focus: NDArray[Any] | None = None,
                     depth_m: NDArray[Any] | None = None,
                     transforms: NDArray[Any] | None = None) -> None:
    """
    Write a stack with truth; a folder that exists is complete.

    :param folder: made
    :param images: slices in the order of exposure
    """
    part = folder.with_name(folder.name + '.part')
    shutil.rmtree(part, ignore_errors=True)
    (part / 'images').mkdir(parents=True)
    for number, image in enumerate(images):
        if not cv2.imwrite(str(part / 'images' / f'frame_{number:03d}.png'), image):
            raise OSError(f'{part}: slice {number} cannot be written')
    known = {'all_in_focus': all_in_focus, 'depth_m': depth_m, 'transforms': transforms}
    np.savez(part / 'truth.npz', index=index.astype(np.float32), occluded=occluded,
             **{name: values for name, values in known.items() if values is not None})
    (part / 'stack.json').write_text(json.dumps({
        'focus_distances_m': None if focus_distances_m is None else list(focus_distances_m),
        'reference': reference, 'index_is_affine': index_is_affine}))
    part.replace(folder)


def load_truth_stack(name: str, folder: Path) -> TruthStack:
    """Return what `save_truth_stack` wrote."""
    facts = json.loads((folder / 'stack.json').read_text())
    with np.load(folder / 'truth.npz') as truth:
        values = {key: truth[key] for key in truth.files}
    images = tuple(sorted((folder / 'images').iterdir()))
    if facts['reference'] not in {0, len(images) - 1}:
        raise ValueError(f'{folder}: the reference must be the first or the last slice')
    distances = facts.pop('focus_distances_m')
    return TruthStack(name=name, folder=folder, images=images, focus_distances_m=(
        None if distances is None else tuple(distances)), **facts, **values)
