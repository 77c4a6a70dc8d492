# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the way from a stack's responses to its dense slice index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

import cv2
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, halved
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Slice
from focus_stacking_ros.core.stack import estimate as estimate_module
from focus_stacking_ros.core.stack.accumulation import Accumulation
from focus_stacking_ros.core.stack.estimate import DepthEstimate, estimate_depth, Placed
from helpers.stacks import make_stack, MARGIN, similarity, slanted, SyntheticStack, texture
import numpy as np
import pytest

SHAPE = (121, 161)  # half of them is no whole number
INNER = np.s_[8:-8, 8:-8]
METHODS = 'default', 'quality', 'streaming'


def estimated(stack: SyntheticStack, method: str, *, origin: np.ndarray | None = None,
              distances: Sequence[float | None] | None = None, backwards: bool = False,
              **changes: object) -> DepthEstimate:
    """Return, at full size, the estimate of a stack whose slices lie where the first one does."""
    options = StackOptions(method=method, alignment_model='none', alignment_gain=False, **changes)
    accumulation = Accumulation(options, OpenCVBackend(), stack.images[0])
    order = range(len(stack.images))[::-1] if backwards else range(len(stack.images))
    for number in order:
        accumulation.add(Slice(stack.images[number], None, float(number), number))
    entries = accumulation.entries[::-1] if backwards else accumulation.entries
    place = np.eye(3) if origin is None else origin
    placed = Placed(entries, [place] * len(entries), [1.0] * len(entries), place, backwards)
    estimate = estimate_depth(accumulation, placed, halved(stack.all_in_focus),
                              stack.distances if distances is None else distances, 1, options)
    names = 'index', 'confidence', 'deviation', 'continuity'
    estimate = replace(estimate, **dict(zip(names, doubled(
        [getattr(estimate, name) for name in names], SHAPE), strict=True)))
    for plane in (estimate.index, estimate.confidence, estimate.deviation, estimate.continuity):
        assert (plane.shape, plane.dtype) == (SHAPE, np.float32)
        assert np.isfinite(plane).all()
    assert 0 <= estimate.index.min() <= estimate.index.max() <= len(entries) - 1
    for plane in (estimate.confidence, estimate.continuity):
        assert 0 <= plane.min() <= plane.max() <= 1
    assert estimate.deviation.min() > 0
    return estimate


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(scope='module')
def tilted() -> SyntheticStack:
    """Tilted plane through six slices."""
    return make_stack(SHAPE, 6, noise=0.5)


@pytest.mark.parametrize('method', METHODS)
def test_a_tilted_plane_is_found_with_confidence(tilted, method) -> None:
    estimate = estimated(tilted, method)
    assert root_mean_square((estimate.index - tilted.index)[INNER]) < 0.15
    assert np.median(estimate.confidence) > 0.8
    assert np.median(estimate.continuity) > 0.85


@pytest.mark.parametrize('method', METHODS)
def test_a_reversed_sweep_gives_the_same_estimate(tilted, method) -> None:
    one = estimated(tilted, method)
    other = estimated(tilted, method, backwards=True)
    np.testing.assert_allclose(one.index, other.index, atol=0.05)
    np.testing.assert_allclose(one.confidence, other.confidence, atol=0.1)


@pytest.mark.parametrize('method', METHODS)
def test_uneven_steps_in_dioptres_change_the_metres_and_not_the_peaks(tilted, method) -> None:
    even = estimated(tilted, method)
    uneven = list(1 / np.array([4.0, 3.9, 3.75, 3.6, 3.52, 3.4]))
    other = estimated(tilted, method, distances=uneven)
    assert root_mean_square((even.index - other.index)[INNER]) < 0.15


@pytest.mark.parametrize('method', METHODS)
def test_an_estimate_is_in_the_grid_that_is_asked_for(tilted, method) -> None:
    # The result shows at its column x what the slices show at x + 20: the plane lies nearer.
    estimate = estimated(tilted, method, origin=similarity(SHAPE, shift=(20, 0)))
    plain = estimated(tilted, method)
    difference = (estimate.index[:, :-20] - plain.index[:, 20:])[INNER]
    assert root_mean_square(difference) < 0.15
    # What no slice shows has no depth of its own.
    assert estimate.confidence[INNER][:, -8:].max() < 0.3


@pytest.mark.parametrize('method', METHODS)
def test_a_jump_of_the_depth_has_neither_continuity_nor_confidence(method) -> None:
    index = slanted(SHAPE, 1.0, 1.0)
    index[:, MARGIN + 80:] = 4.0
    estimate = estimated(make_stack(SHAPE, 6, index=index), method)
    row = estimate.continuity[INNER].mean(axis=0)
    assert row.min() < 0.5
    assert 60 < 8 + row.argmin() < 100
    assert row[:40].min() > 0.9
    assert estimate.confidence[INNER].mean(axis=0).min() < 0.5
    assert estimate.deviation[INNER].mean(axis=0)[row.argmin()] > 1.4 * np.median(
        estimate.deviation)


@pytest.mark.parametrize('method', METHODS)
def test_noise_without_a_scene_has_no_confidence(method) -> None:
    rng = np.random.default_rng(5)
    flat = np.full((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN), 120, np.float32)
    stack = make_stack(SHAPE, 7, scene=flat)
    stack.images[:] = [np.rint(120 + 4 * rng.standard_normal(SHAPE)).astype(np.uint8)
                       for _ in stack.images]
    assert (estimated(stack, method).confidence > 0.5).mean() < 0.02


def test_faint_texture_in_strong_noise_is_found() -> None:
    # As strong as the noise; without its mean response known, wrong peaks would win.
    scene = texture((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN), contrast=8)
    stack = make_stack(SHAPE, 6, scene=scene, noise=8.0)
    estimate = estimated(stack, 'default')
    assert np.median(np.abs(estimate.index - stack.index)[INNER]) < 0.3


@pytest.mark.parametrize('operator', FOCUS_MEASURES)
def test_every_operator_tells_texture_from_noise(operator) -> None:
    stack = make_stack(SHAPE, 6, noise=2.0)
    estimate = estimated(stack, 'default', focus_measure_operator=operator)
    assert root_mean_square((estimate.index - stack.index)[INNER]) < 0.25
    assert np.median(estimate.confidence) > 0.6


@pytest.mark.parametrize('method', ['default', 'quality'])
def test_a_rough_surface_is_told_without_a_window_as_well(method: str) -> None:
    padded = tuple(side + 2 * MARGIN for side in SHAPE)
    bumps = cv2.GaussianBlur(np.random.default_rng(5).standard_normal(padded), (0, 0), 3.5)
    index = np.clip(5.5 + 2 / bumps.std() * bumps, 0, 11).astype(np.float32)
    stack = make_stack(SHAPE, 12, index=index, noise=0.5)
    truth = index[MARGIN:-MARGIN, MARGIN:-MARGIN][INNER]
    errors = []
    for bends in (True, False):
        with mock.patch.object(estimate_module, 'bends_within', return_value=bends):
            errors.append(root_mean_square(estimated(stack, method).index[INNER] - truth))
    assert root_mean_square(estimated(stack, method).index[INNER] - truth) == errors[0]
    assert errors[0] < 0.95 * errors[1]
