# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The stacking node under a lifecycle manager that asks as nav2_lifecycle_manager does.

Of each transition: `change_state` once the service is there within 5 s, its answer waited for
without end, then `get_state`, answered within 5 s with the state that belongs to the transition
(lifecycle_manager.cpp, changeStateForNode; service_timeout is 5 s by default).
"""

from __future__ import annotations

from pathlib import Path
import sys
from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.ros.stacker import node as stacker_node
from helpers.cell import Cell, focal_stack
from helpers.requests import change_state
from helpers.ros_helpers import NodeProcess, RosContext, spin_until
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
import pytest

pytestmark = pytest.mark.ros

SERVICE_SECONDS = 5.0  # service_timeout
ANSWER_SECONDS = 30.0  # the manager waits for ever
EXPECTED = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: State.PRIMARY_STATE_FINALIZED}
STARTUP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
PAUSE, RESUME = (Transition.TRANSITION_DEACTIVATE,), (Transition.TRANSITION_ACTIVATE,)
RESET = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
SHUTDOWN = (*RESET, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)


class Manager:
    """Asks a node in another process for transitions."""

    def __init__(self, cell: Cell, name: str) -> None:
        self._cell = cell
        self._change = cell.node.create_client(ChangeState, f'{name}/change_state')
        self._state = cell.node.create_client(GetState, f'{name}/get_state')

    def command(self, transitions: tuple[int, ...]) -> None:
        """Have the transitions made, as one command of the manager has."""
        for transition in transitions:
            answer = self._ask(self._change, ChangeState.Request(
                transition=Transition(id=transition)), ANSWER_SECONDS)
            assert answer.success, transition
            answer = self._ask(self._state, GetState.Request(), SERVICE_SECONDS)
            assert answer.current_state.id == EXPECTED[transition]

    def _ask(self, client: Any, request: Any, seconds: float) -> Any:
        executor = self._cell.executor
        spin_until(executor, client.service_is_ready, SERVICE_SECONDS, client.srv_name)
        future = client.call_async(request)
        spin_until(executor, future.done, seconds, client.srv_name)
        return future.result()


@pytest.mark.slow
def test_every_command_of_the_manager_is_followed(
        tmp_path: Path, ros_context: RosContext, environment: dict[str, str]) -> None:
    command = [sys.executable, '-m', 'focus_stacking_ros.ros.stacker.node', '--ros-args',
               '-p', 'autostart:=false', '-p', 'stack.size:=3']
    with NodeProcess.running(command, environment, tmp_path / 'log') as node, \
            Cell(ros_context, node=False, subscribe=('report',)) as cell:
        # The manager is started when the node is there; it does not wait for a longer start.
        cell.wait_for_diagnostics('node', lambda status: 'not active' in status.message)
        manager = Manager(cell, '/stacker')
        manager.command(STARTUP)
        cell.connect()
        cell.send_stack(focal_stack(3))
        assert len(cell.report()['frames']) == 3
        for transitions in (PAUSE, RESUME, RESET, STARTUP):
            manager.command(transitions)
        cell.connect()
        cell.send_stack(focal_stack(3))
        assert len(cell.report(2)['frames']) == 3
        manager.command(SHUTDOWN)
        assert node.stop() == 0, node.log
        assert 'Traceback' not in node.log


def test_the_bond_holds_while_the_node_is_active(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def open_bond(node: Any) -> Any:
        told.append(f'open {node.get_name()}')
        return SimpleNamespace(**{name: lambda name=name: told.append(name)
                                  for name in ('start', 'stop', 'destroy')})

    monkeypatch.setattr(stacker_node, 'open_bond', open_bond)
    with Cell(ros_context, subscribe=(), autostart=False) as cell:
        for transition in (*STARTUP, *PAUSE, *RESUME, *RESET):
            before = len(told)
            assert change_state(cell, transition)
            told[before:] = [f'{transition}: {word}' for word in told[before:]]
    configure, activate, deactivate, cleanup = (
        Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE,
        Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
    assert told == [
        f'{configure}: open stacker', f'{activate}: start', f'{deactivate}: stop',
        f'{activate}: start', f'{deactivate}: stop', f'{cleanup}: destroy']
