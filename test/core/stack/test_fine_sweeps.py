# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of sweeps whose steps are much finer than the focus curve is wide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.depth.binning import Bins, bins_of
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.stages import PortableDepth, StackPeaks
from focus_stacking_ros.core.focus.measure import focus_measure, NoiseResponse
from focus_stacking_ros.core.stack import estimate
from focus_stacking_ros.core.stack.estimate import Placed
from focus_stacking_ros.simulation import built_in_stack
import numpy as np
from numpy.typing import NDArray

COUNT = 64


@cache
def noisy() -> tuple[list[NDArray[np.uint8]], tuple[float, ...], NDArray[np.float32]]:
    """Return slices, their distances, and the true depth, in metres both."""
    stack, rng = built_in_stack(3, (192, 256), COUNT), np.random.default_rng(0)
    slices = [np.uint8(np.clip(np.rint(each + rng.normal(0, 8, each.shape)), 0, 255))
              for each in stack.slices]
    return slices, tuple(stack.focus_distances_m), stack.depth_m


def stacked(numbers: range) -> StackResult:
    slices, distances, _ = noisy()
    stacker = FocusStacker(StackOptions(reference='first'))
    for number in numbers:
        stacker.add(slices[number], distances[number])
    return stacker.finish()


def test_more_slices_tell_more() -> None:
    truth = noisy()[2]
    shares, errors = [], []
    for step in (5, 1):
        result = stacked(range(0, COUNT, step))
        known = result.confidence >= 0.5
        shares.append(known.mean())
        errors.append(np.median(np.abs(result.depth_m - truth)[known]))
    assert shares[1] > shares[0] - 0.02
    assert errors[1] < 0.65 * errors[0]


def test_peaks_are_of_bins_with_their_noise_and_the_brightness_in_their_middles(
        monkeypatch) -> None:
    bins, asked, told = [], [], []

    def binned(steps: NDArray[np.float32], span: float) -> Bins:
        bins.append(bins_of(steps, span))
        return bins[-1]

    def of_slices(glow: Glow, numbers: Sequence[int], scale: float) -> Glow:
        asked.append(list(numbers))
        return chosen(glow, numbers, scale)

    def peaks(self: PortableDepth, responses: Any, steps: Any, floor: Any, window: int,
              noise: NoiseResponse, *others: Any) -> StackPeaks:
        told.append((len(responses), steps, noise))
        return found(self, responses, steps, floor, window, noise, *others)

    chosen, found = Glow.of_slices, PortableDepth.peaks
    monkeypatch.setattr(estimate, 'bins_of', binned)
    monkeypatch.setattr(Glow, 'of_slices', of_slices)
    monkeypatch.setattr(PortableDepth, 'peaks', peaks)
    slices, distances, _ = noisy()
    stacker = FocusStacker(StackOptions(), 'opencv')
    for image, distance in zip(slices, distances, strict=True):
        stacker.add(image, distance)
    stacker.finish()
    places = bins[0].places
    assert len(places) <= COUNT // 2
    assert asked[0] == [each[len(each) // 2] for each in places]
    assert told[0][0] == len(places)
    np.testing.assert_array_equal(told[0][1], bins[0].steps)
    assert told[0][2] == bins[0].noise(focus_measure('ring_difference').noise[3])


def test_the_slices_of_a_sweep_from_far_to_near_are_found_where_they_were_added() -> None:
    entries: list[Any] = [None] * 4  # only how many there are tells
    for backwards, expected in (False, [1, 3]), (True, [2, 0]):
        placed = Placed(entries, [], [], np.eye(3), backwards)
        assert placed.added([1, 3]) == expected
