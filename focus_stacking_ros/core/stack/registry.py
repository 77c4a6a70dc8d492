# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a backend is chosen by name; imports nothing of what backends work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from focus_stacking_ros.core.stack.backend import Backend

__all__ = ['BackendError', 'backend_choices', 'backend_names', 'create_backend',
           'register_backend']


class BackendError(RuntimeError):
    """A backend is unknown or cannot work here; the message says why and what else there is."""


_factories: dict[str, Callable[[], Backend]] = {}


def register_backend(name: str, factory: Callable[[], Backend]) -> None:
    """
    Make a backend known to `create_backend`, the flag ``--backend`` and the parameter ``backend``.

    ``auto`` tries it after those that are known already. The package's own register themselves
    when ``focus_stacking_ros.backends`` is imported, as ``from focus_stacking_ros import
    FocusStacker``, the commands and the nodes do.

    :param name: what it is asked for by; one that is known is replaced
    :param factory: returns the backend, or raises BackendError where it cannot work
    """
    _factories[name] = factory


def backend_names() -> tuple[str, ...]:
    """Return the names of all known backends, in the order 'auto' tries them."""
    return tuple(_factories)


def backend_choices() -> tuple[str, ...]:
    """Return what a user may ask for; some work only on some machines."""
    return ('auto', *_factories)


def create_backend(name: str = 'auto') -> Backend:
    """
    Return a backend.

    :param name: a known name, or auto for the first that works here; ``choice`` says why that one
    :raises BackendError: no such backend, or it cannot work here
    """
    if name != 'auto':
        if name not in _factories:
            raise BackendError(f'there is no backend {name}; known are: '
                               f'{", ".join(backend_choices())}')
        return _factories[name]()
    reasons = []
    for candidate, factory in _factories.items():
        try:
            backend = factory()
        except BackendError as error:
            reasons.append(f'{candidate}: {error}')
            continue
        backend.choice = '; not '.join([f'auto takes the backend {candidate}', *reasons])
        return backend
    raise BackendError('no backend works here: ' + ('; '.join(reasons) or
                       'none is registered; import focus_stacking_ros.backends'))
