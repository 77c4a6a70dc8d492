# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the stack contract: the order of slices, and the grid that results are in."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.align.warping import valid_mask, warp
from focus_stacking_ros.core.slices import ResultFault
from helpers.stacks import corner_error, differing, make_stack, similarity, stacked
import numpy as np
import pytest

SHAPE = (120, 160)
INNER = np.s_[10:-10, 10:-10]
SHUFFLED = (2, 0, 1, 5, 4, 3)


@pytest.mark.parametrize('reference', ['narrowest', 'nearest', 'middle', 'farthest'])
def test_shuffled_slices_give_the_bit_identical_result(breathing, reference) -> None:
    in_order = stacked(breathing, reference=reference)
    shuffled = stacked(breathing, SHUFFLED, reference=reference)
    assert differing(in_order, shuffled) == []
    assert 'out of order' in shuffled.faults[ResultFault.DISORDER]
    assert not in_order.faults
    for number, report in enumerate(shuffled.reports):
        twin = in_order.reports[SHUFFLED[number]]
        assert (report.number, report.rank, report.gain) == (number, SHUFFLED[number], twin.gain)
        np.testing.assert_array_equal(report.transform, twin.transform)


@pytest.mark.parametrize('reference', ['narrowest', 'nearest', 'middle', 'farthest'])
def test_a_reversed_sweep_gives_the_same_result(breathing, reference) -> None:
    # Not bit for bit: the state accumulates in another slice's grid, from the other end.
    forward = stacked(breathing, reference=reference)
    backward = stacked(breathing, range(6)[::-1], reference=reference)
    assert backward.reports[backward.reference].rank == forward.reports[forward.reference].rank
    assert np.sqrt(np.mean((forward.slice_index - backward.slice_index)[INNER] ** 2)) < 0.1
    difference = forward.all_in_focus.astype(int) - backward.all_in_focus
    assert np.abs(difference)[INNER].mean() < 1.5
    for one, other in zip(forward.reports, backward.reports[::-1], strict=True):
        assert one.rank == other.rank
        assert corner_error(one.transform, other.transform, SHAPE) < 0.2
        assert one.gain == pytest.approx(other.gain, abs=0.02)


def test_narrowest_does_not_change_with_the_direction_where_nothing_breathes(tilted) -> None:
    forward, backward = stacked(tilted), stacked(tilted, range(6)[::-1])
    assert backward.reports[backward.reference].rank == forward.reports[forward.reference].rank


def test_streaming_takes_a_falling_sweep(breathing) -> None:
    forward = stacked(breathing, method='streaming')
    backward = stacked(breathing, range(6)[::-1], method='streaming')
    assert np.sqrt(np.mean((forward.slice_index - backward.slice_index)[INNER] ** 2)) < 0.1


def test_rank_is_by_distance_and_number_by_arrival(tilted) -> None:
    result = stacked(tilted, (3, 1, 4, 0, 5, 2))
    assert [report.number for report in result.reports] == [0, 1, 2, 3, 4, 5]
    assert [report.rank for report in result.reports] == [3, 1, 4, 0, 5, 2]
    assert [report.focus_distance_m for report in result.reports] == [
        tilted.distances[k] for k in (3, 1, 4, 0, 5, 2)]


@pytest.mark.parametrize(('reference', 'order', 'number'), [
    ('first', (2, 0, 1, 5, 4, 3), 0), ('last', (2, 0, 1, 5, 4, 3), 5),
    ('nearest', (2, 0, 1, 5, 4, 3), 1), ('farthest', (2, 0, 1, 5, 4, 3), 3),
    ('middle', (2, 0, 1, 5, 4, 3), 5), ('narrowest', (2, 0, 1, 5, 4, 3), 3),
    ('first', (5, 4, 3, 2, 1, 0), 0), ('nearest', (5, 4, 3, 2, 1, 0), 5),
    ('narrowest', (5, 4, 3, 2, 1, 0), 0), ('narrowest', (0, 1, 2, 3, 4, 5), 5)])
def test_results_are_in_the_grid_of_the_reference(breathing, reference, order, number) -> None:
    result = stacked(breathing, order, reference=reference)
    assert result.reference == number
    np.testing.assert_array_equal(result.reports[number].transform, np.eye(3))
    assert result.reports[number].gain == 1.0
    chosen = order[number]
    origin = np.linalg.inv(breathing.transforms[chosen])
    for report, source in zip(result.reports, order, strict=True):
        true = breathing.transforms[source] @ origin
        assert corner_error(report.transform, true, SHAPE) < 0.25
        assert report.gain * breathing.gains[source] / breathing.gains[chosen] == pytest.approx(
            1, abs=0.02)
    # Picture and index lie where that slice saw things, and as bright as it saw them.
    mask = valid_mask(SHAPE, origin, margin=10)
    inside = np.ones(SHAPE, bool) if mask is None else mask > 0
    inside[:10], inside[-10:], inside[:, :10], inside[:, -10:] = False, False, False, False
    seen = warp(breathing.all_in_focus, origin, cv2.INTER_CUBIC) * breathing.gains[chosen]
    assert np.abs(result.all_in_focus - seen)[inside].mean() < 3
    index = warp(breathing.index, origin)
    assert np.sqrt(np.mean((result.slice_index - index)[inside] ** 2)) < 0.25


@pytest.mark.parametrize('reference', [0, 5])
def test_streaming_has_the_brightness_and_the_grid_of_the_reference(reference) -> None:
    transforms = [similarity(SHAPE, 1 + 0.01 * k, (0.8 * k, 0)) for k in range(6)]
    gains = [1.0, 0.96, 0.92, 0.88, 0.84, 0.8]
    stack = make_stack(SHAPE, 6, transforms=transforms, gains=gains)
    result = stacked(stack, method='streaming', reference='last' if reference else 'first')
    origin = np.linalg.inv(transforms[reference])
    mask = valid_mask(SHAPE, origin, margin=10)
    inside = np.ones(SHAPE, bool) if mask is None else mask > 0
    inside[:10], inside[-10:], inside[:, :10], inside[:, -10:] = False, False, False, False
    seen = warp(stack.all_in_focus, origin, cv2.INTER_CUBIC) * gains[reference]
    assert abs((result.all_in_focus - seen)[inside].mean()) < 2
    assert np.abs(result.all_in_focus - seen)[inside].mean() < 5


def test_alignment_none_gives_identities(breathing) -> None:
    for report in stacked(breathing, alignment_model='none', alignment_gain=False).reports:
        np.testing.assert_array_equal(report.transform, np.eye(3))
        assert report.gain == 1.0


def test_numbers_can_be_given(tilted) -> None:
    stacker = FocusStacker()
    for number in (10, 12, 11):
        stacker.add(tilted.images[number - 10], tilted.distances[number - 10], number=number)
    assert [(item.number, item.rank) for item in stacker.finish().reports] == [
        (10, 0), (11, 1), (12, 2)]


def test_first_report_tells_where_the_slice_lies(breathing) -> None:
    stacker = FocusStacker()
    reports = [stacker.add(image, distance) for image, distance in zip(
        breathing.images, breathing.distances, strict=True)]
    origin = np.linalg.inv(breathing.transforms[0])
    for report, true in zip(reports, breathing.transforms, strict=True):
        assert corner_error(report.transform, true @ origin, SHAPE) < 0.4
    assert stacker.reports == tuple(reports)
