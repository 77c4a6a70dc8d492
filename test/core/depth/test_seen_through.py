# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of surfaces that are seen through one another, on curves and on a rendered scene."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.seen_through import agreeing_places, places_seen_through
from focus_stacking_ros.core.depth.volume import FocusVolume
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES
from focus_stacking_ros.simulation import (
    behind_glass,
    BUILT_IN_LENS,
    built_in_sweep,
    render_stack,
    Sweep,
    ThinLens,
)
from helpers.curves import no_glow, responses_of
import numpy as np
import pytest

SHAPE = (60, 80)
STEPS = np.arange(12, dtype=np.float32)
NEAR, FAR = 2.4, 8.7
PREFERENCES = ['nearest', 'strongest', 'farthest']


def plane(coordinate: float, **how: object) -> np.ndarray:
    return responses_of(np.full(SHAPE, coordinate), STEPS, 1.0, floor=0.0, **how)


def both(near_height: float = 30.0, far_height: float = 40.0) -> np.ndarray:
    """Return the responses of two surfaces and of noise."""
    return plane(NEAR, height=near_height) + plane(FAR, height=far_height) + 32


def volume_of(responses: np.ndarray) -> FocusVolume:
    return FocusVolume(responses.astype(np.int16), STEPS, np.full(SHAPE, 2.0, np.float32), 3,
                       FOCUS_MEASURES['ring_difference'].noise[1])


def layers_of(responses: np.ndarray, prefer: str) -> tuple[list[PeakLayer], np.ndarray | None]:
    volume = volume_of(responses)
    return list(volume.layers(no_glow, prefer)), volume.through


@pytest.mark.parametrize(('prefer', 'heights', 'expected'), [
    ('nearest', (30, 40), NEAR), ('nearest', (40, 20), NEAR), ('farthest', (30, 40), FAR),
    ('farthest', (40, 20), FAR), ('strongest', (40, 20), NEAR), ('strongest', (20, 40), FAR)])
def test_every_window_tells_the_surface_that_is_preferred(prefer, heights, expected) -> None:
    layers, through = layers_of(both(*heights), prefer)
    assert through is not None
    assert through.all()
    assert np.abs(layers[0].coordinate - expected).max() < 0.1
    assert layers[0].weight.min() > 0
    for layer in layers:
        assert np.abs(layer.coordinate - expected)[layer.weight > 0].max(initial=0) < 0.1


@pytest.mark.parametrize(('prefer', 'other'), [('nearest', FAR), ('farthest', NEAR)])
def test_pixels_that_show_one_surface_alone_do_not_speak_for_it(prefer, other) -> None:
    responses = both()
    blocks = (np.random.default_rng(2).random((15, 20)) < 0.15).astype(np.uint8)
    alone = cv2.resize(blocks, SHAPE[::-1], interpolation=cv2.INTER_NEAREST) > 0
    responses[:, alone] = (plane(other) + 32)[:, alone]
    layers, through = layers_of(responses, prefer)
    assert through is not None
    assert (through & (np.abs(layers[0].coordinate - other) < 1)).sum() > 100
    for layer in layers:
        there = through & (np.abs(layer.coordinate - other) < 1)
        assert layer.weight[there].max(initial=0) == 0


def one_surface() -> np.ndarray:
    return plane(5.3) + 32


def edge_of_the_depth() -> np.ndarray:
    responses = plane(FAR) + 32
    responses[:, :, 40:] = (plane(NEAR) + 32)[:, :, 40:]
    responses[:, :, 37:43] = both()[:, :, 37:43]  # windows and blur reach over it
    return responses


def noise_beyond_what_is_known() -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.gamma(2, 60, (len(STEPS), *SHAPE)).astype(np.float32)
    return np.stack([cv2.blur(each, (5, 5)) for each in noise])


def wide_peak() -> np.ndarray:
    return responses_of(np.full(SHAPE, 5.0), STEPS, 4.0)


def faint_second() -> np.ndarray:
    return both(4.0, 40.0)


@pytest.mark.parametrize('make', [one_surface, edge_of_the_depth, noise_beyond_what_is_known,
                                  wide_peak, faint_second])
