# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of additive models."""

from __future__ import annotations

from types import SimpleNamespace

from focus_stacking_ros.core.depth.additive import LEAST, sum_of, Term
import numpy as np
import pytest


def test_a_model_is_the_sum_of_its_terms_and_a_constant() -> None:
    planes = SimpleNamespace(a=np.float32([[0.5, 2]]), b=np.float32([[4, 1]]))
    terms = [Term('a', False, (0, 1), (0, 10)), Term('b', True, (0, 4), (3, 7))]
    found = sum_of(terms, 100, planes)
    assert (found.shape, found.dtype) == ((1, 2), np.float32)
    np.testing.assert_allclose(found, [[100 + 5 + 5, 100 + 10 + 3]], rtol=1e-6)


def test_beyond_its_knots_a_term_is_constant_and_a_logarithm_is_finite() -> None:
    planes = SimpleNamespace(a=np.float32([[0, LEAST / 10, 1e9]]))
    found = sum_of([Term('a', True, (-2, 2), (1, 5))], 0, planes)
    assert found.tolist() == [[1, 1, 5]]


def test_a_model_without_terms_is_none() -> None:
    with pytest.raises(ValueError, match='at least one term'):
        sum_of([], 0, SimpleNamespace())
