# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of YUV images of two planes; the payloads are built from their definition with NumPy."""

from __future__ import annotations

from focus_stacking_ros.ros.messages.images import image_to_array, ImageError, output_encoding
from focus_stacking_ros.ros.messages.semi_planar import SEMI_PLANAR
import numpy as np
import pytest
from sensor_msgs.msg import Image

pytestmark = pytest.mark.ros

#: Pixels across and down that share a pair of U and V, and which of them comes first.
LAYOUTS = {'nv12': (2, 2, 'uv'), 'nv21': (2, 2, 'vu'), 'nv16': (2, 1, 'uv'),
           'nv61': (2, 1, 'vu'), 'nv24': (1, 1, 'uv'), 'nv42': (1, 1, 'vu')}
HEIGHT, WIDTH = 6, 10


def from_yuv(luma: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return blue-green-red of ITU-R BT.601 with studio range, from its definition."""
    y = (luma.astype(float) - 16) / 219
    cb, cr = (u.astype(float) - 128) / 224, (v.astype(float) - 128) / 224
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.stack([blue, green, red], axis=-1) * 255, 0, 255)


def made(encoding: str, padding: int = 0, *, last_row_padded: bool = True
         ) -> tuple[Image, np.ndarray]:
    """Return a message of noise, and what it shows."""
    across, down, order = LAYOUTS[encoding]
    generator = np.random.default_rng(3)
    luma = generator.integers(16, 236, (HEIGHT, WIDTH), np.uint8)
    u, v = generator.integers(16, 241, (2, HEIGHT // down, WIDTH // across), np.uint8)
    chroma = np.stack([u, v] if order == 'uv' else [v, u], -1).reshape(HEIGHT // down, -1)
    pairs_padding = padding * 2 // across
    planes = [np.pad(plane, ((0, 0), (0, more)), constant_values=255) for plane, more in (
        (luma, padding), (chroma, pairs_padding))]
    payload = b''.join(plane.tobytes() for plane in planes)
    if pairs_padding and not last_row_padded:
        payload = payload[:-pairs_padding]
    message = Image(encoding=encoding, height=HEIGHT, width=WIDTH, step=WIDTH + padding)
    message.data.frombytes(payload)
    whole = [np.repeat(np.repeat(plane, across, 1), down, 0) for plane in (u, v)]
    return message, from_yuv(luma, *whole)


def test_all_are_tested() -> None:
    assert set(LAYOUTS) == set(SEMI_PLANAR)


@pytest.mark.parametrize('last_row_padded', [True, False])
@pytest.mark.parametrize('padding', [0, 6, 54])
@pytest.mark.parametrize('encoding', LAYOUTS)
def test_it_is_converted_as_itu_r_bt_601_says(encoding, padding, last_row_padded) -> None:
    message, truth = made(encoding, padding, last_row_padded=last_row_padded)
    pixels = image_to_array(message)
    assert (pixels.shape, pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    np.testing.assert_allclose(pixels, truth, atol=2)
    assert output_encoding(encoding) == 'bgr8'


@pytest.mark.parametrize('encoding', LAYOUTS)
@pytest.mark.parametrize('change', [
    {'width': 0}, {'height': 0}, {'step': 0}, {'step': WIDTH - 1}, {'width': 2**32 - 2},
    {'height': 2**32 - 2}, {'step': 2**32 - 2}, {'width': 2**31, 'step': 2**32 - 2}], ids=str)
def test_an_absurd_size_or_step_is_refused(encoding, change) -> None:
    message, _ = made(encoding)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError) as caught:
        image_to_array(message)
    assert caught.value.code == 'payload'


@pytest.mark.parametrize('missing', [1, WIDTH, 1000])
@pytest.mark.parametrize('encoding', LAYOUTS)
def test_a_payload_shorter_than_its_header_is_refused(encoding, missing) -> None:
    message, _ = made(encoding)
    message.data = message.data[:-missing]
    with pytest.raises(ImageError, match='the payload has') as caught:
        image_to_array(message)
    assert caught.value.code == 'payload'


@pytest.mark.parametrize(('encoding', 'change', 'words'), [
    ('nv12', {'width': WIDTH - 1}, 'even width and height'),
    ('nv21', {'height': HEIGHT - 1}, 'even width and height'),
    ('nv16', {'width': WIDTH - 1}, 'even width')])
def test_pixels_that_share_no_colour_are_refused(encoding, change, words) -> None:
    message, _ = made(encoding)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError, match=words):
        image_to_array(message)
