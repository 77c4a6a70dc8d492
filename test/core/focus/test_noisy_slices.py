# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of which slices their raised noise makes harmful."""

from __future__ import annotations

from focus_stacking_ros.core.focus.noisy_slices import noisy_slices
import pytest


@pytest.mark.parametrize(('gains', 'noises', 'found'), [
    ([1, 1, 1, 2.5, 1, 1], [1, 1.2, 0.9, 1.3, 1, 1], [3]),
    ([1, 1, 1, 2.5, 1, 1], [0.1, 0.1, 0.1, 0.1, 0.1, 0.1], []),  # next to no noise
    ([1, 1, 1, 1, 1, 1], [1, 1, 1, 4, 1, 1], []),  # texture
    ([1, 1, 1, 0.3, 1, 1], [1, 1, 1, 3, 1, 1], []),  # brighter than the others
    ([1, 1.05, 0.95, 1.1, 0.9, 1], [1, 2, 1, 2, 1, 2], []),  # flicker
    ([3, 1, 3, 1, 3, 1, 1], [1] * 7, [0, 2, 4]),
    ([1, 3, 1, 3], [1] * 4, []),  # half of them are no exception
    ([0.4, 0.4, 1.0, 0.4], [1] * 4, [2]),  # relative to a dark first slice
    ([1, 2.5], [1, 1], []), ([1], [1], [])])
def test_noise_that_was_raised_far_above_that_of_the_others(gains, noises, found) -> None:
    assert noisy_slices(gains, noises) == found


def test_so_many_others_must_be_left() -> None:
    assert noisy_slices([1, 1, 3], [1, 1, 1]) == []
    assert noisy_slices([1, 1, 3], [1, 1, 1], left=2) == [2]
