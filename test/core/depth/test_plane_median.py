# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the median of planes."""

from __future__ import annotations

from focus_stacking_ros.core.depth import plane_median
from focus_stacking_ros.core.depth.plane_median import median_of
import numpy as np
import pytest


@pytest.mark.parametrize('count', [*range(1, 20), 33, 64, 100])
def test_median_of_planes_is_that_of_every_pixel(count: int,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_median, '_PIXELS', 50)  # several parts, the last one smaller
    planes = list(np.random.default_rng(count).integers(0, 256, (count, 11, 13), np.uint8))
    before = [plane.copy() for plane in planes]
    found = median_of(planes)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.median(np.stack(planes), axis=0))
    np.testing.assert_array_equal(planes, before)


def test_planes_may_be_parts_of_others() -> None:
    large = np.random.default_rng(0).integers(0, 256, (3, 9, 20), np.uint8)
    planes = [plane[1:-1, ::2] for plane in large]
    np.testing.assert_array_equal(median_of(planes), np.median(np.stack(planes), axis=0))
