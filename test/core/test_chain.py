# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the chain of registrations over a whole stack."""

from __future__ import annotations

from focus_stacking_ros.core.chain import Link, RegistrationChain
from focus_stacking_ros.core.focus_measure import luma
from focus_stacking_ros.core.options import StackOptions
import numpy as np
import pytest
from stacks import corner_error, make_stack, similarity, SyntheticStack

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
    assert worst(links, stack) < 0.2
    assert [link.reason for link in links] == [''] * SLICES


def test_gains_are_relative_to_the_first_slice() -> None:
    gains = [0.9, 1.0, 1.08, 0.95, 1.1, 0.85]
    stack = make_stack(SHAPE, SLICES, transforms=breathing(1.05), gains=gains, noise=1.0)
    for link, gain in zip(chained(stack), gains, strict=True):
        assert link.gain * gain / gains[0] == pytest.approx(1.0, abs=0.025)


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
