# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how much freedom a stack's geometry is given."""

from __future__ import annotations

from focus_stacking_ros.core.align.model_choice import (
    chosen_model,
    Evidence,
    evidence_of,
    gain_in_fit,
    nearest_similarity,
)
from focus_stacking_ros.core.align.warping import joined
from helpers.stacks import corner_error, perspective, similarity
import numpy as np
import pytest

SHAPE = (240, 320)


def said(*excess: float, deviation: float = 0.05) -> Evidence:
    return Evidence(np.array(excess), deviation ** 2 * np.eye(4))


@pytest.mark.parametrize(('evidence', 'model'), [
    ([], 'similarity'),
    ([said(0.05, -0.1, 0.01, 0.0)] * 9, 'affine'),  # it adds up
    ([said(0, 0, 0.1 * (-1) ** k, 0.1) for k in range(9)], 'projective'),
    ([said(0.1 * (-1) ** k, 0, 0.1 * (-1) ** k, 0) for k in range(9)], 'similarity'),
    ([said(0, 0, 2, -1), said(0, 0, -1, 2), said(0, 0, 2, 2)], 'projective'),
    ([said(2, 1, 0, 0), said(-1, 1, 0, 0), said(2, -1, 0, 0)], 'affine'),
    ([said(0, 0, 2, -1, deviation=1.5)] * 3, 'similarity'),
    ([said(0, 0, 9, 9, deviation=0.5), *[said(0, 0, 0, 0)] * 6], 'similarity')])
def test_least_model_that_the_stack_supports(evidence, model) -> None:
    assert chosen_model(evidence) == model


def test_excess_is_in_pixels_at_the_rim() -> None:
    transform = joined(similarity(SHAPE, 1.03, (4, -3), 2.0), perspective(SHAPE, 1.5, -0.5))
    evidence = evidence_of(transform, np.eye(8), SHAPE)
    np.testing.assert_allclose(evidence.excess, [0, 0, 1.5, -0.5], atol=0.02)


def test_nearest_similarity_of_a_similarity_is_itself() -> None:
    for transform in (np.eye(3), similarity(SHAPE, 0.9, (3, 8), 12.0)):
        assert nearest_similarity(transform, SHAPE) is transform


def test_nearest_similarity_of_a_perspective_touches_it_in_the_centre() -> None:
    true = similarity(SHAPE, 1.05, (3, -2), 3.0)
    found = nearest_similarity(joined(true, perspective(SHAPE, 5, -3)), SHAPE)
    assert corner_error(found, true, SHAPE) < 1e-9


def test_a_richer_fit_must_be_better_than_its_freedom_makes_it() -> None:
    assert gain_in_fit(2.0, 1.7, 4) > 0
    assert gain_in_fit(2.0, 1.98, 4) < 0
    assert gain_in_fit(2.0, 2.1, 4) < 0
