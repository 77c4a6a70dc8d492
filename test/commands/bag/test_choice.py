# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording are read where none are named."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from focus_stacking_ros.commands.bag.choice import chosen_topics


def test_what_the_node_publishes_is_not_taken_for_the_camera(repository: Path) -> None:
    root = ElementTree.parse(
        repository / 'config' / 'security' / 'stacker.policy.xml').getroot()
    names = {each.text or '' for each in root.iterfind(".//topics[@publish='ALLOW']/topic")}
    pictures = {name for name in names if '/image' in name or '/preview' in name}
    assert len(pictures) > 10
    assert 'depth/image/compressedDepth' in pictures
    topics = {f'/cell/{name}': 'sensor_msgs/msg/CompressedImage' if 'compressed' in name
              else 'sensor_msgs/msg/Image' for name in pictures}
    topics['/camera/image_raw'] = 'sensor_msgs/msg/Image'
    topics['/camera/depth/compressedDepth'] = 'sensor_msgs/msg/CompressedImage'
    assert chosen_topics(topics, {}).image == '/camera/image_raw'
