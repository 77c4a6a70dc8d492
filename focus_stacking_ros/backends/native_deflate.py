# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data of a PNG, packed by the native library."""

from __future__ import annotations

import ctypes

from focus_stacking_ros.backends.native_library import find_library, NativeLibrary
from focus_stacking_ros.core.files.png_encoding import Packer
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativePacker', 'fastest_packer']


class NativePacker:
    """
    Packs what a PNG holds; see `core.files.png_encoding.Packer`.

    :param library: who does it
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library

    def __call__(self, lines: NDArray[np.uint8], *, last: bool) -> memoryview:
        """Return bytes as deflate has them; what is not the last ends at a whole byte."""
        packed = np.empty(1024 + lines.size + lines.size // 8, np.uint8)
        size = ctypes.c_int32()
        self._library.call('deflate', np.ascontiguousarray(lines), lines.size, last, packed,
                           ctypes.addressof(size))
        return packed[:size.value].data


def fastest_packer() -> Packer | None:
    """Return that of the native library where it is built and fits, else None: zlib's."""
    try:
        return NativePacker(NativeLibrary(find_library()))
    except BackendError:
        return None
