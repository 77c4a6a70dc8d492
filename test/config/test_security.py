# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The SROS2 policies allow what the nodes really do, in every setting, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
import gc
from pathlib import Path
import sys
from typing import Any
from xml.etree import ElementTree

from focus_stacking_ros.ros.player.node import PlayerNode
from focus_stacking_ros.ros.sim_camera.node import SimCameraNode
from focus_stacking_ros.ros.stacker.node import StackerNode
from focus_stacking_ros.ros.stacker.options import FOCUS_SOURCES
from focus_stacking_ros.ros.sweeper.node import SweepNode
from helpers.ros_helpers import RosContext
from helpers.tf_stand_in import make_tf2_ros
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

pytestmark = pytest.mark.ros

#: What only another ROS 2 distribution, a real tf2_ros or use_sim_time needs.
ELSEWHERE = {('subscribe', '/clock'), ('subscribe', '/tf'), ('subscribe', '/tf_static'),
             ('reply', '~/get_type_description'), ('publish', 'bond'), ('subscribe', 'bond')}
POLICIES = sorted(path.name.partition('.')[0] for path in (
    Path(__file__).parents[2] / 'config' / 'security').glob('*.policy.xml'))


def policy(repository: Path, name: str) -> ElementTree.Element:
    return ElementTree.parse(
        repository / 'config' / 'security' / f'{name}.policy.xml').getroot()


def allowed(root: ElementTree.Element) -> set[tuple[str, str]]:
    """Return what a policy allows: publish, subscribe, reply or request, and a name."""
    result = set()
    for rules in root.iterfind('.//profile/*'):
        assert rules.tag in ('topics', 'services', 'actions')
        kinds = set(rules.attrib)
        assert kinds <= {'topics': {'publish', 'subscribe'}, 'services': {'reply', 'request'},
                         'actions': {'call', 'execute'}}[rules.tag]
        assert set(rules.attrib.values()) == {'ALLOW'}
        for rule in rules:
            assert rule.tag == rules.tag[:-1]
            result |= {(kind, rule.text) for kind in kinds}
    return result


def done(node: Node) -> Iterator[tuple[str, str]]:
    """Yield what a node does, by names as a policy has them."""
    name, namespace = node.get_name(), node.get_namespace()
    for kind, ask in (('publish', node.get_publisher_names_and_types_by_node),
                      ('subscribe', node.get_subscriber_names_and_types_by_node),
                      ('reply', node.get_service_names_and_types_by_node),
                      ('request', node.get_client_names_and_types_by_node)):
        for topic, _ in ask(name, namespace):
            private, inside = f'/cell/{name}/', '/cell/'
            if '/_action/' in topic:  # a policy names the action that its topics are of
                yield 'execute', topic.removeprefix(inside).partition('/_action/')[0]
                continue
            yield kind, (f'~/{topic[len(private):]}' if topic.startswith(private)
                         else topic.removeprefix(inside))


def stackers(ros: RosContext) -> Iterator[Node]:
    """Yield the stacking node with every source of focus positions and transport."""
    for source in FOCUS_SOURCES:
        yield StackerNode(context=ros.context, namespace='cell', parameter_overrides=[
            Parameter('focus.source', value=source),
            Parameter('motion.fixed_frame', value='base' if source == 'tf' else ''),
            Parameter('input.transport', value='compressed' if source == 'point' else 'raw'),
            Parameter('stack.lights', value=2 if source == 'point' else 1)])


def players(ros: RosContext, folder: Path) -> Iterator[Node]:
    """Yield the player of a folder."""
    import cv2
    import numpy as np
    cv2.imwrite(str(folder / '1.png'), np.zeros((8, 8), np.uint8))
    yield PlayerNode(context=ros.context, namespace='cell', parameter_overrides=[
        Parameter('folder', value=str(folder))])


def sim_cameras(ros: RosContext) -> Iterator[Node]:
    """Yield the simulated camera."""
    yield SimCameraNode(context=ros.context, namespace='cell', parameter_overrides=[
        Parameter('camera.width', value=64), Parameter('light.count', value=2)])


def sweepers(ros: RosContext) -> Iterator[Node]:
    """Yield the sweeper with stamps from camera infos and images, and with both lens drivers."""
    for settings in (
            {'camera.stamps': 'camera_info', 'light.count': 2},
            {'camera.stamps': 'image', 'feedback.message': 'joint_state',
             'lens.driver': 'parameter', 'lens.node': 'camera', 'lens.parameter': 'focus'}):
        yield SweepNode(context=ros.context, namespace='cell', parameter_overrides=[
            Parameter(name, value=value) for name, value in settings.items()])


@pytest.mark.parametrize('name', ['player', 'sim_camera', 'stacker', 'sweeper'])
def test_a_policy_allows_what_its_node_does_and_nothing_more(
        name: str, repository: Path, interfaces: Path, ros_context: RosContext, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', make_tf2_ros())
    makers: dict[str, Any] = {'stacker': lambda: stackers(ros_context),
                              'player': lambda: players(ros_context, tmp_path),
                              'sim_camera': lambda: sim_cameras(ros_context),
                              'sweeper': lambda: sweepers(ros_context)}
    needed = set()
    for node in makers[name]():
        needed |= set(done(node))
        node.close()
        node.destroy_node()
        # Until then a lifecycle node stays in the network, and is asked instead of the next one.
        del node
        gc.collect()
    granted = allowed(policy(repository, name))
    assert needed - granted == set()
    while_it_looks = {('subscribe', 'image/compressed')} if name == 'sweeper' else set()
    assert granted - needed <= ELSEWHERE | while_it_looks


@pytest.mark.parametrize('name', POLICIES)
def test_a_policy_is_of_the_form_that_sros2_reads(repository: Path, name: str) -> None:
    root = policy(repository, name)
    assert (root.tag, root.attrib) == ('policy', {'version': '0.2.0'})
    enclave, = root.findall('enclaves/enclave')
    assert enclave.get('path') == f'/focus_stacking/{name}'
    profile, = enclave.findall('profiles/profile')
    assert profile.attrib == {'ns': '/', 'node': name}
    assert allowed(root)
