# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the image that method `streaming` makes of its average."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import halved
from focus_stacking_ros.core.stack.streamed import streamed_image
import numpy as np
import pytest


@pytest.mark.parametrize('height', [1, 2, 3, 127, 128, 129, 130, 255, 257, 300])
@pytest.mark.parametrize(('channels', 'dtype'), [
    (1, np.uint8), (3, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_the_image_is_the_average_in_the_brightness_wanted(height, channels, dtype) -> None:
    top = np.iinfo(dtype).max
    average = np.random.default_rng(height).uniform(-5, 1.1 * top, (height, 31, channels)).astype(
        np.float32).squeeze(2 if channels == 1 else ())
    gains = (1.25, 0.8, 1.0)[:channels]
    bright = average * (np.float32(1) / np.asarray(gains, np.float32))
    grey = bright if channels == 1 else cv2.cvtColor(bright, cv2.COLOR_BGR2GRAY)
    image, luma = streamed_image(average, gains, np.dtype(dtype))
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, np.rint(np.clip(bright, 0, top)))
    assert luma.dtype == np.float32
    np.testing.assert_allclose(
        luma, halved(grey if dtype == np.uint8 else grey / 256), rtol=1e-6)
