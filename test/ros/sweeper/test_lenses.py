# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of a lens whose unit or table changes, and of what one that starts late is told."""

from __future__ import annotations

from collections.abc import Iterator

from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.sweeper.lenses import Lenses, ParameterLens, TopicLens
from focus_stacking_ros.ros.sweeper.node import SweepNode
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import LensError
from helpers.ros_helpers import RosContext, spin_until
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import Float64

pytestmark = pytest.mark.ros

TABLE = '310: 0.1, 100: 0.4'
RAW = 310 - 210 * (10 - 1 / 0.2) / (10 - 1 / 0.4)  # what that table has for 0.2 m


class _Sweeper:
    """A sweeper, and lenses that may start at any time."""

    def __init__(self, ros: RosContext) -> None:
        self._ros = ros
        self.node = SweepNode(context=ros.context, parameter_overrides=[
            Parameter('stacker.node', value=''), Parameter('settle.timeout', value=30.0)])
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)
        self.nodes: list[Node] = []

    def start_lens(self) -> list[float]:
        """Return what a new lens hears; it has been discovered when this returns."""
        heard: list[float] = []
        node = Node(f'lens_{len(self.nodes)}', context=self._ros.context)
        self.nodes.append(node)
        node.create_subscription(Float64, 'focus_command', lambda message: heard.append(
            message.data), output_profile())
        self.executor.add_node(node)
        spin_until(self.executor, lambda: self.node.count_subscribers('focus_command') == len(
            self.nodes) and node.count_publishers('focus_command') == 1, what='the lens')
        return heard

    def tell(self, position: float, *heard: list[float]) -> None:
        """Command a position as a sweep does, and wait until all lenses have heard of it."""
        lens = self.node._setup.lens
        before = [len(each) for each in heard]
        lens.command(position)
        spin_until(self.executor, lens.accepted, what='the lens')
        spin_until(self.executor, lambda: all(len(each) > count for each, count in zip(
            heard, before, strict=True)), what='the command')

    def change(self, **parameters: object) -> None:
        """Set parameters, and wait until what follows of that has happened."""
        retired: list[bool] = []
        for name, value in parameters.items():
            assert self.node.set_parameters([
                Parameter(name.replace('_', '.'), value=value)])[0].successful
        # The worker is behind the change then, and the executor behind the worker.
        self.node._worker.submit(lambda: self.executor.create_task(lambda: retired.append(True)))
        spin_until(self.executor, lambda: retired, what='the change')

    def wait_for_withdrawal(self) -> None:
        """Wait until no command is kept; executors may run a later task before an earlier one."""
        spin_until(self.executor, lambda: self.node._lenses._topic._sender is None,
                   what='the withdrawal')

    def publishers(self) -> int:
        """Return how many publishers of focus_command the sweeper has."""
        return sum(publisher.topic_name == '/focus_command' for publisher in self.node.publishers)


@pytest.fixture
def sweeper(ros_context: RosContext) -> Iterator[_Sweeper]:
    made = _Sweeper(ros_context)
    yield made
    made.node.close()
    made.executor.shutdown()
    for node in (made.node, *made.nodes):
        node.destroy_node()


def test_a_lens_that_starts_late_gets_the_latest_command(sweeper: _Sweeper) -> None:
    early = sweeper.start_lens()
    sweeper.tell(0.1, early)
    sweeper.tell(0.2, early)
    sweeper.change(sweep_count=5)  # which says nothing of the lens
    late = sweeper.start_lens()
    spin_until(sweeper.executor, lambda: late, what='the latest command')
    sweeper.tell(0.3, early, late)
    assert early == [0.1, 0.2, 0.3]
    assert late == [0.2, 0.3]
    assert sweeper.publishers() == 1


def test_a_lens_never_hears_a_command_of_another_unit(sweeper: _Sweeper) -> None:
    early = sweeper.start_lens()
    sweeper.tell(0.2, early)
    # In between there is a unit without a table, and so no lens at all.
    sweeper.change(lens_unit='table')
    sweeper.change(lens_table=TABLE)
    for unit in ('millimetres', 'dioptres', 'table'):
        sweeper.change(lens_unit=unit)
    sweeper.wait_for_withdrawal()
    assert sweeper.publishers() == 1
    late = sweeper.start_lens()
    sweeper.tell(0.2, early, late)
    assert early == [0.2, RAW]  # the change alone moves nothing
    assert late == [RAW]
    latest = sweeper.start_lens()
    spin_until(sweeper.executor, lambda: latest, what='the latest command')
    assert latest == [RAW]
    assert sweeper.publishers() == 1


def test_a_command_is_withdrawn_where_the_lens_is_told_in_another_way(sweeper: _Sweeper) -> None:
    early = sweeper.start_lens()
    sweeper.tell(0.2, early)
    sweeper.change(lens_node='/camera', lens_parameter='focus', lens_driver='parameter')
    sweeper.wait_for_withdrawal()
    late = sweeper.start_lens()
    sweeper.change(lens_driver='topic')
    sweeper.tell(0.3, early, late)
    assert (early, late) == ([0.2, 0.3], [0.3])


def test_a_lens_is_the_same_until_its_options_change(ros_context: RosContext) -> None:
    node = Node('moves', context=ros_context.context)
    try:
        lenses, options = Lenses(node), SweepOptions()
        lens = lenses.lens(options)
        assert isinstance(lens, TopicLens)
        assert lenses.lens(SweepOptions(sweep_count=9)) is lens
        assert lenses.lens(SweepOptions(lens_unit='dioptres')) is not lens
        driven = SweepOptions(lens_driver='parameter', lens_node='/camera',
                              lens_parameter='focus')
        lens = lenses.lens(driven)
        assert isinstance(lens, ParameterLens)
        with pytest.raises(LensError, match='calibration table'):
            lenses.lens(SweepOptions(lens_unit='table'))
        lens.retire()
        again = lenses.lens(driven)  # not the one that has retired
        assert again is not lens
        assert len(list(node.clients)) == 1
        assert len([each for each in node.publishers
                    if each.topic_name == '/focus_command']) == 1
    finally:
        node.destroy_node()
