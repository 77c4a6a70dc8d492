# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a simulated focal stack as a folder of files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.simulation.render import SimulatedStack
import numpy as np
from numpy.typing import NDArray

__all__ = ['write_stack']


def write_stack(stack: SimulatedStack, folder: str | os.PathLike[str]) -> list[Path]:
    """
    Write slices, meta.json and truth/ into a folder; return the files of the slices.

    - frame_00.png ...: the slices in the order of exposure, 8 or 16 bit
    - meta.json: focus_distances_m, the values of lens and sweep, the seed
    - truth/all_in_focus.png: as the slices; truth/depth.tiff: float32 metres;
      truth/slice_index.tiff: float32; truth/occluded.png: 255 where a depth step's other side
      blurs in; truth/truth.json: reference, transforms (3x3, reference pixel -> slice pixel),
      gains (blue, green, red)

    :param folder: made if it is not there; files of the same names are replaced
    :raises OSError: when a file cannot be written; meta.json is written last
    """
    folder = Path(folder)
    truth = folder / 'truth'
    truth.mkdir(parents=True, exist_ok=True)
    digits = max(2, len(str(len(stack.slices) - 1)))
    frames = [folder / f'frame_{number:0{digits}d}.png' for number in range(len(stack.slices))]
    for path, image in zip(frames, stack.slices, strict=True):
        _write_image(path, image)
    _write_image(truth / 'all_in_focus.png', stack.all_in_focus)
    _write_image(truth / 'depth.tiff', stack.depth_m)
    _write_image(truth / 'slice_index.tiff', stack.slice_index())
    _write_image(truth / 'occluded.png', stack.occluded.astype(np.uint8) * 255)
    _write_json(truth / 'truth.json', {
        'reference': stack.reference, 'transforms': stack.transforms.tolist(),
        'gains': stack.gains.tolist()})
    lens, sweep = stack.lens, stack.sweep
    _write_json(folder / 'meta.json', {
        'focus_distances_m': list(stack.focus_distances_m),
        'frames': [path.name for path in frames],
        'scene': stack.name,
        'seed': stack.seed,
        'focal_length_m': lens.focal_length_m,
        'f_number': lens.f_number,
        'pixel_pitch_m': lens.pixel_pitch_m,
        'breathing': lens.breathing,
        'field_curvature': lens.field_curvature,
        'point_spread_px': lens.point_spread_px,
        'read_noise': lens.read_noise,
        'shot_noise': lens.shot_noise,
        'bit_depth': lens.bit_depth,
        'gamma': lens.gamma,
        'jpeg_quality': lens.jpeg_quality,
        'shake_px': sweep.shake_px,
        'rotation_rad': sweep.rotation_rad,
        'exposure_drift': sweep.exposure_drift,
        'exposure_flicker': sweep.exposure_flicker,
        'white_balance_drift': sweep.white_balance_drift,
    })
    return frames


def _write_image(path: Path, image: NDArray[Any]) -> None:
    """Write an image in the format of the file's ending."""
    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise OSError(f'{path}: an image of {image.dtype} {image.shape} cannot be encoded')
    _write(path, data.tobytes())


def _write_json(path: Path, values: dict[str, Any]) -> None:
    """Write values as JSON."""
    _write(path, (json.dumps(values, indent=2, allow_nan=False) + '\n').encode())


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
