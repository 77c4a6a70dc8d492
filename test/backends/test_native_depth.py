# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native stages of the depth give what those of NumPy and OpenCV do, but for rounding."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
from focus_stacking_ros.backends.native_depth import NativeDepth
from focus_stacking_ros.backends.native_library import NativeLibrary
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.stages import PortableDepth, StackPeaks, SurfaceOptions
from focus_stacking_ros.core.focus.measure import focus_measure
from focus_stacking_ros.core.focus.state import StackState, WIDE_NO_SLICE
from focus_stacking_ros.core.options import StackOptions
from helpers.curves import responses_of
from helpers.likeness import assert_mostly_within
import numpy as np
import pytest

NOISE = focus_measure('ring_difference').noise[3]
OPTIONS = SurfaceOptions(StackOptions().depth_edge_contrast, StackOptions().depth_smoothing,
                         StackOptions().depth_outlier)
PORTABLE = PortableDepth()
SHAPES = (7, 300), (70, 90), (1, 1), (1, 40), (33, 1), (129, 517)


@pytest.fixture
def native(library: NativeLibrary) -> NativeDepth:
    return NativeDepth(library)


def glow_of(shape: tuple[int, int], count: int, place: np.ndarray | None = None) -> Glow:
    rng = np.random.default_rng(7)
    size = (shape[0] + 1) // 2, (shape[1] + 1) // 2
    # Smooth, as brightness at a quarter of the size is.
    levels = [cv2.GaussianBlur(rng.integers(60, 200, size).astype(np.uint8), (0, 0), 3)
              for _ in range(count)]
    usual = np.median(levels, axis=0).astype(np.uint8)
    if place is None:
        place = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    return Glow(levels, usual, place, shape, 0.1)


def steps_of(count: int, *, even: bool = True) -> np.ndarray:
    steps = np.arange(count, dtype=np.float32)
    if not even and count > 2:
        steps[1:-1] += np.random.default_rng(3).uniform(-0.3, 0.3, count - 2).astype(np.float32)
    return steps


