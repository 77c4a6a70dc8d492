# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how a backend is chosen by name."""

from __future__ import annotations

from focus_stacking_ros.core.stack import backend as registry
from focus_stacking_ros.core.stack.backend import (
    backend_names,
    BackendError,
    create_backend,
    register_backend,
)
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
    backend_names()  # registers those of the package, once
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
