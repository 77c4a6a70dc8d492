# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the joint refinement of a stack's transforms against rendered truth."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align.comparison import compare
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.model_choice import nearest_similarity
from focus_stacking_ros.core.align.motion import generator, PARAMETERS, parameters_of
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.align.warping import is_affine, rescaled
from focus_stacking_ros.core.focus.measure import luma
from helpers.stacks import (
    corner_error,
    make_stack,
    perspective,
    refinement,
    similarity,
    slanted,
    stacked,
    SyntheticStack,
)
import numpy as np
import pytest

SHAPE = (240, 320)
SLICES = 7
FOCUS = list(range(SLICES))


def breathing(last_scale: float, rotation: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [similarity(SHAPE, scale, tuple(rng.uniform(-3, 3, 2)), rotation * rng.uniform(-1, 1))
            for scale in np.linspace(1, last_scale, SLICES)]


def relative(transforms: list[np.ndarray]) -> list[np.ndarray]:
    return [transform @ np.linalg.inv(transforms[0]) for transform in transforms]


def worst(found: list[np.ndarray], stack: SyntheticStack) -> float:
    return max(corner_error(one, other, SHAPE)
               for one, other in zip(found, relative(stack.transforms), strict=True))


def disturbed(stack: SyntheticStack, pixels: float = 0.3) -> list[np.ndarray]:
    """Return the true transforms with errors like those of the first estimate."""
    rng = np.random.default_rng(1)
    true = relative(stack.transforms)
    return [true[0], *(similarity(SHAPE, 1 + rng.normal(0, pixels / 160),
                                  tuple(rng.normal(0, pixels, 2))) @ each for each in true[1:])]


def refine(stack: SyntheticStack, start: list[np.ndarray], model: str = 'similarity',
           **more: object) -> list[np.ndarray]:
    return refinement(stack.images, model, **more).refined(start).transforms


@pytest.mark.parametrize(('last_scale', 'rotation', 'noise'), [
    (1.0, 0.0, 1.0), (1.1, 0.0, 1.0), (0.85, 0.5, 1.0), (1.05, 0.0, 6.0)])
def test_refined_transforms_are_true_to_a_tenth_of_a_pixel(last_scale, rotation, noise) -> None:
    # A slanted plane: its uneven defocus moves edges.
    stack = make_stack(SHAPE, SLICES, transforms=breathing(last_scale, rotation), noise=noise)
    start = disturbed(stack)
    assert worst(start, stack) > 0.5
    found = refine(stack, start, stages=PortableAlignment())  # those of other tests may be native
    assert worst(found, stack) < 0.12 + 0.015 * noise


def test_known_scale_stays_and_shift_and_rotation_are_found() -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.1, 0.5), noise=1.0)
    true = relative(stack.transforms)
    start = [rescaled(each, np.sqrt(np.linalg.det(other[:2, :2])), SHAPE)
             for each, other in zip(disturbed(stack), true, strict=True)]
    found = refine(stack, start, 'rigid')
    assert worst(found, stack) < 0.12
    for one, other in zip(found, true, strict=True):
        assert np.linalg.det(one[:2, :2]) == pytest.approx(np.linalg.det(other[:2, :2]), abs=1e-9)


def test_a_guessed_slice_spoils_none_and_is_interpolated() -> None:
    stack = make_stack(SHAPE, SLICES, transforms=[
        similarity(SHAPE, 1 + 0.01 * rank, (0.5 * rank, 0)) for rank in range(SLICES)],
        index=slanted(SHAPE, 1.5, 4.5), noise=1.0)
    stack.images[3] = make_stack(SHAPE, 2, seed=9).images[0]
    start = disturbed(stack, 0.1)
    start[3] = similarity(SHAPE, 1.0, (9, 9))
    assert worst(start, stack) > 5
    assert worst(refine(stack, start, guessed=[rank == 3 for rank in FOCUS]), stack) < 0.3


def test_a_lens_that_does_not_breathe_smoothly_is_believed() -> None:
    scales = [1, 1.02, 1.01, 1.05, 1.04, 1.08, 1.03]
    stack = make_stack(SHAPE, SLICES, transforms=[similarity(SHAPE, each) for each in scales],
                       noise=1.0)
    assert worst(refine(stack, disturbed(stack)), stack) < 0.15


