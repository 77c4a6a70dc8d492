# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is shown of a growing stack: only to who looks, and never at the stack's cost."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any
import weakref

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.stack.growing import GrowingPicture
from focus_stacking_ros.ros.stacker import growing
from focus_stacking_ros.ros.stacker.growing import GrowingPreviews
from helpers.cell import focal_stack
import numpy as np
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

STACK = focal_stack(8)


class _Publisher:
    """Counts what is published, for as many subscribers as the test says."""

    def __init__(self) -> None:
        self.is_activated, self.subscribers = True, 1
        self.sent: list[Any] = []

    def get_subscription_count(self) -> int:
        return self.subscribers

    def publish(self, message: Any) -> None:
        self.sent.append(message)


class _Rig:
    """Previews of a stack, and a clock on which a picture takes what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cost = 50.0, 0.0
        self.shown: list[int] = []
        self.publishers: dict[str, _Publisher] = {}
        self.previews = GrowingPreviews(SimpleNamespace(
            create_lifecycle_publisher=self._create,
            destroy_lifecycle_publisher=lambda _: None), lambda: self.now)
        self.stacker = FocusStacker(StackOptions(), 'opencv')
        rig = self

        class Slow(GrowingPicture):
            """Takes its time."""

            def add(self, item: Any) -> None:
                rig.now += rig.cost
                rig.shown.append(len(self))
                super().add(item)

        monkeypatch.setattr(growing, 'GrowingPicture', Slow)

    def _create(self, _kind: Any, name: str, _profile: Any) -> _Publisher:
        self.publishers[name] = _Publisher()
        return self.publishers[name]

    @property
    def pictures(self) -> int:
        return len(self.publishers['all_in_focus/preview'].sent)

    def expose(self, number: int, seconds: float) -> None:
        """Add a slice, some time after the one before."""
        self.now += seconds
        self.stacker.add(*STACK[number])
        header = Header(frame_id='camera')
        header.stamp.sec = number
        self.previews.update(self.stacker, header)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> _Rig:
    return _Rig(monkeypatch)


def test_every_slice_is_shown_where_they_come_slowly(rig: _Rig) -> None:
    rig.cost = 0.001
    for number in range(5):
        rig.expose(number, 0.3)
        assert (rig.pictures, len(rig.shown)) == (number + 1, number + 1)
    for name, publisher in rig.publishers.items():
        message = publisher.sent[-1]
        assert (message.encoding, message.width, message.height) == ('rgb8', 160, 120), name
        assert (message.header.stamp.sec, message.header.frame_id) == (4, 'camera')


def test_nothing_is_done_where_nobody_looks(rig: _Rig) -> None:
    for publisher in rig.publishers.values():
        publisher.subscribers = 0
    for number in range(3):
        rig.expose(number, 1.0)
    assert (rig.pictures, rig.shown) == (0, [])
    rig.publishers['slice_index/preview'].subscribers = 1
    rig.cost = 0.001
    rig.expose(3, 1.0)
    assert rig.shown == [0, 1, 2, 3]  # also those before
    assert rig.pictures == 0
    assert len(rig.publishers['slice_index/preview'].sent) == 1


def test_pictures_are_not_sent_faster_than_they_can_be_looked_at(rig: _Rig) -> None:
    for number in range(8):
        rig.expose(number, 0.06)
    assert rig.pictures == 2  # at once after the first one that comes, and 0.2 s later


@pytest.mark.parametrize('cost', [0.01, 0.05, 0.4])
def test_pictures_take_at_most_a_twentieth_of_the_time(cost: float, rig: _Rig) -> None:
    rig.cost = cost
    begun = rig.now
    for number in range(8):
        rig.expose(number, 0.016)
    for _ in range(400):  # as if slices came that are not taken
        rig.now += 0.016
        rig.previews.update(rig.stacker, Header())
    spent = cost * len(rig.shown)
    # One slice at least is shown each time, and the pause comes after it.
    assert spent <= 0.05 * (rig.now - begun) + cost
    assert rig.pictures >= 1


def test_a_new_stack_begins_a_new_picture(rig: _Rig) -> None:
    rig.expose(0, 1.0)
    rig.expose(1, 1.0)
    rig.stacker = FocusStacker(StackOptions(), 'opencv')
    rig.expose(4, 1.0)
    assert rig.shown == [0, 1, 0]
    positions = rig.previews._picture.positions
    assert np.unique(positions).tolist() == [np.float32(STACK[4][1])]


def test_a_stack_that_is_gone_is_not_kept(rig: _Rig) -> None:
    rig.expose(0, 1.0)
    gone = weakref.ref(rig.stacker)
    rig.stacker = None
    gc.collect()
    assert gone() is None


def test_what_is_destroyed_shows_nothing(rig: _Rig) -> None:
    rig.previews.destroy()
    rig.expose(0, 1.0)
    assert rig.pictures == 0
