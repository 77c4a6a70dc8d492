# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what a result says of its own sharpness: quiet where it is right, else where not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
from focus_stacking_ros.core.fuse.running_average import WeightedAverage
from focus_stacking_ros.core.slices import ResultFault
from focus_stacking_ros.core.stack import finish
from focus_stacking_ros.core.stack.estimate import estimate_depth
from focus_stacking_ros.core.stack.self_check import (
    looked_at,
    SharpnessBands,
    SharpnessOfSlices,
    Shortfall,
)
from helpers.stacks import make_stack, similarity, stacked, SyntheticStack, texture
import numpy as np
import pytest

SHAPE = (384, 512)
LEFT, HALF_LEFT = np.s_[:, :200], np.s_[:, :100]


@pytest.fixture(scope='module')
def stack() -> SyntheticStack:
    views = [similarity(SHAPE, 1 - 0.004 * number, (0.4 * number, 0)) for number in range(6)]
    return make_stack(SHAPE, 6, channels=3, transforms=views, noise=1.0)


def boxes(note: str) -> list[list[int]]:
    """Return the places that a note names."""
    listed = note.partition('(x y width height) ')[2].partition(':')[0]
    return [[int(word) for word in box.split()] for box in listed.split('; ')]


def test_noise_has_the_energy_that_is_taken_off() -> None:
    bands = SharpnessBands(SHAPE)
    noise = np.random.default_rng(0).normal(0, 3 * 16, SHAPE).round().astype(np.int16)
    assert np.nanmean(bands.energy(noise, np.eye(3))) == pytest.approx(0.37 * 9, rel=0.05)


@pytest.mark.parametrize('method', ['default', 'streaming', 'quality'])
def test_a_right_result_is_not_told_to_be_blurred(stack, method) -> None:
    assert ResultFault.BLURRED not in stacked(stack, method=method).faults


def test_a_wrong_depth_in_a_part_is_told_with_places_in_it(stack, monkeypatch) -> None:
    estimate = estimate_depth

    def wrong(*arguments: Any) -> Any:
        found = estimate(*arguments)
        calm = found.calm.copy()
        calm[HALF_LEFT] = 5
        sure = np.ones_like(calm)
        return replace(found, calm=calm, confidence=sure, continuity=sure)

    monkeypatch.setattr(finish, 'estimate_depth', wrong)
    # What the index misses by far is fused without it.
    monkeypatch.setattr('focus_stacking_ros.core.fuse.job.MISSED', 1e6)
    monkeypatch.setattr(finish, 'belying', lambda *_: None)
    note = stacked(stack).faults[ResultFault.BLURRED]
    share = float(note.partition(' %')[0].split()[-1])
    assert 5 < share < 60
    assert 1 <= len(boxes(note)) <= 5
    for x, y, width, height in boxes(note):
        assert x + width <= 264
        assert y + height <= SHAPE[0]


def test_a_blurred_average_of_streamed_slices_is_told(stack, monkeypatch) -> None:
    mean = WeightedAverage.mean

    def blurred(average: WeightedAverage) -> np.ndarray:
        found = mean(average)
        found[LEFT] = cv2.GaussianBlur(found, (0, 0), 3)[LEFT]
        return found

    monkeypatch.setattr(WeightedAverage, 'mean', blurred)
    note = stacked(stack, method='streaming').faults[ResultFault.BLURRED]
    assert 'the average that streaming keeps' in note
    assert all(x < 200 for x, *_ in boxes(note))


def shortfall_of(image: np.ndarray, slices: list[tuple[np.ndarray, np.ndarray, float]],
                 noise: float) -> Shortfall:
    return SharpnessOfSlices(image.shape, slices).shortfall(image, noise)


def test_the_share_that_is_blurred_and_its_places_are_told() -> None:
    sharp = np.clip(texture((384, 512), contrast=40.0), 0, 255).astype(np.uint8)
    other = cv2.GaussianBlur(sharp, (0, 0), 4)
    slices = [(sharp, np.eye(3), 1.0), (other, np.eye(3), 1.0), (other, np.eye(3), 1.0)]
    assert shortfall_of(sharp, slices, 0.5).share == 0
    fused = sharp.copy()
    fused[:, 256:] = cv2.GaussianBlur(sharp, (0, 0), 2)[:, 256:]
    found = shortfall_of(fused, slices, 0.5)
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert all(x >= 248 for x, *_ in found.boxes)


def test_a_blurred_rim_of_an_edge_is_no_texture() -> None:
    edge = np.full((384, 512), 60, np.uint8)
    edge[:, 260:] = 200
    ground = edge.astype(np.float32) + texture((384, 512), contrast=0.5) - 120
    wide = cv2.GaussianBlur(ground, (0, 0), 6).astype(np.uint8)
    slices = [(ground.astype(np.uint8), np.eye(3), 1.0), (wide, np.eye(3), 1.0)]
    assert shortfall_of(ground.astype(np.uint8), slices, 0.3).share == 0


@pytest.mark.parametrize('shape', [(3, 3), (7, 400), (40, 5), (24, 24)])
def test_small_pictures_are_not_judged(shape) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    found = shortfall_of(np.zeros(shape, np.uint8), [(image, np.eye(3), 1.0)] * 2, 0.0)
    assert not found.note('default')


def test_in_a_fine_sweep_slices_within_half_the_width_of_a_curve_are_left_out() -> None:
    even = np.arange(10, dtype=np.float32)
    assert looked_at(range(10), even, 2.2) == list(range(10))
    assert looked_at(range(10), even, 8.0) == [0, 4, 8, 9]
    assert looked_at([1, 2, 4, 5, 6, 9], even, 4.0) == [1, 2, 4, 6, 9]
    uneven = np.array([0, 1, 2, 3, 9, 10, 11], np.float32)
    assert looked_at(range(7), uneven, 4.0) == [0, 2, 3, 4, 6]
    assert looked_at([3], even, 8.0) == [3]
    assert looked_at([], even, 8.0) == []


def test_what_a_result_does_not_reach_is_not_judged() -> None:
    sharp = np.clip(texture((384, 512), contrast=40.0), 0, 255).astype(np.uint8)
    bands = SharpnessBands(sharp.shape)
    for image in (sharp, cv2.GaussianBlur(sharp, (0, 0), 4)):
        bands.add(bands.energy(image, np.eye(3)))
    to_result = np.array([[1.0, 0, -200], [0, 1, 0], [0, 0, 1]])
    seen = np.ascontiguousarray(np.roll(sharp, -200, axis=1))
    assert not bands.shortfall(bands.energy(seen, to_result), 0.5).certain
    assert bands.shortfall(bands.energy(cv2.GaussianBlur(seen, (0, 0), 3), to_result), 0.5).certain
