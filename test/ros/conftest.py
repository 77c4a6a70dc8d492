# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helpers.forked_nodes import ForkedNodes


@pytest.fixture(autouse=True)
def few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Leave out rclpy's own handlers of events, two of each topic: they write lines to the log.

    Here all nodes of a cell share one executor, and most of what each of its turns costs is that
    it goes through them. Handlers of the package are there as ever, and in processes all.
    """
    handlers = pytest.importorskip('rclpy.event_handler')
    for kind in (handlers.PublisherEventCallbacks, handlers.SubscriptionEventCallbacks):
        monkeypatch.setitem(kind.__init__.__kwdefaults__, 'use_default_callbacks', False)


@pytest.fixture(scope='session')
def nodes(repository: Path) -> Iterator[ForkedNodes]:
    """Return what starts nodes as processes of their own, without their imports."""
    from helpers.forked_nodes import forked_nodes

    with forked_nodes(repository) as started:
        yield started


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Read the log, and get diagnostics more often than an operator; for Cell.expect_told."""
    from focus_stacking_ros.ros.node import faults
    from focus_stacking_ros.ros.stacker import node as stacker_node
    from focus_stacking_ros.ros.sweeper import node as sweep_node
    from helpers.cell import Cell, LogLines

    for module in (stacker_node, sweep_node):
        monkeypatch.setattr(module, '_DIAGNOSTICS_SECONDS', 0.1)
    monkeypatch.setattr(stacker_node, '_FOLLOW_SECONDS', 0.1)  # it tells in every other turn
    # One line of the log each, however long a test takes on a busy machine.
    monkeypatch.setattr(faults, '_THROTTLE_SECONDS', 3600.0)
    monkeypatch.setattr(Cell, 'log', LogLines(capfd), raising=False)
