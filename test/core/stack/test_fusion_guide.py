# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what decides how much of each slice enters the all-in-focus image."""

from __future__ import annotations

from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.stack.fusion_guide import alike_of
import numpy as np
import pytest


def test_slices_are_alike_in_a_fine_sweep_whose_noise_is_seen() -> None:
    most = alike_of(span=1e6, noise=1e6)
    # The energy that a slice beside the sharpest keeps where the curve falls to exp(-1/2) of it.
    assert alike_of(span=1.0, noise=1e6) == pytest.approx(most * np.exp(-0.5) ** 2)
    assert alike_of(span=0.4, noise=20.0) < 0.01
    # Noise of a grey level is seen, that of rounding hardly.
    assert alike_of(span=1e6, noise=1.0) == pytest.approx(0.71 * most, rel=0.1)
    assert alike_of(span=1e6, noise=1 / np.sqrt(12)) < 0.02 * most
    assert alike_of(span=0.0, noise=0.0) == 0


def test_sharpness_of_noise_is_known_to_a_third_of_what_is_alike() -> None:
    noise = np.random.default_rng(2).normal(0, 3 * 16, (200, 200))
    found = sharpness(np.rint(noise).astype(np.int16)).astype(float)
    assert 3 * found.std() / found.mean() == pytest.approx(alike_of(1e6, 1e6), rel=0.1)
