# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the C library does with freed memory.

It keeps most of it, for every thread apart, which a stack of large images makes hundreds of
megabytes of. Where the library is not glibc nothing happens here.
"""

from __future__ import annotations

from contextlib import suppress
import ctypes

__all__ = ['return_free_memory', 'share_one_heap']

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of malloc.h
_LARGEST_SHARED_BYTES = 14_000_000  # larger blocks go back to the system at once


def share_one_heap() -> None:
    """Let all threads of the process share one heap, in which what one frees serves the others."""
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_SHARED_BYTES)


def return_free_memory() -> None:
    """Give freed memory back to the system, where one phase of the work ends."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
