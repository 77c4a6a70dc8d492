# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the installed executables call; it imports nothing large.

A node that is told to end while it is still being imported has nothing to lose, and ends with
exit code 0 like any other.
"""

from __future__ import annotations

import os
import signal

__all__ = ['player', 'sim_camera', 'stacker', 'sweeper']


def player() -> int:
    """Run the player; returns its exit code."""
    _end_at_once_on_signals()
    from focus_stacking_ros.ros.player.node import main
    return main()


def sim_camera() -> int:
    """Run the simulated camera; returns its exit code."""
    _end_at_once_on_signals()
    from focus_stacking_ros.ros.sim_camera.node import main
    return main()


def stacker() -> int:
    """Run the stacking node; returns its exit code."""
    _end_at_once_on_signals()
    from focus_stacking_ros.ros.stacker.node import main
    return main()


def sweeper() -> int:
    """Run the sweeper; returns its exit code."""
    _end_at_once_on_signals()
    from focus_stacking_ros.ros.sweeper.node import main
    return main()


def _end_at_once_on_signals() -> None:
    """Hold until run_node has handlers of its own."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
