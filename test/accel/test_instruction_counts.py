# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""No function of the native library takes many more instructions than were recorded."""

from __future__ import annotations

import json
from pathlib import Path
import platform
import re
import shutil

from accel.instruction_counts import compiler, counted, grown, is_wide, RECORDED
import pytest


@pytest.mark.slow
def test_functions_take_no_more_instructions_than_recorded(repository: Path,
                                                           tmp_path: Path) -> None:
    for program in 'make', 'g++', 'valgrind', 'callgrind_annotate':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; Debian has it in the package '
                        f'{"valgrind" if "grind" in program else program}')
    recorded = json.loads(RECORDED.read_text())
    if compiler() != recorded['compiler'] or not is_wide():
        pytest.skip(f'recorded with {recorded["compiler"]} for AVX2, and this is {compiler()} on '
                    f'{platform.machine()}: other code counts differently')
    assert grown(counted(repository, tmp_path), recorded['instructions']) == {}, (
        'where that is meant: python3 test/accel/instruction_counts.py --record')


def test_every_function_of_the_library_is_recorded(repository: Path) -> None:
    headers = (repository / 'focus_stacking_ros' / 'backends' / 'cpp').glob('*.hpp')
    known = {name for header in headers
             for name in re.findall(r'int32_t focus_stacking_native_(\w+)\(', header.read_text())}
    # That one works on nothing.
    assert set(json.loads(RECORDED.read_text())['instructions']) == known - {'set_threads'}


def test_what_grows_or_is_gone_is_told() -> None:
    assert grown({'a': 110, 'b': 111, 'new': 1}, {'a': 100, 'b': 100, 'c': 7}) == {
        'b': '111 instructions, 100 were recorded', 'c': 'it is not called any more'}
