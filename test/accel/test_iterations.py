# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/kv260.md that are counted or calculated; run by ``make test-accel``."""

from __future__ import annotations

import os
from pathlib import Path
import re
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
    headers = repository / 'hw_accel' / 'include' / 'focus_stacking_accel'
    longest: dict[str, int] = {}
    for operation, process, words in cells_of(printed):
        header = (headers / f'{operation.split(",")[0]}.hpp').read_text()
        # Processes of one function share what is counted.
        sharing = len(re.findall(rf'FOCUS_STACKING_PROCESS\(\s*{process}\(', header))
        count = int(words.replace(',', '')) // sharing
        longest[operation] = max(longest.get(operation, 0), count)
    page = (repository / 'docs' / 'kv260.md').read_text()
    table = re.search(r'\n\| Operation \|.*?\n\n', page, re.DOTALL).group(0)
    written = {row[0]: row[1:5] for row in cells_of(table)}
    assert written == {
        operation: [f'{count:,}', *(f'{count / clock / 1e3:.1f} ms' for clock in (200, 250, 300))]
        for operation, count in longest.items()}
