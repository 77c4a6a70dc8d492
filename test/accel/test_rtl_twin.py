# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The twin of the kernel in SystemVerilog: bit for bit the model, and one pixel per cycle.

Simulated by Verilator, with streams that stall at random; run by ``make test-accel``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
import os
from pathlib import Path
import re
import shutil
import struct
import subprocess
import sys

from accel.test_iterations import cells_of
from focus_stacking_ros.backends.kernel_interface import ACCUMULATE, MEASURE, RECORD
from focus_stacking_ros.backends.model import model_luma, ModelBackend
from focus_stacking_ros.core.state import StackState
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='simulates the twin of the kernel; `make test-accel` runs it')
TWIN = Path('hw_accel', 'rtl_twin')
SIZES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 4), (5, 3), (9, 1), (1, 9), (14, 33), (45, 70))
WIDE = ((5, 1920), (2, 1919), (3, 4096))
HALF_WIDE = ((4, 960), (1, 2048))
WINDOWS = (1, 2, 3, 8, 15)
CONTENT = ('random', 'extreme', 'greatest', 'flat')
# Cycles from the last pixel to the last response: two rows, two columns, ten registers; and from
# the last response to its record: 24 registers.
MEASURE_LATENCY = 12
ACCUMULATE_LATENCY = 24
SHORTEST_ROW = 3  # steps that any row takes at least


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; .ci/accel_packages has the package')


@dataclass
class Run:
    """
    What goes into the simulation, and what has to come out.

    :param operation: of the kernel
    :param shape: (rows, columns) of the image, or of the responses
    :param window: side of the window, half-size pixels
    :param number: of the slice
    :param stalls: how often a stream waits, in 1/256
    :param data: source and state
    :param expected: results
    :param cycles: from the start to the last result, without stalls
    """

    operation: int
    shape: tuple[int, int]
    window: int
    number: int
    stalls: int
    data: bytes
    expected: bytes
    cycles: int

    def packed(self, seed: int) -> bytes:
        """Return what hw_accel/rtl_twin/driver.cpp reads."""
        return struct.pack('<7i', self.operation, *self.shape, self.window, self.number,
                           self.stalls, seed) + self.data

    def __str__(self) -> str:
        return (f'operation {self.operation} {self.shape} window {self.window} slice {self.number} '
                f'stalls {self.stalls}')


