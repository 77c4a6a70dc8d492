# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The search for a focus range in the closed loop with the simulated camera."""

from __future__ import annotations

from compare_ranges import search_range, true_range
from focus_stacking_ros.core.optics.range_search import RangeError
from focus_stacking_ros.simulation.live_camera import SCENES
from focus_stacking_ros.simulation.scene import Layer, Scene
import numpy as np
import pytest


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'travel_m'), [
    ('tilted_plane', (0.22, 0.26)), ('tilted_plane', (0.24, 0.3)),
    ('solder_joints', (0.21, 0.3)), ('dome', (0.23, 0.28))])
def test_the_range_is_found_wherever_it_is_in_the_travel(
        name: str, travel_m: tuple[float, float]) -> None:
    scene = SCENES[name](0, (120, 160))
    low, high = true_range(scene)
    found, exposures = search_range(scene, travel_m, 21)
    assert found.low <= low < high <= found.high
    assert found.high - found.low <= 1.5 * (high - low)
    # With steps of the depth of field, 0.0154 dioptres here, everything is sharp somewhere.
    assert 0.4 < found.step / 0.0154 < 1.0
    assert exposures <= 63


def test_a_scene_without_texture_is_refused() -> None:
    plain = np.full((112, 144), 0.5, np.float32)
    scene = Scene('plain', (Layer(np.dstack([plain] * 3), plain / 2, np.ones_like(plain)),))
    with pytest.raises(RangeError, match='nothing gets sharp'):
        search_range(scene, (0.24, 0.26), 9)
