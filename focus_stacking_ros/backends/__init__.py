# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Backends for the per-slice work; importing this package registers them.

Each is imported when it is asked for: a command that has its words to read first, and files, does
not wait for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from focus_stacking_ros.core.stack.registry import register_backend

if TYPE_CHECKING:
    from focus_stacking_ros.backends.emulation import EmulationBackend
    from focus_stacking_ros.backends.kria import KriaBackend
    from focus_stacking_ros.backends.native import NativeBackend
    from focus_stacking_ros.backends.opencv import OpenCVBackend
    from focus_stacking_ros.core.stack.backend import Backend

__all__ = ['EmulationBackend', 'KriaBackend', 'NativeBackend', 'OpenCVBackend']

#: Modules of the backends by their names, in the order in which 'auto' tries them.
_MODULES = {'kria': 'KriaBackend', 'native': 'NativeBackend', 'opencv': 'OpenCVBackend',
            'emulation': 'EmulationBackend'}


def __getattr__(name: str) -> type[Backend]:
    """Import a backend's class when it is asked for."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = next(key for key, title in _MODULES.items() if title == name)
    found: type[Backend] = getattr(import_module(f'{__name__}.{module}'), name)
    return found


def _factory(title: str) -> Callable[[], Backend]:
    def create() -> Backend:
        return __getattr__(title)()
    return create


for _name, _title in _MODULES.items():
    register_backend(_name, _factory(_title))
