# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what decides how much of each slice enters the all-in-focus image."""

from __future__ import annotations

from focus_stacking_ros.core.stack.fusion_guide import alike_of
import numpy as np
import pytest


def test_slices_are_alike_in_a_fine_sweep_whose_noise_is_seen() -> None:
    assert alike_of(span=20.0, noise=20.0) == pytest.approx(1, abs=0.01)
    # The energy that a slice beside the sharpest keeps where the curve falls to exp(-1/2) of it.
    assert alike_of(span=1.0, noise=1e6) == pytest.approx(np.exp(-0.5) ** 2)
    assert alike_of(span=0.4, noise=20.0) < 0.01
    # A grey level of noise is half seen, that of rounding hardly.
    assert alike_of(span=1e6, noise=1.0) == pytest.approx(0.5)
    assert alike_of(span=20.0, noise=1 / np.sqrt(12)) < 0.1
    assert alike_of(span=0.0, noise=0.0) == 0
