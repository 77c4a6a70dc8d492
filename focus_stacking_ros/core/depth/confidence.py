# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How sure a depth is, and its standard deviation, from what tells of it.

Both are additive models of the clues, fitted to scenes of known depth (see `confidence_table`):
of the logarithm of the odds that the depth, with that of the eight pixels around at half the size,
lies within half a depth of field of the truth; and of the logarithm of the standard deviation, to
which what no pixel tells comes in quadrature.

A wrong depth costs more than a missing one, so the odds are divided by that cost: one half is
where it pays to rely on a depth (Elkan 2001, "The foundations of cost-sensitive learning",
IJCAI). At every confidence at least that share of the pixels is right.
"""

from __future__ import annotations

from focus_stacking_ros.core.depth.additive import sum_of
from focus_stacking_ros.core.depth.clues import Clues
from focus_stacking_ros.core.depth.confidence_table import (
    DEVIATION,
    DEVIATION_CONSTANT,
    ODDS,
    ODDS_CONSTANT,
    SYSTEMATIC,
)
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['COST', 'EITHER', 'POWER', 'SEEN', 'confidence_of', 'deviation_of']

COST = 2.0  # of a wrong depth, in missing ones
# Power of those odds, which tells what is doubtful from what is sure: the largest, in halves, at
# which of the stacks fitted the share that is right is nowhere below what is claimed (by 0.002).
POWER = 1.5
#: Confidence of a depth that is as likely right as wrong, such as that of one of two surfaces of
#: which nobody says which is meant.
EITHER = 1 / (1 + COST ** POWER)
SEEN = 0.1  # support at which half of the confidence is left: without any, nothing is known


def confidence_of(clues: Clues) -> FloatImage:
    """
    Return the confidence of a surface: (h, w) float32, 0 to 1.

    :param clues: what tells of it
    """
    odds = sum_of(ODDS, ODDS_CONSTANT, clues)
    confidence = 1 / (1 + np.exp(np.float32(POWER) * (np.float32(np.log(COST)) - odds)))
    # A calm depth of which nothing is seen is mostly a guess that nothing contradicts.
    confidence *= np.float32(1 + SEEN) * clues.support / (clues.support + np.float32(SEEN))
    return np.asarray(confidence, np.float32)


def deviation_of(clues: Clues, unit: float) -> FloatImage:
    """
    Return the standard deviation of the coordinate, (h, w) float32.

    :param clues: what tells of it
    :param unit: see `clues.depth_unit`
    """
    random = np.exp(sum_of(DEVIATION, DEVIATION_CONSTANT, clues))
    return np.asarray(np.hypot(random, np.float32(SYSTEMATIC)) * np.float32(unit), np.float32)
