# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests against the truth of rendered evaluation stacks; skipped where there are none."""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from metrics import (
    area_under_sparsification_error,
    inner,
    largest_corner_error,
    psnr,
    root_mean_square,
    true_slice_index,
)
import numpy as np
import pytest


@dataclass(frozen=True)
class Scored:
    """A result beside its truth."""

    result: StackResult
    psnr: float  # dB
    error: np.ndarray  # (H, W) slices
    recoverable: np.ndarray  # (H, W) pixels whose truth some slice shows
    counted: np.ndarray  # (H, W) all but the border
    depth_error_m: np.ndarray  # (H, W), NaN where there is no depth
    corner_pixels: float

    @property
    def rmse(self) -> float:
        """Root mean square error of the slice index, slices."""
        return root_mean_square(self.error[self.recoverable])

    @property
    def within_half(self) -> float:
        """Share of pixels within half a slice of the truth."""
        return float((self.error[self.recoverable] <= 0.5).mean())

    @property
    def metric_density(self) -> float:
        """Share of pixels with a depth in metres."""
        return float(np.isfinite(self.depth_error_m[self.recoverable]).mean())

    @property
    def sparsification(self) -> float:
        """AUSE, see metrics."""
        return area_under_sparsification_error(self.error[self.counted],
                                               self.result.confidence[self.counted])


@pytest.fixture(scope='module')
def scored(shared_data: Path):
    """Return a function that runs a scene once and scores it in its first slice's grid."""
    known: dict[str, Scored] = {}

    def run(scene: str) -> Scored:
        if scene not in known:
            folder = shared_data / f'synth_{scene}'
            if not folder.is_dir():
                pytest.skip(f'no evaluation stack {folder}')
            known[scene] = score(folder)
        return known[scene]

    return run


def score(folder: Path) -> Scored:
    meta = json.loads((folder / 'meta.json').read_text(encoding='utf-8'))
    distances = meta['focus_distances_m']
    stacker = FocusStacker(StackOptions(reference='first'))
    for file, distance in zip(sorted(folder.glob('frame_*.png')), distances, strict=True):
        stacker.add(cv2.imread(str(file)), distance)
    result = stacker.finish()
    depth = np.load(folder / 'depth.npy')
    counted = inner(depth.shape)
    hidden = cv2.imread(str(folder / 'occlusion_mask.png'), cv2.IMREAD_GRAYSCALE) > 127
    return Scored(
        result, psnr(result.all_in_focus, cv2.imread(str(folder / 'aif.png')), counted),
        np.abs(result.slice_index - true_slice_index(depth, distances)), counted & ~hidden,
        counted, np.abs(result.depth_m - depth), largest_corner_error(
            [report.transform for report in result.reports],
            [np.vstack([true, [0, 0, 1]]) for true in meta['transforms']], depth.shape))


def test_circuit_board_with_breathing_jitter_exposure_and_noise(scored) -> None:
    board = scored('pcb')
    assert np.isfinite(board.result.slice_index).all()
    assert board.rmse <= 0.20
    assert board.within_half >= 0.98
    assert board.psnr >= 30.0
    assert board.corner_pixels <= 0.35
    assert board.sparsification <= 0.30
    assert board.metric_density >= 0.75
    # A slice is 0.7 mm deep here.
    errors = board.depth_error_m[board.recoverable & np.isfinite(board.result.depth_m)]
    assert root_mean_square(errors) <= 0.2 * 0.72e-3


def test_tilted_plane(scored) -> None:
    plane = scored('plane')
    assert plane.psnr >= 30.0
    assert plane.rmse <= 0.10
    assert plane.within_half >= 0.999
    assert plane.corner_pixels <= 0.35


def test_motorcycle_of_real_depth_and_texture(scored) -> None:
    motorcycle = scored('motorcycle')
    assert motorcycle.psnr >= 37.5
    assert motorcycle.rmse <= 0.36
    assert motorcycle.sparsification <= 0.36


def test_confidence_says_where_there_is_no_texture(scored) -> None:
    cards = scored('textureless')
    assert cards.psnr >= 43.0
    assert cards.sparsification <= 0.36
    sure = cards.counted & (cards.result.confidence >= 0.5)
    assert sure.mean() < 0.5
    share = (cards.error[sure] <= 1).mean()
    assert share > 0.75
    assert share > 2 * (cards.error[cards.counted] <= 1).mean() - 0.5
