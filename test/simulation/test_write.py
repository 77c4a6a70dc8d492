# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated stacks as files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
from focus_stacking_ros.simulation import (
    built_in_stack,
    render_stack,
    Sweep,
    ThinLens,
    tilted_plane,
    write_stack,
)
import numpy as np
import pytest


@pytest.mark.parametrize('bit_depth', [8, 16])
def test_files_hold_the_stack(tmp_path: Path, bit_depth: int) -> None:
    lens = ThinLens(breathing=-0.02, bit_depth=bit_depth)
    stack = render_stack(tilted_plane(0, (48, 64)), lens, Sweep.between(0.247, 0.253, 3), 5)
    folder = tmp_path / 'a' / 'stack'
    files = write_stack(stack, folder)
    assert [path.name for path in files] == ['frame_00.png', 'frame_01.png', 'frame_02.png']
    for path, image in zip(files, stack.slices, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), image)
    meta = json.loads((folder / 'meta.json').read_text())
    assert meta['focus_distances_m'] == list(stack.focus_distances_m)
    assert meta['frames'] == [path.name for path in files]
    assert (meta['f_number'], meta['bit_depth'], meta['seed']) == (4.0, bit_depth, 5)

    def truth(name: str) -> np.ndarray:
        return cv2.imread(str(folder / 'truth' / name), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(truth('all_in_focus.png'), stack.all_in_focus)
    np.testing.assert_array_equal(truth('depth.tiff'), stack.depth_m)
    np.testing.assert_array_equal(truth('slice_index.tiff'), stack.slice_index())
    np.testing.assert_array_equal(truth('occluded.png') > 0, stack.occluded)
    values = json.loads((folder / 'truth' / 'truth.json').read_text())
    assert values['reference'] == stack.reference
    assert np.array(values['transforms']) == pytest.approx(stack.transforms)
    assert np.array(values['gains']) == pytest.approx(stack.gains)


def test_writing_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    for seed in (0, 1):
        stack = built_in_stack(seed, (48, 64), 2)
        write_stack(stack, tmp_path)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*'))
    assert names == ['frame_00.png', 'frame_01.png', 'meta.json', 'truth',
                     'truth/all_in_focus.png', 'truth/depth.tiff', 'truth/occluded.png',
                     'truth/slice_index.tiff', 'truth/truth.json']
    image = cv2.imread(str(tmp_path / 'frame_01.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image, stack.slices[1])


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='file'):
        write_stack(built_in_stack(0, (48, 64), 2), tmp_path / 'file' / 'stack')
