# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The kernel built in several ways, bit for bit against the model; run by ``make test-accel``.

Every process a thread with streams of their declared depth and random stalls; with sanitizers; for
aarch64; and with one constant changed, which has to be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import product
import os
from pathlib import Path
import shutil

from accel.kernel_builds import built, ProcessDevice
from backends.test_front import assert_equal, image_of, OPERATORS, PLANES
from backends.test_fuse import job_of
from focus_stacking_ros.backends.emulation import EmulatedDevice
from focus_stacking_ros.backends.kernel import KernelBackend
from focus_stacking_ros.backends.kernel_interface import Device, MAX_WIDTH
from focus_stacking_ros.backends.model import ModelBackend
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.stack.backend import Backend, create_backend
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the kernel several times; `make test-accel` runs it')
SIZES = ((1, 1), (2, 3), (3, 2), (9, 1), (14, 33), (45, 70))
#: Channels, their type, and how they are looked at: red first in memory, too.
LAYOUTS = (((), np.uint8, ...), ((3,), np.uint8, ...), ((), np.uint16, ...),
           ((3,), np.uint16, ...), ((3,), np.uint8, np.s_[..., ::-1]),
           ((3,), np.uint16, np.s_[..., ::-1]))


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed; .ci/accel_packages has the package')


@pytest.fixture(scope='module', params=['emulation', 'threads', 'sanitizers', 'aarch64'])
def device(request: pytest.FixtureRequest, repository: Path) -> Iterator[Device]:
    """Return the kernel, built in one of several ways."""
    needs('make', 'g++')
    folder = repository / 'hw_accel' / 'build'
    if request.param in {'emulation', 'threads'}:
        built(repository, request.param)
        yield EmulatedDevice(folder / f'libfocus_stacking_accel_{request.param}.so')
        return
    command = [str(folder / f'focus_stacking_accel_{request.param}')]
    if request.param == 'aarch64':
        needs('aarch64-linux-gnu-g++', 'qemu-aarch64')
        command.insert(0, 'qemu-aarch64')
    built(repository, request.param)
    process = ProcessDevice(command)
    yield process
    process.close()


# A position that only the rounding of both terms puts where it belongs.
ON_THE_EDGE = reduced(np.array([[1 + 2.0 ** -16, 0, 1022 / 65536], [0, 1, 0], [0, 0, 1]]), 0.5)

# Half-way between equal and unequal pixels lie exact ties.
HALF = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]])