def test_of_what_is_no_second_surface_no_bit_depends_on_the_preference(make) -> None:
    found = []
    for prefer in PREFERENCES:
        layers, through = layers_of(make(), prefer)
        assert through is None
        found.append(np.stack([[layer.coordinate, layer.weight, layer.significance]
                               for layer in layers]))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_a_pair_has_no_slice_between_two_surfaces() -> None:
    steps = STEPS[:2]
    volume = FocusVolume(both()[[2, 9]].astype(np.int16), steps,
                         np.full(SHAPE, 2.0, np.float32), 3,
                         FOCUS_MEASURES['ring_difference'].noise[1])
    list(volume.layers(no_glow, 'nearest'))
    assert volume.through is None


def test_places_are_as_wide_as_what_is_seen_through() -> None:
    responses = plane(FAR) + 32
    responses[:, 10:50, 20:60] = both()[:, 10:50, 20:60]
    places = places_seen_through(responses.astype(np.int16)[:, ::2, ::2],
                                 np.full((30, 40), 2.0, np.float32), 0.2, STEPS, 1.0)
    assert places[7:23, 12:28].all()
    assert places.sum() <= 22 * 22


def found_in(curve: list[float], floor: float = 0.0, scatter: float = 0.2) -> bool:
    """Return whether a focus curve, in grey levels above the floor, shows two surfaces."""
    volume = np.rint(16 * (np.float32(curve) + floor)).astype(np.int16)
    volume = np.broadcast_to(volume[:, None, None], (len(curve), 20, 20))
    places = places_seen_through(volume, np.full((20, 20), floor, np.float32), scatter,
                                 np.arange(len(curve), dtype=np.float32), 1.0)
    assert places.all() == places.any()
    return bool(places.all())


@pytest.mark.parametrize(('curve', 'how', 'found'), [
    # Of light that a nearer surface spreads there is less than a quarter.
    ([0, 80, 0, 0, 14, 0], {}, False), ([0, 80, 0, 0, 28, 0], {}, True),
    # A curve that is but wide falls by less than a third between its ends.
    ([0, 40, 32, 40, 0, 0], {'floor': 0.5}, False), ([0, 40, 22, 40, 0, 0], {'floor': 0.5}, True),
    # Of five standard deviations of noise, 4 grey levels each here, some pixel rises by chance.
    ([0, 40, 0, 0, 18, 0, 0, 0], {'floor': 20.0}, False),
    ([0, 40, 0, 0, 34, 0, 0, 0], {'floor': 20.0}, True),
    # So has noise itself a greatest peak, here one of 3, 6.5 standard deviations above the mean.
    ([28, 28, 28, 0, 0, 0, 0, 28, 28, 28, 0, 0], {'floor': 20.0}, False),
    ([0, 36, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0], {'floor': 20.0}, True),
    # Without noise a slice's own brightness, which differs by percents, makes it rise by a tenth.
    ([0, 80, 0, 0, 12, 21, 0], {}, True), ([0, 80, 20.5, 13.5, 20.5, 0, 0], {}, False),
    ([0, 80, 12, 12, 24, 0, 0], {}, True),
    # Rounding alone makes a curve of one grey level rise by a third of it.
    ([0, 1, 0, 0, 5 / 16, 0], {}, False), ([0, 1, 0, 0, 8 / 16, 0], {}, True)])
def test_a_second_surface_stands_out_of_what_makes_a_curve_rise(curve, how, found) -> None:
    assert found_in(curve, **how) == found


ROWS, COLUMNS = np.mgrid[:40, :50]


def agreeing(both_of: np.ndarray, scatter: float, width: float) -> np.ndarray:
    """Return where peaks agree that lie a scatter before or behind the depths of two surfaces."""
    off = np.where((ROWS + COLUMNS) % 2, scatter, -scatter).astype(np.float32)
    return agreeing_places(both_of, both_of, off + np.float32(3), off + np.float32(8), width)


