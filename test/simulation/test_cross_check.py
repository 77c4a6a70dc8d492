# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulation against stacks rendered by other code with the same optics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.simulation import render_slice, Scene, ThinLens
import numpy as np
from numpy.typing import NDArray
import pytest

pytestmark = pytest.mark.slow
BORDER = 30  # pixels, where other code continues the scene differently


class Rendered:
    """A stack with truth, rendered by other code: linear light, thin lens, sRGB files."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            pytest.skip(f'no {folder.name} in {folder.parent}')
        self.meta: dict[str, Any] = json.loads((folder / 'meta.json').read_text())
        self.frames = [cv2.imread(str(path)) for path in sorted(folder.glob('frame_*.png'))]
        self.sharp = cv2.imread(str(folder / 'aif.png'))
        self.depth_m = np.load(folder / 'depth.npy')
        level = self.sharp / 255.0
        light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
        self.scene = Scene.from_depth_map(folder.name, light, self.depth_m, 0.0003)

    def error(self, number: int, f_number: float | None = None) -> float:
        """Return the root mean square difference of our slice to theirs, in grey levels."""
        lens = ThinLens(self.meta['focal_length_mm'] / 1000, f_number or self.meta['f_number'],
                        self.meta['pixel_pitch_um'] / 1e6)
        view = np.eye(3)
        view[:2] = np.array(self.meta['transforms'][number])[:2]
        light = render_slice(self.scene, lens, self.meta['focus_distances_m'][number], view)
        light = light * np.array(self.meta['exposure_gains_bgr'][number], np.float32)
        light = np.clip(light, 0, 1)
        level = np.where(light <= 0.0031308, 12.92 * light,
                         1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
        return self.difference(255 * level, self.frames[number])

    @staticmethod
    def difference(image: NDArray[Any], other: NDArray[Any]) -> float:
        """Return the root mean square difference without the border, in grey levels."""
        difference = image.astype(np.float64) - other
        return float(np.sqrt(np.mean(difference[BORDER:-BORDER, BORDER:-BORDER] ** 2)))


@pytest.mark.parametrize(('name', 'largest'), [('synth_plane', 4.0), ('synth_textureless', 1.8),
                                               ('synth_pcb', 8.5)])
def test_slices_equal_those_of_other_code(shared_data: Path, name: str, largest: float) -> None:
    rendered = Rendered(shared_data / name)
    for number in (0, len(rendered.frames) // 2, len(rendered.frames) - 1):
        error = rendered.error(number)
        blurred = rendered.difference(rendered.sharp, rendered.frames[number])
        assert error < largest
        assert error < blurred / 2


def test_blur_is_as_wide_as_that_of_other_code(shared_data: Path) -> None:
    # The blur is as 1 / f-number: the one that fits best must be the one of the meta data.
    rendered = Rendered(shared_data / 'synth_plane')
    f_numbers = rendered.meta['f_number'] * np.array([0.85, 0.925, 1.0, 1.075, 1.15])
    errors = [rendered.error(0, f_number) ** 2 for f_number in f_numbers]
    a, b, _ = np.polyfit(f_numbers, errors, 2)
    assert a > 0
    assert -b / (2 * a) == pytest.approx(rendered.meta['f_number'], rel=0.04)


@pytest.mark.parametrize('name', ['synth_pcb', 'synth_plane'])
def test_largest_circle_of_confusion_is_that_of_other_code(shared_data: Path, name: str) -> None:
    rendered = Rendered(shared_data / name)
    meta = rendered.meta
    lens = ThinLens(meta['focal_length_mm'] / 1000, meta['f_number'], meta['pixel_pitch_um'] / 1e6)
    distances = np.array(meta['focus_distances_m'])[:, None]
    depths = np.array([meta['depth_min_m'], meta['depth_max_m']])
    largest = lens.circle_of_confusion_px(distances, depths).max()
    # Theirs is that of the middle of a layer of theirs.
    assert meta['max_coc_px'] == pytest.approx(largest, rel=0.05)


def test_breathing_of_the_thin_lens_is_that_of_other_code(shared_data: Path) -> None:
    meta = json.loads((shared_data / 'synth_pcb' / 'meta.json').read_text())
    lens = ThinLens(meta['focal_length_mm'] / 1000)
    assert lens.magnifications(meta['focus_distances_m']) == pytest.approx(meta['scales'])
