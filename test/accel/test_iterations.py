# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/kv260.md that are counted or calculated; run by ``make test-accel``."""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the kernel; `make test-accel` runs it')


def cells_of(table: str) -> list[list[str]]:
    """Return the cells of a table's rows, without those of the head."""
    rows = [line.strip('| ').split(' | ') for line in table.splitlines() if line.startswith('| ')]
    return [row for row in rows[1:] if not row[0].startswith('---')]


def test_iterations_and_times_of_the_page_are_those_of_the_source(repository: Path) -> None:
    for program in 'g++', 'gcov':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; .ci/accel_packages has the package')
    printed = subprocess.run([sys.executable, 'hw_accel/test/count_iterations.py'], text=True,
                             cwd=repository, capture_output=True, check=True).stdout
    table = printed[printed.index('| Operation |'):]
    assert [row[0] for row in cells_of(table)][:3] == [
        'front, 8-bit grey', 'front, 8-bit colour', 'front, 16-bit colour']
    assert table in (repository / 'docs' / 'kv260.md').read_text()
