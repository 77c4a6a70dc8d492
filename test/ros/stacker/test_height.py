# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Heights over the plane that most of the result lies on."""

from __future__ import annotations

from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.messages.intrinsics import Intrinsics
from focus_stacking_ros.ros.stacker.height import height_message
import numpy as np
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


def result(depth_m: np.ndarray, confidence: float = 1.0) -> StackResult:
    return StackResult(np.zeros(depth_m.shape, np.uint8), depth_m.astype(np.float32),
                       np.full(depth_m.shape, confidence, np.float32),
                       np.zeros(depth_m.shape, np.float32), (), 0, 1.0)


@pytest.mark.parametrize('focal', [None, 800.0])
def test_a_part_has_its_height_and_holes_stay(focal) -> None:
    depth = np.full((60, 80), 0.25)
    depth[20:30, 20:40] -= 2e-3
    depth[:, 70:] = np.nan
    intrinsics = None if focal is None else Intrinsics((focal, focal), (39.5, 29.5))
    header = Header(frame_id='camera')
    message = height_message(result(depth), intrinsics, header, pytest.fail)
    assert (message.encoding, message.header) == ('32FC1', header)
    height = image_to_array(message)
    assert np.isnan(height[:, 70:]).all()
    assert height[25, 30] == pytest.approx(2e-3, abs=2e-6)
    assert np.nanmedian(height) == pytest.approx(0, abs=1e-6)


def test_without_confident_pixels_there_is_none_and_it_is_told() -> None:
    told: list[str] = []
    unsure = result(np.full((60, 80), 0.25), 0.2)
    assert height_message(unsure, None, Header(), told.append) is None
    assert told[0].startswith('there are no heights: 0 pixels')
