# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what the results of all methods have in common."""

from __future__ import annotations

from dataclasses import replace

from focus_stacking_ros.core.align.chain import Entry, Link
from focus_stacking_ros.core.depth.curves import metres
from focus_stacking_ros.core.depth.metric import (
    choose_brightness,
    choose_reference,
    depth_deviation,
    implausible_distances,
    metric_depth,
    stack_faults,
    stack_notes,
)
from focus_stacking_ros.core.slices import ResultFault
from helpers.stacks import similarity
import numpy as np
import pytest

DISTANCES = [0.2, 0.25, 0.4, 0.5]
SHAPE = (60, 80)
# At no whole index, where the depth has no derivative.
INDEX = np.linspace(0.05, 2.95, 30, dtype=np.float32).reshape(5, 6)


def test_deviation_in_metres_is_the_derivative_of_the_depth() -> None:
    small = 1e-3
    deviation = np.full(INDEX.shape, 0.3, np.float32)
    found = depth_deviation(deviation, INDEX, metres(INDEX, DISTANCES), DISTANCES)
    slope = (metres(INDEX.astype(np.float64) + small, DISTANCES).astype(np.float64)
             - metres(INDEX.astype(np.float64) - small, DISTANCES)) / (2 * small)
    np.testing.assert_allclose(found, 0.3 * np.abs(slope), rtol=2e-3)
    assert found.dtype == np.float32


def test_deviation_is_proportional_and_never_negative() -> None:
    depth = metres(INDEX, DISTANCES)
    one = depth_deviation(np.full_like(INDEX, 0.1), INDEX, depth, DISTANCES)
    np.testing.assert_allclose(
        depth_deviation(np.full_like(INDEX, 0.4), INDEX, depth, DISTANCES), 4 * one, rtol=1e-5)
    assert one.min() > 0


def test_deviation_at_the_ends_is_that_of_the_outer_gaps() -> None:
    index = np.array([[0, 3]], np.float32)
    found = depth_deviation(np.ones_like(index), index, metres(index, DISTANCES), DISTANCES)
    # dz = z² d(1 / z): 1 dioptre per slice at 0.2 m, 0.5 at 0.5 m.
    np.testing.assert_allclose(found, [[0.04 * 1.0, 0.25 * 0.5]], rtol=1e-5)


def test_there_is_no_deviation_where_there_is_no_depth() -> None:
    depth = metres(INDEX, DISTANCES)
    depth[1, 2] = np.nan
    found = depth_deviation(np.ones_like(INDEX), INDEX, depth, DISTANCES)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(depth))
    for distances in ([None] * 4, [0.2, None, 0.4, 0.5]):
        assert np.isnan(depth_deviation(np.ones_like(INDEX), INDEX, depth, distances)).all()


def test_depth_is_nan_exactly_where_it_is_unknown() -> None:
    unknown = INDEX > 2
    found = metric_depth(INDEX, DISTANCES, unknown)
    np.testing.assert_array_equal(np.isnan(found), unknown)
    np.testing.assert_array_equal(found[~unknown], metres(INDEX, DISTANCES)[~unknown])
    assert np.isfinite(metric_depth(INDEX, DISTANCES, None)).all()


@pytest.mark.parametrize('distances', [[None] * 4, [0.2, None, 0.4, 0.5]])
def test_there_are_no_metres_without_all_distances(distances) -> None:
    found = metric_depth(INDEX, distances, None)
    assert np.isnan(found).all()
    assert (found.shape, found.dtype) == (INDEX.shape, np.float32)


def entries(scales: list[float], numbers: list[int]) -> list[Entry]:
    return [Entry(number, float(rank), Link(similarity(SHAPE, scale), 1.0, None), None)
            for rank, (scale, number) in enumerate(zip(scales, numbers, strict=True))]


@pytest.mark.parametrize(('rule', 'number'), [
    ('first', 0), ('last', 4), ('nearest', 3), ('farthest', 1), ('middle', 0), ('narrowest', 4)])
def test_reference_by_every_rule(rule, number) -> None:
    # A view is narrower the more it magnifies.
    some = entries([1.0, 1.01, 1.03, 1.05, 1.02], [3, 2, 0, 4, 1])
    assert choose_reference(some, rule, SHAPE).number == number


@pytest.mark.parametrize(('rule', 'number'), [
    ('first', 1), ('last', 3), ('nearest', 1), ('farthest', 3), ('middle', 1), ('narrowest', 3)])
