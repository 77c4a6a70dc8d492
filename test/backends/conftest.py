# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of backends share."""

from __future__ import annotations

from focus_stacking_ros.backends.native import NativeBackend
from focus_stacking_ros.backends.native_library import find_library, NativeLibrary
from focus_stacking_ros.core.stack.backend import BackendError
import pytest


@pytest.fixture(scope='session')
def library() -> NativeLibrary:
    """Return the native library; skipped where it is not built."""
    try:
        return NativeLibrary(find_library())
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(scope='session')
def native() -> NativeBackend:
    """Return the backend in C++; skipped where its library is not built."""
    try:
        return NativeBackend()
    except BackendError as error:
        pytest.skip(str(error))
