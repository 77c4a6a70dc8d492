# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node with the KV260's backend: a board that dies, and none at all."""

from __future__ import annotations

from pathlib import Path
import sys

from diagnostic_msgs.msg import DiagnosticStatus
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.backends.emulation import find_library
from focus_stacking_ros.backends.native import fastest_on_cpu
from focus_stacking_ros.core.stack.backend import BackendError
from focus_stacking_ros.ros.messages.images import image_to_array
from helpers.cell import Cell, focal_stack, IMAGES, values
from helpers.ros_helpers import RosContext
from helpers.strict_pyxrt import StrictPyxrt
from helpers.xclbin import write_xclbin
import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

STACK = focal_stack(size=(80, 60))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path) -> StrictPyxrt:
    """Return a stand-in for pyxrt that the backend finds, with one board and its firmware."""
    try:
        stand_in = StrictPyxrt(find_library())
    except BackendError as error:
        pytest.skip(str(error))
    firmware = write_xclbin(tmp_path / 'kernel.xclbin', repository / 'hw_accel')
    monkeypatch.setenv('FOCUS_STACKING_ACCEL_XCLBIN', str(firmware))
    monkeypatch.setitem(sys.modules, 'pyxrt', stand_in)
    return stand_in


def warnings(cell: Cell) -> list[str]:
    """Return what the node has warned of or reported as an error."""
    return [line.partition(': ')[2] for line in cell.log.lines()
            if '[WARN]' in line or '[ERROR]' in line]


def assert_results_of_the_cpu(cell: Cell, count: int = 1) -> None:
    """Compare the latest results with those of the backend that the CPU has here."""
    stacker = FocusStacker(backend=fastest_on_cpu())
    for image, position in STACK:
        stacker.add(image, position)
    expected = stacker.finish()
    for message, name in zip(
            cell.wait_for(*IMAGES, count=count),
            ('all_in_focus', 'depth_m', 'confidence', 'slice_index'), strict=True):
        np.testing.assert_array_equal(image_to_array(message), getattr(expected, name), name)


@pytest.mark.parametrize('fault', ['hang', 'error'])
def test_a_board_that_dies_within_a_stack_changes_nothing_but_the_warning(
        ros_context: RosContext, board: StrictPyxrt, fault: str) -> None:
    with Cell(ros_context, backend='kria', stack__size=len(STACK)) as cell:
        cell.connect()
        cell.wait_for_diagnostics('node', lambda status: values(status)['backend'] == 'kria'
                                  and status.level == DiagnosticStatus.OK)
        cell.send_stack(STACK[:2])
        cell.wait_for_slices(2)
        assert board.started >= 3  # it says what it is, and measures
        board.fault, board.runs_until_fault = fault, board.started
        cell.send_stack(STACK[2:])
        assert_results_of_the_cpu(cell)
        assert cell.report()['backend'].startswith(f'{fastest_on_cpu().name} (the KV260 failed: ')
        status = cell.wait_for_diagnostics('node', lambda status: status.message != 'ok')
        assert status.level == DiagnosticStatus.WARN
        assert status.message.startswith('the KV260 failed: ')
        assert values(status)['backend'].startswith(fastest_on_cpu().name)
        cell.expect_told('node', 'the KV260 failed: ', 'the KV260 failed: ', backend_failures=1)
        cell.send_stack(STACK)
        assert_results_of_the_cpu(cell, 2)
        seen = cell.diagnostics['node'].values
        cell.wait_for_diagnostics('node', lambda status: status.values is not seen)
        said, = warnings(cell)
        assert 'xmutil loadapp' in said


def test_without_a_board_there_is_one_warning_and_the_cpu(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'pyxrt', None)
    monkeypatch.setenv('FOCUS_STACKING_NATIVE', '/nowhere')
    with Cell(ros_context, backend='kria', stack__size=len(STACK)) as cell:
        cell.connect()
        cell.send_stack(STACK)
        assert_results_of_the_cpu(cell)
        report = cell.report()
        assert report['backend'] == 'opencv'
        assert 'not kria: pyxrt' in report['backend_choice']
        status = cell.wait_for_diagnostics('node', lambda status: status.message != 'ok')
        assert status.level == DiagnosticStatus.WARN
        cell.expect_told('node', 'using opencv instead', 'using opencv instead',
                         backend_failures=1)
        said, = warnings(cell)
        assert said == status.message
        log = '\n'.join(cell.log.lines())
        assert log.index('using opencv instead') < log.index('a stack ends by')  # at once
        assert 'docs/kv260.md' in said
        assert said.endswith('using opencv instead')