def simulated(program: Path, runs: list[Run]) -> list[tuple[bytes, int]]:
    """Return the results and the cycles of each run; all in one process, one after another."""
    done = subprocess.run([program], input=b''.join(
        run.packed(seed) for seed, run in enumerate(runs)), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found, at = [], 0
    for run in runs:
        end = at + 8 + len(run.expected)
        found.append((done.stdout[at + 8:end], *struct.unpack('<q', done.stdout[at:at + 8])))
        at = end
    assert at == len(done.stdout)
    return found


def differences(program: Path, runs: list[Run]) -> list[str]:
    """Return the runs whose results are not those of the model."""
    return [str(run) for run, (result, _) in zip(runs, simulated(program, runs), strict=True)
            if result != run.expected]


def luma_of(content: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a grey image whose luma needs all of its 12 bits."""
    if content == 'flat':
        return np.full(shape, rng.integers(0, 65536), np.uint16)
    image = rng.integers(0, 65536, shape).astype(np.uint16)
    if content == 'extreme':
        image = np.where(image & 1, np.uint16(65535), np.uint16(0))
    elif content == 'greatest':  # response: stripes of two pixels
        image[:] = np.where(np.add.outer(*map(np.arange, shape)) & 2, 65535, 0)
    return image


def measure_runs(sizes: tuple[tuple[int, int], ...], stalls: tuple[int, ...]) -> list[Run]:
    """Return slices to measure."""
    model, rng, runs = ModelBackend(), np.random.default_rng(0), []
    for (rows, columns), content, stall in product(sizes, CONTENT, stalls):
        image = luma_of(content, (rows, columns), rng)
        luma = model_luma(image)
        runs.append(Run(
            MEASURE, (rows, columns), 0, 0, stall, luma.astype('<u2').tobytes(),
            model.measure(image, luma, 'ring_difference').astype('<u2').tobytes(),
            (rows + 2) * max(columns, SHORTEST_ROW) + MEASURE_LATENCY))
    return runs


def packed(state: StackState) -> bytes:
    """Return the records of a state."""
    records = np.zeros(state.best.shape, RECORD)
    for name in RECORD.names or ():
        records[name] = getattr(state, name)
    return records.tobytes()


def any_state(shape: tuple[int, int], number: int, rng: np.random.Generator) -> StackState:
    """Return a state with all that its planes can hold before a slice."""
    state = StackState.empty(shape)
    for plane in state.best, state.left, state.right, state.previous, state.detail:
        plane[:] = rng.integers(-1, 16384, shape)
    state.index[:] = np.where(rng.random(shape) < 0.5, number - 1, rng.integers(0, 256, shape))
    state.total[:] = rng.integers(0, 2 ** 31 - 16384, shape)
    state.count[:] = rng.integers(0, number + 1, shape)
    state.slices = number
    return state


def accumulate_runs(sizes: tuple[tuple[int, int], ...], windows: tuple[int, ...],
                    stalls: tuple[int, ...]) -> list[Run]:
    """Return responses to accumulate."""
    model, rng, runs = ModelBackend(), np.random.default_rng(0), []
    for number, (shape, window, stall) in enumerate(product(sizes, windows, stalls)):
        content = CONTENT[number % len(CONTENT)]
        response = rng.integers(-1, 16384, shape).astype(np.int16)
        if content == 'greatest':
            response[:] = 16383
        elif content == 'flat':
            response[:] = rng.integers(0, 3, shape)
        if content != 'greatest':
            response[rng.random(shape) < (0.9 if content == 'extreme' else 0.2)] = -1
        before, after = window // 2, window - 1 - window // 2
        source = np.pad(response, (before, after), 'symmetric').astype('<i2')
        for slice_number in (0, 1, 254):
            state = (any_state(shape, slice_number, rng) if slice_number
                     else StackState.empty(shape))
            data = source.tobytes() + (packed(state) if slice_number
                                       else rng.bytes(response.size * RECORD.itemsize))
            if slice_number == 254:  # the same again: all are equal
                model.accumulate(state, response, window)
                state.slices = slice_number
                data = source.tobytes() + packed(state)
            model.accumulate(state, response, window)
            runs.append(Run(
                ACCUMULATE, shape, window, slice_number, stall, data, packed(state),
                source.shape[0] * max(source.shape[1], SHORTEST_ROW) + ACCUMULATE_LATENCY))
    return runs


def built(repository: Path, *variables: str) -> None:
    done = subprocess.run(['make', '-C', str(repository / TWIN), *variables],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def simulation(repository: Path) -> Path:
    """Return the program that simulates the twin."""
    needs('make', 'g++', 'verilator')
    built(repository)
    return repository / 'hw_accel' / 'build' / 'rtl_twin' / 'simulation'


def test_is_the_model_bit_for_bit_with_random_stalls(simulation: Path) -> None:
    assert differences(simulation, measure_runs(SIZES, (0, 60, 200))) == []
    assert differences(simulation, measure_runs(WIDE, (20,))) == []
    assert differences(simulation, accumulate_runs(SIZES, WINDOWS, (0, 60, 200))) == []
    assert differences(simulation, accumulate_runs(HALF_WIDE, (9, 15), (20,))) == []


def test_takes_one_pixel_per_cycle(simulation: Path) -> None:
    runs = [run for run in (*measure_runs(SIZES + WIDE, (0,)),
                            *accumulate_runs(SIZES + HALF_WIDE, WINDOWS, (0,)))
            if run.shape[1] >= SHORTEST_ROW]
    assert len(runs) > 100
    found = simulated(simulation, runs)
    assert [result for result, _ in found] == [run.expected for run in runs]
    assert [cycles for _, cycles in found] == [run.cycles for run in runs]


MUTATIONS = [
    ('ring_difference.sv', 'at(1, -2), at(-1, 2)', 'at(1, 2), at(-1, -2)'),
    ('ring_difference.sv', "sum > 32767 ? 15'd32767", "sum > 32767 ? 15'd32766"),
    ('ring_difference.sv', 'mirrored[11:0] = after_2', 'mirrored[11:0] = after_1'),
    ('halve.sv', "18'(both_2) + 18'd2", "18'(both_2) + 18'd1"),
    ('rounded_mean.sv', "total + 22'(count[7:1])", 'total'),
    ('window_mean.sv', 'row_begins_6 <= row_begins[5]', 'row_begins_6 <= row_begins[4]'),
    ('update.sv', 'won = mean_1 > best', 'won = mean_1 >= best'),
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
    assert differences(tmp_path / 'build' / 'simulation', runs) != []


def test_resources_of_the_page_are_what_yosys_counts(repository: Path) -> None:
    needs('yosys')
    page = (repository / 'docs' / 'kv260.md').read_text()
    version = subprocess.run(['yosys', '-V'], capture_output=True, text=True, check=True).stdout
    counted_with = re.search(r'yosys (\d+\.\d+)\)', page).group(1)
    if f'Yosys {counted_with} ' not in version:
        pytest.skip(f'the page has been counted with yosys {counted_with}; this is {version}')
    printed = subprocess.run([sys.executable, str(TWIN / 'resources.py')], text=True,
                             cwd=repository, capture_output=True, check=True).stdout
    table = re.search(r'\n\| Module \|.*?\n\n', page, re.DOTALL).group(0)
    assert cells_of(table) == cells_of(printed)
    assert len(cells_of(printed)) == 3
