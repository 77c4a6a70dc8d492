# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A folder with the focal stack of a target, fused by its raw focus positions."""

from __future__ import annotations

from dataclasses import dataclass
import json
import math
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.folder import image_files_in
from focus_stacking_ros.core.files.image_files import read_image
from focus_stacking_ros.core.files.pictures import eight_bit
from focus_stacking_ros.core.optics.lens_calibration import CalibrationError, Target
from focus_stacking_ros.core.optics.target_plane import TargetPlane
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Image, StackResult
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.core.stack.stacker import FocusStacker
import numpy as np

__all__ = ['Chessboard', 'GivenTarget', 'fused_target']

_META = 'meta.json'
_KEYS = 'focus_positions', 'focus_distances_m'


@dataclass(frozen=True)
class Chessboard:
    """
    A target whose squares tell the size of the pixels.

    :param columns: inner corners along a row
    :param rows: inner corners along a column
    :param square_m: side of a square, metres
    """

    columns: int
    rows: int
    square_m: float


@dataclass(frozen=True)
class GivenTarget:
    """
    A target as it was named.

    :param folder: its slices and meta.json with their focus positions
    :param distance_m: of the target, metres
    :param plane: where it stands; None: square to the optical axis
    """

    folder: Path
    distance_m: float
    plane: TargetPlane | None = None


def fused_target(given: GivenTarget, backend: Backend, board: Chessboard | None) -> Target:
    """
    Return what a target's stack tells.

    :param given: folder and distance
    :param backend: does the per-slice work
    :param board: what is on the target, where its squares tell the size of the pixels
    :raises ImageFileError: images or positions cannot be read, or do not fit each other
    :raises CalibrationError: the sweep does not rise or fall, or the board is not found
    :raises StackError: the slices make no stack
    """
    paths = image_files_in(given.folder)
    raw = _positions(given.folder / _META)
    if len(raw) != len(paths):
        raise ImageFileError(f'{given.folder}: {_META} has {len(raw)} focus positions for '
                             f'{len(paths)} images; give one for each')
    order = sorted(range(len(raw)), key=lambda number: raw[number])
    if order not in (list(range(len(raw))), list(range(len(raw) - 1, -1, -1))) or len(
            set(raw)) < len(raw):
        raise CalibrationError(f'{given.folder}: its positions do not rise or fall from image to '
                               'image; a lens that goes there and back hides its hysteresis, so '
                               'give the sweeps as two targets')
    # The middle slice's grid is that of the field; the distances are what is looked for.
    stacker = FocusStacker(StackOptions(reference='middle'), backend, expected_slices=len(raw))
    for number, (path, position) in enumerate(zip(paths, raw, strict=True)):
        stacker.add(read_image(path), None, position=position, number=number)
    result = stacker.finish()
    kept = sorted((report for report in result.reports if report.rank is not None),
                  key=lambda report: report.rank or 0)
    values = np.array([raw[report.number] for report in kept])
    pixel_m = None if board is None else _pixel_m(result, board, given.folder)
    return Target(str(given.folder), given.distance_m, values, result.slice_index,
                  result.confidence, _scales(result), raw[0] < raw[-1], pixel_m, given.plane)


def _positions(path: Path) -> list[float]:
    try:
        content: Any = json.loads(path.read_bytes(), parse_int=float)
    except OSError as error:
        raise ImageFileError(f'{path}: {error.strerror or error}; it holds the focus positions of '
                             f'the images, as the list {_KEYS[0]}') from error
    except (RecursionError, ValueError) as error:
        raise ImageFileError(f'{path}: it is not JSON: {error}') from error
    for key in _KEYS:
        values = content.get(key) if isinstance(content, dict) else None
        if isinstance(values, list) and all(
                isinstance(value, float) and math.isfinite(value) for value in values):
            return values
    raise ImageFileError(f'{path}: it needs the key {_KEYS[0]} with a list of numbers')


def _scales(result: StackResult) -> Any:
    """Return how large each slice shows things, relative to the first by rank."""
    height, width = result.confidence.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    kept = sorted((report for report in result.reports if report.transform is not None
                   and report.rank is not None), key=lambda report: report.rank or 0)
    areas = np.array([abs(float(np.linalg.det(report.transform) / (
        report.transform[2] @ centre) ** 3)) for report in kept if report.transform is not None])
    return np.sqrt(areas / areas[0])


def _pixel_m(result: StackResult, board: Chessboard, folder: Path) -> float:
    """Return the side of a pixel on the target by the corners of its chessboard, metres."""
    grey: Image = cv2.cvtColor(eight_bit(result.all_in_focus, result.significant_bits),
                               cv2.COLOR_BGR2GRAY)
    found, corners = cv2.findChessboardCorners(grey, (board.columns, board.rows))
    if not found:
        raise CalibrationError(f'{folder}: no chessboard of {board.columns}x{board.rows} inner '
                               'corners is seen in it; check --chessboard')
    corners = cv2.cornerSubPix(grey, corners, (5, 5), (-1, -1), (
        cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01))
    grid = corners.reshape(board.rows, board.columns, 2)
    sides = [np.linalg.norm(np.diff(grid, axis=axis), axis=2) for axis in (0, 1)]
    return board.square_m / float(np.mean([side.mean() for side in sides]))
