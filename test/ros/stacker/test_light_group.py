# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images of a position under several lights are one slice; one that is lost is told."""

from __future__ import annotations

import math

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.core.stack.backend import create_backend
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.stacker.delivery import Delivery, Progress
from focus_stacking_ros.ros.stacker.light_group import LightGroup
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair
from helpers.cell import focal_stack
import numpy as np
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

FIRST, SECOND = (focal_stack(4, (96, 64), seed) for seed in (1, 2))


@pytest.fixture(scope='module')
def expected() -> StackResult:
    """Return what the library makes of the slices under both lights."""
    stacker = FocusStacker(StackOptions(stack_lights=2))
    for (image, position), (light, _) in zip(FIRST, SECOND, strict=True):
        stacker.add(image, position, lights=[light])
    return stacker.finish()


class Bench:
    """A stacker of messages of two lights, and what it tells."""

    def __init__(self, **node_options: object) -> None:
        self.results: list[Delivery] = []
        self.told: list[str] = []
        self.now = 0.0
        self.stacker = MessageStacker(
            StackOptions(stack_lights=2), NodeOptions(**{'stack_size': 4, **node_options}),
            create_backend(), self, lambda: self.now)

    def add(self, image: np.ndarray, position: float) -> None:
        """Add an image, a second after the one before."""
        self.now += 1
        header = Header()
        header.stamp.sec = int(self.now)
        self.stacker.add(Pair((header.stamp.sec, 0), array_to_image(image, header, 'bgr8'),
                              position))

    def add_both(self, number: int) -> None:
        """Add the images of a slice of FIRST and SECOND."""
        self.add(*FIRST[number])
        self.add(*SECOND[number])

    def delivered(self, delivery: Delivery) -> None:
        """Keep a result."""
        self.results.append(delivery)

    def refused(self, refusal: Refusal, reason: str) -> None:
        """Keep a refusal."""
        self.told.append(f'{refusal.code}: {reason}')

    def progressed(self, progress: Progress) -> None:
        """Keep nothing."""

    def failed(self, reason: str) -> None:
        """Keep a failure."""
        self.told.append(f'failed: {reason}')

    def incomplete(self, reason: str) -> None:
        """Keep what is said of an early end."""
        self.told.append(f'incomplete: {reason}')

    def ignored(self, reason: str) -> None:
        """Keep what is said of a region."""
        self.told.append(f'ignored: {reason}')


def test_images_of_a_position_are_one_slice(expected: StackResult) -> None:
    bench = Bench()
    for number in range(4):
        bench.add(*FIRST[number])
        assert len(bench.stacker) == number  # the slice waits for its other light
        bench.add(*SECOND[number])
    [delivery] = bench.results
    np.testing.assert_array_equal(delivery.result.slice_index, expected.slice_index)
    np.testing.assert_array_equal(delivery.result.lights[0], expected.lights[0])
    assert (bench.told, bench.stacker.counters) == ([], {'slices': 4, 'results': 1})
    frames = delivery.report['frames']
    assert [frame['stamp']['sec'] for frame in frames] == [1, 3, 5, 7]
    assert [frame['light_stamps'][0]['sec'] for frame in frames] == [2, 4, 6, 8]


def test_a_position_without_all_its_images_is_refused_and_mixes_with_no_other() -> None:
    bench = Bench()
    bench.add_both(0)
    bench.add(*SECOND[1])  # its first light is lost
    bench.add_both(2)
    bench.add(FIRST[3][0], math.nan)  # refused for itself
    bench.add_both(3)
    assert bench.stacker.counters['refused: lights'] == 1
    assert [words.partition(':')[0] for words in bench.told] == ['lights', 'position']
    assert 'focus position 0.102' in bench.told[0]
    assert '1 of its 2 images have come, and then came another focus position' in bench.told[0]
    assert len(bench.stacker) == 3
    bench.add(*FIRST[1])
    bench.stacker.finish()  # what waits then does not come into the next stack
    assert bench.stacker.counters['refused: lights'] == 2
    frames = bench.results[0].report['frames']
    assert [(frame['accepted'], frame['refusal']) for frame in frames] == [
        (True, None), (False, 'lights'), (True, None), (False, 'position'), (True, None),
        (False, 'lights')]
    bench.add_both(0)
    assert len(bench.stacker) == 1
    bench.add(*FIRST[1])
    bench.stacker.reset()
    bench.add_both(2)
    assert (len(bench.stacker), bench.stacker.counters['refused: lights']) == (1, 2)


def test_another_size_under_the_second_light_is_refused_by_name() -> None:
    bench = Bench(roi_width=40, roi_height=32)  # cut to it, both would be alike
    bench.add(*FIRST[0])
    bench.add(SECOND[0][0][:-8], SECOND[0][1])
    [told] = bench.told
    assert told.startswith('size: ')
    assert 'an image has 96 x 56 pixels, that under the first light 96 x 64' in told


def test_positions_are_the_same_but_for_their_rounding() -> None:
    group = LightGroup(2)
    late, early = Pair((2, 0), None, 0.1), Pair((1, 0), None, 0.1)
    assert not group.is_cut_off_by(late, 0.1)
    assert not group.add(late, 0.1)
    assert not group.is_cut_off_by(early, float(np.float32(0.1)))
    assert group.is_cut_off_by(early, 0.10001)
    assert group.add(early, 0.1)
    assert (group.take(), len(group)) == ([early, late], 0)  # without numbers as exposed
