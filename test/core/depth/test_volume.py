# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the peaks of a whole stack on curves whose peak is known."""

from __future__ import annotations

from unittest import mock

from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.volume import (
    fitted_reach,
    FocusVolume,
    greatest_shifts,
    slice_smoothing,
    told_falls,
    widths_of,
)
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, GREY_STEPS
from helpers.curves import no_glow, responses_of
import numpy as np
import pytest

SHAPE = (70, 90)  # more rows than a band has
EVEN = np.arange(9, dtype=np.float32)
UNEVEN = np.array([0, 0.7, 2.0, 2.9, 4.1, 5.5, 6.1, 7.2, 8.0], np.float32)
TILTED = np.tile(np.linspace(1, 7, SHAPE[1]), (SHAPE[0], 1))


def volume_of(responses: np.ndarray, steps: np.ndarray, floor: float = 2.0,
              window: int = 3) -> FocusVolume:
    return FocusVolume(responses, steps, np.full(responses.shape[1:], floor, np.float32), window,
                       FOCUS_MEASURES['ring_difference'].noise[1])


def layers_of(responses: np.ndarray, steps: np.ndarray, floor: float = 2.0) -> list[PeakLayer]:
    layers = list(volume_of(responses, steps, floor).layers(no_glow))
    for layer in layers:
        for plane in (layer.coordinate, layer.weight, layer.significance):
            assert (plane.shape, plane.dtype) == (responses.shape[1:], np.float32)
            assert np.isfinite(plane).all()
        assert 0 <= layer.weight.min() <= layer.weight.max() <= 1
    return layers


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
@pytest.mark.parametrize('width', [1.0, 1.5, 2.5])
def test_clean_curves_peak_where_they_are_made_to(steps, width) -> None:
    finest = layers_of(responses_of(TILTED, steps, width), steps)[0]
    assert np.abs(finest.coordinate - TILTED)[:, 2:-2].max() < 0.08 * width
    assert np.abs(finest.coordinate - TILTED)[:, 2:-2].mean() < 0.01
    assert finest.weight.min() > 0.01
    assert finest.significance.min() > 5


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
@pytest.mark.parametrize('width', [1.0, 2.0, 4.0])
def test_width_of_the_curves_is_found(steps, width) -> None:
    # Between the slices curves are less curved than at the peak.
    found = volume_of(responses_of(TILTED, steps, width), steps).width
    assert found == pytest.approx(width, rel=0.35)


@pytest.mark.parametrize(('height', 'known'), [(3.0, False), (6.0, True), (20.0, True)])
def test_curves_fainter_than_single_pixels_tell_have_a_width_by_a_window(height, known) -> None:
    """Beside noise of 2.4 grey levels, of which a window of nine pixels leaves a third."""
    responses = responses_of(TILTED, EVEN, 3.0, height=height, floor=20.0)
    # Where nothing tells it is that of a sweep whose steps are about as long.
    assert volume_of(responses, EVEN, 20.0).width == pytest.approx(3.0 if known else 2 ** 0.5,
                                                                   rel=0.1)


def test_a_curve_is_followed_until_a_third_of_it_has_fallen() -> None:
    """What slices farther away show may be another surface's."""
    shares, asked = [0.95, 0.8, 0.6, 0.3, 0.1], []

    def fall(lag: int) -> tuple[float, float]:
        asked.append(lag)
        return shares[lag - 1], float(lag * lag)

    assert len(told_falls(fall, 10)) == 3
    assert asked == [1, 2, 3]


@pytest.mark.parametrize('width', np.arange(0.8, 2, 0.05))
def test_peaks_may_lie_beyond_half_a_step_wherever_the_curve_is_smoothed(width) -> None:
    # The greatest value of a smoothed curve need not be that of the nearest slice.
    smoothed = slice_smoothing(EVEN, width) is not None
    assert (greatest_shifts(EVEN, width) > 0.7).all() == smoothed
    assert (greatest_shifts(EVEN, width) >= 0.5).all()


