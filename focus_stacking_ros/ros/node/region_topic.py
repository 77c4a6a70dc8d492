# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The region of interest as a topic: what is published becomes the parameters ``roi.*``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focus_stacking_ros.ros.node.qos import input_profile
from rclpy.parameter import Parameter
from sensor_msgs.msg import RegionOfInterest

__all__ = ['RegionTopic']

_FIELDS = ('x_offset', 'y_offset', 'width', 'height')
_DEPTH = 1


class RegionTopic:
    """
    Sets the parameters ``roi.*`` to what comes on ``roi``; all in the executor's thread.

    So there is one region, whoever has set it last, and one word on what becomes of it; a bad one
    is refused as a bad parameter is.

    :param node: rclpy.node.Node that has the parameters
    :param refused: called with the reason where a message cannot be used
    """

    def __init__(self, node: Any, refused: Callable[[str], None]) -> None:
        self._node, self._refused = node, refused
        self._subscription = node.create_subscription(
            RegionOfInterest, 'roi', self._came, input_profile('reliable', _DEPTH))

    def _came(self, message: Any) -> None:
        if message.do_rectify:
            self._refused('a region of interest with do_rectify is not used: images are taken as '
                          'they come')
            return
        wanted = [Parameter(f'roi.{name}', value=int(getattr(message, name)))
                  for name in _FIELDS]
        self._node.set_parameters_atomically(wanted)  # who guards the parameters tells the rest
