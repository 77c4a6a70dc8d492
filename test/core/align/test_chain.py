# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the chain of registrations over a whole stack."""

from __future__ import annotations

from dataclasses import replace

from focus_stacking_ros.core.align.chain import Link, RegistrationChain
from focus_stacking_ros.core.align.exposure import Exposure
from focus_stacking_ros.core.align.pairwise import Pair
from focus_stacking_ros.core.align.warping import is_affine, joined
from focus_stacking_ros.core.focus.light import light_cells
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Magnification
from helpers.stacks import (
    corner_error,
    make_stack,
    perspective,
    similarity,
    slanted,
    SyntheticStack,
)
import numpy as np
import pytest

SHAPE = (160, 200)
SLICES = 6


def chained(stack: SyntheticStack, **options) -> list[Link]:
    chain = RegistrationChain(StackOptions(**options))
    return [chain.add(luma(image)) for image in stack.images]


def worst(links: list[Link], stack: SyntheticStack) -> float:
    first = np.linalg.inv(stack.transforms[0])
    return max(corner_error(link.transform, true @ first, SHAPE)
               for link, true in zip(links, stack.transforms, strict=True))


def breathing(last_scale: float, jitter: float = 1.5) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [similarity(SHAPE, scale, tuple(rng.uniform(-jitter, jitter, 2)))
            for scale in np.linspace(1, last_scale, SLICES)]


@pytest.mark.parametrize('last_scale', [1.0, 1.05, 1.15, 0.87])
@pytest.mark.parametrize('channels', [1, 3])
def test_breathing_and_jitter_are_recovered(last_scale, channels) -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(last_scale), channels=channels,
                       noise=1.0)
    links = chained(stack)
    # Uneven defocus moves edges; the refinement takes that out.
    assert worst(links, stack) < 0.4
    assert [link.reason for link in links] == [''] * SLICES


@pytest.mark.parametrize('model', ['projective', 'auto'])
def test_perspective_of_a_hand_held_camera_is_followed(model) -> None:
    rng = np.random.default_rng(3)
    transforms = [each @ perspective(SHAPE, *rng.uniform(-5, 5, 2)) for each in breathing(1.05)]
    stack = make_stack(SHAPE, SLICES, transforms=transforms, noise=1.0,
                       index=slanted(SHAPE, 2, 3))
    assert worst(chained(stack, alignment_model='similarity'), stack) > 3
    assert worst(chained(stack, alignment_model=model), stack) < 1.0


@pytest.mark.parametrize('last_scale', [1.0, 1.15])
def test_auto_is_a_similarity_where_that_is_enough(last_scale) -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(last_scale), noise=1.0)
    for one, other in zip(chained(stack), chained(stack, alignment_model='similarity'),
                          strict=True):
        assert is_affine(one.transform)
        np.testing.assert_array_equal(one.transform, other.transform)


def test_gains_are_relative_to_the_first_slice() -> None:
    gains = [0.9, 1.0, 1.08, 0.95, 1.1, 0.85]
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.05), gains=gains, noise=1.0)
    for link, gain in zip(chained(stack), gains, strict=True):
        assert link.gain * gain / gains[0] == pytest.approx(1.0, abs=0.01)


def test_gains_follow_the_white_balance() -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.05), channels=3, noise=1.0)
    drift = np.linspace([1, 1, 1], [0.85, 1.0, 1.15], SLICES)
    images = [np.rint(np.clip(image * factor, 0, 255)).astype(np.uint8)
              for image, factor in zip(stack.images, drift, strict=True)]
    chain = RegistrationChain(StackOptions())
    for image, factor in zip(images, drift, strict=True):
        link = chain.add(luma(image), exposure=Exposure.of(light_cells(image)))
        np.testing.assert_allclose(np.array(link.gains) * factor, 1.0, atol=0.02)
        assert min(link.gains) <= link.gain <= max(link.gains)


def test_rotation_adds_up_along_the_stack() -> None:
    transforms = [similarity(SHAPE, 1, (0, 0), degrees) for degrees in np.linspace(0, 5, SLICES)]
    stack = make_stack(SHAPE, SLICES, transforms=transforms)
    assert worst(chained(stack), stack) < 0.3


def test_first_slice_is_the_origin() -> None:
    first = chained(make_stack(SHAPE, 2))[0]
    np.testing.assert_array_equal(first.transform, np.eye(3))
    assert (first.gain, first.residual, first.reason) == (1.0, None, '')


def test_none_gives_identities() -> None:
    stack = make_stack(SHAPE, 4, transforms=breathing(1.1)[:4])
    for link in chained(stack, alignment_model='none'):
        np.testing.assert_array_equal(link.transform, np.eye(3))


def test_gain_can_be_switched_off() -> None:
    stack = make_stack(SHAPE, 3, gains=[1.0, 0.8, 1.2])
    assert [link.gain for link in chained(stack, alignment_gain=False)] == [1.0, 1.0, 1.0]
    assert [link.gain for link in chained(stack, alignment_gain=False,
                                          alignment_model='none')] == [1.0, 1.0, 1.0]


