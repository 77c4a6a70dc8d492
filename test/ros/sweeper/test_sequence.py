# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the order of a focus sweep, on clocks that the tests turn."""

from __future__ import annotations

import random

from focus_stacking_ros.ros.sweeper.sequence import Now, Settling, SweepSequence
from focus_stacking_ros.simulation.lens_drive import LensDrive
import pytest

EPOCH_NS = 1_700_000_000 * 10**9


def at(seconds: float) -> Now:
    """Return a moment: both clocks go alike from different origins."""
    return Now(EPOCH_NS + round(seconds * 1e9), seconds)


def stamp(seconds: float) -> int:
    return EPOCH_NS + round(seconds * 1e9)


def commanded(sequence: SweepSequence, seconds: float) -> None:
    assert sequence.wants_command
    sequence.commanding(at(seconds))
    assert sequence.waits_for_lens
    sequence.commanded(at(seconds))


def test_only_an_exposure_that_began_after_the_lens_settled_is_chosen() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2), 5.0)
    commanded(sequence, 10.0)
    for began in (9.0, 10.0, 10.1, 10.1999):
        assert not sequence.exposure(stamp(began), at(10.5))
    assert sequence.exposure(stamp(10.2), at(10.5))
    assert (sequence.position, sequence.wants_command, sequence.done) == (2.0, True, False)
    # Between choice and command nothing is chosen, whatever comes.
    assert not sequence.exposure(stamp(10.6), at(10.7))
    commanded(sequence, 11.0)
    assert not sequence.exposure(stamp(11.1), at(11.1))
    assert sequence.exposure(stamp(11.3), at(11.3))
    assert sequence.done
    assert not sequence.wants_command
    assert not sequence.exposure(stamp(12.0), at(12.0))
    assert sequence.chosen == [stamp(10.2), stamp(11.3)]


def test_a_stamp_at_the_end_of_the_exposure_is_taken_back_to_its_beginning() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2), 5.0, stamp_delay_seconds=0.1)
    commanded(sequence, 0.0)
    assert not sequence.exposure(stamp(0.29), at(0.3))
    assert sequence.exposure(stamp(0.30), at(0.3))


def test_a_repeated_or_older_stamp_is_not_chosen_again() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.0), 5.0)
    commanded(sequence, 0.0)
    assert sequence.exposure(stamp(5.0), at(0.1))  # the camera's clock is ahead
    commanded(sequence, 0.2)
    assert not sequence.exposure(stamp(5.0), at(0.3))
    assert not sequence.exposure(stamp(4.9), at(0.3))
    assert sequence.exposure(stamp(5.1), at(0.3))


def test_feedback_must_hold_for_the_settling_time() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2, tolerance=0.1), 5.0)
    sequence.feedback(1.0, at(0.0))  # before the command it says nothing about what follows
    sequence.feedback(1.5, at(0.1))
    commanded(sequence, 1.0)
    assert not sequence.exposure(stamp(3.0), at(3.0))
    sequence.feedback(1.05, at(3.1))
    sequence.feedback(1.3, at(3.2))  # it overshoots
    assert not sequence.exposure(stamp(3.35), at(3.4))
    sequence.feedback(float('nan'), at(3.4))
    sequence.feedback(0.95, at(3.5))
    assert not sequence.exposure(stamp(3.69), at(3.8))
    sequence.feedback(1.0, at(3.7))
    assert sequence.exposure(stamp(3.71), at(3.8))


def test_a_lens_that_is_there_already_and_says_nothing_new_is_believed() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2, tolerance=0.1), 5.0)
    sequence.feedback(1.0, at(0.0))
    commanded(sequence, 1.0)
    assert not sequence.exposure(stamp(1.1), at(1.1))
    assert sequence.exposure(stamp(1.25), at(1.3))


@pytest.mark.parametrize('tolerance', [None, 0.1])
def test_a_lens_that_does_not_take_the_command_is_trouble(tolerance: float | None) -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2, tolerance, 3.0), 5.0)
    assert sequence.trouble(at(100.0)) == ''
    sequence.commanding(at(0.0))
    assert sequence.trouble(at(2.9)) == ''
    assert 'did not take the command for position 1 (1 of 2)' in sequence.trouble(at(3.1))


@pytest.mark.parametrize(('feedback', 'words'), [(None, 'says nothing'), (1.7, 'at 1.7')])
def test_a_lens_that_does_not_get_there_is_trouble(feedback: float | None, words: str) -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2, 0.1, 3.0), 5.0)
    commanded(sequence, 0.0)
    if feedback is not None:
        sequence.feedback(feedback, at(1.0))
    assert sequence.trouble(at(2.9)) == ''
    assert 'did not reach' in sequence.trouble(at(3.1))
    assert words in sequence.trouble(at(3.1))


@pytest.mark.parametrize(('heard', 'words'), [
    ([], 'says nothing'), ([(0.1, 0.2)], 'silent for 5.1 s'),
    ([(-100.0, 5.2)], '105.300 s old')])
def test_a_camera_without_fresh_exposures_is_trouble(heard: list, words: str) -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2), 5.0)
    commanded(sequence, 0.0)
    for began, came in heard:
        assert not sequence.exposure(stamp(began), at(came))
    assert sequence.trouble(at(5.1)) == ''
    assert 'no exposure came for position 1 (1 of 2)' in sequence.trouble(at(5.3))
    assert words in sequence.trouble(at(5.3))


