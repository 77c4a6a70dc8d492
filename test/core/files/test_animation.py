# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Animated PNG files against Pillow, which reads them independently."""

from __future__ import annotations

import io

from focus_stacking_ros.core.files.animation import encode_animation
from focus_stacking_ros.core.files.image_files import decode
import numpy as np
import pytest


def frames(dtype: type = np.uint8, channels: int = 3) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, np.iinfo(dtype).max + 1, (31, 47, channels)
                               ).astype(dtype).squeeze() for _ in range(4)]


@pytest.mark.parametrize('channels', [1, 3])
def test_every_frame_is_read_back(channels) -> None:
    image = pytest.importorskip('PIL.Image')
    stack = frames(channels=channels)
    with image.open(io.BytesIO(encode_animation(stack, 250))) as animation:
        assert animation.n_frames == 4
        assert animation.info['loop'] == 0
        for number, frame in enumerate(stack):
            animation.seek(number)
            assert animation.info['duration'] == 250
            read = np.asarray(animation.convert('L' if channels == 1 else 'RGB'))
            np.testing.assert_array_equal(read if channels == 1 else read[..., ::-1], frame)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_other_readers_see_the_first_frame(dtype) -> None:
    # decode() checks every chunk's checksum.
    stack = frames(dtype)
    data = encode_animation(stack, 100)
    np.testing.assert_array_equal(decode(np.frombuffer(data, np.uint8), 'it'), stack[0])