def test_a_slice_without_texture_is_bridged() -> None:
    transforms = [similarity(SHAPE, 1.0, (1.5 * number, 0)) for number in range(5)]
    stack = make_stack(SHAPE, 5, transforms=transforms)
    stack.images[2] = np.full(SHAPE, 120, np.uint8)
    links = chained(stack)
    assert 'texture' in links[2].reason
    # The sweep is taken to go on as it went before.
    assert corner_error(links[2].transform, transforms[2], SHAPE) < 0.5
    assert links[3].reason == ''
    assert corner_error(links[3].transform, transforms[3], SHAPE) < 0.3
    assert corner_error(links[4].transform, transforms[4], SHAPE) < 0.3


def test_residual_tells_a_bad_fit_from_a_good_one() -> None:
    still = make_stack(SHAPE, 3, noise=0.5)
    moved = make_stack(SHAPE, 3, noise=0.5, transforms=breathing(1.2)[:3])
    good, bad = chained(still)[-1], chained(moved, alignment_model='translation')[-1]
    assert good.residual is not None
    assert bad.residual is not None
    assert 0 < good.residual < bad.residual


def test_a_known_magnification_is_kept_exactly_and_the_shift_found() -> None:
    rng = np.random.default_rng(2)
    scales = np.linspace(1, 1.12, SLICES)
    transforms = [similarity(SHAPE, scale, tuple(rng.uniform(-3, 3, 2)), rng.uniform(-0.4, 0.4))
                  for scale in scales]
    stack = make_stack(SHAPE, SLICES, transforms=transforms, noise=1.0)
    chain = RegistrationChain(StackOptions())
    # The first that was added need not be the one that ratios are relative to.
    links = [chain.add(luma(image), Magnification(2 * scale))
             for image, scale in zip(stack.images, scales, strict=True)]
    for link, scale in zip(links, scales, strict=True):
        assert np.sqrt(np.linalg.det(link.transform[:2, :2])) == pytest.approx(scale, abs=1e-9)
    # Uneven defocus moves edges; the refinement takes that out.
    assert worst(links, stack) < 0.45


def test_a_known_magnification_is_used_where_nothing_is_estimated() -> None:
    chain = RegistrationChain(StackOptions(alignment_model='none'))
    images = make_stack(SHAPE, 3).images
    links = [chain.add(luma(image), Magnification(scale))
             for image, scale in zip(images, (1, 1.1, 1.2), strict=True)]
    for link, scale in zip(links, (1, 1.1, 1.2), strict=True):
        np.testing.assert_allclose(link.transform, similarity(SHAPE, scale), atol=1e-9)


@pytest.mark.parametrize('shift', [(35.0, -20.0), (-28.0, 24.0)])
def test_a_jump_of_a_hand_held_camera_is_followed(shift) -> None:
    transforms = [similarity(SHAPE, 1 + 0.01 * number, shift if number == 2 else (0, 0))
                  for number in range(4)]
    stack = make_stack(SHAPE, 4, transforms=transforms, noise=1.0)
    assert worst(chained(stack), stack) < 0.4


def test_a_slice_of_another_scene_is_told_and_spoils_no_other() -> None:
    transforms = breathing(1.06)
    stack = make_stack(SHAPE, SLICES, transforms=transforms, noise=1.0)
    stack.images[3] = make_stack(SHAPE, 2, seed=7, noise=1.0).images[0]
    links = chained(stack)
    assert [bool(link.reason) for link in links] == [number == 3 for number in range(SLICES)]
    for number in (1, 2, 4, 5):
        assert corner_error(links[number].transform,
                            transforms[number] @ np.linalg.inv(transforms[0]), SHAPE) < 0.5


def test_a_slice_that_no_shift_brings_into_place_is_told_and_spoils_no_other() -> None:
    stack, turned = (make_stack(SHAPE, SLICES, transforms=[transform] * SLICES)
                     for transform in (np.eye(3), similarity(SHAPE, 1.0, (0, 0), 5.0)))
    # All in the same focus: nothing but the turn can make a difference.
    stack.images[:] = [(turned if number == 4 else stack).images[0] for number in range(SLICES)]
    links = chained(stack, alignment_model='translation')
    assert [bool(link.reason) for link in links] == [number == 4 for number in range(SLICES)]
    assert 'grey levels' in links[4].reason
    for link in (*links[:4], links[5]):
        assert corner_error(link.transform, np.eye(3), SHAPE) < 0.3


@pytest.mark.parametrize('error', [(6.0, 0.0), (2.0, -2.5), (-30.0, 12.0)])
def test_a_bad_link_is_found_by_the_slice_before_and_mended(error, monkeypatch) -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.04), noise=1.0,
                       index=slanted(SHAPE, 1.5, 3.5))
    calls, register = [], Pair.register

    def wrong(pair, *more, **also):
        found = register(pair, *more, **also)
        if not also.get('certain'):
            calls.append(found)
            if len(calls) == 3:  # of the fourth slice to the third
                return replace(found, residual=3.9, transform=joined(
                    similarity(SHAPE, shift=error), found.transform))
        return found

    monkeypatch.setattr(Pair, 'register', wrong)
    links = chained(stack)
    assert [link.reason for link in links] == [''] * SLICES
    assert worst(links, stack) < 0.6


def test_links_that_agree_are_not_asked_again(monkeypatch) -> None:
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.04), noise=1.0)
    calls, register = [], Pair.register

    def counted(*arguments, **also):
        calls.append(also)
        return register(*arguments, **also)

    monkeypatch.setattr(Pair, 'register', counted)
    chained(stack)
    assert len(calls) == (SLICES - 1) + (SLICES - 2)
