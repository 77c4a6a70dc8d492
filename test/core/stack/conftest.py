# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks that several files of tests stack."""

from __future__ import annotations

from helpers.stacks import make_stack, similarity, SyntheticStack
import numpy as np
import pytest

SHAPE = (120, 160)


@pytest.fixture(scope='module')
def tilted() -> SyntheticStack:
    """Tilted plane through six slices."""
    return make_stack(SHAPE, 6, noise=0.5)


@pytest.fixture(scope='module')
def breathing() -> SyntheticStack:
    """Tilted plane through six slices whose view narrows from near to far, and jitters."""
    rng = np.random.default_rng(3)
    transforms = [similarity(SHAPE, scale, tuple(rng.uniform(-1.5, 1.5, 2)))
                  for scale in np.linspace(1, 1.08, 6)]
    return make_stack(SHAPE, 6, transforms=transforms, gains=[1, 1.05, 0.95, 1.02, 0.97, 1.0],
                      noise=0.5)
