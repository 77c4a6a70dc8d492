# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Foxglove layout is one, and shows what the nodes publish as what its panels take."""

from __future__ import annotations

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from geometry_msgs.msg import PointStamped, PoseArray
import pytest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String

pytestmark = pytest.mark.ros

OTHERS = {'focus_position': PointStamped, 'diagnostics': DiagnosticArray}


@pytest.fixture(scope='module')
def layout(repository: Path) -> dict[str, Any]:
    return json.loads((repository / 'config' / 'foxglove_layout.json').read_text())


def shown(layout: dict[str, Any]) -> Iterator[tuple[str, type]]:
    """Yield each topic of a panel and the type that the panel needs."""
    for name, panel in layout['configById'].items():
        kind = name.partition('!')[0]
        if kind == 'Image':
            yield panel['imageMode']['imageTopic'], Image
            if 'calibrationTopic' in panel['imageMode']:
                yield panel['imageMode']['calibrationTopic'], CameraInfo
        elif kind == '3D':
            for topic, settings in panel['topics'].items():
                yield topic, PointCloud2 if 'pointSize' in settings else PoseArray
        elif kind == 'Plot':
            for path in panel['paths']:
                topic, _, field = path['value'].partition('.')
                assert field == 'point.z'
                yield topic, PointStamped
        elif kind == 'DiagnosticSummary':
            yield panel['topicToRender'], DiagnosticArray
        else:
            assert kind == 'RawMessages', name
            assert panel['topicPath'].endswith('.data')
            yield panel['topicPath'].removesuffix('.data'), String


def test_every_topic_is_published_as_what_its_panel_takes(layout) -> None:
    known = {**ResultPublisher.topics(), **OTHERS}
    topics = dict(shown(layout))
    for topic, kind in topics.items():
        assert topic.startswith('/')
        assert known[topic[1:]] is kind, topic
    assert {each[1:] for each in topics} >= {'all_in_focus/image', 'depth/preview', 'points',
                                             'confidence/preview', 'normals', 'report'}


def panels_of(node: Any) -> Iterator[str]:
    """Yield the panels that a part of the layout shows."""
    if isinstance(node, str):
        yield node
        return
    assert set(node) == {'direction', 'first', 'second', 'splitPercentage'}
    assert node['direction'] in ('row', 'column')
    assert 0 < node['splitPercentage'] < 100
    for part in ('first', 'second'):
        yield from panels_of(node[part])


def test_it_has_the_form_that_foxglove_imports(layout) -> None:
    # What the import asks for: objects under these names, and a tree of panels.
    for name in ('configById', 'globalVariables', 'playbackConfig', 'userNodes'):
        assert isinstance(layout[name], dict)
    assert sorted(panels_of(layout['layout'])) == sorted(layout['configById'])


def test_the_surface_is_seen_from_the_camera_at_its_distance(layout) -> None:
    panel = layout['configById']['3D!surface']
    assert panel['followTf'] == 'camera_optical_frame'
    view = panel['cameraState']
    # Polar angles beyond a right angle look along +Z, as the camera does.
    assert 90 < view['phi'] <= 180
    assert view['near'] <= 0.001 < view['distance'] < view['target'][2]
