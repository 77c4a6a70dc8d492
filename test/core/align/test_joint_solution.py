# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the least squares over all comparisons of a stack."""

from __future__ import annotations

import tracemalloc

from focus_stacking_ros.core.align.joint_solution import fitted_changes, frame_of, PairFit
from focus_stacking_ros.core.align.usual_course import usual_course
import numpy as np
import pytest

SHAPE = (240, 320)


def chain(steps: np.ndarray, certainty: float = 100.0) -> list[PairFit]:
    """Return comparisons of neighbours and next neighbours that say the same."""
    where = np.cumsum(np.concatenate([np.zeros((1, steps.shape[1])), steps]), axis=0)
    information = certainty * np.eye(steps.shape[1])
    return [PairFit(one, other, where[other] - where[one], information)
            for one in range(len(where)) for other in (one + 1, one + 2) if other < len(where)]


@pytest.mark.slow
def test_what_it_takes_is_linear_in_the_number_of_slices() -> None:
    slices = 1500
    steps = np.random.default_rng(0).normal(0, 0.1, (slices - 1, 4))
    pairs = chain(steps)
    tracemalloc.start()
    changes, normal = fitted_changes(pairs, [np.eye(3)] * slices, 'similarity', SHAPE)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(np.diff(changes, axis=0), steps, atol=1e-6)
    usual_course([np.eye(3)] * slices, normal, 'similarity', frame_of(SHAPE), range(slices), 0)
    assert most < (4 * slices) ** 2 * 8 / 10  # a tenth of one dense matrix


def test_the_slice_that_is_named_stays_where_it_is() -> None:
    steps = np.full((5, 3), 0.2)
    # Slice 0 is compared to none.
    pairs = [pair for pair in chain(steps) if pair.first > 0]
    changes, _ = fitted_changes(pairs, [np.eye(3)] * 6, 'scale', SHAPE, first=1)
    np.testing.assert_allclose(changes[1:], 0.2 * np.arange(5)[:, None] * np.ones(3), atol=1e-6)
    np.testing.assert_allclose(changes[0], 0, atol=1e-9)
