# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message types by their names, so that who only reads messages does not take ROS to be there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

__all__ = ['message_type']


@cache
def message_type(name: str) -> type[Any]:
    """
    Return the class of a message.

    :param name: package, msg and type, as sensor_msgs/msg/Image
    :raises ModuleNotFoundError: the package is not installed
    """
    package, kind, message = name.split('/')
    found: type[Any] = getattr(import_module(f'{package}.{kind}'), message)
    return found
