# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the sources that have no stamps of images: joint states and plain numbers."""

from __future__ import annotations

from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.stacker.focus_sources.float32 import Float32Source
from focus_stacking_ros.ros.stacker.focus_sources.joint_state import JointStateSource
import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32

pytestmark = pytest.mark.ros

MILLISECOND = 1_000_000  # nanoseconds


def stamp(milliseconds: float) -> tuple[int, int]:
    return int(milliseconds) // 1000, round(milliseconds % 1000 * MILLISECOND)


class Stage:
    """
    A z-stage and the source that listens to its joint states.

    :param gap: longest time between two states, seconds
    :param depth: images that may wait
    """

    def __init__(self, gap: float = 0.1, depth: int = 5) -> None:
        self.tags: list[tuple[tuple[int, int], float]] = []
        self.warnings: list[str] = []
        self.source = JointStateSource(
            'z', gap, depth, lambda *tag: self.tags.append(tag), self.warn)

    def warn(self, kind: str, words: str) -> None:
        """Take a warning; its kind is the same whatever its figures are."""
        assert not any(letter.isdigit() for letter in kind)
        self.warnings.append(words)

    def state(self, milliseconds: float, position: float | None, name: str = 'z') -> None:
        """Send a joint state of a robot with other joints too."""
        kind, callback = self.source.topics['joint_states']
        message = JointState(name=['arm', name], position=[
            9.0, *([position] if position is not None else [])])
        message.header.stamp.sec, message.header.stamp.nanosec = stamp(milliseconds)
        assert isinstance(message, message_type(kind))
        callback(message)


def test_a_joint_is_interpolated_at_the_stamp_of_the_image() -> None:
    stage = Stage()
    stage.state(1000, 0.10)
    stage.source.image_came(stamp(1005))
    assert stage.tags == []  # waits for the next state
    stage.state(1020, 0.14)
    assert stage.tags == [(stamp(1005), pytest.approx(0.11))]
    stage.source.image_came(stamp(1015))
    stage.source.image_came(stamp(1020))
    assert stage.tags[1:] == [(stamp(1015), pytest.approx(0.13)), (stamp(1020), 0.14)]
    assert stage.warnings == []


def test_other_joints_and_missing_positions_are_left_alone() -> None:
    stage = Stage()
    stage.state(1000, 0.10)
    stage.source.image_came(stamp(1010))
    stage.state(1012, 5.0, name='gripper')
    stage.state(1015, None)
    assert stage.tags == []
    stage.state(1020, 0.30)
    assert stage.tags == [(stamp(1010), pytest.approx(0.20))]


@pytest.mark.parametrize(('states', 'image'), [([1000, 1200], 1100), ([1000, 1050], 990)])
def test_an_image_far_from_any_state_stays_without_a_tag(states, image) -> None:
    stage = Stage()
    stage.source.image_came(stamp(image))
    for milliseconds in states:
        stage.state(milliseconds, 0.1)
    assert stage.tags == []
    assert "'z'" in stage.warnings[0]


def test_states_out_of_order_are_left_out_and_a_clock_set_back_begins_anew() -> None:
    stage = Stage()
    stage.state(5000, 0.1)
    stage.state(4990, 9.0)
    stage.state(5010, 0.2)
    stage.source.image_came(stamp(5005))
    assert stage.tags == [(stamp(5005), pytest.approx(0.15))]
    stage.state(1000, 0.3)
    stage.state(1010, 0.4)
    stage.source.image_came(stamp(1005))
    assert stage.tags[1:] == [(stamp(1005), pytest.approx(0.35))]


def test_states_without_a_stamp_are_warned_of() -> None:
    stage = Stage()
    stage.state(0, 0.1)
    assert 'no stamp' in stage.warnings[0]


def test_images_that_wait_are_few_and_are_forgotten_on_request() -> None:
    stage = Stage(depth=2)
    stage.state(1000, 0.1)
    for milliseconds in (1001, 1002, 1003):
        stage.source.image_came(stamp(milliseconds))
    stage.state(1010, 0.1)
    assert [tag for tag, _ in stage.tags] == [stamp(1002), stamp(1003)]
    stage.source.image_came(stamp(1020))
    stage.source.clear()
    stage.state(1030, 0.1)
    assert len(stage.tags) == 2


class Lens:
    """A lens that says its position without a stamp, and the clock of the node that listens."""

    def __init__(self) -> None:
        self.tags: list[tuple[tuple[int, int], float]] = []
        self.warnings: list[str] = []
        self.now = 1000.0  # milliseconds
        self.source = Float32Source(lambda *tag: self.tags.append(tag), self.warn,
                                    lambda: round(self.now * MILLISECOND))

    def warn(self, kind: str, words: str) -> None:
        """Take a warning; its kind is the same whatever its figures are."""
        assert not any(letter.isdigit() for letter in kind)
        self.warnings.append(words)

    def say(self, value: float, milliseconds: float) -> None:
        """Send a value that arrives at a time."""
        self.now = milliseconds
        kind, callback = self.source.topics['lens_position']
        message = Float32(data=value)
        assert isinstance(message, message_type(kind))
        callback(message)


def test_an_image_has_the_latest_value_before_its_stamp() -> None:
    lens = Lens()
    lens.say(100.0, 1000)
    lens.say(200.0, 2000)
    lens.say(300.0, 3000)
    for milliseconds in (1000, 1999, 2500, 9000):
        lens.source.image_came(stamp(milliseconds))
    assert [position for _, position in lens.tags] == [100.0, 100.0, 200.0, 300.0]
    assert [tag for tag, _ in lens.tags] == [stamp(1000), stamp(1999), stamp(2500), stamp(9000)]


def test_that_values_have_no_stamps_is_warned_of_once() -> None:
    lens = Lens()
    for milliseconds in (1000, 2000, 3000):
        lens.say(1.0, milliseconds)
    assert len(lens.warnings) == 1
    assert 'no stamps' in lens.warnings[0]


def test_an_image_before_all_values_has_no_tag() -> None:
    lens = Lens()
    lens.source.image_came(stamp(500))
    lens.say(1.0, 1000)
    lens.source.image_came(stamp(999))
    assert lens.tags == []
    assert 'before its stamp' in lens.warnings[0]


def test_values_from_before_a_clock_was_set_back_count_no_more() -> None:
    lens = Lens()
    lens.say(1.0, 5000)
    lens.say(2.0, 1000)
    lens.source.image_came(stamp(6000))
    assert lens.tags == [(stamp(6000), 2.0)]
