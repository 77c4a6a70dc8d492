# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The typed messages and the action: that they build, and what their definitions promise."""

from __future__ import annotations

from pathlib import Path
import re
from typing import Any
from xml.etree import ElementTree

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS
from focus_stacking_ros.version import __version__
from helpers.ros_helpers import RosContext, spin_until


def test_an_enumeration_begins_with_what_is_not_filled_in(interfaces: Path) -> None:
    from focus_stacking_interfaces.action import Sweep
    from focus_stacking_interfaces.msg import FocusPositionStamped

    assert FocusPositionStamped().unit == FocusPositionStamped.UNIT_UNKNOWN
    assert Sweep.Result().outcome == Sweep.Result.OUTCOME_UNKNOWN
    assert constants(FocusPositionStamped) == {
        f'UNIT_{name.upper()}': number for number, name in enumerate(('unknown', *FOCUS_UNITS))}
    for kind in (Sweep.Result, Sweep.Feedback):
        values = list(constants(kind).values())
        assert values, kind
    phases = constants(Sweep.Feedback)
    assert sorted(phases.values()) == list(range(len(phases)))


def constants(kind: Any) -> dict[str, int]:
    return {name: getattr(kind, name) for name in dir(type(kind))
            if re.match('[A-Z]+_[A-Z]', name)}


def test_an_empty_goal_leaves_all_to_the_parameters_and_fuses(interfaces: Path) -> None:
    from focus_stacking_interfaces.action import Sweep

    goal = Sweep.Goal()
    assert (len(goal.near), len(goal.far), len(goal.count), len(goal.step)) == (0, 0, 0, 0)
    assert goal.fuse


def test_a_message_arrives_as_it_was_sent(interfaces: Path, ros_context: RosContext) -> None:
    from focus_stacking_interfaces.msg import FocusPositionStamped, SliceReport, StackReport
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    sent = [FocusPositionStamped(position=0.25, unit=FocusPositionStamped.UNIT_DIOPTRES,
                                 distance=4.0),
            StackReport(slices=[SliceReport(number=3, gains=[1.0, 1.25])], backend='opencv')]
    node = Node('talker', context=ros_context.context)
    executor = SingleThreadedExecutor(context=ros_context.context)
    executor.add_node(node)
    for message in sent:
        received: list[Any] = []
        topic = type(message).__name__
        publisher = node.create_publisher(type(message), topic, 1)
        node.create_subscription(type(message), topic, received.append, 1)
        spin_until(executor, publisher.get_subscription_count)
        publisher.publish(message)
        spin_until(executor, lambda received=received: received)
        assert received == [message]
    executor.shutdown()
    node.destroy_node()


def test_the_manifest_says_what_the_build_needs(repository: Path) -> None:
    manifest = ElementTree.parse(repository / 'interfaces' / 'package.xml').getroot()
    assert manifest.findtext('version') == __version__
    assert manifest.findtext('member_of_group') == 'rosidl_interface_packages'
    licence = manifest.find('license')
    assert licence.get('file') == 'LICENSE'
    assert (repository / 'interfaces' / 'LICENSE').read_text() == (
        repository / 'LICENSE').read_text()
    rules = (repository / 'interfaces' / 'CMakeLists.txt').read_text()
    needed = set(re.findall(r'find_package\((\w+) REQUIRED\)', rules))
    declared = {element.text for kind in ('buildtool_depend', 'depend')
                for element in manifest.findall(kind)}
    assert needed == declared
    folder = repository / 'interfaces'
    listed = set(re.findall(r'(?:action|msg)/\w+\.\w+', rules))
    assert listed == {str(path.relative_to(folder)) for kind in ('action', 'msg')
                      for path in (folder / kind).iterdir()}
    used = {package for name in listed for package in re.findall(
        r'^(\w+)/\w+', (folder / name).read_text(), re.MULTILINE)}
    assert used | {'action_msgs', 'ament_cmake', 'rosidl_default_generators'} == declared
