# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is believed of the fits of single levels."""

from __future__ import annotations

from focus_stacking_ros.core.align.level_fit import LevelFit
from focus_stacking_ros.core.align.motion import PARAMETERS
from focus_stacking_ros.core.align.pairwise import Pair
from focus_stacking_ros.core.align.pyramid import AlignmentFrame
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.align.warping import reduced
from helpers.stacks import similarity, texture
import numpy as np
import pytest

SHAPE = (540, 960)


class Told(PortableAlignment):
    """
    A stage that finds what it is told, and notes what it was asked.

    :param transform: full size
    :param agreements: of the levels by their factor, 1 of the others
    :param deviation: standard deviation of each parameter, pixels
    """

    def __init__(self, transform: np.ndarray, agreements: dict[int, float] | None = None,
                 deviation: float = 1.0) -> None:
        self.deviation = deviation
        self.transform, self.agreements = transform, agreements or {}
        self.asked: list[tuple[int, str, float]] = []

    def fit_level(self, template, image, start, model, tolerance, prior=None) -> LevelFit:
        """Return what it was told."""
        assert start.shape == (3, 3)
        assert image.grey.shape == template.grey.shape
        assert prior is None or prior.shape == (PARAMETERS[model],) * 2
        self.asked.append((template.factor, model, tolerance))
        count = PARAMETERS[model]
        trade = np.eye(count)
        if count == 4:  # the shift along x trades with the rotation
            trade[0, 3] = trade[3, 0] = 0.5
        return LevelFit(reduced(self.transform, template.factor), 1.0 + template.factor / 100,
                        self.agreements.get(template.factor, 1.0),
                        np.eye(count) / self.deviation ** 2, trade)


@pytest.fixture(scope='module')
def frame() -> AlignmentFrame:
    """Return what is kept of a slice that shows a texture."""
    return PortableAlignment().prepare(np.rint(16 * texture(SHAPE)).astype(np.int16))


def turned(corner_pixels: float) -> np.ndarray:
    """Return a rotation by so many pixels at the corners."""
    degrees = np.rad2deg(corner_pixels / np.hypot((SHAPE[0] - 1) / 2, (SHAPE[1] - 1) / 2))
    return similarity(SHAPE, 1.01, (2.0, 1.0), float(degrees))


@pytest.mark.parametrize(('corner_pixels', 'kept'), [(0.11, False), (0.2, True)])
def test_a_rotation_within_the_error_of_its_estimate_is_none(frame, corner_pixels, kept) -> None:
    stages = Told(turned(corner_pixels))
    found = Pair(frame, frame, stages).register().transform
    assert bool(found[1, 0]) == kept
    if not kept:  # what trades with the rotation has followed
        pixels = corner_pixels / np.hypot((SHAPE[0] - 1) / 2, (SHAPE[1] - 1) / 2) * SHAPE[1] / 2
        expected = similarity(SHAPE, 1.01, (2.0 - 0.5 * pixels * 1.01, 1.0))
        np.testing.assert_allclose(found, expected, atol=2e-3)
    assert all(model == 'similarity' for _, model, _ in stages.asked)  # no second fit


@pytest.mark.parametrize(('agreement', 'believed'), [(0.36, False), (0.44, True)])
def test_levels_that_show_noise_are_passed_over(frame, agreement, believed) -> None:
    stages = Told(turned(1.0), {2: agreement})
    found = Pair(frame, frame, stages).register()
    assert found.residual == pytest.approx(1.02 if believed else 1.04)
    certain = Pair(frame, frame, stages).register(start=np.eye(3), certain=True)
    assert certain.coarse == (0 if believed else 1)


@pytest.mark.parametrize(('scale', 'shift', 'plausible'), [
    (1.3, 0, True), (1.4, 0, False), (1 / 1.3, 0, True), (1 / 1.4, 0, False),
    (1.0, 0.27 * 960, True), (1.0, 0.33 * 960, False)])
def test_what_could_not_be_two_neighbours_is_not_believed(frame, scale, shift, plausible) -> None:
    stages = Told(similarity(SHAPE, scale, (shift, 0)))
    assert (Pair(frame, frame, stages).register().reason == '') == plausible


def test_every_level_is_asked_once_the_finest_most_exactly(frame) -> None:
    stages = Told(np.eye(3))
    Pair(frame, frame, stages).register()
    assert stages.asked == [(8, 'similarity', 2e-2), (4, 'similarity', 2e-2),
                            (2, 'similarity', 5e-3)]
    stages.asked.clear()
    Pair(frame, frame, stages).register(start=np.eye(3), certain=True)
    assert stages.asked == [(2, 'similarity', 5e-3)]
    stages.asked.clear()
    Pair(frame, frame, stages).difference(np.eye(3))
    assert stages.asked == [(2, 'translation', np.inf)]


def test_what_is_refined_later_takes_few_steps(frame) -> None:
    stages = Told(np.eye(3))
    rough = Pair(frame, frame, stages, final=False)
    rough.register()
    assert stages.asked == [(8, 'similarity', 2e-2), (4, 'similarity', 2e-2),
                            (2, 'similarity', 0.1)]
    stages.asked.clear()
    rough.register(start=np.eye(3), certain=True)
    assert stages.asked == [(2, 'similarity', 0.1)]


@pytest.fixture(scope='module')
def large() -> AlignmentFrame:
    """Return what is kept of a slice that is too large to be compared at full resolution."""
    return PortableAlignment().prepare(np.rint(16 * texture((1100, 1500))).astype(np.int16))


def test_of_large_slices_the_level_that_the_refinement_looks_at_is_left_to_it(large) -> None:
    stages = Told(np.eye(3), deviation=0.4)
    rough = Pair(large, large, stages, final=False)
    rough.register()
    assert stages.asked == [(16, 'similarity', 2e-2), (8, 'similarity', 2e-2),
                            (4, 'similarity', 0.05)]
    stages.asked.clear()
    assert rough.register(start=np.eye(3), certain=True).coarse == 0
    assert stages.asked == [(4, 'similarity', 0.05)]
    stages.asked.clear()
    rough.difference(np.eye(3))
    assert stages.asked == [(4, 'translation', np.inf)]
    stages.asked.clear()
    Pair(large, large, stages).register(start=np.eye(3), certain=True)
    assert stages.asked == [(2, 'similarity', 5e-3)]


def test_where_a_coarser_level_is_not_sure_the_finest_is_looked_at_all_the_same(large) -> None:
    stages = Told(np.eye(3), deviation=0.6)
    rough = Pair(large, large, stages, final=False)
    rough.register()
    assert stages.asked[-2:] == [(4, 'similarity', 0.05), (2, 'similarity', 0.1)]
    stages.asked.clear()
    assert rough.register(start=np.eye(3), certain=True).coarse == 0
    assert stages.asked == [(4, 'similarity', 0.05), (2, 'similarity', 0.1)]
