#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Count the instructions of the native library's functions, which no other work disturbs.

Valgrind counts them while the driver of the tests calls every function (hw_accel/test) of the
library where it lies, in one thread, as an x86-64 with AVX2 runs it. Run from the
repository's root: instruction_counts.py prints them beside the recorded ones; --record writes them
to instruction_counts.json, after a change that is meant to cost more, or of the driver.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import json
import os
from pathlib import Path
import platform
import re
import subprocess
import sys
import tempfile
from typing import Any

if __name__ == '__main__':
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]),
                    str(Path(__file__).resolve().parents[2])]

from accel.kernel_builds import built

__all__ = ['ALLOWED', 'RECORDED', 'compiler', 'counted', 'grown', 'is_wide']

#: Table in the repository: ``compiler`` and ``instructions`` by function.
RECORDED = Path(__file__).with_name('instruction_counts.json')
#: How many times as many instructions a function may take as were recorded.
ALLOWED = 1.1
_REPOSITORY = Path(__file__).resolve().parents[2]
_FUNCTION = re.compile(r'^\s*([\d,]+) .*:focus_stacking_native_(\w+) \[', re.MULTILINE)


def compiler() -> str:
    """Return the C++ compiler that makes take, with its version."""
    said = subprocess.run([os.environ.get('CXX', 'g++'), '--version'], capture_output=True,
                          text=True, check=True).stdout
    return said.splitlines()[0]


def is_wide() -> bool:
    """Return whether this is an x86-64 with AVX2, whose instructions are recorded."""
    facts = Path('/proc/cpuinfo')
    return (platform.machine() == 'x86_64' and facts.exists()
            and 'avx2' in facts.read_text().split())


def counted(repository: Path, folder: Path) -> dict[str, int]:
    """
    Return the instructions of each function that works on slices, with all that it calls.

    The driver is kept beside the emulation; it and the library are made anew where sources have
    changed.

    :param repository: root folder of the repository
    :param folder: for what Valgrind tells
    """
    built(repository, 'build/native_exported', 'BUILD=build')
    program, facts = repository / 'hw_accel/build/native_exported', folder / 'callgrind.out'
    subprocess.run(['valgrind', '--quiet', '--tool=callgrind', f'--callgrind-out-file={facts}',
                    str(program), '1'], stdout=subprocess.DEVNULL, check=True)
    said = subprocess.run(['callgrind_annotate', '--inclusive=yes', '--threshold=100', str(facts)],
                          capture_output=True, text=True, check=True).stdout
    return {name: int(count.replace(',', '')) for count, name in _FUNCTION.findall(said)
            if name != 'set_threads'}


def grown(found: Mapping[str, int], recorded: Mapping[str, int]) -> dict[str, str]:
    """Return the functions that take too many instructions, or are no longer called, and why."""
    return {name: 'it is not called any more' if name not in found
            else f'{found[name]} instructions, {before} were recorded'
            for name, before in recorded.items()
            if name not in found or found[name] > ALLOWED * before}


def main() -> None:
    """Print the table, or record it."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--record', action='store_true')
    record = parser.parse_args().record
    with tempfile.TemporaryDirectory() as folder:
        found = counted(_REPOSITORY, Path(folder))
    known: dict[str, Any] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    before = known.get('instructions', {})
    for name, count in sorted(found.items(), key=lambda item: -item[1]):
        print(f'{name:16} {count:12} {count / before[name] if name in before else 0:6.2f}')
    if record:
        RECORDED.write_text(json.dumps({'compiler': compiler(),
                                        'instructions': dict(sorted(found.items()))}, indent=2)
                            + '\n')


if __name__ == '__main__':
    main()
