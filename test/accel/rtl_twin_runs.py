# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the simulation of the kernel's twin gets, and what has to come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
import struct
import subprocess

from backends.test_fuse import job_of
from focus_stacking_ros.backends.kernel_interface import ACCUMULATE, FUSE, GUIDE, RECORD
from focus_stacking_ros.backends.model import model_luma, ModelBackend
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.weights import WeightPlanes
import numpy as np

__all__ = ['SHORTEST_ROW', 'accumulate_runs', 'differences', 'fused', 'measure_runs', 'simulated',
           'stacks']

MEASURE = 1  # the twin's operation: a part of the kernel's front
CONTENT = ('random', 'extreme', 'greatest', 'flat')
# Cycles from the last pixel to the last response: two rows, two columns, ten registers; and from
# the last response to its record: 24 registers; and from a pixel to its sums or mean.
MEASURE_LATENCY = 12
ACCUMULATE_LATENCY = 24
BLEND_LATENCY = 28
SHORTEST_ROW = 3  # steps that any row takes at least


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
    :param more: of ``fuse``: power, 8 bits or not, first and last slice or not, three gains
    """

    operation: int
    shape: tuple[int, int]
    window: int
    number: int
    stalls: int
    data: bytes
    expected: bytes
    cycles: int
    more: tuple[int, ...] = (0,) * 7

    def packed(self, seed: int) -> bytes:
        """Return what hw_accel/rtl_twin/driver.cpp reads."""
        return struct.pack('<14i', self.operation, *self.shape, self.window, self.number,
                           self.stalls, seed, *self.more) + self.data

    def __str__(self) -> str:
        return (f'operation {self.operation}, {self.shape}, window {self.window}, '
                f'slice {self.number}, stalls {self.stalls}')


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


@cache
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


@cache
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


#: A pixel after its interpolation, with the guide.
SAMPLE = np.dtype([('channels', '<u2', 3), ('sharpness', 'u1'), ('inside', 'u1'),
                   ('guide', GUIDE)])


def samples(job: FusionJob, number: int) -> np.ndarray:
    """Return what a slice that lies whole pixels away has at each pixel of the result."""
    item, fixed = job.slices[number], job.maps[number]
    assert fixed is not None
    x, y = np.broadcast_arrays(*fixed.positions(job.shape))
    assert not np.any((x | y) & 31)
    column, row, (height, width) = x >> 5, y >> 5, job.shape
    at = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    found = np.zeros(job.shape, SAMPLE)
    found['channels'][..., :job_channels(job)] = item.image.reshape(height, width, -1)[at]
    found['sharpness'] = item.sharpness[at]
    found['inside'] = (row == at[0]) & (column == at[1])
    planes = WeightPlanes.empty(job.shape)
    for area in job.areas():
        for whole, part in zip(planes.planes(), job.tile(area).planes.planes(), strict=True):
            whole[area] = part
    for name, plane in zip(GUIDE.names or (), planes.planes(), strict=False):
        found['guide'][name] = plane
    return found


def job_channels(job: FusionJob) -> int:
    """Return the number of channels of a job's images."""
    return job.slices[0].image.shape[2] if job.slices[0].image.ndim == 3 else 1


@dataclass
class Stack:
    """
    Slices to be fused, as the simulation gets them.

    :param job: the stack
    :param samples: of each slice
    :param expected: the image of the model
    """

    job: FusionJob
    samples: list[np.ndarray]
    expected: np.ndarray

    def run(self, number: int, stalls: int, before: bytes) -> Run:
        """Return the run that adds a slice to sums."""
        job, last = self.job, len(self.samples) - 1
        gains = (*job.slices[number].gains(), 0, 0)[:3]
        narrow = self.expected.dtype == np.uint8
        return Run(FUSE, job.shape, 0, number, stalls, self.samples[number].tobytes() + before,
                   before, job.shape[0] * job.shape[1] + BLEND_LATENCY,
                   (job.power, narrow, number == 0, number == last, *gains))


@cache
def stacks(sizes: tuple[tuple[int, int], ...]) -> list[Stack]:
    """Return stacks whose slices lie whole pixels apart, as they need no interpolation."""
    moves = [np.eye(3) for _ in range(4)]
    moves[1][0, 2], moves[2][:2, 2] = 1, (-2, 1)
    found = []
    for number, (size, channels, depth, content) in enumerate(product(
            sizes, ((), (3,)), (np.uint8, np.uint16), ('random', 'extreme', 'white'))):
        job = job_of((*size, *channels), depth, moves, content, power=(4.0, 1.1, 14.9)[number % 3],
                     seed=number, gain=(0.1, 0.9)[number % 2])
        found.append(Stack(job, [samples(job, k) for k in range(len(moves))],
                           ModelBackend().fuse(job)))
    return found


def fused(program: Path, several: list[Stack], stalls: int = 0) -> list[str]:
    """Fuse in the simulation; return what is not the model's, or is late without stalls."""
    # What is there before the first slice must not matter.
    sums = [np.random.default_rng(0).bytes(16 * each.job.shape[0] * each.job.shape[1])
            for each in several]
    wrong = []
    for number in range(len(several[0].samples)):
        runs = [each.run(number, stalls, before)
                for each, before in zip(several, sums, strict=True)]
        results = simulated(program, runs)
        sums = [result for result, _ in results]
        wrong += [f'{run}: {cycles} cycles' for run, (_, cycles) in zip(runs, results, strict=True)
                  if stalls == 0 and cycles != run.cycles]
    for each, result in zip(several, sums, strict=True):
        image = np.frombuffer(result, '<u2').reshape(*each.job.shape, 8)
        if not np.array_equal(image[..., :job_channels(each.job)].reshape(each.expected.shape),
                              each.expected):
            wrong.append(f'{each.expected.shape} {each.expected.dtype}')
    return wrong
