# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the stacking node as another node sees it, with a stand-in that misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import json
import threading
import time
from typing import Any

from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import StackerError
from focus_stacking_ros.ros.sweeper.stacker_client import StackerClient
from helpers.ros_helpers import RosContext, spin_until
import pytest
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

pytestmark = pytest.mark.ros


class _Rig:
    """A client, and a node that answers as it is told."""

    def __init__(self, ros: RosContext, name: str = 'stacker') -> None:
        self.node = Node('asks', context=ros.context, namespace='/cell')
        self.stacker: Any = Node('stacker', context=ros.context, namespace='/cell')
        self.executor = SingleThreadedExecutor(context=ros.context)
        for each in (self.node, self.stacker):
            self.executor.add_node(each)
        self.client = StackerClient(self.node, name)
        self.client.use(SweepOptions(stacker_configure=False))
        self.reports = self.stacker.create_publisher(String, 'report', output_profile())

    def hurry(self) -> None:
        """Expect answers within half a second; else the default, which a busy machine keeps."""
        self.client.use(SweepOptions(stacker_timeout=0.5, stacker_configure=False))

    def serve(self, success: bool, message: str) -> None:
        def answer(_: Any, response: Any) -> Any:
            response.success, response.message = success, message
            return response
        for service in ('start', 'process', 'reset'):
            self.stacker.create_service(Trigger, f'~/{service}', answer)

    def ask(self, job: Callable[[], Any]) -> Any:
        """Run a blocking call in a thread while the executor spins; returns or raises."""
        done: list[Any] = []

        def run() -> None:
            try:
                done.append(job())
            except StackerError as error:
                done.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            spin_until(self.executor, lambda: done, what='the call')
        finally:
            self.client.cancel(True)
            thread.join()
            self.client.cancel(False)
        if isinstance(done[0], StackerError):
            raise done[0]
        return done[0]


@pytest.fixture
def rig(ros_context: RosContext) -> Iterator[_Rig]:
    made = _Rig(ros_context)
    yield made
    made.executor.shutdown()
    made.node.destroy_node()
    if made.stacker is not None:
        made.stacker.destroy_node()


def report(*seconds: int) -> String:
    return String(data=json.dumps({'frames': [
        {'stamp': {'sec': second, 'nanosec': 0}, 'accepted': True} for second in seconds]}))


def test_services_are_called_and_their_answers_returned(rig: _Rig) -> None:
    rig.serve(True, '{"slices": 3}')
    assert rig.ask(rig.client.process) == {'slices': 3}
    rig.ask(rig.client.reset)
    rig.ask(lambda: rig.client.prepare('count', 3))


def test_a_refusal_is_told_in_the_words_of_the_node(rig: _Rig) -> None:
    rig.serve(False, 'the node is not active')
    with pytest.raises(StackerError, match='stacker says to ~/start: the node is not active'):
        rig.ask(lambda: rig.client.prepare('count', 3))


def test_a_node_that_is_not_there_is_named_after_the_timeout(rig: _Rig) -> None:
    rig.hurry()
    with pytest.raises(StackerError, match=r'stacker is not there after 0\.5 s'):
        rig.ask(rig.client.reset)


def test_a_node_that_does_not_answer_is_named_and_forgotten(rig: _Rig) -> None:
    rig.serve(True, '{}')
    rig.executor.remove_node(rig.stacker)  # it is there, and does not spin
    rig.hurry()
    with pytest.raises(StackerError, match='has not answered'):
        rig.ask(rig.client.process)
    rig.executor.add_node(rig.stacker)
    rig.client.use(SweepOptions())
    assert rig.ask(rig.client.process) == {}


def test_a_node_that_ends_before_it_answers_is_not_waited_for(rig: _Rig) -> None:
    rig.serve(True, '{}')
    rig.client.use(SweepOptions(stacker_timeout=600.0, stacker_configure=False))
    rig.executor.remove_node(rig.stacker)  # it is there, and does not spin
    client = rig.client._triggers['process']
    asked, call = threading.Event(), client.call_async

    def noted(request: Any) -> Any:
        asked.set()
        return call(request)

    def end() -> None:
        if asked.is_set() and rig.stacker is not None:
            rig.stacker.destroy_node()
            rig.stacker = None

    client.call_async = noted
    rig.node.create_timer(0.05, end)
    with pytest.raises(StackerError, match='stacker ended before it answered stacker/process'):
        rig.ask(rig.client.process)


@pytest.mark.parametrize('configure', [True, False])
def test_an_answer_that_is_lost_is_asked_for_again(configure: bool, rig: _Rig) -> None:
    rig.serve(True, '{}')
    for name in ('stack.end', 'stack.size'):
        rig.stacker.declare_parameter(name, descriptor=ParameterDescriptor(dynamic_typing=True))
    rig.client.use(SweepOptions(stacker_configure=configure))
    asked: list[Any] = []
    ask = rig.client._parameters.call_async

    def into_the_void(request: Any) -> Any:
        asked.append(ask(request))
        # What a node answers that has not heard of the client yet is as good as not said.
        return Future() if len(asked) == 1 else asked[-1]

    rig.client._parameters.call_async = into_the_void
    rig.client._parameters.remove_pending_request = lambda _future: None
    rig.ask(lambda: rig.client.prepare('count', 3))
    assert len(asked) == 2
    assert rig.stacker.get_parameter('stack.size').value == (3 if configure else None)


def test_waiting_can_be_cancelled(rig: _Rig) -> None:
    rig.client.use(SweepOptions(stacker_timeout=600.0, stacker_configure=False))
    rig.client.cancel(True)
    began = time.monotonic()
    with pytest.raises(StackerError, match='stopped'):
        rig.ask(rig.client.reset)
    rig.client.cancel(True)
    assert rig.ask(lambda: rig.client.report({(1, 0)}, 600.0)) is None
    assert time.monotonic() - began < 5


def test_only_the_report_of_ones_own_slices_counts(rig: _Rig) -> None:
    spin_until(rig.executor, rig.reports.get_subscription_count, what='the client')
    rig.reports.publish(report(1, 2))
    assert rig.ask(lambda: rig.client.report({(3, 0)}, 0.2)) is None
    rig.reports.publish(String(data='no JSON'))
    rig.reports.publish(String(data='{"frames": 3}'))
    rig.reports.publish(report(2, 3))
    found = rig.ask(lambda: rig.client.report({(3, 0), (4, 0)}, 5.0))
    assert [frame['stamp']['sec'] for frame in found['frames']] == [2, 3]
    assert rig.ask(lambda: rig.client.report({(1, 0)}, 5.0)) is not None


@pytest.mark.parametrize('name', ['stacker', '/cell/stacker'])
def test_the_report_is_looked_for_beside_the_node(name: str, ros_context: RosContext) -> None:
    rig = _Rig(ros_context, name)
    try:
        rig.serve(True, '{}')
        assert rig.ask(rig.client.process) == {}
        spin_until(rig.executor, rig.reports.get_subscription_count, what='the client')
        rig.reports.publish(report(5))
        assert rig.ask(lambda: rig.client.report({(5, 0)}, 5.0)) is not None
    finally:
        rig.executor.shutdown()
        rig.node.destroy_node()
        rig.stacker.destroy_node()
