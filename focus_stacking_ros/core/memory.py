# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the C library does with freed memory.

It keeps most of it, for every thread apart, which a stack of large images makes hundreds of
megabytes of; and gives blocks of the size of images back, which costs more than filling them when
the next one comes. Where the library is not glibc nothing happens here.
"""

from __future__ import annotations

from contextlib import suppress
import ctypes
import threading

__all__ = ['keep_free_memory', 'return_free_memory', 'return_shared_memory', 'share_one_heap']

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of malloc.h
_LARGEST_KEPT_BYTES, _MOST_KEPT_BYTES, _GROWTH_BYTES = 1 << 30, (1 << 31) - 1, 1 << 26
_LARGEST_SHARED_BYTES = 14_000_000  # larger blocks go back to the system at once
_RESERVED_BYTES = 1 << 29  # addresses that the shared heap grows by, memory as they are used
_FIRST_BYTES = 1 << 22  # block that makes it grow
_HUGE_PAGES = 14  # MADV_HUGEPAGE of sys/mman.h
_HUGE_PAGE_BYTES = 1 << 21
_keeping = threading.Event()  # set where freed memory is kept
_sharing = threading.Event()  # set where all threads share one heap


def share_one_heap() -> None:
    """Let all threads of the process share one heap, in which what one frees serves the others."""
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_SHARED_BYTES)
        library.mallopt(_TOP_PAD, _RESERVED_BYTES)
        _sharing.set()
        _grow_in_huge_pages(library)


def _grow_in_huge_pages(library: ctypes.CDLL) -> None:
    """
    Let the heap grow in pages of 2 MB where the system has them.

    Faults of 512 small ones take many times longer than filling what they give.
    """
    library.sbrk.argtypes, library.sbrk.restype = [ctypes.c_ssize_t], ctypes.c_void_p
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    before = library.sbrk(0) or 0
    library.free(library.malloc(_FIRST_BYTES))
    first = -(-before // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
    if (size := (library.sbrk(0) or 0) - first) > 0:
        library.madvise(first, size, _HUGE_PAGES)  # where there are none it only fails


def keep_free_memory() -> None:
    """
    Keep freed memory for the next stack from now on, where one process makes many.

    Every page that the system gives anew costs a fault, for images more than copying them.
    """
    _keeping.set()
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _MOST_KEPT_BYTES)
        library.mallopt(_TOP_PAD, _GROWTH_BYTES)


def return_shared_memory() -> None:
    """
    Give freed memory back within a phase of the work, where all threads share one heap.

    Elsewhere the faults of small pages, when it is needed again, take too long.
    """
    if _sharing.is_set():
        return_free_memory()


def return_free_memory() -> None:
    """
    Give freed memory back to the system, where one phase of the work ends.

    Nothing happens after :func:`keep_free_memory`.
    """
    if _keeping.is_set():
        return
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.malloc_trim(0)
        if _sharing.is_set():
            _grow_in_huge_pages(library)
