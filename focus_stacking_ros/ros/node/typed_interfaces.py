# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The package focus_stacking_interfaces, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import importlib
from typing import Any

from rclpy.type_support import check_for_type_support

__all__ = ['PACKAGE', 'Interfaces', 'find_interfaces']

PACKAGE = 'focus_stacking_interfaces'


@dataclass(frozen=True)
class Interfaces:
    """The message and action types of the package, by their names in it."""

    FocusPositionStamped: Any
    SliceReport: Any
    StackProgress: Any
    StackReport: Any
    StepDuration: Any
    Sweep: Any


def find_interfaces(debug: Callable[[str], object] = lambda _words: None,
                    warn: Callable[[str], object] = lambda _words: None) -> Interfaces | None:
    """
    Return the typed messages and the action, None where they cannot be used.

    :param debug: called with a sentence where the package is not installed, which is no fault
    :param warn: called with a sentence where it is installed and does not work
    """
    try:
        messages = importlib.import_module(f'{PACKAGE}.msg')
        actions = importlib.import_module(f'{PACKAGE}.action')
        kinds = {name: getattr(actions if name == 'Sweep' else messages, name)
                 for name in Interfaces.__dataclass_fields__}
        for kind in kinds.values():
            check_for_type_support(kind)
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] == PACKAGE:
            debug(f'{PACKAGE} is not installed: there are no typed messages and no sweep action')
        else:
            warn(_broken(error))
        return None
    # What rosidl raises where a library is missing differs between distributions.
    except Exception as error:
        warn(_broken(error))
        return None
    return Interfaces(**kinds)


def _broken(error: Exception) -> str:
    return (f'{PACKAGE} is installed and does not work, so there are no typed messages and no '
            f'sweep action: {error!r}; build it anew and source its workspace')
