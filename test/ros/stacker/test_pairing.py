# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the pairing of images and focus positions by their stamps."""

from __future__ import annotations

import gc
import itertools
import random
import weakref

from focus_stacking_ros.ros.stacker.pairing import Pair, StampPairing
import pytest


def stamp(number: int) -> tuple[int, int]:
    return number // 3, number % 3


def send(pairing: StampPairing[str], kind: str, number: int) -> Pair[str] | None:
    """Add the image or the tag with a number."""
    if kind == 'image':
        return pairing.add_image(stamp(number), f'image {number}')
    return pairing.add_tag(stamp(number), 0.1 * number)


def counts(pairing: StampPairing[str]) -> tuple[int, int, int]:
    return pairing.untagged_images, pairing.tags_without_image, pairing.repeated_stamps


@pytest.mark.parametrize('kinds', [('image', 'tag'), ('tag', 'image')])
def test_whichever_comes_first_both_make_a_pair(kinds) -> None:
    pairing = StampPairing(5)
    assert send(pairing, kinds[0], 7) is None
    assert send(pairing, kinds[1], 7) == Pair(stamp(7), 'image 7', 0.1 * 7)
    pairing.clear()  # which would count what is left
    assert counts(pairing) == (0, 0, 0)


@pytest.mark.parametrize('seed', range(20))
def test_any_order_of_arrival_gives_every_pair_once(seed) -> None:
    messages = list(itertools.product(('image', 'tag'), range(12)))
    random.Random(seed).shuffle(messages)
    pairing = StampPairing(12)
    pairs = [pair for kind, number in messages
             if (pair := send(pairing, kind, number)) is not None]
    assert sorted(pairs, key=lambda pair: pair.stamp) == [
        Pair(stamp(number), f'image {number}', 0.1 * number) for number in range(12)]
    assert counts(pairing) == (0, 0, 0)


@pytest.mark.parametrize('other', [(5, 101), (5, 99), (6, 100), (100, 5)])
def test_only_equal_stamps_make_a_pair(other) -> None:
    pairing = StampPairing(5)
    assert pairing.add_image((5, 100), 'image') is None
    assert pairing.add_tag(other, 0.1) is None
    assert pairing.add_tag((5, 100), 0.2) == Pair((5, 100), 'image', 0.2)


@pytest.mark.parametrize(('kind', 'partner', 'given_up'), [
    ('image', 'tag', (4, 0, 0)), ('tag', 'image', (0, 4, 0))])
def test_beyond_its_depth_the_oldest_is_given_up_and_counted(kind, partner, given_up) -> None:
    pairing = StampPairing(3)
    for number in range(7):
        assert send(pairing, kind, number) is None
    assert counts(pairing) == given_up
    assert [number for number in range(7) if send(pairing, partner, number)] == [4, 5, 6]


@pytest.mark.parametrize('kind', ['image', 'tag'])
def test_a_flood_of_one_kind_leaves_the_other_waiting(kind) -> None:
    partner = 'tag' if kind == 'image' else 'image'
    pairing = StampPairing(2)
    send(pairing, partner, 1000)
    for number in range(50):
        send(pairing, kind, number)
    assert send(pairing, kind, 1000) is not None


def test_what_is_given_up_or_paired_is_let_go() -> None:
    class Picture:
        """Something that can be watched."""

    pictures = [Picture() for _ in range(4)]
    watched = [weakref.ref(picture) for picture in pictures]
    pairing: StampPairing[Picture] = StampPairing(2)
    for number in range(4):
        pairing.add_image(stamp(number), pictures[number])
    pairing.add_tag(stamp(3), 0.1)
    pictures.clear()
    gc.collect()
    assert [reference() is not None for reference in watched] == [False, False, True, False]


@pytest.mark.parametrize('kind', ['image', 'tag'])
def test_a_repeated_stamp_is_counted_and_the_first_message_stays(kind) -> None:
    pairing = StampPairing(5)
    send(pairing, kind, 1)
    if kind == 'image':
        assert pairing.add_image(stamp(1), 'another') is None
        assert pairing.add_tag(stamp(1), 0.1) == Pair(stamp(1), 'image 1', 0.1)
    else:
        assert pairing.add_tag(stamp(1), 9.9) is None
        assert pairing.add_image(stamp(1), 'image 1') == Pair(stamp(1), 'image 1', 0.1)
    assert counts(pairing) == (0, 0, 1)


@pytest.mark.parametrize('kinds', list(itertools.product(('image', 'tag'), repeat=2)))
def test_a_pair_is_not_made_a_second_time(kinds) -> None:
    pairing = StampPairing(5)
    send(pairing, 'image', 1)
    assert send(pairing, 'tag', 1) is not None
    assert [send(pairing, kind, 1) for kind in kinds] == [None, None]
    assert counts(pairing) == (0, 0, 2)
    # Nothing of it is left to push others out.
    pairing.clear()
    assert counts(pairing) == (0, 0, 2)


def test_pairs_are_remembered_for_a_while_and_not_for_ever() -> None:
    pairing = StampPairing(4)
    for number in range(1000):
        send(pairing, 'image', number)
        assert send(pairing, 'tag', number) is not None
    for number in range(1000 - 4, 1000):
        assert send(pairing, 'image', number) is None
    assert pairing.repeated_stamps == 4
    # A recording that is longer than that can be played again.
    send(pairing, 'image', 0)
    assert send(pairing, 'tag', 0) is not None


def test_clear_gives_up_everything_unmatched_and_counts_it() -> None:
    pairing = StampPairing(5)
    for number in range(3):
        send(pairing, 'image', number)
    for number in range(10, 12):
        send(pairing, 'tag', number)
    pairing.clear()
    assert counts(pairing) == (3, 2, 0)
    assert [send(pairing, 'tag', number) for number in range(3)] == [None] * 3
    assert [send(pairing, 'image', number) for number in range(10, 12)] == [None] * 2
    pairing.clear()
    assert counts(pairing) == (5, 5, 0)


def test_after_clear_the_same_recording_can_be_played_again() -> None:
    pairing = StampPairing(20)
    for _ in range(2):
        for number in range(5):
            send(pairing, 'image', number)
            assert send(pairing, 'tag', number) is not None
        pairing.clear()
    assert pairing.repeated_stamps == 0
