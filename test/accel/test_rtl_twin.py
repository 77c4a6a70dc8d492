# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The twin of the kernel in SystemVerilog: bit for bit the model, and one pixel per cycle.

Simulated by Verilator, with streams that stall at random; run by ``make test-accel``.
"""

from __future__ import annotations

import os
from pathlib import Path
import re
import shutil
import subprocess
import sys

from accel.kernel_builds import make_one_at_a_time
from accel.rtl_twin_runs import (
    accumulate_runs,
    differences,
    fused,
    measure_runs,
    SHORTEST_ROW,
    simulated,
    stacks,
)
from accel.test_iterations import cells_of
from accel.test_kernel_builds import needs
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='simulates the twin of the kernel; `make test-accel` runs it')
TWIN = Path('hw_accel', 'rtl_twin')
SIZES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 4), (5, 3), (9, 1), (1, 9), (14, 33), (45, 70))
WIDE = ((5, 1920), (2, 1919), (3, 4096))
HALF_WIDE = ((4, 960), (1, 2048))
WINDOWS = (1, 2, 3, 8, 15)


def built(repository: Path, *variables: str) -> None:
    make_one_at_a_time(repository / TWIN, *variables)


@pytest.fixture(scope='module')
def simulation(repository: Path) -> Path:
    """Return the program that simulates the twin."""
    needs('make', 'g++', 'python3', 'verilator')
    built(repository)
    return repository / 'hw_accel' / 'build' / 'rtl_twin' / 'simulation'


def test_is_the_model_bit_for_bit_with_random_stalls(simulation: Path) -> None:
    assert differences(simulation, measure_runs(SIZES, (0, 60, 200))) == []
    assert differences(simulation, measure_runs(WIDE, (20,))) == []
    assert differences(simulation, accumulate_runs(SIZES, WINDOWS, (0, 60, 200))) == []
    assert differences(simulation, accumulate_runs(HALF_WIDE, (9, 15), (20,))) == []
    for stalls in 60, 200:
        assert fused(simulation, stacks(SIZES), stalls) == []


def test_takes_one_pixel_per_cycle(simulation: Path) -> None:
    runs = [run for run in (*measure_runs(SIZES + WIDE, (0,)),
                            *accumulate_runs(SIZES + HALF_WIDE, WINDOWS, (0,)))
            if run.shape[1] >= SHORTEST_ROW]
    assert len(runs) > 100
    found = simulated(simulation, runs)
    assert [result for result, _ in found] == [run.expected for run in runs]
    assert [cycles for _, cycles in found] == [run.cycles for run in runs]
    assert fused(simulation, stacks(SIZES)) == []


MUTATIONS = [
    ('ring_difference.sv', 'at(1, -2), at(-1, 2)', 'at(1, 2), at(-1, -2)'),
    ('ring_difference.sv', "sum > 32767 ? 15'd32767", "sum > 32767 ? 15'd32766"),
    ('ring_difference.sv', 'mirrored[11:0] = after_2', 'mirrored[11:0] = after_1'),
    ('halve.sv', "18'(both_2) + 18'd2", "18'(both_2) + 18'd1"),
    ('window_mean.sv', 'count_7[7:1]', 'count_7[7:2]'),
    ('window_mean.sv', 'row_begins_6 <= row_begins[5]', 'row_begins_6 <= row_begins[4]'),
    ('update.sv', 'won = mean_1 > best', 'won = mean_1 >= best'),
    ('blend.sv', "34'd512", "34'd511"),
    ('blend.sv', "19'd64", "19'd63"),
    ('blend.sv', 'some_9 << 3', 'some_9 << 2'),
    ('update.sv', "index == slice - 8'd1", "index == slice - 8'd2"),
]


@pytest.mark.parametrize(('name', 'old', 'new'), MUTATIONS)
def test_a_changed_constant_is_found(simulation, repository, tmp_path, name, old, new) -> None:
    # With the times of the files, so that only the changed module is built again.
    shutil.copytree(repository / TWIN, tmp_path / 'source')
    shutil.copytree(simulation.parent, tmp_path / 'build')
    source = tmp_path / 'source' / name
    text = source.read_text()
    assert text.count(old) == 1
    source.write_text(text.replace(old, new))
    built(repository, f'BUILD={tmp_path}/build', f'SOURCE={tmp_path}/source', 'CXXFLAGS=-O0')
    runs = measure_runs(SIZES, (0,)) + accumulate_runs(SIZES, WINDOWS, (0,))
    program = tmp_path / 'build' / 'simulation'
    assert differences(program, runs) != [] or fused(program, stacks(SIZES)) != []


def test_resources_of_the_page_are_what_yosys_counts(repository: Path) -> None:
    needs('make', 'python3', 'yosys')
    page = (repository / 'docs' / 'kv260.md').read_text()
    version = subprocess.run(['yosys', '-V'], capture_output=True, text=True, check=True).stdout
    counted_with = re.search(r'yosys (\d+\.\d+)\)', page).group(1)
    if f'Yosys {counted_with} ' not in version:
        pytest.skip(f'the page has been counted with yosys {counted_with}; this is {version}')
    # Not blend, which takes yosys longest.
    modules = ['measure', 'accumulate']
    printed = subprocess.run([sys.executable, str(TWIN / 'resources.py'), *modules], text=True,
                             cwd=repository, capture_output=True, check=True).stdout
    table = re.search(r'\n\| Module \|.*?\n\n', page, re.DOTALL).group(0)
    found = [row for row in cells_of(printed) if row[0] in modules]
    assert found == [row for row in cells_of(table) if row[0] in modules]
    assert len(found) == len(modules)
