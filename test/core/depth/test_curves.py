# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the coordinate of a sweep, of the weight of a peak, and of metres."""

from __future__ import annotations

from dataclasses import replace
from threading import get_ident

from focus_stacking_ros.core.depth.curves import (
    Curve,
    doubt_borrowed,
    doubt_glow,
    half_gaps,
    in_bands,
    index_of,
    layer_of,
    logistic,
    metres,
    PeakLayer,
    strongest_near,
    sweep_coordinate,
)
from focus_stacking_ros.core.depth.peaks import PeakFit
import numpy as np
import pytest

SHAPE = (6, 8)
DISTANCES = [0.2, 0.25, 0.4, 0.5]  # 5, 4, 2.5 and 2 dioptres
POSITIONS = [0.0, 10.0, 20.0, 60.0]


def plane(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


# The coordinate

def test_coordinate_is_linear_in_dioptres_and_as_long_as_there_are_slices() -> None:
    steps = sweep_coordinate(DISTANCES, POSITIONS)
    np.testing.assert_allclose(steps, [0, 1, 2.5, 3], atol=1e-6)
    assert steps.dtype == np.float32


def test_coordinate_is_the_index_where_steps_are_even() -> None:
    dioptres = np.linspace(5, 2, 7)
    np.testing.assert_allclose(sweep_coordinate(list(1 / dioptres), range(7)), range(7),
                               atol=1e-5)


@pytest.mark.parametrize('distances', [[None] * 4, [0.2, None, 0.4, 0.5]])
def test_coordinate_is_linear_in_the_positions_where_a_distance_is_unknown(distances) -> None:
    np.testing.assert_allclose(sweep_coordinate(distances, POSITIONS), [0, 0.5, 1, 3])


def test_index_of_the_slices_coordinates_is_their_number() -> None:
    steps = sweep_coordinate(DISTANCES, POSITIONS)
    found = index_of(steps[None], steps)
    np.testing.assert_allclose(found, [[0, 1, 2, 3]], atol=1e-6)
    assert found.dtype == np.float32


def test_index_beyond_the_ends_is_that_of_the_first_or_last_slice() -> None:
    steps = sweep_coordinate(DISTANCES, POSITIONS)
    np.testing.assert_array_equal(index_of(np.array([[-0.5, 3.5]], np.float32), steps), [[0, 3]])


def test_metres_of_a_coordinate_are_linear_in_dioptres_over_the_whole_sweep() -> None:
    # However uneven the steps: halfway between 5 and 2 dioptres are 3.5.
    steps = sweep_coordinate(DISTANCES, POSITIONS)
    coordinate = np.linspace(0, 3, 50, dtype=np.float32)[None]
    np.testing.assert_allclose(metres(index_of(coordinate, steps), DISTANCES),
                               1 / (5 - coordinate), rtol=1e-5)


def test_metres_are_those_of_the_slices_at_whole_indices() -> None:
    index = np.array([[0, 1, 2, 3]], np.float32)
    np.testing.assert_allclose(metres(index, DISTANCES), [DISTANCES], rtol=1e-6)


def test_metres_are_linear_in_dioptres_between_slices() -> None:
    index = np.array([[0.5, 1.25, 2.9]], np.float32)
    expected = [1 / (0.5 / 0.2 + 0.5 / 0.25), 1 / (0.75 / 0.25 + 0.25 / 0.4),
                1 / (0.1 / 0.4 + 0.9 / 0.5)]
    found = metres(index, DISTANCES)
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize('index', [-1.0, 9.0])
def test_metres_never_leave_the_stack(index) -> None:
    found = metres(np.full((1, 1), index, np.float32), DISTANCES)[0, 0]
    assert 0.2 <= found <= 0.5 + 1e-6


# The weight of a peak

CLEAR = Curve(best=plane(40), mean=plane(8), coordinate=plane(3), floor=plane(1),
              complete=np.ones(SHAPE, bool), fit=PeakFit(plane(0.2), plane(1e-4)))


def weighed(curve: Curve, scatter: float = 0.1, limit: float = 0.5) -> PeakLayer:
    layer = layer_of(curve, scatter, 1.5, (0.0, 6.0), limit)
    assert {item.dtype for item in (layer.coordinate, layer.weight, layer.significance)} == {
        np.dtype(np.float32)}
    assert 0 <= layer.weight.min() <= layer.weight.max() <= 1
    return layer


def test_a_clear_peak_has_weight_and_its_fitted_coordinate() -> None:
    layer = weighed(CLEAR)
    np.testing.assert_allclose(layer.coordinate, 3.2)
    assert layer.weight.min() > 0.3
    assert layer.significance.min() > 10


def test_significance_is_counted_in_scatters_of_the_noise() -> None:
    faint = replace(CLEAR, best=plane(5), mean=plane(1), floor=plane(10))
    one, other = (weighed(faint, scatter).significance for scatter in (0.1, 0.2))
    assert one.max() == pytest.approx(4 / 1.0, rel=0.2)
    assert other.max() == pytest.approx(4 / 2.0, rel=0.2)


def test_without_noise_a_twentieth_of_a_grey_level_counts_as_scatter() -> None:
    # An integer luma of 1/16 grey level tells no less; a fiftieth is how far curves are known.
    faint = replace(CLEAR, best=plane(0.5), mean=plane(0), floor=plane(0))
    np.testing.assert_allclose(weighed(faint).significance, 0.5 / (0.05 + 0.5 / 50), rtol=1e-5)


@pytest.mark.parametrize('worse', [
    {'mean': plane(39.9)},  # flat
    {'best': plane(0.2), 'mean': plane(0.05), 'floor': plane(10)},  # within the noise
    {'best': plane(-1), 'mean': plane(-2)},  # below the mean response to noise
    {'fit': PeakFit(plane(0.2), plane(9))},  # uncertain
    {'complete': np.zeros(SHAPE, bool)},  # one slice lacks data
])
def test_a_doubtful_peak_has_little_weight(worse) -> None:
    assert weighed(replace(CLEAR, **worse)).weight.max() < 0.03 * weighed(CLEAR).weight.min()


def test_a_peak_that_hardly_stands_out_of_its_curve_is_doubtful_even_without_noise() -> None:
    shallow = weighed(replace(CLEAR, mean=plane(33)))
    assert shallow.significance.min() > 5
    assert shallow.weight.max() < 0.1 * weighed(CLEAR).weight.min()


def test_what_is_far_below_all_noise_weighs_nothing_without_an_overflow() -> None:
    with np.errstate(over='raise'):
        found = logistic(np.array([[-1e6, 0, 1e6]], np.float32))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([0, 0.5, 1], abs=1e-30)


def test_weight_falls_steadily_with_the_variance() -> None:
    weights = [weighed(replace(CLEAR, fit=PeakFit(plane(0), plane(variance)))).weight.max()
               for variance in (0, 0.01, 0.1, 1)]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 4


def test_a_peak_is_no_farther_from_the_best_slice_than_the_limit() -> None:
    for shift, expected in ((5, 3.5), (-5, 2.5)):
        far = replace(CLEAR, fit=PeakFit(plane(shift), plane(0)))
        np.testing.assert_allclose(weighed(far, limit=0.5).coordinate, expected)


def test_limits_reach_to_the_middle_of_the_wider_gap_beside_each_slice() -> None:
    steps = np.array([0, 1, 2.5, 2.9], np.float32)
    np.testing.assert_allclose(half_gaps(steps), [0.5, 0.75, 0.75, 0.2], atol=1e-6)


def test_a_peak_is_no_farther_than_half_a_slice_beyond_the_ends() -> None:
    for coordinate, shift, expected in ((0, -3, -0.5), (6, 3, 6.5)):
        far = replace(CLEAR, coordinate=plane(coordinate), fit=PeakFit(plane(shift), plane(0)))
        np.testing.assert_allclose(weighed(far, limit=2.0).coordinate, expected)


@pytest.mark.parametrize('at', [0, 6])
def test_a_clear_peak_in_the_first_or_last_slice_keeps_weight(at) -> None:
    # One side is unseen, so that the fit knows little.
    unsure = replace(CLEAR, coordinate=plane(at), fit=PeakFit(plane(0), plane(0.5)))
    within = weighed(replace(unsure, coordinate=plane(3)))
    assert weighed(unsure).weight.min() > 2 * within.weight.max()
    assert weighed(unsure).weight.max() < weighed(CLEAR).weight.min()
    # It may err by the limit, and the farther that is the less it is worth.
    assert weighed(unsure, limit=1.0).weight.max() < weighed(unsure, limit=0.5).weight.min()


@pytest.mark.parametrize('at', [0, 6])
def test_a_peak_at_an_end_must_stand_out_of_the_noise_twice_as_far(at) -> None:
    faint = replace(CLEAR, best=plane(5), mean=plane(0.5), floor=plane(10),
                    fit=PeakFit(plane(0), plane(0.5)))
    within, end = faint, replace(faint, coordinate=plane(at))
    assert 3 < weighed(end).significance.mean() < 6
    np.testing.assert_allclose(weighed(end).weight, weighed(within).weight, rtol=0.7)
    assert weighed(end, 0.03).weight.max() > 3 * weighed(within, 0.03).weight.max()


def test_an_end_adds_nothing_to_what_is_well_known() -> None:
    sure = replace(CLEAR, fit=PeakFit(plane(0), plane(1e-5)))
    np.testing.assert_allclose(weighed(replace(sure, coordinate=plane(6))).weight,
                               weighed(sure).weight, rtol=1e-3)


def test_a_response_that_is_weak_beside_a_change_of_brightness_loses_its_weight() -> None:
    weight, far = plane(0.6), plane(1000)
    np.testing.assert_array_equal(doubt_glow(weight, plane(0), plane(10), far), weight)
    assert doubt_glow(weight, plane(40), plane(10), far).max() < 0.01
    assert doubt_glow(weight, plane(1), plane(40), far).min() > 0.59
    np.testing.assert_array_equal(doubt_glow(weight, plane(1), plane(-1), far) < 0.01, True)


def test_what_is_no_weaker_than_all_around_it_is_no_neighbours_light() -> None:
    weight, change, own = plane(0.6), plane(10), plane(20)
    found = [float(doubt_glow(weight, change, own, plane(near)).mean())
             for near in (20, 40, 80, 160, 1000)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.59
    assert found[-1] < 0.01
    # What is around is never weaker than the pixel itself.
    np.testing.assert_array_equal(doubt_glow(weight, change, own, plane(0)),
                                  doubt_glow(weight, change, own, own))


def test_the_strongest_response_near_reaches_a_disc_and_is_in_grey_levels() -> None:
    best = np.zeros((41, 41), np.int16)
    best[20, 20] = 16 * 7
    found = strongest_near(best)
    assert found.dtype == np.float32
    y, x = np.nonzero(found == 7)
    away = np.hypot(y - 20, x - 20)
    assert 4 < away.max() < 9
    assert len(away) == pytest.approx(np.pi * away.max() ** 2, rel=0.3)
    assert set(np.unique(found)) == {0, 7}


def test_a_response_that_only_the_neighbours_have_loses_its_weight() -> None:
    weight = plane(0.6)
    np.testing.assert_allclose(doubt_borrowed(weight, plane(42), plane(40), plane(2)), weight)
    assert doubt_borrowed(weight, plane(2), plane(40), plane(2)).max() == 0
    assert doubt_borrowed(weight, plane(0), plane(40), plane(2)).max() == 0
    assert 0 < doubt_borrowed(weight, plane(16), plane(40), plane(2)).max() < 0.3


def test_bands_cover_every_row_once_whatever_the_height() -> None:
    for height in (1, 63, 64, 65, 200):
        rows = np.tile(np.arange(height, dtype=np.float32)[:, None], (1, 3))
        visits = np.zeros((height, 3), int)

        def work(band: slice, rows=rows, visits=visits) -> PeakLayer:
            visits[band] += 1
            return PeakLayer(rows[band], rows[band] + 1000, rows[band] + 2000)

        layer = in_bands(work, (height, 3))
        assert (visits == 1).all()
        np.testing.assert_array_equal(layer.coordinate, rows)
        np.testing.assert_array_equal(layer.weight, rows + 1000)
        np.testing.assert_array_equal(layer.significance, rows + 2000)


def test_an_error_in_a_band_is_not_lost() -> None:
    main = get_ident()

    def work(band: slice) -> PeakLayer:
        raise ArithmeticError(f'band {band.start} in thread {get_ident() == main}')
    with pytest.raises(ArithmeticError, match='band 0'):
        in_bands(work, (100, 3))
