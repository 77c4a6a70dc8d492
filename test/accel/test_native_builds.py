# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The native library built in several ways, whose results must not differ; `make test-accel` runs it.

As it is used it is compared with the model in test/backends; here for the plainest x86-64, with
sanitizers, and for aarch64 under qemu.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess

from accel.kernel_builds import built
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the library several times; `make test-accel` runs it')


def sums(repository: Path, tmp_path: Path, name: str, *command: str) -> list[str]:
    """Build hw_accel/test/native_driver.cpp in one of several ways; returns what it prints."""
    built(repository, f'{tmp_path}/{name}', f'BUILD={tmp_path}')
    done = subprocess.run([*command, str(tmp_path / name)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_build_computes_the_same(repository: Path, tmp_path: Path) -> None:
    for program in 'make', 'g++':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    expected = sums(repository, tmp_path, 'native_built')
    assert {line.split()[0] for line in expected} >= {
        'differences', 'log_norm', 'front', 'average', 'average_luma', 'align', 'state', 'fuse',
        'guide', 'falls', 'peaks', 'surface', 'judge', 'pyramid', 'fit', 'compare',
        'no_comparison', 'rims', 'beside', 'spread', 'faint'}
    assert sums(repository, tmp_path, 'native_plainest') == expected
    assert sums(repository, tmp_path, 'native_sanitizers') == expected
    for program in 'aarch64-linux-gnu-g++', 'qemu-aarch64':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; .ci/accel_packages has the package')
    assert sums(repository, tmp_path, 'native_aarch64', 'qemu-aarch64') == expected


def test_threads_do_every_band_once(repository: Path, tmp_path: Path) -> None:
    for program in 'make', 'g++':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    assert sums(repository, tmp_path, 'parallel_built') == ['done']
    built(repository, f'{tmp_path}/parallel_sanitizer', f'BUILD={tmp_path}')
    done = subprocess.run([tmp_path / 'parallel_sanitizer', 'without fork'], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
