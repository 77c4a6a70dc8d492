# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of a PNG is data: alpha channels, colour keys and palettes."""

from __future__ import annotations

import io
from pathlib import Path
import struct
from typing import Any
import zlib

from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.image_files import decode, read_image, read_slice
from focus_stacking_ros.core.files.png import chunks
from helpers.image_data import chunk, picture, png, refusal
import numpy as np
from PIL import Image
import pytest


def read(path: Path, data: bytes) -> Decoded:
    path.write_bytes(data)
    return read_slice(path)


def by_pillow(image: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, 'PNG', **how)
    return file.getvalue()


def test_chunks_are_found_up_to_the_end() -> None:
    data = png(picture(), pieces=2, extra=chunk(b'tEXt', b'IEND'))
    file = io.BytesIO(data + data)
    found = [(kind, file.read(length)) for kind, length in chunks(file)]
    assert [kind for kind, _ in found] == [b'IHDR', b'tEXt', b'IDAT', b'IDAT', b'IEND']
    assert found[1][1] == b'IEND'


@pytest.mark.parametrize('channels', [2, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_what_is_not_opaque_is_no_data(tmp_path: Path, dtype: type, channels: int) -> None:
    image, most = picture(dtype, channels), np.iinfo(dtype).max
    image[..., -1] = most
    assert read(tmp_path / 'x.png', png(image)).valid is None
    image[:3, ..., -1], image[3:6, ..., -1], image[6, ..., -1] = 0, most // 2, most - 1
    found = read(tmp_path / 'x.png', png(image))
    assert found.valid is not None
    assert found.valid.dtype == bool
    np.testing.assert_array_equal(found.valid, image[..., -1] == most)
    colours = image[..., :-1].squeeze()
    np.testing.assert_array_equal(found.image, colours)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_colour_that_stands_for_nothing_is_no_data(tmp_path: Path, dtype: type,
                                                     channels: int) -> None:
    image = picture(dtype, channels)
    key = np.atleast_1d(image[4, 5])
    image[7:9] = image[4, 5]
    content = struct.pack(f'>{channels}H', *key[::-1].tolist())
    found = read(tmp_path / 'x.png', png(image, extra=chunk(b'tRNS', content)))
    expected = (image.reshape(18, 25, -1) != key).any(axis=2)
    assert found.valid is not None
    np.testing.assert_array_equal(found.valid, expected)
    np.testing.assert_array_equal(found.image, image)


@pytest.mark.parametrize('colours', [2, 4, 16, 200])
def test_colours_of_a_palette_may_be_transparent(tmp_path: Path, colours: int) -> None:
    indices = picture(channels=1) % colours
    image = Image.fromarray(indices).convert('P')
    image = Image.frombytes('P', image.size, indices.tobytes())
    palette = picture(shape=(1, colours)).reshape(-1, 3)
    image.putpalette(palette.ravel().tolist())
    opacities = bytes([255, 0] + [128] * 20)[:colours]
    data = by_pillow(image, transparency=opacities, bits={2: 1, 4: 2, 16: 4}.get(colours, 8))
    found = read(tmp_path / 'x.png', data)
    np.testing.assert_array_equal(found.image, palette[indices][..., ::-1])
    table = np.frombuffer(opacities.ljust(256, b'\xff'), np.uint8)
    assert found.valid is not None
    np.testing.assert_array_equal(found.valid, table[indices] == 255)
    assert read(tmp_path / 'x.png', by_pillow(image)).valid is None


def test_a_slice_without_an_opaque_pixel_is_refused(tmp_path: Path) -> None:
    image = picture(channels=4)
    image[..., 3] = 254
    path = tmp_path / 'x.png'
    path.write_bytes(png(image))
    assert 'opaque' in refusal(lambda: read_slice(path), path)
    # The pixels alone may be asked for.
    np.testing.assert_array_equal(read_image(path), image[..., :3])
    np.testing.assert_array_equal(decode(path.read_bytes(), 'x'), image[..., :3])


@pytest.mark.parametrize('depth', [1, 2, 4])
def test_few_bits_of_grey_are_stretched_and_may_have_a_key(tmp_path: Path, depth: int) -> None:
    levels = np.arange(8 // depth * 4, dtype=np.uint8).reshape(4, -1) % (1 << depth)
    bits = np.unpackbits(levels[..., None], axis=-1)[..., 8 - depth:].reshape(4, -1)
    rows = b''.join(b'\0' + np.packbits(row).tobytes() for row in bits)
    header = struct.pack('>IIBBBBB', levels.shape[1], 4, depth, 0, 0, 0, 0)
    data = (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'tRNS', struct.pack('>H', 1))
            + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
    found = read(tmp_path / 'x.png', data)
    np.testing.assert_array_equal(found.image, levels * (255 // ((1 << depth) - 1)))
    assert found.valid is not None
    np.testing.assert_array_equal(found.valid, levels != 1)