def test_slices_without_texture_stay_where_they_are() -> None:
    stack = make_stack(SHAPE, SLICES)
    stack.images[:] = [np.full(SHAPE, 90, np.uint8)] * SLICES
    start = disturbed(stack)
    for one, other in zip(refine(stack, start), start, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_comparison_says_how_sure_it_is() -> None:
    sure, unsure = [], []
    for noise, kept in ((1.0, sure), (12.0, unsure)):
        stack = make_stack(SHAPE, 2, noise=noise)
        stages = PortableAlignment()
        details = [Detail.of(stages.prepare(luma(image), 1), luma(image))
                   for image in stack.images]
        found = compare(stages, *details, np.eye(3), 'scale')
        assert found is not None
        kept.append(np.sqrt(np.diag(np.linalg.inv(found.information))))
    assert (unsure[0] > sure[0]).all()


def hand_held(tilt: float, seed: int = 6) -> list[np.ndarray]:
    """Return breathing and shake with as many pixels of perspective at the rim."""
    rng = np.random.default_rng(seed)
    return [each @ perspective(SHAPE, *(tilt * rng.uniform(-1, 1, 2))) if rank else each
            for rank, each in enumerate(breathing(1.05, 0.3))]


@pytest.mark.slow
@pytest.mark.parametrize('tilt', [2.5, 4.0])
def test_perspective_is_found_from_similarities(tilt) -> None:
    stack = make_stack(SHAPE, SLICES, transforms=hand_held(tilt), noise=1.0)
    start = [nearest_similarity(each, SHAPE) for each in relative(stack.transforms)]
    rigid = worst(refine(stack, start), stack)
    assert rigid > 2 * tilt
    for model in ('projective', 'auto'):
        assert worst(refine(stack, start, model), stack) < rigid / 3


def test_auto_takes_no_freedom_that_a_rigid_stack_does_not_need() -> None:
    # A slanted plane: its uneven defocus looks like a tilt.
    for rotation in (0.0, 0.5):
        stack = make_stack(SHAPE, SLICES, transforms=breathing(1.1, rotation), noise=1.0)
        start = disturbed(stack)
        for one, other in zip(refine(stack, start, 'auto'), refine(stack, start), strict=True):
            np.testing.assert_array_equal(one, other)


def test_auto_takes_out_a_perspective_that_is_not_there() -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.05), noise=1.0)
    rng = np.random.default_rng(0)
    start = [each @ perspective(SHAPE, *(rng.uniform(-1, 1, 2))) if rank else each
             for rank, each in enumerate(relative(stack.transforms))]
    found = refine(stack, start, 'auto')
    assert all(is_affine(each) for each in found)
    assert worst(found, stack) < 0.15


def test_auto_finds_an_uneven_scale() -> None:
    transforms = [similarity(SHAPE, 1 + 0.01 * rank) @ np.diag([1, 1 + 0.01 * rank, 1])
                  for rank in range(SLICES)]
    stack = make_stack(SHAPE, SLICES, transforms=transforms, noise=1.0)
    start = [nearest_similarity(each, SHAPE) for each in relative(stack.transforms)]
    found = refine(stack, start, 'auto')
    assert all(is_affine(each) for each in found)
    assert worst(found, stack) < 0.5
    assert worst(refine(stack, start), stack) > 5


@pytest.mark.parametrize('model', sorted(PARAMETERS))
def test_parameters_and_their_generator_are_inverse(model) -> None:
    parameters = np.linspace(-1, 2, PARAMETERS[model])
    if model == 'none':
        return
    change = generator(model, parameters, (160.0, 120.0), 160.0)
    np.testing.assert_allclose(parameters_of(model, change, (160.0, 120.0), 160.0), parameters)


def test_the_whole_stack_is_refined_unless_switched_off() -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.08), noise=1.0)
    errors = {refine: worst(relative([
        report.transform for report in stacked(stack, alignment_refine=refine).reports]), stack)
        for refine in (True, False)}
    assert errors[True] < 0.12
    assert errors[True] < 0.6 * errors[False]


def test_two_slices_that_tell_nothing_do_not_divide_a_stack() -> None:
    # The camera is bumped meanwhile: the first estimate of all later slices is beside it.
    transforms = [similarity(SHAPE, 1 + 0.002 * rank, (4.0, -3.0) if rank > 3 else (0, 0))
                  for rank in range(8)]
    stack = make_stack(SHAPE, 8, transforms=transforms, index=slanted(SHAPE, 1.0, 6.0), noise=1.0)
    for rank in (3, 4):
        stack.images[rank] = cv2.GaussianBlur(stack.images[rank], (0, 0), 8)
    true = relative(stack.transforms)
    start = [each if rank < 5 else similarity(SHAPE, 1.0, (1.2, -0.8)) @ each
             for rank, each in enumerate(true)]
    found = refine(stack, start)
    kept = [0, 1, 2, 5, 6, 7]
    assert max(corner_error(found[rank], true[rank], SHAPE) for rank in kept) < 0.4
