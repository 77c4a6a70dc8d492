# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What another node may ask of a node: parameters and transitions."""

from __future__ import annotations

from typing import Any

from helpers.cell import Cell
from helpers.ros_helpers import spin_until
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

__all__ = ['change_state', 'set_parameter']


def _answer(cell: Cell, kind: type, name: str, request: Any) -> Any:
    future = cell.client(kind, name).call_async(request)
    spin_until(cell.executor, future.done, what=f'the answer of {name}')
    return future.result()


def set_parameter(cell: Cell, name: str, value: object, node: str = 'stacker') -> Any:
    """Set a parameter of a node; returns its rcl_interfaces/SetParametersResult."""
    return _answer(cell, SetParameters, f'/{node}/set_parameters', SetParameters.Request(
        parameters=[Parameter(name, value=value).to_parameter_msg()])).results[0]


def change_state(cell: Cell, transition: int) -> bool:
    """Ask the stacking node for a transition; returns whether it was made."""
    return bool(_answer(cell, ChangeState, '/stacker/change_state', ChangeState.Request(
        transition=Transition(id=transition))).success)
