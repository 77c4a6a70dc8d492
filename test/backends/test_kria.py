# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The host of the KV260, against a stand-in for pyxrt that computes with the emulation library."""

from __future__ import annotations

from dataclasses import fields
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
import sys

from backends.test_front import assert_equal
from backends.test_fuse import job_of
from backends.test_specification import TRANSFORMS
import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.backends import kernel, kria, OpenCVBackend
from focus_stacking_ros.backends.emulation import find_library
from focus_stacking_ros.backends.kria import KriaBackend, XrtDevice
from focus_stacking_ros.backends.native import fastest_on_cpu
from focus_stacking_ros.cli import main
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse import job as fusion_job
from focus_stacking_ros.core.stack.backend import BackendError, create_backend
from helpers.likeness import assert_alike
from helpers.strict_pyxrt import Flags, StrictPyxrt
from helpers.xclbin import write_xclbin
import numpy as np
import pytest

SHAPE = (61, 83)
FAULTS = ('hang', 'error', 'start', 'wait', 'sync')


@pytest.fixture
def board() -> StrictPyxrt:
    """Return a stand-in for pyxrt with one board."""
    try:
        return StrictPyxrt(find_library())
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture
def firmware(tmp_path: Path, repository: Path) -> Path:
    """Return an xclbin without a bitstream."""
    return write_xclbin(tmp_path / 'focus_stacking_accel.xclbin', repository / 'hw_accel')


@pytest.fixture
def device(board: StrictPyxrt, firmware: Path) -> XrtDevice:
    """Return the opened board; a run that hangs is given up soon."""
    return XrtDevice(board, firmware, timeout_seconds=0.1)


def images(count: int = 4, channels: int = 3) -> list[np.ndarray]:
    """Return slices of a texture that come into focus from left to right."""
    rng = np.random.default_rng(0)
    shape = SHAPE if channels == 1 else (*SHAPE, channels)
    sharp = rng.integers(0, 256, shape).astype(np.uint8)
    column = np.arange(SHAPE[1]) * count / SHAPE[1]
    slices = []
    for number in range(count):
        blurred = cv2.GaussianBlur(sharp, (0, 0), 2.0)
        near = np.exp(-np.square(column - number))[None, :]
        near = near if channels == 1 else near[..., None]
        slices.append(np.rint(near * sharp + (1 - near) * blurred).astype(np.uint8))
    return slices


def result_of(backend, method: str = 'default', channels: int = 3):
    stacker = FocusStacker(StackOptions(method=method), backend)
    for number, image in enumerate(images(channels=channels)):
        stacker.add(image, 0.1 + 0.01 * number)
    return stacker.finish()


@pytest.mark.parametrize('method', ['default', 'streaming'])
@pytest.mark.parametrize('channels', [1, 3])
def test_a_stack_is_what_the_cpu_makes_of_it(board, device, method, channels) -> None:
    backend = KriaBackend(device)
    found = result_of(backend, method, channels)
    assert found.backend == 'kria'
    assert_alike(found, result_of(fastest_on_cpu(), method, channels))
    assert board.started >= 1 + 2 * 4


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('method', ['default', 'streaming'])
@pytest.mark.parametrize('runs', [1, 6])
def test_a_device_that_dies_changes_nothing(board, device, fault, method, runs) -> None:
    board.fault, board.runs_until_fault = fault, runs
    backend = KriaBackend(device)
    assert backend.problem == ''
    found = result_of(backend, method)
    assert_alike(found, result_of(fastest_on_cpu(), method))
    assert board.is_broken()
    assert found.backend.startswith(f'{fastest_on_cpu().name} (the KV260 failed: ')
    assert 'xmutil loadapp' in backend.problem
    assert not backend.affine_only  # the CPU takes perspective, too: nothing to advise


def test_without_the_native_library_opencv_goes_on(board, device, monkeypatch) -> None:
    monkeypatch.setenv('FOCUS_STACKING_NATIVE', '/nowhere/lib.so')
    board.fault, board.runs_until_fault = FAULTS[0], 6
    found = result_of(KriaBackend(device))
    assert found.backend.startswith('opencv (the KV260 failed: ')
    assert_alike(found, result_of('opencv'))


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('runs', [1, 2, 4])
@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_a_device_that_dies_while_it_fuses_changes_nothing(board, device, fault, runs, depth,
                                                           monkeypatch) -> None:
    monkeypatch.setattr(kernel, 'BAND', fusion_job.TILE[0])  # two bands of three slices each
    transforms = [TRANSFORMS[name] for name in ('nothing', 'scale', 'rotate')]
    job, backend = job_of((150, 40, 3), depth, transforms), KriaBackend(device)
    board.fault, board.runs_until_fault = fault, board.started + runs
    np.testing.assert_array_equal(backend.fuse(job), OpenCVBackend().fuse(job))
    assert board.is_broken()
    assert backend.name.startswith(f'{fastest_on_cpu().name} (the KV260 failed: ')


