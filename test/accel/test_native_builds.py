# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The native library built in several ways, whose results must not differ; `make test-accel` runs it.

As it is used it is compared with the model in test/backends; here for the plainest x86-64, with
sanitizers of memory and of threads, and for aarch64 under qemu: all sources that there are, of
which nearly every line has to run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
import shutil
import subprocess

from accel.kernel_builds import built
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the library several times; `make test-accel` runs it')

#: Share of the lines of a source; the rest is for other processors, or for want of memory.
LINES_RUN = 0.9
#: Sources with lines for wide registers that the driver calls, and what a processor calls these.
REGISTERS = {'between.cpp': 'avx2', 'between_lines.cpp': 'avx2', 'taken_512.cpp': 'avx512bw',
             'taken_block.cpp': 'avx2', 'taken_bytes.cpp': 'avx2'}


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
    assert len(expected) > 3000
    assert sums(repository, tmp_path, 'native_plainest') == expected
    assert sums(repository, tmp_path, 'native_sanitizers') == expected
    built(repository, f'{tmp_path}/native_threads', f'BUILD={tmp_path}')
    done = subprocess.run([tmp_path / 'native_threads', '4'], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines() == expected
    for program in 'aarch64-linux-gnu-g++', 'qemu-aarch64':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; .ci/accel_packages has the package')
    assert sums(repository, tmp_path, 'native_aarch64', 'qemu-aarch64') == expected


def lines_run(repository: Path, tmp_path: Path, name: str) -> dict[str, dict[int, int]]:
    """Return how often every line is run of a build that counts them, by the name of its file."""
    sums(repository, tmp_path, name)
    facts = sorted((tmp_path / f'{name}.objects').glob('*.gcda'))
    said = subprocess.run(['gcov', '--json-format', '--stdout', *map(str, facts)],
                          cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    counts: dict[str, dict[int, int]] = {}
    for file in (each for line in said.splitlines() for each in json.loads(line)['files']):
        lines = counts.setdefault(Path(file['file']).name, {})
        for line in file['lines']:
            number = line['line_number']
            lines[number] = max(line['count'], lines.get(number, 0))
    return counts


def test_of_every_source_nearly_every_line_is_run(repository: Path, tmp_path: Path) -> None:
    for program in 'make', 'g++', 'gcov':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    # What one build does by the registers of this processor, the plainest one does without.
    built_run, plainest_run = (lines_run(repository, tmp_path, name)
                               for name in ('native_lines', 'native_plainest_lines'))
    sources = {path.name for path in
               (repository / 'focus_stacking_ros' / 'backends' / 'cpp').glob('*.cpp')}
    # Threads have a driver of their own, and a version is all that the other one says.
    sources -= {'parallel.cpp', 'library.cpp'}
    processor = Path('/proc/cpuinfo').read_text()
    run = {}
    for name in sources:
        counts = dict(plainest_run.get(name, {}))
        wide = name in REGISTERS and REGISTERS[name] in processor
        for number, count in built_run.get(name, {}).items():
            if wide or number in counts:
                counts[number] = max(count, counts.get(number, 0))
        run[name] = sum(map(bool, counts.values())) / max(len(counts), 1)
    assert {name: share for name, share in run.items() if share < LINES_RUN} == {}


def test_threads_do_every_band_once(repository: Path, tmp_path: Path) -> None:
    for program in 'make', 'g++':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    assert sums(repository, tmp_path, 'parallel_built') == ['done']
    built(repository, f'{tmp_path}/parallel_sanitizer', f'BUILD={tmp_path}')
    done = subprocess.run([tmp_path / 'parallel_sanitizer', 'without fork'], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