@pytest.mark.parametrize(('of_five', 'found'), [(1, False), (2, True)])
def test_a_fifth_of_the_pixels_shows_no_surfaces_and_two_fifths_do(of_five, found) -> None:
    """Two surfaces have texture: of others it is chance, as where dust lies on a surface."""
    place = (COLUMNS + 2 * ROWS) % 5
    some = place < of_five
    assert agreeing(some, 0.0, 1.0)[5:-5, 5:-5].all() == found
    assert agreeing(some, 0.0, 1.0).any() == found


@pytest.mark.parametrize('width', [1.0, 4.0])
def test_peaks_of_a_surface_scatter_by_less_than_the_focus_curve_is_wide(width) -> None:
    everywhere = np.ones(ROWS.shape, np.bool_)
    assert agreeing(everywhere, 0.35 * width, width).all()
    assert not agreeing(everywhere, 0.8 * width, width).any()


@pytest.mark.parametrize('chosen', [(2, 4, 6, 9), (0, 2, 5, 7, 9)])
def test_a_few_slices_show_two_surfaces(chosen) -> None:
    volume = FocusVolume(both()[list(chosen)].astype(np.int16), STEPS[:len(chosen)],
                         np.full(SHAPE, 2.0, np.float32), 3,
                         FOCUS_MEASURES['ring_difference'].noise[1])
    list(volume.layers(no_glow, 'nearest'))
    assert volume.through is not None
    assert volume.through.all()


@pytest.fixture(scope='module')
def pane() -> tuple[list[np.ndarray], list[float]]:
    stack = render_stack(behind_glass(1, (240, 320)), BUILT_IN_LENS, built_in_sweep(12, 1), 1)
    return list(stack.slices), list(stack.focus_distances_m)


def result_of(pane: tuple[list[np.ndarray], list[float]], prefer: str) -> StackResult:
    stacker = FocusStacker(StackOptions(depth_prefer=prefer))
    for image, distance in zip(*pane, strict=True):
        stacker.add(image, distance)
    return stacker.finish()


def index_at(depth_m: float, distances: list[float]) -> float:
    order = 1 / np.sort(distances)
    return float(np.interp(-1 / depth_m, -order, np.arange(len(order))))


@pytest.mark.parametrize(('prefer', 'depth_m'), [('nearest', 0.245), ('farthest', 0.25)])
def test_behind_a_pane_the_depth_is_of_the_layer_that_is_preferred(pane, prefer, depth_m) -> None:
    result = result_of(pane, prefer)
    inside = np.s_[25:-25, 185:-25]
    error = np.abs(result.slice_index - index_at(depth_m, pane[1]))
    assert (error[inside] <= 0.5).mean() >= 0.9
    # Nobody says which of the two is meant.
    assert np.percentile(result.confidence[inside], 90) < 0.3
    # Beside the pane there is the board alone.
    left = np.s_[25:-25, 85:135]
    board = np.abs(result.slice_index - index_at(0.25, pane[1]))[left] <= 0.5
    assert board.mean() > 0.5
    assert result.confidence[left][board].mean() > 0.6


def test_the_image_shows_both_layers_whichever_is_preferred() -> None:
    lens = ThinLens(breathing=0, point_spread_px=0.5, read_noise=0.5)
    sweep = Sweep.between(0.2427, 0.2508, 12)
    stack = render_stack(behind_glass(1, (240, 320)), lens, sweep)
    still = list(stack.slices), list(stack.focus_distances_m)
    images = [result_of(still, prefer).all_in_focus for prefer in ('nearest', 'farthest')]
    assert np.abs(images[0].astype(int) - images[1])[25:-25, 185:-25].mean() < 0.5

    def detail(image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        return (cv2.GaussianBlur(grey, (0, 0), 0.8) - cv2.GaussianBlur(grey, (0, 0), 2)
                )[25:-25, 185:-25]
    near, far = (detail(still[0][round(index_at(depth_m, still[1]))]) for depth_m in (0.245, 0.25))
    for image in images:
        seen = detail(image)
        shares = [float((seen * own).mean() / (own * own).mean()) for own in (near, far)]
        assert min(shares) > 0.2
