# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how a backend is chosen by name."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.cli import main
from focus_stacking_ros.core.option_table import option_table
from focus_stacking_ros.core.stack import registry
from focus_stacking_ros.core.stack.backend import (
    backend_choices,
    backend_names,
    BackendError,
    create_backend,
    register_backend,
)
from helpers.stacks import make_stack
import pytest


class Device:
    """A backend that cannot work here, or does."""

    name = 'device'
    choice = ''

    def __init__(self, present: bool = True) -> None:
        if not present:
            raise BackendError('no device is plugged in')


@pytest.fixture
def empty(monkeypatch) -> None:
    """No backend is registered but what a test registers."""
    monkeypatch.setattr(registry, '_factories', {})


def test_opencv_is_always_there() -> None:
    assert 'opencv' in backend_names()
    assert create_backend('opencv').name == 'opencv'
    assert create_backend().name in backend_names()


def test_unknown_name_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(BackendError) as caught:
        create_backend('abacus')
    message = str(caught.value)
    assert 'abacus' in message
    assert all(name in message for name in (*backend_names(), 'auto'))


def test_auto_takes_the_first_that_works(empty) -> None:
    register_backend('absent', lambda: Device(present=False))
    register_backend('device', Device)
    register_backend('later', lambda: pytest.fail('a later one must not be tried'))
    assert backend_names() == ('absent', 'device', 'later')
    taken = create_backend('auto')
    assert taken.name == 'device'
    assert taken.choice == 'auto takes the backend device; not absent: no device is plugged in'
    assert create_backend('device').choice == ''


def test_a_named_backend_that_cannot_work_says_why(empty) -> None:
    register_backend('device', Device)
    register_backend('absent', lambda: Device(present=False))
    with pytest.raises(BackendError, match='no device is plugged in'):
        create_backend('absent')


def test_auto_tells_every_reason_where_none_works(empty) -> None:
    with pytest.raises(BackendError, match='none is registered'):
        create_backend('auto')
    register_backend('absent', lambda: Device(present=False))
    with pytest.raises(BackendError, match='no device is plugged in'):
        create_backend('auto')


@pytest.fixture
def mine(monkeypatch) -> str:
    """Register a backend for one test; returns its name."""
    class Mine(OpenCVBackend):
        name = 'mine'

    monkeypatch.setattr(registry, '_factories', dict(registry._factories))
    register_backend('mine', Mine)
    return 'mine'


def test_a_registered_backend_can_be_chosen_by_the_library(mine) -> None:
    assert FocusStacker(backend=mine).backend.name == mine
    assert backend_choices() == ('auto', *backend_names())
    assert backend_names()[-1] == mine


def test_a_registered_backend_can_be_chosen_by_the_flag(mine, tmp_path) -> None:
    files = []
    for number, image in enumerate(make_stack((40, 50), 3).images):
        files.append(str(tmp_path / f'{number}.png'))
        cv2.imwrite(files[-1], image)
    assert main(['stack', *files, '--output', str(tmp_path / 'out'), '--backend', mine]) == 0
    assert json.loads((tmp_path / 'out' / 'report.json').read_text())['backend'] == mine


@pytest.mark.ros
def test_a_registered_backend_can_be_chosen_by_the_parameter(mine) -> None:
    from focus_stacking_ros.ros.stacker.options import NodeOptions
    assert NodeOptions(backend=mine).backend == mine
    assert mine in option_table(NodeOptions)


@pytest.mark.parametrize(('code', 'expected'), [
    ('from focus_stacking_ros import FocusStacker; print(FocusStacker().backend.choice)',
     'auto takes the backend'),
    ('import focus_stacking_ros.commands.stack\n'
     'from focus_stacking_ros.core.stack.backend import backend_choices\n'
     'print(backend_choices())', "('auto', 'kria', 'native', 'opencv', 'emulation')"),
    ('from focus_stacking_ros.core.stack.stacker import FocusStacker\n'
     'try: FocusStacker()\n'
     'except RuntimeError as error: print(error)', 'import focus_stacking_ros.backends')])
def test_those_above_register_the_backends_and_core_knows_none(code, expected) -> None:
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert expected in done.stdout
