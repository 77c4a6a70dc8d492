# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how a depth map is compared with the truth."""

from __future__ import annotations

from focus_stacking_ros.commands.score import score_depth
import numpy as np
import pytest

DISTANCES = [0.26, 0.25, 0.24]
TRUTH = np.full((48, 64), 0.25, np.float32)


def test_the_truth_itself_has_no_error() -> None:
    score = score_depth(TRUTH, TRUTH, DISTANCES)
    assert (score.known, score.rmse_m, score.median_m, score.within_one_slice) == (1, 0, 0, 1)


def test_errors_are_in_metres_and_in_slices() -> None:
    depth = TRUTH.copy()
    depth[:, :32] += 0.001
    score = score_depth(depth, TRUTH, DISTANCES)
    assert score.rmse_m == pytest.approx(0.001 / np.sqrt(2), rel=1e-4)
    assert score.within_one_slice == 1
    depth[:24] = 0.2399  # more than a slice away
    assert score_depth(depth, TRUTH, [0.26, 0.25, 0.245, 0.24]).within_one_slice == 0.5


def test_what_is_unknown_counts_as_unknown_and_the_border_not_at_all() -> None:
    depth = np.full_like(TRUTH, np.nan)
    depth[16:24, 16:-16] = 0.25
    depth[:16] = 9.0
    score = score_depth(depth, TRUTH, DISTANCES)
    assert (score.known, score.rmse_m) == (0.5, 0)
    assert '50%' in str(score)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match='pixels'):
        score_depth(TRUTH[1:], TRUTH, DISTANCES)
    with pytest.raises(ValueError, match='no depth'):
        score_depth(np.full_like(TRUTH, np.nan), TRUTH, DISTANCES)