def test_a_stamp_clock_that_stands_still_is_trouble_too() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2), 5.0)
    sequence.commanding(Now(0, 0.0))
    sequence.commanded(Now(0, 0.0))
    assert not sequence.exposure(0, Now(0, 5.0))
    assert 'is its clock that of this node' in sequence.trouble(Now(0, 5.3))


@pytest.mark.parametrize('by_feedback', [False, True])
@pytest.mark.parametrize('seed', range(20))
def test_no_chosen_exposure_saw_the_lens_move(by_feedback: bool, seed: int) -> None:
    """Whatever the latencies and whatever gets lost: the simulated lens says where it was."""
    rng = random.Random(seed)
    dead, moving = rng.uniform(0, 0.05), rng.uniform(0.0, 0.2)
    drive = LensDrive(0.2, 0.1, 1.0, dead, moving)
    positions = [0.2, 0.22, 0.25, 0.24, 0.3]
    settling = Settling(0.05, 1e-6, 5.0) if by_feedback else Settling(dead + moving, None, 5.0)
    sequence = SweepSequence(positions, settling, 5.0)
    latency = rng.uniform(0.0, 0.4)
    exposure = rng.uniform(0.0, 0.03)
    arrivals: list[tuple[float, float]] = []
    now, found = 0.0, []
    next_exposure = 0.0
    while not sequence.done:
        now += 0.001
        if sequence.wants_command:
            sequence.commanding(at(now))
            drive.command(sequence.position, now)
            sequence.commanded(at(now))
        if by_feedback and rng.random() < 0.05:
            sequence.feedback(drive.distance_m(now - rng.uniform(0, 0.002)), at(now))
        if now >= next_exposure:
            next_exposure += 0.033
            if rng.random() < 0.8:  # others are lost
                arrivals.append((now + exposure + latency * rng.uniform(0.5, 1.0), now))
        for arrival in sorted(arrivals):
            if arrival[0] <= now:
                arrivals.remove(arrival)
                wanted = sequence.position if not sequence.done else None
                if sequence.exposure(stamp(arrival[1]), at(now)):
                    found.append((wanted, arrival[1]))
        assert now < 60
    for wanted, began in found:
        assert drive.distance_m(began) == pytest.approx(wanted, abs=1e-6)
        assert drive.distance_m(began + exposure) == pytest.approx(wanted, abs=1e-6)
    assert [wanted for wanted, _ in found] == positions


def test_at_each_position_there_is_an_exposure_under_each_light() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.2), 5.0, lights=2, lighting=Settling(0.1))
    commanded(sequence, 0.0)
    switched(sequence, 0, 0.15)
    assert not sequence.exposure(stamp(0.24), at(0.3))  # the light fades still
    assert sequence.exposure(stamp(0.25), at(0.3))
    assert (sequence.position, sequence.light, sequence.wants_command) == (1.0, 1, False)
    assert not sequence.exposure(stamp(0.35), at(0.4))
    switched(sequence, 1, 0.4)
    assert not sequence.exposure(stamp(0.45), at(0.5))
    assert sequence.exposure(stamp(0.5), at(0.5))
    assert (sequence.exposed, sequence.position, sequence.light) == (1, 2.0, 0)
    switched(sequence, 0, 0.6)  # before the lens: both settle at the same time
    assert not sequence.exposure(stamp(0.9), at(0.9))
    commanded(sequence, 0.8)
    assert not sequence.exposure(stamp(0.95), at(0.95))
    assert sequence.exposure(stamp(1.0), at(1.0))
    switched(sequence, 1, 1.1)
    assert sequence.exposure(stamp(1.2), at(1.2))
    assert (sequence.done, sequence.wants_light, sequence.exposed) == (True, False, 2)


def switched(sequence: SweepSequence, light: int, seconds: float) -> None:
    assert (sequence.light, sequence.wants_light) == (light, True)
    sequence.switching(at(seconds))
    assert sequence.waits_for_light
    sequence.switched(at(seconds))


def test_a_light_that_does_not_come_on_is_told() -> None:
    sequence = SweepSequence([1.0, 2.0], Settling(0.0), 5.0, lights=2,
                             lighting=Settling(0.1, 0.0, 3.0))
    commanded(sequence, 0.0)
    assert sequence.light_trouble(at(9.0)) == ''  # it is not told yet
    sequence.switching(at(0.0))
    assert sequence.light_trouble(at(3.0)) == ''
    assert sequence.light_trouble(at(3.1)) == (
        'the light did not take the command for light 0 at position 1 (1 of 2) within 3 s')
    sequence.switched(at(4.0))
    sequence.light_feedback(1, at(4.0))
    assert not sequence.stands_still
    assert not sequence.exposure(stamp(6.0), at(6.0))
    assert sequence.trouble(at(9.5)) == ''
    assert sequence.light_trouble(at(7.1)).endswith(
        'did not reach light 0 at position 1 (1 of 2) within 3 s: it says that it is at 1')
    sequence.light_feedback(0, at(8.0))
    assert sequence.stands_still
    assert sequence.light_trouble(at(20.0)) == ''
    assert sequence.trouble(at(13.0)) == ''
    assert 'no exposure came for position 1 (1 of 2) under light 0' in sequence.trouble(at(13.2))
    assert not sequence.exposure(stamp(8.05), at(8.2))
    assert sequence.exposure(stamp(8.1), at(8.2))
