# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of giving memory back to the system, and of keeping it."""

from __future__ import annotations

from pathlib import Path
import platform
import subprocess
import sys
import threading

import pytest

# Blocks below the threshold, with one in use at the end, stay in the heap when they are freed.
_SCRIPT = """
import ctypes
from pathlib import Path
import sys
from focus_stacking_ros.core import memory

def resident():
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096

getattr(memory, sys.argv[1])()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [library.malloc(1_000_000) for _ in range(65)]
for block in blocks:
    ctypes.memset(ctypes.c_void_p(block), 1, 1_000_000)
for block in blocks[:-1]:
    library.free(block)
before = resident()
getattr(memory, sys.argv[2])()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc' or not Path('/proc/self/statm').exists(),
                    reason='the C library is not glibc, or there is no /proc')
@pytest.mark.parametrize('then', ['return_free_memory', 'return_shared_memory'])
@pytest.mark.parametrize('kept', [False, True])
def test_freed_memory_goes_back_to_the_system_or_is_kept(kept: bool, then: str) -> None:
    before = 'keep_free_memory' if kept else 'share_one_heap'
    done = subprocess.run([sys.executable, '-c', _SCRIPT, before, then], capture_output=True,
                          text=True, check=True, timeout=60)
    assert (int(done.stdout) < 1_000_000) == kept
    assert (int(done.stdout) > 50_000_000) != kept


_FLAGS = """
import ctypes
from pathlib import Path
from focus_stacking_ros.core import memory

memory.share_one_heap()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p

def flags():
    place, found = library.malloc(12_000_000), None
    for line in Path('/proc/self/smaps').read_text().splitlines():
        first = line.split()[0]
        if '-' in first and not first.endswith(':'):
            low, high = (int(word, 16) for word in first.split('-'))
        elif first == 'VmFlags:' and low <= place + 6_000_000 < high:
            return line.split()
for _ in range(2):
    print('hg' in flags())
    memory.return_free_memory()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc' or not Path(
    '/sys/kernel/mm/transparent_hugepage').exists(),
                    reason='the C library is not glibc, or the kernel has no huge pages')
def test_a_shared_heap_grows_in_huge_pages() -> None:
    done = subprocess.run([sys.executable, '-c', _FLAGS], capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stdout.split() == ['True', 'True']


def test_another_c_library_is_left_alone(monkeypatch) -> None:
    from focus_stacking_ros.core import memory

    class Library:
        """A C library without these functions."""

    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda _: Library())
    monkeypatch.setattr(memory, '_keeping', threading.Event())
    memory.share_one_heap()
    memory.return_free_memory()
    memory.return_shared_memory()
    memory.keep_free_memory()