def test_a_slice_that_could_not_be_registered_is_no_reference(rule, number) -> None:
    some = entries([1.0, 1.01, 1.03, 1.02, 1.05], [0, 1, 2, 3, 4])
    for rank in (0, 2, 4):
        some[rank] = replace(some[rank], link=replace(some[rank].link, reason='it is black'))
    assert choose_reference(some, rule, SHAPE).number == number


@pytest.mark.parametrize(('first', 'number'), [(1.0, 0), (1.2, 0), (0.8, 0), (1.5, 2), (0.5, 2)])
def test_brightness_is_that_of_the_reference_where_that_is_usual(first, number) -> None:
    some = [replace(entry, link=replace(entry.link, gain=gain)) for entry, gain in zip(
        entries([1.0] * 5, [0, 1, 2, 3, 4]), [first, 0.98, 1.0, 1.02, 9.0], strict=True)]
    some[4] = replace(some[4], link=replace(some[4].link, reason='it is black'))
    assert choose_brightness(some, some[0]).link.gain == some[number].link.gain or (
        number == 2 and choose_brightness(some, some[0]).number in (2, 3))


@pytest.mark.parametrize(('corner', 'number'), [(0.2, 1), (0.35, 2)])
def test_a_view_is_narrower_whose_corners_lie_a_quarter_of_a_pixel_farther_in(corner, number
                                                                              ) -> None:
    """Half the diagonal is 50 pixels: a finer difference is within the registration's error."""
    some = entries([1.0, 1.05, 1.05 * (1 + corner / 50), 1.0], [0, 1, 2, 3])
    assert choose_reference(some, 'narrowest', SHAPE).number == number


def test_equally_narrow_views_give_the_nearest_one() -> None:
    some = entries([1.0, 1.05, 1.05002, 1.0], [0, 1, 2, 3])
    assert choose_reference(some, 'narrowest', SHAPE).number == 1
    assert choose_reference(some[::-1], 'narrowest', SHAPE).number == 2


def test_notes_say_what_two_slices_and_unknown_distances_mean() -> None:
    assert stack_notes(DISTANCES) == ()
    assert any('two slices' in note for note in stack_notes([0.2, 0.3]))
    assert any('not metric' in note for note in stack_notes([0.2, None, 0.3]))
    assert len(stack_notes([None, None])) == 2


MACRO = [0.2427, 0.2443, 0.2459, 0.2476, 0.2492, 0.2508]
ROOM = [2.0, 2.3, 2.7, 3.3, 4.2, 5.2]


@pytest.mark.parametrize('distances', [
    MACRO, ROOM, np.linspace(0.25, 0.27, 53), 1 / np.linspace(1 / 100, 1 / 1e6, 9),
    [30.0, 40.0, 60.0, 100.0], [0.002, 0.0021, 0.0022],
    # Nearer than 10 m steps may be short; far away those that blur are not; lenses of microscopes
    # focus a millimetre away.
    1 / np.linspace(1 / 8, 1 / 8 - 2e-3, 5), 1 / np.linspace(1 / 12, 1 / 12 - 5.2e-3, 5),
    [0.0013, 0.0014, 0.0015]])
def test_distances_that_a_lens_can_have_are_plausible(distances) -> None:
    assert implausible_distances(list(distances)) == ''
    assert implausible_distances(list(distances)[::-1]) == ''


@pytest.mark.parametrize(('factor', 'hint'), [(1000.0, 'millimetres taken for metres'),
                                              (0.001, 'no lens focuses so near')])
def test_distances_in_another_unit_are_told(factor, hint) -> None:
    distances = [factor * distance for distance in MACRO]
    told = implausible_distances(distances[::-1])
    assert hint in told
    assert 'focus.unit' in told
    assert f'{distances[0]:g} to {distances[-1]:g} m' in told
    assert stack_faults(distances) == {ResultFault.DISTANCES: told}


@pytest.mark.parametrize('distances', [
    1 / np.linspace(1 / 15, 1 / 15 - 3e-3, 5), [0.0006, 0.0007, 0.0008]])
def test_distances_that_hardly_any_lens_has_are_told(distances) -> None:
    """Steps of 0.75 mdpt 15 m away, which 50 mm blur by a third of a pixel; half a millimetre."""
    assert implausible_distances(list(distances))


def test_nothing_is_told_of_distances_where_there_are_none() -> None:
    for distances in ([], [250.0], [None, None], [250.0, None, 251.0]):
        assert implausible_distances(distances) == ''
        assert stack_faults(distances) == {}
