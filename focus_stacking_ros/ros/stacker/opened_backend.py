# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backend of a node: the one that is asked for, or another one rather than none."""

from __future__ import annotations

from collections.abc import Callable

from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend

__all__ = ['open_backend']


def open_backend(name: str, inform: Callable[[str], object]) -> Backend:
    """
    Return a backend; one that is missing here is replaced, and its problem says so.

    :param name: a value of the parameter ``backend``
    :param inform: called with why auto has taken the backend it took
    :raises BackendError: none works here
    """
    try:
        backend = create_backend(name)
    except BackendError as error:
        if name == 'auto':
            raise
        backend = create_backend('auto')
        backend.problem = f'{error}; using {backend.name} instead'
    else:
        if backend.choice:
            inform(backend.choice)
    return backend
