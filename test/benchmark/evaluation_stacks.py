# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks of other makers with truth, where a folder holds them; they are never committed."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
import json
from pathlib import Path

import cv2
from helpers.metrics import true_slice_index
import numpy as np
from numpy.typing import NDArray
from truth_stack import load_truth_stack, save_truth_stack, TruthStack

__all__ = ['EVALUATION_STACKS', 'MissingStackError', 'evaluation_stack']

Image = NDArray[np.uint8]
LIGHT_FIELDS = ('Boxes', 'Cotton', 'Dino', 'Medieval', 'Pens', 'Sideboard', 'Town')


class MissingStackError(RuntimeError):
    """A stack's files are not there."""


def _synthetic(data: Path, folder: Path, name: str, noise: float = 0.0, *,
               window: tuple[slice, slice] | None = None, sixteen_bit: bool = False) -> None:
    """Bring in one of the synth_* stacks; noise in 8-bit grey levels, window a crop."""
    source = _there(data / name)
    meta = json.loads((source / 'meta.json').read_text())
    rows, columns = window or (slice(None), slice(None))
    depth = np.load(source / 'depth.npy')[rows, columns]
    rng = np.random.default_rng(7)

    def read(path: Path) -> NDArray[np.generic]:
        return _noisy(cv2.imread(str(path))[rows, columns], noise, rng, sixteen_bit=sixteen_bit)
    transforms = np.array([np.vstack([each, [0, 0, 1]]) for each in meta['transforms']])
    shift = np.eye(3)
    shift[:2, 2] = columns.start or 0, rows.start or 0
    hidden = cv2.imread(str(source / 'occlusion_mask.png'), cv2.IMREAD_GRAYSCALE)[rows, columns]
    sharp = cv2.imread(str(source / 'aif.png'))[rows, columns]
    save_truth_stack(
        folder, map(read, sorted(source.glob('frame_*.png'))), occluded=hidden > 127,
        index=true_slice_index(depth, meta['focus_distances_m']),
        focus_distances_m=meta['focus_distances_m'], depth_m=depth,
        all_in_focus=sharp * np.uint16(257) if sixteen_bit else sharp,
        transforms=np.linalg.inv(shift) @ transforms @ shift)


def _light_field(data: Path, folder: Path, name: str, noise: float = 0.0) -> None:
    """Bring in a stack of the HCI light fields; noise in 8-bit grey levels."""
    source = _there(data / 'hci14' / name)
    index = np.load(source / f'{name}_gtindex.npy') - 1
    rng = np.random.default_rng(7)
    sharp = source / f'{name}AIF.png'
    count = len(list(source.glob(f'{name}[0-9]*.png')))
    images = (_noisy(cv2.imread(str(source / f'{name}{number}.png')), noise, rng)
              for number in range(1, count + 1))
    save_truth_stack(folder, images, index=index, occluded=np.zeros(index.shape, bool),
                     index_is_affine=True,
                     all_in_focus=cv2.imread(str(sharp)) if sharp.exists() else None)


def _rough(data: Path, folder: Path, name: str) -> None:
    """Bring in one of the rough surfaces."""
    source = _there(data / 'rough_surfaces' / name)
    paths = sorted(source.glob('slice_*.jpg'), key=lambda path: int(path.stem.split('_')[1]))
    index = np.load(source / 'truth_index.npy')
    save_truth_stack(folder, (cv2.imread(str(path)) for path in paths), index=index,
                     occluded=np.zeros(index.shape, bool))


def _noisy(image: Image, sigma: float, rng: np.random.Generator, *,
           sixteen_bit: bool = False) -> NDArray[np.generic]:
    """Return an image with Gaussian noise of sigma grey levels, in 8 or 16 bit."""
    level = image + sigma * rng.standard_normal(image.shape) if sigma else image.astype(float)
    if sixteen_bit:
        return (np.clip(level, 0, 255) * 257 + 0.5).astype(np.uint16)
    return (np.clip(level, 0, 255) + 0.5).astype(np.uint8)


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise MissingStackError(f'no {folder}')
    return folder


#: How to bring in each stack, by name: called with the data folder and the folder to write.
EVALUATION_STACKS: dict[str, Callable[[Path, Path], None]] = {
    'synth_pcb': lambda data, folder: _synthetic(data, folder, 'synth_pcb'),
    'synth_pcb_noise_8': lambda data, folder: _synthetic(data, folder, 'synth_pcb', 8.0),
    'synth_pcb_16_bit': lambda data, folder: _synthetic(
        data, folder, 'synth_pcb', 1.0, sixteen_bit=True),
    'synth_pcb_crop': lambda data, folder: _synthetic(
        data, folder, 'synth_pcb', window=(np.s_[250:570], np.s_[301:701])),
    'synth_plane': lambda data, folder: _synthetic(data, folder, 'synth_plane'),
    'synth_motorcycle': lambda data, folder: _synthetic(data, folder, 'synth_motorcycle'),
    'synth_motorcycle_noise_8': lambda data, folder: _synthetic(
        data, folder, 'synth_motorcycle', 8.0),
    'synth_textureless': lambda data, folder: _synthetic(data, folder, 'synth_textureless'),
    **{f'rough_{name}': lambda data, folder, name=name: _rough(data, folder, name)
       for name in 'abc'},
    **{f'hci_{name.lower()}{ending}': (
        lambda data, folder, name=name, noise=noise: _light_field(data, folder, name, noise))
       for ending, noise in (('', 0.0), ('_noise_02', 0.02 * 255), ('_noise_05', 0.05 * 255))
       for name in LIGHT_FIELDS},
}


def evaluation_stack(name: str, cache: Path, data: Path) -> TruthStack:
    """
    Return a stack of `EVALUATION_STACKS`, brought into the cache unless it is there.

    :param name: a key of `EVALUATION_STACKS`
    :param cache: folder
    :param data: folder that holds synth_* and hci14
    :raises MissingStackError: the data is not there
    """
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:10]
    folder = cache / f'{name}-{digest}'
    if not folder.exists():
        EVALUATION_STACKS[name](data, folder)
    return load_truth_stack(name, folder)