def stack_of(shape: tuple[int, int], count: int, *, even: bool = True, span: float = 1.2,
             seed: int = 1) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return responses of a wavy surface whose texture comes and goes, steps and floor."""
    rng = np.random.default_rng(seed)
    steps = steps_of(count, even=even)
    y, x = np.mgrid[:shape[0], :shape[1]]
    true = (count - 1) * (0.5 + 0.5 * np.sin(x / 40 + y / 60))
    height = 30 * cv2.GaussianBlur(rng.uniform(0, 1, shape), (0, 0), 1) ** 2 * (
        np.sin(x / 25) > -0.5)
    volume = responses_of(true, steps, span, height=height, scatter=0.4, seed=seed)
    floor = (2 + 0.5 * np.sin(y / 30)).astype(np.float32)
    return list(volume), steps, floor


def both_peaks(native: NativeDepth, responses: list[np.ndarray], steps: np.ndarray,
               floor: np.ndarray, window: int = 5, glow: Glow | None = None
               ) -> tuple[StackPeaks, StackPeaks]:
    glow = glow or glow_of(floor.shape, len(steps))
    found, expected = (each.peaks(responses, steps, floor, window, NOISE, glow)
                       for each in (native, PORTABLE))
    assert found.width == pytest.approx(expected.width, rel=1e-5)
    assert found.span == pytest.approx(expected.span, rel=1e-5)
    assert (found.through is None) == (expected.through is None)
    return found, expected


def assert_same_peaks(found: StackPeaks, expected: StackPeaks) -> None:
    assert len(found.layers) == len(expected.layers)
    for layer, other in zip(found.layers, expected.layers, strict=True):
        assert_mostly_within(layer.coordinate, other.coordinate, 1e-3, 'coordinate')
        assert_mostly_within(layer.significance, other.significance, 1e-2, 'significance')
        # Brightness between the pixels of its planes may be rounded another way.
        assert_mostly_within(layer.weight, other.weight, 0.05, 'weight')
        assert np.abs(layer.weight - other.weight).mean() < 1e-3


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('count', [2, 3, 6])
def test_peaks_of_any_size(native, shape, count) -> None:
    assert_same_peaks(*both_peaks(native, *stack_of(shape, count)))


@pytest.mark.parametrize('even', [True, False])
@pytest.mark.parametrize(('count', 'span'), [(30, 3.0), (30, 6.0), (250, 20.0)])
def test_peaks_of_long_stacks(native, count, span, even) -> None:
    found, expected = both_peaks(native, *stack_of((40, 70), count, even=even, span=span))
    assert found.width > 1.2  # so that responses are smoothed over slices
    assert_same_peaks(found, expected)


@pytest.mark.parametrize('window', [1, 3, 4, 9])
def test_peaks_at_any_window(native, window) -> None:
    assert_same_peaks(*both_peaks(native, *stack_of((50, 80), 5), window=window))


@pytest.mark.parametrize('count', [3, 30])
def test_peaks_where_slices_lack_data(native, count) -> None:
    responses, steps, floor = stack_of((60, 90), count, span=3.0)
    responses[0][:, :11] = -1
    responses[1][20:] = -1
    responses[-1][::7, ::5] = -1
    found, expected = both_peaks(native, responses, steps, floor)
    assert_same_peaks(found, expected)
    assert (found.layers[0].weight == 0).mean() > 0.5


def test_no_data_and_no_texture(native) -> None:
    floor = np.full((40, 50), 2, np.float32)
    for value in (-1, 0, 30):
        responses = [np.full(floor.shape, value, np.int16) for _ in range(4)]
        found, expected = both_peaks(native, responses, steps_of(4), floor)
        assert_same_peaks(found, expected)
        assert max(layer.weight.max() for layer in found.layers) < 0.02


@pytest.mark.parametrize('place', [
    [[0.5, 0, 4.3], [0, 0.5, -2.1], [0, 0, 1]], [[0.49, 0.02, 0], [-0.02, 0.51, 1], [0, 0, 1]],
    [[0.5, 0, 0], [0, 0.5, 0], [1e-4, 2e-4, 1]]])
def test_glow_in_another_grid(native, place) -> None:
    responses, steps, floor = stack_of((70, 90), 5)
    glow = glow_of(floor.shape, 5, np.array(place))
    assert_same_peaks(*both_peaks(native, responses, steps, floor, glow=glow))


def test_surfaces_seen_through_one_another(native) -> None:
    shape, steps = (80, 90), steps_of(12)
    volume = responses_of(np.full(shape, 3.0), steps, 1.2, scatter=0.1).astype(np.int32)
    volume += responses_of(np.full(shape, 9.0), steps, 1.2, height=25.0, floor=0, seed=2)
    responses = list(volume.astype(np.int16))
    floor = np.full(shape, 2, np.float32)
    found, expected = both_peaks(native, responses, steps, floor)
    assert found.through is not None
    np.testing.assert_array_equal(found.through, expected.through)
    assert_same_peaks(found, expected)


def state_of(responses: list[np.ndarray], *, wide: bool = False) -> StackState:
    """Return the state that responses leave, one slice after another."""
    state = StackState.empty(responses[0].shape)
    if wide:
        state.index = np.full(state.index.shape, WIDE_NO_SLICE, np.uint16)
        state.count = state.count.astype(np.uint16)
    backend = OpenCVBackend()
    for response in responses:
        backend.accumulate(state, response, 3)
    return state


def assert_same_state_peaks(native: NativeDepth, state: StackState, steps: np.ndarray,
                            floor: np.ndarray) -> StackPeaks:
    glow = glow_of(floor.shape, len(steps))
    found, expected = (each.state_peaks(state, steps, floor, 3, NOISE, glow)
                       for each in (native, PORTABLE))
    assert found.width == pytest.approx(expected.width, rel=1e-5)
    assert found.span == pytest.approx(expected.span, rel=1e-5)
    assert_same_peaks(found, expected)
    return found


@pytest.mark.parametrize('wide', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('count', [2, 3, 6])
def test_peaks_of_a_running_state(native, shape, count, wide) -> None:
    responses, steps, floor = stack_of(shape, count, even=False)
    state = state_of(responses, wide=wide)
    assert_same_state_peaks(native, state, steps, floor)
    assert_same_state_peaks(native, state.in_reverse(), steps, floor)


def test_a_running_state_that_lacks_data(native) -> None:
    responses, steps, floor = stack_of((60, 90), 5)
    for response in responses:
        response[:, :20] = -1
    responses[0][:, :40] = -1
    found = assert_same_state_peaks(native, state_of(responses), steps, floor)
    weight = found.layers[0].weight
    assert weight[:, :40].max() == 0 < weight[:, 45:].max()


def layers_of(shape: tuple[int, int], count: int, layers: int) -> StackPeaks:
    rng = np.random.default_rng(5)
    truth = cv2.GaussianBlur(rng.uniform(0, count - 1, shape), (0, 0), 5)
    truth[:, shape[1] // 2:] += 1.5
    made = []
    for _ in range(layers):
        weight = cv2.GaussianBlur(rng.uniform(0, 1, shape), (0, 0), 3) ** 4
        weight[shape[0] // 4:shape[0] // 2, shape[1] // 4:shape[1] // 2] = 0
        made.append(PeakLayer((truth + rng.normal(0, 0.2, shape)).astype(np.float32),
                              weight.astype(np.float32),
                              rng.uniform(0, 12, shape).astype(np.float32)))
    return StackPeaks(made, 1.3, 1.9)


@pytest.mark.parametrize('layers', [1, 3, 6])
@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize(('count', 'even'), [(2, True), (9, True), (40, False)])
def test_surface_and_what_it_is_worth(native, shape, layers, count, even) -> None:
    peaks, steps = layers_of(shape, count, layers), steps_of(count, even=even)
    guide = cv2.GaussianBlur(np.random.default_rng(2).uniform(0, 255, shape), (0, 0), 2).astype(
        np.float32)
    found, expected = (each.surface(peaks, guide, OPTIONS) for each in (native, PORTABLE))
    for field in fields(expected):
        assert_mostly_within(getattr(found, field.name), getattr(expected, field.name), 1e-3,
                             field.name)
    # The same surface for both: judging may change it.
    judged, known = (each.judge(peaks, type(expected)(**{
        field.name: getattr(expected, field.name).copy() for field in fields(expected)}), steps)
        for each in (native, PORTABLE))
    for field in fields(known):
        assert_mostly_within(getattr(judged, field.name), getattr(known, field.name), 2e-3,
                             field.name)


@pytest.mark.parametrize('layers', [1, 3, 6])
@pytest.mark.parametrize('shape', SHAPES)
def test_evidence_of_peaks(native, shape, layers) -> None:
    peaks = layers_of(shape, 9, layers)
    found, expected = (each.evidence(peaks) for each in (native, PORTABLE))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert 0 <= expected.min() <= expected.max() <= 1


@pytest.mark.parametrize('joined', [False, True])
def test_a_surface_is_judged_when_the_peaks_are_gone(native, joined) -> None:
    peaks, steps = layers_of((40, 60), 5, 3), steps_of(5)
    if joined:
        peaks = replace(peaks, joined=peaks.layers[1].coordinate)
    guide = np.zeros((40, 60), np.float32)
    for each in (native, PORTABLE):
        less = peaks.without_significances(each.evidence(peaks))
        assert all(layer.significance.size == 0 for layer in less.layers)
        one, other = (each.surface(some, guide, OPTIONS) for some in (peaks, less))
        expected, found = each.judge(peaks, one, steps), each.judge(
            less.without_layers(), other, steps)
        for field in fields(expected):
            np.testing.assert_array_equal(getattr(found, field.name),
                                          getattr(expected, field.name))


def test_what_is_seen_through_has_no_certainty(native) -> None:
    peaks = layers_of((40, 60), 5, 2)
    through = np.zeros((40, 60), bool)
    through[10:20, 10:30] = True
    peaks = StackPeaks(peaks.layers, peaks.width, peaks.span, through)
    guide, steps = np.zeros(through.shape, np.float32), steps_of(5)
    judged, known = (each.judge(peaks, each.surface(peaks, guide, OPTIONS), steps)
                     for each in (native, PORTABLE))
    assert (judged.continuity[through] == 0).all()
    assert_mostly_within(judged.confidence, known.confidence, 2e-3)


def test_results_do_not_depend_on_the_number_of_threads(library, native) -> None:
    responses, steps, floor = stack_of((150, 300), 6)
    guide = floor * 40
    glow = glow_of(floor.shape, 6)
    results = []
    for threads in (1, 3, 0):
        library.set_threads(threads)
        peaks = native.peaks(responses, steps, floor, 5, NOISE, glow)
        judged = native.judge(peaks, native.surface(peaks, guide, OPTIONS), steps)
        results.append([peaks.width, *(getattr(judged, field.name) for field in fields(judged))])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
