# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The player with folders as people have them, over real topics, and its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.player.node import PlayerNode
from focus_stacking_ros.ros.player.options import PlayerOptions
from helpers.image_data import picture
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
from PIL import Image
import pytest
from rclpy.parameter import Parameter

pytestmark = pytest.mark.ros


@contextmanager
def played(ros_context: RosContext, folder: Path, count: int
           ) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield the images and positions that the player has published of a folder, so many."""
    from focus_stacking_ros.ros.node.qos import input_profile
    from geometry_msgs.msg import PointStamped
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from sensor_msgs.msg import Image as ImageMessage
    images: list[Any] = []
    positions: list[Any] = []
    executor = SingleThreadedExecutor(context=ros_context.context)
    player = PlayerNode(context=ros_context.context, parameter_overrides=[
        Parameter('folder', value=str(folder)), Parameter('rate', value=200.0)])
    listener = Node('listener', context=ros_context.context)
    profile = input_profile('reliable', 20)
    listener.create_subscription(ImageMessage, 'image', images.append, profile)
    listener.create_subscription(PointStamped, 'focus_position', positions.append, profile)
    for node in (player, listener):
        executor.add_node(node)
    try:
        spin_until(executor, lambda: player.done() is not None, what='the end of the folder')
        spin_until(executor, lambda: min(len(images), len(positions)) >= count,
                   what='the messages')
        yield images, positions
    finally:
        player.close()
        executor.shutdown()
        player.destroy_node()
        listener.destroy_node()


def pixels(message: Any) -> np.ndarray:
    return np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.width, -1)


def test_pages_are_played_one_by_one(ros_context: RosContext, tmp_path: Path) -> None:
    pages = [np.roll(picture(channels=1), number, 0) for number in range(3)]
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(tmp_path / 'x.tif', save_all=True, append_images=others)
    with played(ros_context, tmp_path, 3) as (images, positions):
        assert [message.point.z for message in positions] == [0, 1, 2]
        for message, page in zip(images, pages, strict=True):
            np.testing.assert_array_equal(pixels(message)[..., 0], page)


def test_unpadded_names_are_played_in_natural_order_and_upright(ros_context: RosContext,
                                                                tmp_path: Path) -> None:
    values = Image.Exif()
    values[0x0112] = 6
    for number in (1, 2, 10):
        Image.new('L', (8, 6), number).save(tmp_path / f'img{number}.png', exif=values)
    with played(ros_context, tmp_path, 3) as (images, _):
        assert [int(pixels(message)[0, 0, 0]) for message in images] == [1, 2, 10]
        assert {(message.height, message.width) for message in images} == {(8, 6)}


def test_files_that_cannot_be_read_are_left_out(ros_context: RosContext, tmp_path: Path) -> None:
    Image.new('L', (8, 6), 7).save(tmp_path / 'a.png')
    (tmp_path / 'b.jpg').write_bytes(b'<html></html>')
    Image.new('F', (8, 6)).save(tmp_path / 'c.tif')
    with played(ros_context, tmp_path, 1) as (images, positions):
        assert len(images) == 1
        assert [message.point.z for message in positions] == [0]


def test_transparent_pixels_that_are_played_are_told(ros_context: RosContext, tmp_path: Path,
                                                     capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        image = Image.new('LA', (8, 6), (number, 255))
        image.putpixel((0, 0), (0, 0))
        image.save(tmp_path / f'{number}.png')
    with played(ros_context, tmp_path, 2) as (images, _):
        assert len(images) == 2
    assert capfd.readouterr().err.count('transparent pixels are played as data') == 1


@pytest.fixture
def player(ros_context: RosContext, tmp_path: Path) -> Iterator[PlayerNode]:
    """Return a player of a folder with one image."""
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8), np.uint8))
    node = PlayerNode(context=ros_context.context, parameter_overrides=[
        Parameter('folder', value=str(tmp_path))])
    yield node
    node.close()
    node.destroy_node()


@pytest.mark.parametrize('name', [item.name for item in specifications(PlayerOptions)])
def test_a_parameter_that_would_change_nothing_any_more_is_refused(player: PlayerNode, name: str
                                                                   ) -> None:
    refused = player.set_parameters([player.get_parameter(name)])[0]
    assert not refused.successful
    assert refused.reason == f'{name} is read when the node starts; set it there'
