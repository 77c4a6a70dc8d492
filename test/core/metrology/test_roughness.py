# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sa and Sq of waves and noise are what their formulas say; filters pass what ISO 16610 says."""

from __future__ import annotations

from focus_stacking_ros.core.metrology.roughness import gaussian_filter, roughness_of
from focus_stacking_ros.core.metrology.view import MeasurementError, Region
import numpy as np
import pytest

ALL = Region(0, 0, 256, 256)


def wave(length_px: float, amplitude_m: float = 1e-6):
    """Return a wave along x."""
    x = np.arange(256)
    return (amplitude_m * np.sin(2 * np.pi * x / length_px) * np.ones((256, 1))).astype(np.float32)


def test_a_sine_has_its_sa_and_sq_whatever_the_tilt() -> None:
    y, x = np.mgrid[:256, :256]
    found = roughness_of(wave(17.3) + (1e-7 * x + 3e-7 * y).astype(np.float32), ALL)
    assert found.sa_m == pytest.approx(2e-6 / np.pi, rel=0.02)
    assert found.sq_m == pytest.approx(1e-6 / np.sqrt(2), rel=0.02)
    assert found.sz_m == pytest.approx(2e-6, rel=0.04)  # the plane takes a part
    assert found.filters == 'F-operation plane'


def test_noise_has_the_ratio_of_a_gaussian() -> None:
    noise = np.random.default_rng(0).normal(0, 2e-6, (256, 256)).astype(np.float32)
    found = roughness_of(noise, ALL)
    assert found.sq_m == pytest.approx(2e-6, rel=0.02)
    assert found.sa_m / found.sq_m == pytest.approx(np.sqrt(2 / np.pi), rel=0.01)


@pytest.mark.parametrize(('length', 'left'), [(16.0, 0.0625), (32.0, 0.5), (64.0, 0.8409)])
def test_the_gaussian_filter_leaves_of_a_wave_what_the_standard_says(length, left) -> None:
    filtered = gaussian_filter(wave(length), 32.0)
    inner = filtered[:, 64:-64].astype(float)
    basis = np.exp(2j * np.pi * np.arange(64, 192) / length)
    amplitude = 2 * np.abs((inner * basis).mean())
    assert amplitude * 1e6 == pytest.approx(left, rel=0.02)  # 2 ** -(32 / length)²


def test_filters_are_named_with_their_lengths() -> None:
    found = roughness_of(wave(16) + wave(256, 20e-6), ALL, s_filter_px=3, l_filter_px=60,
                         pixel_m=2.5e-6)
    assert found.filters == ('S-filter Gaussian 7.5 µm, F-operation plane, L-filter Gaussian '
                             '150 µm')
    assert found.sq_m < 3e-6  # of the long wave most is gone


def test_unknown_heights_do_not_count() -> None:
    height = wave(16)
    height[100:140, 50:90] = np.nan
    assert roughness_of(height, ALL, l_filter_px=40).pixels == 256 * 256 - 1600


@pytest.mark.parametrize(('change', 'arguments', 'words'), [
    (np.nan, {}, '0% of the region'), (0.0, {'l_filter_px': 200.0}, 'is shorter than 2 nesting')])
def test_what_tells_no_roughness_says_why(change, arguments, words) -> None:
    with pytest.raises(MeasurementError, match=words):
        roughness_of(wave(16) + np.float32(change), ALL, **arguments)
