# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A strict stand-in for tf2_ros, which is not on PyPI.

It takes what tf2_ros takes and raises what it raises: unknown frames, frames without a path,
stamps outside what it has heard, a leading slash. There is no interpolation of rotations: the
transforms of a pair of frames must agree in it.
"""

from __future__ import annotations

from collections import defaultdict
from types import ModuleType
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

__all__ = ['make_tf2_ros', 'transform']


class TransformException(Exception):  # noqa: N818 - tf2's name
    """What tf2 raises."""


class LookupException(TransformException):
    """A frame is not known."""


class ExtrapolationException(TransformException):
    """A stamp is outside what is known."""


class InvalidArgumentException(TransformException):
    """A frame's name is none."""


class Buffer:
    """Direct transforms from a child to its parent, by stamp."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[TransformStamped]] = defaultdict(list)

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Take a transform."""
        assert isinstance(transform, TransformStamped)
        assert isinstance(authority, str)
        known = self._known[transform.header.frame_id, transform.child_frame_id]
        known.append(transform)
        known.sort(key=_nanoseconds)

    def lookup_transform(self, target_frame: str, source_frame: str, time: Time
                         ) -> TransformStamped:
        """Return the transform from the source frame to the target frame."""
        assert isinstance(time, Time)
        for frame in (target_frame, source_frame):
            if not frame or frame.startswith('/'):
                raise InvalidArgumentException(f'frame {frame!r}')
        known = self._known.get((target_frame, source_frame))
        if not known:
            raise LookupException(f'{target_frame} or {source_frame} does not exist')
        if time.nanoseconds == 0:
            return known[-1]
        stamps = [_nanoseconds(each) for each in known]
        if not stamps[0] <= time.nanoseconds <= stamps[-1]:
            raise ExtrapolationException(f'{time.nanoseconds} is outside {stamps}')
        after = next(index for index, each in enumerate(stamps) if each >= time.nanoseconds)
        if stamps[after] == time.nanoseconds:
            return known[after]
        first, second = known[after - 1], known[after]
        assert first.transform.rotation == second.transform.rotation
        part = (time.nanoseconds - stamps[after - 1]) / (stamps[after] - stamps[after - 1])
        result = TransformStamped(child_frame_id=source_frame)
        result.header.frame_id, result.header.stamp = target_frame, time.to_msg()
        result.transform.rotation = first.transform.rotation
        for axis in 'xyz':
            begin = getattr(first.transform.translation, axis)
            end = getattr(second.transform.translation, axis)
            setattr(result.transform.translation, axis, begin + part * (end - begin))
        return result


def _nanoseconds(message: TransformStamped) -> int:
    return Time.from_msg(message.header.stamp).nanoseconds


def make_tf2_ros() -> Any:
    """Return the module; its list ``listeners`` has what was made of TransformListener."""
    module = ModuleType('tf2_ros')
    listeners: list[Any] = []

    class TransformListener:
        """Fills a buffer, here by the hands of the test."""

        def __init__(self, buffer: Buffer, node: Node) -> None:
            assert isinstance(buffer, Buffer)
            assert isinstance(node, Node)
            self.buffer, self.node = buffer, node
            self.listening = True
            listeners.append(self)

        def unregister(self) -> None:
            """Stop listening."""
            assert self.listening
            self.listening = False

    module.Buffer, module.TransformListener = Buffer, TransformListener
    module.TransformException = TransformException
    module.LookupException, module.ExtrapolationException = LookupException, ExtrapolationException
    module.listeners = listeners
    return module


def transform(parent: str, child: str, stamp_seconds: int, translation: tuple[float, ...],
              rotation: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)) -> TransformStamped:
    """Return a transform from a child frame to its parent."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp.sec = parent, stamp_seconds
    shift, turn = message.transform.translation, message.transform.rotation
    shift.x, shift.y, shift.z = (float(value) for value in translation)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in rotation)
    return message
