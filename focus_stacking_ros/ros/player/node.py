# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The player: a folder of images becomes tagged image topics, as a focus sweep makes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys
import time
from typing import Any

from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import near_to_far, orientation_note, stack_folder
from focus_stacking_ros.ros.messages.images import array_encoding, array_to_image
from focus_stacking_ros.ros.node.focus_tags import FocusTags
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.node.qos import input_profile
from focus_stacking_ros.ros.node.running import run_node
from focus_stacking_ros.ros.node.typed_interfaces import find_interfaces
from focus_stacking_ros.ros.player.options import PlayerOptions
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

__all__ = ['PlayerNode', 'main']

_ACKNOWLEDGE_SECONDS = 10.0


class PlayerNode(Node):
    """
    Publishes the images of a folder, near to far, each with its focus position.

    :raises ImageFileError: the folder or its meta.json cannot be used
    :raises OptionError: a parameter is illegal
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('player', **node_arguments)
        declare_options(self, PlayerOptions)
        self._options = read_options(self, PlayerOptions)
        if not self._options.folder:
            raise ImageFileError('the parameter folder is empty; name a folder of images')
        self._files = near_to_far(stack_folder(Path(self._options.folder).expanduser()))
        if note := orientation_note(self._files):
            self.get_logger().warning(note)
        profile = input_profile('reliable', self._options.depth)
        self._images = self.create_publisher(Image, 'image', profile)
        log = self.get_logger()
        self._positions = FocusTags(
            self, self._options.depth, find_interfaces(log.debug, log.warning))
        self._next = self._played = 0
        self._started = False
        self._ended_at: float | None = None
        self._stamp_ns = -1
        # Not on the node's clock, which stands still in a paused simulation.
        self._timer = self.create_timer(1 / self._options.rate, self._tick,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_on_set_parameters_callback(options_guard(
            self, (PlayerOptions,), lambda: ('start',), lambda _options: None))

    def done(self) -> int | None:
        """Return the exit code once everything is played: 1 where no image could be."""
        if self._ended_at is None:
            return None
        # Asked again and again rather than waited for: a signal is to end it meanwhile.
        acknowledged = all(publisher.wait_for_all_acked(Duration())
                           for publisher in (self._images, *self._positions.publishers))
        if not acknowledged and time.monotonic() - self._ended_at < _ACKNOWLEDGE_SECONDS:
            return None
        return 0 if self._played else 1

    def close(self) -> None:
        """Stop playing."""
        self._timer.cancel()

    def _tick(self) -> None:
        if not self._started and not self._connected():
            return
        self._started = True
        if self._next == len(self._files):
            if not (self._options.loop and self._played):
                self._ended_at = time.monotonic()
                self._timer.cancel()
                self.get_logger().info(f'played {self._played} images')
                return
            self._next = 0
        self._play(self._next)
        self._next += 1

    def _connected(self) -> bool:
        heard = self._images.get_subscription_count(), self._positions.subscribers
        return min(heard) >= self._options.wait_for_subscribers

    def _play(self, index: int) -> None:
        file = self._files[index]
        try:
            decoded = file.read()
        except ImageFileError as error:
            self.get_logger().error(f'left out: {error}')
            return
        if decoded.valid is not None:
            self.get_logger().warning(
                f'{file.name}: its transparent pixels are played as data, as messages have no '
                'place for more; `focus_stacking stack` leaves them out', once=True)
        image = decoded.image
        # Every image has a stamp of its own, also where the clock stands still.
        self._stamp_ns = max(self.get_clock().now().nanoseconds, self._stamp_ns + 1)
        header = Header(stamp=Time(nanoseconds=self._stamp_ns).to_msg(),
                        frame_id=self._options.frame_id)
        self._images.publish(array_to_image(image, header, array_encoding(image)))
        # Second: the pieces of a large message push a small one before it out of small buffers.
        self._positions.publish(
            header, file.position, 'raw' if file.focus_distance_m is None else 'metres')
        self._played += 1


def main(args: Sequence[str] | None = None) -> int:
    """Run the player."""
    return run_node(PlayerNode, args, large_messages=True)


if __name__ == '__main__':
    sys.exit(main())
