# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node of a program that is not a node itself, apart from whatever else the process does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

__all__ = ['in_own_context']

NodeT = TypeVar('NodeT', bound=Node)


@contextmanager
def in_own_context(make: Callable[..., NodeT], **arguments: Any) -> Iterator[tuple[NodeT, Any]]:
    """
    Yield a node in a context of its own, without signal handlers, and the executor it is in.

    :param make: returns the node; called with a context and the arguments
    :param arguments: of rclpy.node.Node, such as ``namespace``
    """
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor(context=context)
    node = make(context=context, **arguments)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
