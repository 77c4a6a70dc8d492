# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables of the weights: what they mean, in octaves and slices."""

from __future__ import annotations

from focus_stacking_ros.core.fuse import weights
from focus_stacking_ros.core.options import StackOptions
import numpy as np
import pytest

LEVELS_OF_AN_OCTAVE = 28


def weight_of(penalty: float) -> float:
    return float(weights.WEIGHT[int(penalty)]) / 255


def test_distances_are_told_in_64ths_of_a_slice() -> None:
    one_slice = weights.INDEX_STEPS >> weights.DISTANCE_SHIFT
    assert weights.DISTANCE[one_slice] == 16 * np.log2(64)
    assert weights.DISTANCE[2 * one_slice] == 16 * np.log2(128)


def test_twice_the_sharpness_is_an_octave() -> None:
    for sharpness in (10, 40, 100):
        steps = int(weights.LOG_SHARPNESS[2 * sharpness]) - int(weights.LOG_SHARPNESS[sharpness])
        assert steps == pytest.approx(LEVELS_OF_AN_OCTAVE, abs=2)


def test_in_the_average_half_the_sharpness_has_the_12th_power_of_a_half_of_the_weight() -> None:
    assert weights.AVERAGE_PENALTIES[LEVELS_OF_AN_OCTAVE] == 12 * weights.OCTAVE
    assert weights.penalties(weights.fixed_power(12))[LEVELS_OF_AN_OCTAVE] == 12 * weights.OCTAVE


def test_the_greatest_power_is_that_of_the_option() -> None:
    assert weights.fixed_power(15) == 64 * 15 == weights.fixed_power(1e9)
    StackOptions(fusion_sharpness_power=15)
    with pytest.raises(ValueError, match=r'fusion.sharpness_power'):
        StackOptions(fusion_sharpness_power=15.1)


def test_what_is_lighter_than_an_85th_does_not_enter() -> None:
    assert min(weights.WEIGHT[weights.WEIGHT > 0]) == 3
    assert weight_of(weights.CENTRE) == 1
    assert weight_of(weights.CENTRE + weights.OCTAVE) == pytest.approx(0.5, abs=0.01)


def test_sharpness_a_third_above_that_of_the_noise_is_believed_half() -> None:
    a_third = round(LEVELS_OF_AN_OCTAVE * np.log2(1.3))
    assert weights.NOISE_DROP[a_third] == pytest.approx(LEVELS_OF_AN_OCTAVE, abs=3)
    assert weights.NOISE_DROP[0] == 255
    assert weights.NOISE_DROP[3 * LEVELS_OF_AN_OCTAVE] < 2


def test_what_is_less_sharp_by_little_has_its_full_weight() -> None:
    for ratio in (2.5, 4.0, 8.0):
        above = round(LEVELS_OF_AN_OCTAVE * np.log2(ratio))
        drop = int(weights.noise_drop(0.5)[above]) - int(weights.NOISE_DROP[above])
        assert ratio * 2 ** (-drop / LEVELS_OF_AN_OCTAVE) == pytest.approx(ratio - 0.5, rel=0.03)
    assert np.array_equal(weights.noise_drop(0.0), weights.NOISE_DROP)
    assert weights.noise_drop(1.0)[1] == 255


@pytest.mark.parametrize('gate', [0.3, 0.6, 1.0, 2.0])
def test_a_gate_is_a_gaussian_of_its_width(gate: float) -> None:
    reach = int(weights.reach_of(np.float32([gate]))[0])
    for distance in (0.5 * gate, gate, 1.5 * gate):
        step = round(distance * weights.INDEX_STEPS) >> weights.DISTANCE_SHIFT
        penalty = int(weights.GATE[int(weights.DISTANCE[step]) + reach])
        where = (step << weights.DISTANCE_SHIFT) / 64 / gate
        assert 2 ** (-penalty / weights.OCTAVE) == pytest.approx(np.exp(-where ** 2 / 2), abs=0.05)