def test_wide_curves_of_many_slices_are_fitted_over_several_of_them() -> None:
    steps = np.arange(25, dtype=np.float32)
    true = np.tile(np.linspace(3, 21, SHAPE[1]), (SHAPE[0], 1))
    responses = responses_of(true, steps, 5.0, height=30, scatter=0.2, seed=1)
    finest = layers_of(responses, steps)[0]
    error = np.abs(finest.coordinate - true)
    assert np.median(error) < 0.25
    # Which slice happens to be the greatest tells far less.
    alone = np.abs(responses.argmax(axis=0) - true)
    assert np.median(error) < 0.5 * np.median(alone)


def test_many_slices_of_a_wide_curve_stand_out_more_than_few() -> None:
    steps = np.arange(25, dtype=np.float32)
    true = np.tile(np.linspace(3, 21, SHAPE[1]), (SHAPE[0], 1))
    responses = responses_of(true, steps, 5.0, height=3, scatter=0.37, seed=1)
    many = layers_of(responses, steps)[0]
    few = layers_of(np.ascontiguousarray(responses[::4]), steps[:7])[0]
    assert many.significance.mean() > 1.2 * few.significance.mean()


def test_peaks_at_both_ends_of_the_sweep_are_found() -> None:
    true = np.tile(np.linspace(-0.3, 8.3, SHAPE[1]), (SHAPE[0], 1))
    finest = layers_of(responses_of(true, EVEN), EVEN)[0]
    assert np.abs(finest.coordinate - true).max() < 0.2
    assert finest.coordinate.min() >= -0.5
    assert finest.coordinate.max() <= 8.5


def test_noise_alone_has_no_weight_at_any_window() -> None:
    true = np.full(SHAPE, 4.0)
    for layer in layers_of(responses_of(true, EVEN, height=0.0, scatter=0.37), EVEN):
        assert layer.weight.mean() < 0.01
        assert np.median(layer.significance) < 3


def test_what_is_too_faint_for_the_finest_window_is_told_by_wider_ones() -> None:
    true = np.full(SHAPE, 4.3)
    responses = responses_of(true, EVEN, height=1.0, floor=4.0, scatter=0.37, seed=3)
    finest, *_, widest = layers_of(responses, EVEN, 4.0)
    assert widest.weight.mean() > 3 * finest.weight.mean()
    assert np.average(np.abs(widest.coordinate - true), weights=widest.weight) < 0.3


def test_wider_windows_hardly_count_where_the_finest_one_tells() -> None:
    # Strong texture is cut off in them; this is faint enough that it is not.
    finest, *wider = layers_of(responses_of(TILTED, EVEN, height=4), EVEN)
    assert all(layer.weight.mean() < 0.12 * finest.weight.mean() for layer in wider)


def test_a_finer_window_of_little_weight_leaves_half_to_each_wider_one() -> None:
    weights = iter((0.05, 0.4, 0.4))

    def layer(*_: object) -> PeakLayer:
        plane = np.full(SHAPE, next(weights), np.float32)
        return PeakLayer(plane, plane, plane)
    volume = volume_of(responses_of(TILTED, EVEN, 1.5), EVEN)
    with mock.patch.object(volume, '_layer', layer):
        found = [float(each.weight.mean()) for each in volume.layers(no_glow)]
    assert found == pytest.approx([0.05, 0.4 / 2, 0.4 / 2 / 9], rel=1e-4)


@pytest.mark.parametrize(('layer', 'reach'), [(1, 2), (2, 6)])
def test_wider_windows_are_of_five_and_of_thirteen_pixels(layer: int, reach: int) -> None:
    responses = responses_of(np.full(SHAPE, 4.0), EVEN, 1.5, height=30)
    responses[:, :, :45] = np.int16(2 * GREY_STEPS)  # what noise alone gives
    found = layers_of(responses, EVEN)[layer].significance[35]
    edge = 45 - 1 - reach  # of the window that holds a pixel of texture, after one of three
    assert found[edge] > found[edge - 1] == pytest.approx(found[10], abs=1e-3)