def test_fused_on_the_board_where_it_does_not_fail(board, device, monkeypatch) -> None:
    monkeypatch.setattr(kernel, 'BAND', fusion_job.TILE[0])
    transforms = [TRANSFORMS[name] for name in ('nothing', 'scale', 'rotate', 'shift')]
    job, backend, before = job_of((150, 40, 3), np.uint8, transforms), KriaBackend(device), 1
    np.testing.assert_array_equal(backend.fuse(job), OpenCVBackend().fuse(job))
    assert board.started == before + 2 * 4
    assert backend.name == 'kria'


def test_memory_is_allocated_once_per_size(board, device) -> None:
    backend = KriaBackend(device)
    result_of(backend)
    result_of(backend, 'streaming')
    count = board.allocated
    result_of(backend)
    result_of(backend, 'streaming')
    assert board.allocated == count


@pytest.mark.parametrize('runs', [1, 2])
def test_a_device_that_dies_in_the_front_pass_changes_nothing(board, device, runs) -> None:
    backend, reference = KriaBackend(device), create_backend('opencv')
    board.fault, board.runs_until_fault = 'hang', runs
    for image in images(3):
        assert_equal(backend.front(image, ('log_norm', 'ring_difference')),
                     reference.front(image, ('log_norm', 'ring_difference')))
        np.testing.assert_array_equal(backend.measure(image, luma(image), 'log_norm'),
                                      reference.measure(image, luma(image), 'log_norm'))
    assert board.is_broken()


def test_out_of_memory_is_a_fault_like_others(board, device) -> None:
    board.free = 10000
    found = result_of(KriaBackend(device))
    assert 'memory' in found.backend
    assert_alike(found, result_of(fastest_on_cpu()))


def test_the_state_is_whole_when_accumulating_fails(board, device) -> None:
    backend, reference = KriaBackend(device), create_backend('opencv')
    rng = np.random.default_rng(1)
    states = [StackState.empty((9, 11)) for _ in range(2)]
    for number in range(5):
        if number == 3:
            board.fault, board.runs_until_fault = 'error', 0
        response = rng.integers(-1, 99, (9, 11)).astype(np.int16)
        for state, each in zip(states, (backend, reference), strict=True):
            each.accumulate(state, response, 3)
    for item in fields(StackState):
        np.testing.assert_array_equal(*(getattr(state, item.name) for state in states), item.name)


@pytest.mark.parametrize(('change', 'reason'), [
    ({'devices': 0}, 'XRT finds no device'), ({'kernels': ('vadd',)}, 'has no kernel'),
    ({'memory': 8}, 'does not answer')])
def test_a_board_that_cannot_be_used_says_why(board, firmware, change, reason) -> None:
    for name, value in change.items():
        setattr(board, {'memory': 'free'}.get(name, name), value)
    with pytest.raises(BackendError, match=reason):
        XrtDevice(board, firmware)


@pytest.mark.parametrize(('size', 'reason'), [
    (0, 'Invalid xclbin'), (7, 'Invalid xclbin'), (8, 'it ends after 8 bytes'),
    (300, 'it ends after 300 bytes'), (2000, 'it has 2000 of its '), (-1, 'of its ')])
def test_half_of_the_firmware_is_refused(board, firmware, size, reason) -> None:
    firmware.write_bytes(firmware.read_bytes()[:size])  # XRT crashes on some of these
    with pytest.raises(BackendError, match=f'cannot be loaded .*{reason}'):
        XrtDevice(board, firmware)


def test_firmware_that_is_none_is_refused(board, firmware) -> None:
    firmware.write_bytes(b'nothing' * 100)
    with pytest.raises(BackendError, match='Invalid xclbin'):
        XrtDevice(board, firmware)


def test_what_the_host_reads_is_cached(board, device) -> None:
    result_of(KriaBackend(device), 'streaming')
    flags = {name: made.flags for name, (made, _) in device._memory.items()
             if not name.startswith('unused')}
    assert {name for name, flag in flags.items() if flag is Flags.CACHEABLE} == {
        'identity', 'planes', 'front sums', 'aligned', 'state after'}


