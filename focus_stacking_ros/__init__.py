# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Depth from focus and all-in-focus images for ROS 2.

The library half is importable without ROS::

    from focus_stacking_ros import FocusStacker, StackOptions
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from focus_stacking_ros.core.options import StackOptions
    from focus_stacking_ros.core.refusal import Refusal
    from focus_stacking_ros.core.slices import SliceError, SliceReport, StackError, StackResult
    from focus_stacking_ros.core.stack.sensor import Sensor
    from focus_stacking_ros.core.stack.stacker import FocusStacker

__all__ = ['FocusStacker', 'Refusal', 'Sensor', 'SliceError', 'SliceReport', 'StackError',
           'StackOptions', 'StackResult']

_HOMES = {'FocusStacker': 'stack.stacker', 'Refusal': 'refusal', 'Sensor': 'stack.sensor',
          'StackOptions': 'options'}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: an executable must listen to signals before that."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name == 'FocusStacker':
        import_module(f'{__name__}.backends')  # they register themselves, to be chosen by name
    return getattr(import_module(f'{__name__}.core.{_HOMES.get(name, "slices")}'), name)
