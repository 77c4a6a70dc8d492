# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rviz configuration shows what there is, under the names that the launch file moves."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from geometry_msgs.msg import PointStamped, PoseArray
import pytest
from sensor_msgs.msg import Image, PointCloud2
import yaml

pytestmark = pytest.mark.ros

KINDS = {'rviz_default_plugins/Image': Image, 'rviz_default_plugins/PointCloud2': PointCloud2,
         'rviz_default_plugins/PointStamped': PointStamped,
         'rviz_default_plugins/PoseArray': PoseArray}
INPUTS = {'focus_position': PointStamped}


@pytest.fixture(scope='module')
def manager(repository: Path) -> dict[str, Any]:
    """Return the part of the configuration that says what is shown."""
    text = (repository / 'config' / 'focus_stacking.rviz').read_text()
    return yaml.safe_load(text)['Visualization Manager']


def remapped(repository: Path) -> set[str]:
    """Return RVIZ_TOPICS of the launch file, which is not run: launch may be missing."""
    tree = ast.parse((repository / 'launch' / 'focus_stacking.launch.py').read_text())
    value, = (node.value for node in tree.body if isinstance(node, ast.Assign)
              and node.targets[0].id == 'RVIZ_TOPICS')
    return set(ast.literal_eval(value))


def test_every_topic_is_published_as_what_its_display_takes(manager: dict[str, Any]) -> None:
    known = {**ResultPublisher.topics(), **INPUTS}
    for display in manager['Displays']:
        topic = display['Topic']['Value']
        assert topic.startswith('/')
        assert known[topic[1:]] is KINDS[display['Class']], display['Name']


def test_the_launch_file_moves_every_topic_into_the_namespace(manager: dict[str, Any],
                                                              repository: Path) -> None:
    shown = {display['Topic']['Value'][1:] for display in manager['Displays']}
    assert shown - set(INPUTS) == remapped(repository)
    assert shown >= {'all_in_focus/image', 'depth/preview', 'confidence/preview', 'points',
                     'focus_position'}


def test_results_are_shown_to_who_comes_late(manager: dict[str, Any]) -> None:
    for display in manager['Displays']:
        topic = display['Topic']
        late = topic['Value'][1:] not in INPUTS
        assert topic['Durability Policy'] == ('Transient Local' if late else 'Volatile')
        assert topic['Reliability Policy'] == 'Reliable'


def test_distances_of_centimetres_are_shown(manager: dict[str, Any]) -> None:
    for display in manager['Displays']:
        if display['Topic']['Value'] == '/depth/image':
            # A wider window casts the range of 32-bit floats to integers: 0 to 0 metres.
            assert (display['Median window'], display['Normalize Range']) == (1, True)
        if display['Class'].endswith('PointCloud2'):
            assert display['Size (m)'] <= 0.0002
            assert display['Channel Name'] == 'confidence'
        if display['Class'].endswith('PointStamped'):
            assert display['Radius'] <= 0.002
        if display['Class'].endswith('PoseArray'):
            assert display['Shape'] == 'Arrow (Flat)'
            assert display['Arrow Length'] <= 0.002
    view = manager['Views']['Current']
    assert view['Near Clip Distance'] <= 0.001
    assert view['Distance'] <= 0.5
    assert manager['Global Options']['Fixed Frame'] == 'camera_optical_frame'
