# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the focus responses in blocks."""

from __future__ import annotations

from focus_stacking_ros.core.depth.focus_history import FocusHistory
from focus_stacking_ros.core.focus.measure import focus_measure
import numpy as np
import pytest

NOISE = focus_measure('ring_difference').noise[1]
SHAPE = (240, 320)


def history_of(*responses: np.ndarray, shape: tuple[int, int] = SHAPE) -> FocusHistory:
    history = FocusHistory(shape)
    for response in responses:
        history.add(response.astype(np.int16), np.eye(3), 1.0)
    return history


def test_what_all_slices_have_in_common_is_no_signal() -> None:
    common = np.full((120, 160), 800)
    more = common.copy()
    more[:, 80:] += 320  # 20 grey levels
    signals = history_of(common, more).signals([0, 1], 1.0, NOISE)
    assert signals is not None
    assert signals.values.shape == (2, 30 * 20)
    assert np.allclose(signals.values, [[0], [20]])
    assert signals.half.mean() == pytest.approx(0.5, abs=0.1)


def test_without_detail_nothing_is_told() -> None:
    assert history_of(*[np.full((120, 160), 16)] * 3).signals([0, 1, 2], 2.0, NOISE) is None


def test_noise_is_averaged_away_over_larger_blocks() -> None:
    rng = np.random.default_rng(0)
    floor = NOISE.mean * 6
    slices = [16 * rng.normal(floor, NOISE.scatter * floor, (240, 320)).clip(0)
              for _ in range(4)]
    slices[2] += 16 * 0.5 * floor
    signals = history_of(*slices, shape=(480, 640)).signals(range(4), floor, NOISE)
    assert signals is not None
    assert signals.values.shape[1] < 60 * 80  # as many as there were
    assert signals.values[2].mean() > 5 * signals.values[[0, 1, 3]].mean()


def test_blocks_without_data_tell_nothing() -> None:
    history = FocusHistory(SHAPE)
    bright = np.full((120, 160), 800, np.int16)
    moved = np.eye(3)
    moved[0, 2] = 80  # a quarter of the picture is not seen
    valid = np.full(SHAPE, 255, np.uint8)
    valid[:120] = 0
    history.add(bright, np.eye(3), 1.0)
    history.add(bright // 8, moved, 1.0)
    assert history.signals([0, 1], 1.0, NOISE).values.shape[1] == pytest.approx(
        0.75 * 40 * 30, rel=0.05)
    history.add(bright, np.eye(3), 1.0, valid)
    assert history.signals([0, 1, 2], 1.0, NOISE).values.shape[1] == pytest.approx(
        0.375 * 40 * 30, rel=0.05)


def test_large_slices_take_no_more_room() -> None:
    assert FocusHistory.bytes_per_slice((6000, 8000)) <= 32768
    history = FocusHistory((3000, 4000))
    history.add(np.zeros((1500, 2000), np.int16), np.eye(3), 1.0)
    assert history.signals([0], 1.0, NOISE) is None


@pytest.mark.parametrize('shape', [(3, 3), (7, 900), (5, 2000)])
def test_small_slices_have_blocks_too(shape) -> None:
    history = FocusHistory(shape)
    half = (-(-shape[0] // 2), -(-shape[1] // 2))
    history.add(np.full(half, 100, np.int16), np.eye(3), 1.0)
    assert history.signals([0], 1.0, NOISE) is None