def differences(backend: Backend) -> list[str]:
    """Return where a backend is not the model, over sizes, layouts, operators and maps."""
    model, rng = ModelBackend(), np.random.default_rng(0)
    found = []

    def compare(what: str, ours: np.ndarray, expected: np.ndarray) -> None:
        if not np.array_equal(ours, expected):
            found.append(what)

    for size in SIZES:
        responses = []
        for channels, depth, view in LAYOUTS:
            top = np.iinfo(depth).max
            image = rng.integers(0, top + 1, (*size, *channels)).astype(depth)
            image[:, size[1] // 2:] = rng.integers(0, 2, image[:, size[1] // 2:].shape) * top
            image = image[view]
            ours, expected = (each.front(image, OPERATORS, with_luma=True)
                              for each in (backend, model))
            for name in PLANES:
                compare(f'{size} {channels} {depth.__name__} {name}',
                        *(np.asarray(getattr(front, name)) for front in (ours, expected)))
            compare(f'{size} {channels} {depth.__name__} light', ours.light.sums,
                    expected.light.sums)
            for name, response in expected.responses().items():
                compare(f'{size} {channels} {depth.__name__} {name}', ours.responses()[name],
                        response)
            responses.append(response)
        scale, angle = 1.04, 0.03
        maps = [np.eye(3), np.array([[scale, 0, -1.3], [0, scale, 0.4], [0, 0, 1]]),
                np.array([[scale, -angle, 2.2], [angle, scale, -1.9], [0, 0, 1]]),
                np.array([[3.0, 0, 0.5], [0, 3.0, -7], [0, 0, 1]]), ON_THE_EDGE]
        aligned = []
        for number, transform in enumerate(maps):
            response, gain = responses[number % len(responses)], (1.0, 1.5, 1.1, 0.9, 1.0)[number]
            aligned.append(model.align(response, transform, gain))
            compare(f'{size} map {number}', backend.align(response, transform, gain), aligned[-1])
        for window in (1, 2, 3, 8, 15):
            states = [StackState.empty(aligned[0].shape) for _ in range(2)]
            for response in (*aligned, aligned[0]):
                for state, each in zip(states, (backend, model), strict=True):
                    each.accumulate(state, response, window)
            for item in fields(StackState):
                compare(f'{size} window {window} {item.name}',
                        *(np.asarray(getattr(state, item.name)) for state in states))
    for number, (size, (channels, depth, _)) in enumerate(product(SIZES, LAYOUTS[:4])):
        content = ('random', 'extreme', 'white')[number % 3]
        transforms = [*(maps[k] for k in (0, 1, 2, 4, 1)), HALF]
        job = job_of((*size, *channels), depth, transforms, content,
                     power=(4.0, 1.1)[number % 2], seed=number, gain=(0.1, 0.9)[number % 2])
        compare(f'fuse {size} {channels} {depth.__name__}', backend.fuse(job), model.fuse(job))
    return found


def test_is_the_model_bit_for_bit(device) -> None:
    assert differences(KernelBackend(device)) == []


def test_rows_of_the_greatest_width_fit_what_waits(device) -> None:
    # Rows of all planes wait for the sharpness: too short a stream would stop for good.
    image = image_of((11, MAX_WIDTH, 3), np.uint8, 'noisy')
    for operators, with_luma in (OPERATORS, True), (OPERATORS[:1], False):
        ours, expected = (each.front(image, operators, with_luma=with_luma)
                          for each in (KernelBackend(device), create_backend('opencv')))
        assert_equal(ours, expected)
    with pytest.raises(KeyError):
        KernelBackend(device).front(image, ('abacus',))


MUTATIONS = {
    'front_source.hpp': [
        ('150 * green', '151 * green'), ('weighted + 8', 'weighted + 7'),
        ('weighted >> 12', 'weighted >> 11'), ('left < right ?', 'left <= right ?'),
        ('reverse ? three : one', 'reverse ? one : one'), ('layout == kReverse16;', 'false;'),
        ('i >= kReach / 2 && i < padded_pairs - kReach / 2',
         'i >= kReach / 2 - 1 && i < padded_pairs - kReach / 2 - 1')],
    'front_pixels.hpp': [
        ('{-320,', '{-319,'), ('int total = 512;', 'int total = 511;'),
        ('column, 1, -2)', 'column, 1, 2)'), ('root + 1 : root', 'root : root'),
        ('kGreatestLaplacian = 2040', 'kGreatestLaplacian = 2039'),
        ('kClassWidth = 9 * 256', 'kClassWidth = 9 * 255'),
        ('kExactBins = 512', 'kExactBins = 511'), ('both + 2) >> 2', 'both + 1) >> 2'),
        ('? kMiddle + 1 : kMiddle', '? kMiddle : kMiddle + 1'),
        ('rows[0], rows[1], rows[2]', 'rows[0], rows[2], rows[1]')],
    'front_sharpness.hpp': [
        ('sums[4] + 4', 'sums[4] + 3'), ('sums[2] + 112', 'sums[2] + 111'),
        ('(sum + 2) >> 2', '(sum + 1) >> 2')],
    'front_sums.hpp': [
        ('kClipped = 250 * 256', 'kClipped = 251 * 256'),
        ('(value * value) >> 16', '(value * value) >> 15'),
        ('sums[bank][k][place] +=', 'sums[bank][k][place] ='),
        ('left = grid.width;\n          }', 'left = grid.width - 1;\n          }'),
        ('counts[i] : count', 'counts[i] + 1 : count')],
    'front.hpp': [
        ('(row - 1) * sharp_beats', '(row - 2) * sharp_beats')],
    'align.hpp': [
        ('total + 511', 'total + 512'), ('gain) + 8192u', 'gain) + 8191u'),
        ('32 * (columns - 1)', '32 * (columns - 1) - 1'), ('column + 256) >> 9', 'column) >> 9'),
        ('maximum(one, other) + 1', 'maximum(one, other)')],
    'accumulate.hpp': [
        ('(2 * total + share)', '(2 * total + share - 1)'), ('mean > best', 'mean >= best'),
        ('index == slice - 1', 'index == slice'),
        ('won ? previous : left', 'won ? 0 * previous : left'),
        ('response >= 0 ? 1', 'response > 0 ? 1')],
    'fuse.hpp': [
        ('static_cast<int64_t>(1) << 33', '(static_cast<int64_t>(1) << 33) - 1'),
        ('int sharpness = 512', 'int sharpness = 511'), ('product + 512', 'product + 0'),
        ('product + 8192', 'product + 8191'), ('power * missing + 64', 'power * missing + 0'),
        ('64 * slice', '63 * slice'), ('away) >> 2', 'away) >> 3'),
        ('6 * far_missing', '5 * far_missing'),
        ('total + (divisor >> 1)', 'total + (divisor >> 2)'),
        ('x32 <= 32 * (band.columns - 1)', 'x32 < 32 * (band.columns - 1)'),
        ('y32 >= 0 &&', 'y32 > 0 &&'), ('guide_field(guide, 40)', 'guide_field(guide, 24)'),
        ('minimum(near, far)', 'maximum(near, far)'),
        ('minimum(maximum(row, 0)', 'minimum(maximum(row, 1)'),
        ('= first;  // column -1', '= last;')],
    'fuse_tables.hpp': [
        ('  {-2883, 130789, 3259, -93}', '  {-2883, 130788, 3260, -93}'),
        ('255, 243,', '255, 242,')],
    'common.hpp': [
        ('kResponseLimit = 16383', 'kResponseLimit = 16382'),
        ('? -1 - index : index', '? -index : index'),
        ('2 * (size - 1) - index', '2 * size - 1 - index')],
}


@pytest.mark.parametrize(('name', 'old', 'new'), [
    (name, *pair) for name, pairs in MUTATIONS.items() for pair in pairs])
def test_a_changed_constant_is_found(repository, tmp_path, name, old, new) -> None:
    needs('make', 'g++')
    shutil.copytree(repository / 'hw_accel' / 'include', tmp_path / 'include')
    source = tmp_path / 'include' / 'focus_stacking_accel' / name
    text = source.read_text()
    assert text.count(old) >= 1
    source.write_text(text.replace(old, new))
    built(repository, 'emulation', f'BUILD={tmp_path}', f'INCLUDE={tmp_path}/include',
          'CXXFLAGS=-O1')
    library = tmp_path / 'libfocus_stacking_accel_emulation.so'
    assert differences(KernelBackend(EmulatedDevice(library))) != []
