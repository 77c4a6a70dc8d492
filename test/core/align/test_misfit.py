# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what tells misalignment from defocus."""

from __future__ import annotations

from focus_stacking_ros.core.align.misfit import Misfit, VISIBLE
from focus_stacking_ros.core.slices import ResultFault
from helpers.stacks import make_stack, refinement, similarity, slanted, stacked, SyntheticStack
import numpy as np
import pytest

SHAPE = (240, 320)
SLICES = 6


def misfits(stack: SyntheticStack, model: str = 'auto') -> list[float | None]:
    start = [each @ np.linalg.inv(stack.transforms[0]) for each in stack.transforms]
    return refinement(stack.images, model).refined(start).misfits


def torn(pixels: int, number: int = 3) -> SyntheticStack:
    """Return a stack in which every other strip of a slice has moved up, the others down."""
    stack = make_stack(SHAPE, SLICES, noise=1.0, index=slanted(SHAPE, 1.5, 3.5))
    image = stack.images[number].copy()
    for strip in range(4):
        columns = np.s_[:, 80 * strip:80 * strip + 80]
        image[columns] = np.roll(image, (-1) ** strip * pixels, axis=0)[columns]
    stack.images[number] = image
    return stack


@pytest.mark.parametrize(('first', 'last'), [(0.0, 5.0), (2.0, 3.0), (-1.0, 6.0), (2.5, 2.5)])
@pytest.mark.parametrize('noise', [0.0, 3.0])
def test_defocus_alone_is_no_misfit(first, last, noise) -> None:
    rng = np.random.default_rng(2)
    transforms = [similarity(SHAPE, 1 + 0.01 * rank, tuple(rng.uniform(-2, 2, 2)))
                  for rank in range(SLICES)]
    stack = make_stack(SHAPE, SLICES, noise=noise, index=slanted(SHAPE, first, last),
                       transforms=transforms)
    assert max(each or 0.0 for each in misfits(stack)) < VISIBLE / 2


@pytest.mark.parametrize('pixels', [1, 2])
def test_parts_that_lie_beside_each_other_are_told_with_their_slice(pixels) -> None:
    found = misfits(torn(pixels))
    assert found[0] is None
    assert [each is not None and each > VISIBLE for each in found] == [
        rank in (3, 4) for rank in range(SLICES)]
    assert max(found[3], found[4]) < 2 * pixels


def test_a_misalignment_that_a_model_cannot_take_out_is_told() -> None:
    stack = make_stack(SHAPE, SLICES, noise=1.0, index=slanted(SHAPE, 1.5, 3.5), transforms=[
        similarity(SHAPE, 1.0, (0, 0), 1.0 * (rank == 3)) for rank in range(SLICES)])
    still = [np.eye(3)] * SLICES
    for model, start, told in (('translation', still, True),
                               ('similarity', stack.transforms, False)):
        found = refinement(stack.images, model).refined(start).misfits
        assert bool(found[3] is not None and found[3] > VISIBLE) is told


def test_the_result_tells_of_displaced_slices() -> None:
    result = stacked(torn(2))
    assert 'slice 3 by' in result.faults[ResultFault.DISPLACED]
    assert result.reports[3].as_dict()['misfit_px'] > VISIBLE
    clean = stacked(make_stack(SHAPE, SLICES, noise=1.0))
    assert not clean.faults


def test_a_misfit_counts_what_the_transform_lacks() -> None:
    places = np.array([[40.0 * k, 30.0 * k] for k in range(1, 7)])
    misfit = Misfit(np.eye(3), places, np.zeros((6, 2)), np.full(6, 0.05))
    assert misfit.pixels(np.eye(3)) == 0
    assert misfit.pixels(similarity(SHAPE, shift=(3, 4))) == pytest.approx(5, abs=0.01)
    assert Misfit(np.eye(3), places, np.zeros((6, 2)), np.full(6, 0.5)).pixels(np.eye(3)) is None


@pytest.mark.parametrize('count', [4, 6, 9, 31])
def test_what_is_told_is_a_quantile_of_the_displacements(count) -> None:
    places = np.stack([np.arange(count) * 9.0, np.arange(count) * 7.0], axis=1)
    displaced = np.zeros((count, 2))
    displaced[:, 0] = np.random.default_rng(count).uniform(0.5, 3, count)
    found = Misfit(np.eye(3), places, displaced, np.full(count, 1e-6)).pixels(np.eye(3))
    assert found == pytest.approx(np.quantile(displaced[:, 0], 0.75), abs=1e-4)