@pytest.mark.parametrize(('identity', 'reason'), [
    (b'CASF\x01\0\0\0', 'version 1'), (b'other   ', 'it is not focus_stacking_accel')])
def test_another_version_of_the_kernel_is_refused(board, firmware, identity, reason) -> None:
    board.identity = identity
    with pytest.raises(BackendError, match=reason):
        XrtDevice(board, firmware)


@pytest.mark.parametrize('fault', FAULTS)
def test_a_board_that_is_dead_from_the_beginning_is_refused(board, firmware, fault) -> None:
    board.fault, board.runs_until_fault = fault, -1
    with pytest.raises(BackendError, match='does not answer'):
        XrtDevice(board, firmware, timeout_seconds=0.1)


def test_missing_firmware_and_missing_module_say_what_to_do(monkeypatch, tmp_path, board) -> None:
    monkeypatch.setattr(kria, 'FIRMWARE', tmp_path / 'none.xclbin')
    monkeypatch.delenv('FOCUS_STACKING_ACCEL_XCLBIN', raising=False)
    monkeypatch.setitem(sys.modules, 'pyxrt', board)
    with pytest.raises(BackendError, match=r'docs/kv260\.md'):
        create_backend('kria')
    monkeypatch.setitem(sys.modules, 'pyxrt', None)
    with pytest.raises(BackendError, match='pyxrt'):
        create_backend('kria')


def test_a_built_module_is_looked_for_where_ros_has_it(monkeypatch, tmp_path) -> None:
    folder = tmp_path / 'lib' / 'focus_stacking_accel'
    folder.mkdir(parents=True)
    path = folder / f'pyxrt{EXTENSION_SUFFIXES[0]}'
    monkeypatch.delitem(sys.modules, 'pyxrt', raising=False)
    monkeypatch.setattr(sys, 'path', [])  # an installed one comes first
    monkeypatch.setattr(kria, 'library_folders', lambda: [tmp_path / 'none', tmp_path / 'lib'])
    with pytest.raises(BackendError, match="No module named 'pyxrt'"):
        create_backend('kria')
    path.write_bytes(b'no library')
    with pytest.raises(BackendError, match=f'{path} cannot be imported'):
        create_backend('kria')


def test_auto_takes_the_board_where_its_kernel_loads(monkeypatch, board, firmware) -> None:
    monkeypatch.setenv('FOCUS_STACKING_ACCEL_XCLBIN', str(firmware))
    monkeypatch.setitem(sys.modules, 'pyxrt', board)
    taken = create_backend('auto')
    assert (taken.name, taken.choice) == ('kria', 'auto takes the backend kria')
    assert create_backend('kria').choice == ''
    board.devices = 0
    monkeypatch.setenv('FOCUS_STACKING_NATIVE', '/nowhere')
    taken = create_backend('auto')
    assert taken.name == 'opencv'
    assert 'opencv; not kria: XRT finds no device' in taken.choice
    assert '; not native: FOCUS_STACKING_NATIVE is /nowhere' in taken.choice


def test_the_command_line_ends_with_2_where_there_is_no_board(monkeypatch, tmp_path, capsys
                                                              ) -> None:
    monkeypatch.setitem(sys.modules, 'pyxrt', None)
    files = []
    for number, image in enumerate(images(2)):
        files.append(str(tmp_path / f'{number}.png'))
        cv2.imwrite(files[-1], image)
    output = tmp_path / 'out'
    try:
        code = main(['stack', *files, '--output', str(output), '--backend', 'kria'])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert 'pyxrt' in capsys.readouterr().err
    assert not output.exists() or not list(output.iterdir())


def test_perspective_is_left_to_the_cpu_and_told(device) -> None:
    backend = KriaBackend(device)
    stacker = FocusStacker(StackOptions(alignment_model='projective'), backend)
    texture = images()[0]
    for number in range(3):
        tilt = np.eye(3)
        tilt[2, 0] = 6e-4 * number
        stacker.add(cv2.warpPerspective(texture, tilt, SHAPE[::-1],
                                        borderMode=cv2.BORDER_REFLECT))
    result = stacker.finish()
    count = sum(bool(report.transform[2, :2].any()) for report in result.reports)
    assert count >= 1
    assert any(f'{count} slices are seen in another perspective, which kria' in note
               for note in result.notes)
    assert backend.problem == ''
