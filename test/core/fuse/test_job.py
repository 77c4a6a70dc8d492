# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how much of each slice enters the all-in-focus image."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.fuse import job
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.weights import LOG_SHARPNESS, NEVER
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.stack.registry import create_backend
import numpy as np
import pytest

SHAPE = (160, 240)


def mottle(image: np.ndarray) -> float:
    """Return the standard deviation of structures of 2 to 12 pixels, grey levels."""
    image = image.astype(np.float32)
    return float((cv2.GaussianBlur(image, (0, 0), 1) - cv2.GaussianBlur(image, (0, 0), 6)).std())


@pytest.mark.parametrize('backend', ['opencv', 'auto'])
def test_rounding_of_the_sharpness_chooses_no_slice_where_brightness_changes(backend) -> None:
    # A camera that smooths its noise, behind it something blurred whose light changes with focus.
    rng = np.random.default_rng(4)
    texture = cv2.GaussianBlur(rng.integers(0, 255, SHAPE).astype(np.float32), (0, 0), 1)
    lit = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None, :]
    slices = []
    for number in range(3):
        image = 90 + 12 * number * lit + 1.3 * cv2.GaussianBlur(
            rng.normal(0, 1, SHAPE).astype(np.float32), (0, 0), 0.8)
        image[110:] = cv2.GaussianBlur(texture, (0, 0), 0.5 + number)[110:]
        slices.append(np.rint(image).astype(np.uint8))
    stacker = FocusStacker(StackOptions(alignment_model='none'), backend)
    for each in slices:
        stacker.add(each)
    found = mottle(stacker.finish().all_in_focus[10:90, 10:230])
    assert found < max(mottle(each[10:90, 10:230]) for each in slices)


@pytest.mark.parametrize(('alike', 'wanted'), [(0.0, 8), (0.5, 2)])
def test_slices_as_sharp_but_for_noise_are_averaged_near_the_index_only(alike, wanted) -> None:
    def plane(value: float) -> np.ndarray:
        return np.full((8, 8), value, np.float32)

    def weights(trust: float) -> list[float]:
        guide = job.FusionGuide(plane(0.5), plane(trust), plane(40).astype(np.uint8),
                                plane(20 / job.NOISE_SHARPNESS), plane(10), 0.0, alike=alike)
        slices = [FusionSlice(plane(100).astype(np.uint8), plane(sharp).astype(np.uint8),
                              np.eye(3), 1.0) for sharp in (40, 33)]
        work = job.FusionJob(slices, guide, 12.0)
        sharpness = [int(LOG_SHARPNESS[each]) for each in (40, 33)]
        planes = work.tile((slice(0, 8), slice(0, 8))).planes
        level = planes.near_level if trust else planes.far_level
        return [0.5 ** (12 * max(int(level[4, 4]) - each, 0) / 28) for each in sharpness]

    best, other = weights(1.0)
    assert wanted / 2.5 < best / other < wanted
    best, other = weights(0.0)
    assert best / other > 3


@pytest.mark.parametrize('backend', ['opencv', 'auto'])
def test_an_index_is_left_where_more_is_missed_than_is_explained(backend) -> None:
    index, explained = np.zeros((16, 32), np.float32), np.full((16, 32), 20, np.uint8)
    explained[:, 16:] = 3
    sharp = np.full((16, 32), 10, np.uint8)
    guide = job.FusionGuide(index, index + 1, sharp, index + 0.1, index + 0.3, missed=explained)
    slices = [FusionSlice(np.full((16, 32), grey, np.uint8), each, np.eye(3), 1.0)
              for each, grey in [(0 * sharp, 100)] * 3 + [(sharp, 200)]]
    found = create_backend(backend).fuse(job.FusionJob(slices, guide, 12.0))
    assert (found[:, :16] < 110).all()
    assert (found[:, 16:] > 190).all()


