# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the native library packs is what zlib unpacks, and about as small as what zlib packs."""

from __future__ import annotations

import zlib

import cv2
from focus_stacking_ros.backends.native_deflate import fastest_packer, NativePacker
from focus_stacking_ros.backends.native_library import NativeLibrary
from focus_stacking_ros.core.files.png_encoding import packed_by_zlib, png_parts
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
import pytest


@pytest.fixture(scope='module')
def pack(library: NativeLibrary) -> NativePacker:
    return NativePacker(library)


def fibonacci() -> np.ndarray:
    """Return bytes so unequally frequent that the rarest would have codes of 21 bits."""
    counts = [1, 1]
    while sum(counts) + counts[-1] + counts[-2] < 1 << 16:
        counts.append(counts[-1] + counts[-2])
    return np.random.default_rng(3).permutation(
        np.repeat(np.arange(len(counts), dtype=np.uint8), counts))


BYTES = {
    'one': np.array([7], np.uint8), 'two': np.array([0, 255], np.uint8),
    'all alike': np.full(1000, 3, np.uint8),
    'noise': np.random.default_rng(0).integers(0, 256, 200_001).astype(np.uint8),
    'differences': np.rint(np.random.default_rng(1).laplace(0, 3, 150_000)).astype(
        np.int64).astype(np.uint8),
    'a whole block': np.arange(1 << 16).astype(np.uint8), 'unequal': fibonacci()}


@pytest.mark.parametrize('last', [False, True])
@pytest.mark.parametrize('name', BYTES)
def test_what_is_packed_is_unpacked(pack: NativePacker, name: str, last: bool) -> None:
    data = BYTES[name]
    packed = pack(data, last=last)
    unpacker = zlib.decompressobj(-15)
    assert unpacker.decompress(packed) == data.tobytes()
    assert unpacker.eof == last
    assert unpacker.unused_data == b''
    assert len(packed) < 1.01 * len(packed_by_zlib(data, last=last)) + 300


def test_parts_follow_each_other_at_whole_bytes(pack: NativePacker) -> None:
    data = BYTES['differences']
    parts = np.array_split(data, 7)
    packed = b''.join(pack(part, last=part is parts[-1]) for part in parts)
    assert zlib.decompress(packed, -15) == data.tobytes()


def test_a_picture_is_read_as_it_was(pack: NativePacker) -> None:
    for dtype in (np.uint8, np.uint16):
        image = np.random.default_rng(2).integers(0, 2000, (300, 400, 3)).astype(dtype)
        data = np.frombuffer(b''.join(png_parts(image, pack)), np.uint8)
        np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), image)


def test_without_the_library_zlib_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise BackendError('it is not built')

    monkeypatch.setattr('focus_stacking_ros.backends.native_deflate.find_library', missing)
    assert fastest_packer() is None