@pytest.mark.parametrize(('falls', 'curvature'), [([0.13, 0.3], 0.13), ([0.11, 0.3], 0.3),
                                                  ([0.11], 0.11)])
def test_neighbours_that_are_too_alike_do_not_tell_the_curvature(falls, curvature) -> None:
    found = widths_of([falls, [0.9]], lambda: None)
    assert found.curvature == pytest.approx(curvature)
    assert found.at_peak == pytest.approx(curvature ** -0.5)


@pytest.mark.parametrize(('span', 'slices'), [(0.5, 1), (1.2, 1), (1.3, 2), (2.5, 2), (5.0, 4),
                                              (7.5, 6), (40.0, 6)])
def test_slices_within_four_fifths_of_the_curves_width_are_fitted_six_at_most(span, slices
                                                                              ) -> None:
    assert fitted_reach(span) == slices


def test_a_flat_curve_has_no_weight_however_high_it_is() -> None:
    for height in (2, 20, 200):
        responses = responses_of(TILTED, EVEN, 100.0, height=height)
        for layer in layers_of(responses, EVEN):
            assert layer.weight.max() < 0.005


def test_a_steep_edge_of_texture_does_not_reach_into_what_has_none() -> None:
    height = np.zeros(SHAPE)
    height[:, :45] = 40
    finest = layers_of(responses_of(np.full(SHAPE, 4.0), EVEN, height=height), EVEN)[0]
    # The window averages over the edge, but the pixels beyond have no response of their own.
    assert finest.weight[:, :43].min() > 0.1
    assert finest.weight[:, 45:].max() < 0.01


def test_pixels_that_one_slice_does_not_show_have_no_weight() -> None:
    responses = responses_of(TILTED, EVEN)
    responses[0, :, :10] = -1
    responses[8, :5] = -1
    for layer in layers_of(responses, EVEN):
        assert (layer.weight[:, :10] == 0).all()
        assert (layer.weight[:5] == 0).all()
    finest = layers_of(responses, EVEN)[0]
    assert finest.weight[6:, 11:].min() > 0.1
    # What has no data does not darken its neighbours either.
    assert np.abs(finest.coordinate - TILTED)[6:, 11:-2].max() < 0.1


def test_a_change_of_brightness_takes_the_weight_of_every_window() -> None:
    responses = responses_of(TILTED, EVEN, height=10)

    def glow(number: np.ndarray, rows: slice) -> np.ndarray:
        deviation = np.zeros(SHAPE, np.float32)
        deviation[:, 60:] = 40
        return deviation[rows]
    volume = volume_of(responses, EVEN)
    for plain, doubted in zip(volume.layers(no_glow), volume.layers(glow), strict=True):
        assert doubted.weight[:, 60:].max() < 0.01
        np.testing.assert_array_equal(doubted.coordinate, plain.coordinate)
    first = next(volume.layers(glow))
    assert first.weight[:, :60].min() > 0.05


def test_a_reversed_sweep_has_the_mirrored_peaks() -> None:
    responses = responses_of(TILTED, EVEN, scatter=0.1)
    forward = layers_of(responses, EVEN)
    backward = layers_of(np.ascontiguousarray(responses[::-1]), EVEN)
    for one, other in zip(forward, backward, strict=True):
        clear = one.weight > 0.05
        np.testing.assert_allclose(one.coordinate[clear], 8 - other.coordinate[clear], atol=1e-2)
        np.testing.assert_allclose(one.weight, other.weight, atol=1e-2)


@pytest.mark.parametrize('slices', [2, 3, 4])
def test_few_slices_are_enough(slices) -> None:
    steps = np.arange(slices, dtype=np.float32)
    true = np.tile(np.linspace(0, slices - 1, SHAPE[1]), (SHAPE[0], 1))
    finest = layers_of(responses_of(true, steps), steps)[0]
    assert np.abs(finest.coordinate - true).mean() < 0.15


def test_no_data_at_all_has_no_weight() -> None:
    for layer in layers_of(np.full((5, *SHAPE), -1, np.int16), EVEN[:5]):
        assert (layer.weight == 0).all()
