# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Animated PNG files read back by Pillow and by OpenCV."""

from __future__ import annotations

import io

from focus_stacking_ros.core.files.animation import encode_animation
from focus_stacking_ros.core.files.image_files import decode
import numpy as np
from PIL import Image
import pytest


def frames(channels: int = 3) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (31, 47, channels)).astype(np.uint8).squeeze()
            for _ in range(4)]


@pytest.mark.parametrize('channels', [1, 3])
def test_every_frame_is_read_back(channels) -> None:
    stack = frames(channels=channels)
    with Image.open(io.BytesIO(encode_animation(stack, 250))) as animation:
        assert animation.n_frames == 4
        assert animation.info['loop'] == 0
        for number, frame in enumerate(stack):
            animation.seek(number)
            assert animation.info['duration'] == 250
            read = np.asarray(animation.convert('L' if channels == 1 else 'RGB'))
            np.testing.assert_array_equal(read if channels == 1 else read[..., ::-1], frame)


def test_other_readers_see_the_first_frame() -> None:
    # decode() checks every chunk's checksum.
    stack = frames()
    data = encode_animation(stack, 100)
    np.testing.assert_array_equal(decode(np.frombuffer(data, np.uint8), 'it'), stack[0])