def far_offset_of(trust: float, missed: int = 0) -> int:
    """Return the penalty of slices at any distance, of an index so much sharpness is missed at."""
    index, sharp = np.zeros((8, 8), np.float32), np.full((8, 8), 20, np.uint8)
    guide = job.FusionGuide(index, index + np.float32(trust), sharp + np.uint8(2 + missed),
                            index + 0.1, index + 0.3)
    slices = [FusionSlice(sharp, sharp, np.eye(3), 1.0) for _ in range(3)]
    planes = job.FusionJob(slices, guide, 12.0).tile((slice(0, 8), slice(0, 8))).planes
    return int(planes.far_offset[4, 4])


def test_only_of_an_index_that_is_trusted_wholly_nothing_else_enters() -> None:
    assert far_offset_of(0.995) == NEVER
    assert far_offset_of(0.98) < NEVER
    assert far_offset_of(0.6) < far_offset_of(0.98)


def test_an_index_that_misses_thirty_steps_of_sharpness_is_trusted_by_half() -> None:
    assert far_offset_of(1.0, 30) == pytest.approx(far_offset_of(0.5), abs=1)
    assert far_offset_of(0.8, 30) == pytest.approx(far_offset_of(0.4), abs=1)


def gate_of(detail: float, noise: float, widest: float = 2.0, **narrow: Any) -> float:
    """Return the standard deviation of the gate of one pixel, slices."""
    plane = np.ones((1, 1), np.float32)
    guide = job.FusionGuide(plane, plane, plane.astype(np.uint8), noise * plane, widest * plane,
                            **narrow)
    return float(job._gate(detail / job.LAPLACIAN * plane, guide)[0, 0])


def test_a_gate_is_as_wide_as_noise_and_blur_are_alike() -> None:
    # A slice d slices away errs by (d / 2)^2 / 2 times the Laplacian.
    assert gate_of(10, 1.5) == pytest.approx(np.sqrt(2 * 1.5 / (10 / 4)), rel=0.01)
    assert gate_of(0, 1.5) == 2


def test_the_laplacian_of_an_edge_follows_from_its_sharpness() -> None:
    edge = np.zeros((60, 80), np.float32)
    edge[:, 40:] = 100
    edge = cv2.GaussianBlur(edge, (0, 0), 0.6)
    laplacian = cv2.blur(cv2.blur(np.abs(cv2.Laplacian(edge, cv2.CV_32F)), (5, 5)), (3, 3))
    found = sharpness(np.rint(16 * edge).astype(np.int16))
    assert laplacian.max() / found.max() == pytest.approx(job.LAPLACIAN, rel=0.1)


def test_a_gate_that_is_to_be_narrow_is_so_whatever_the_noise() -> None:
    here = {'narrow': np.ones((1, 1), np.uint8), 'narrowed': 0.5}
    assert gate_of(0, 1.5, **here) == 0.5
    assert gate_of(0, 1.5, widest=0.2, **here) == pytest.approx(0.2)
    assert gate_of(1e6, 0.1, **here) == pytest.approx(gate_of(1e6, 0.1))
    assert gate_of(0, 1.5, narrow=np.zeros((1, 1), np.uint8), narrowed=0.5) == 2


def test_the_two_neighbours_of_a_fractional_index_pass_the_narrowest_gate() -> None:
    narrowest = gate_of(1e6, 0.1)
    assert np.exp(-0.5 * (0.5 / narrowest) ** 2) == pytest.approx(0.25, abs=0.01)
    assert gate_of(1e6, 0.1, widest=0.2) == pytest.approx(0.2)


def test_an_image_without_noise_has_that_of_rounding_at_most() -> None:
    rounding = 1 / np.sqrt(12)  # standard deviation, grey levels
    found = gate_of(1, 0.0) ** 2 / 4 / 2
    assert 0.25 * rounding < found < 0.6 * rounding
    assert gate_of(1, 0.0) == pytest.approx(gate_of(1, found), rel=1e-3)


def test_the_step_of_sharpness_is_what_two_rounded_values_differ_by() -> None:
    rounded = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 100_000))
    found = np.quantile(np.abs(rounded[0] - rounded[1]), 0.95)
    assert found == pytest.approx(job.SHARPNESS_STEP, abs=0.01)
