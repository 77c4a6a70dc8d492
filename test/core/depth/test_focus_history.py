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


FEW_BLOCKS = (160, 192)  # 20 x 24 of 4 x 4 half-size pixels: too few to be made of larger ones
FLOOR = 10.0


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


def signal_of(scatters: float, side: int, shape: tuple[int, int]) -> int | None:
    """
    Return how many blocks tell of a slice with that signal everywhere, beside one without.

    :param scatters: of the noise in blocks of a side, half-size pixels
    """
    signal = scatters * FLOOR * NOISE.scatter_of(side)
    planes = [np.full((shape[0] // 2, shape[1] // 2), round(16 * (FLOOR + more)))
              for more in (0, signal)]
    found = history_of(*planes, shape=shape).signals([0, 1], FLOOR, NOISE)
    return None if found is None else found.values.shape[1]


@pytest.mark.parametrize(('scatters', 'blocks'), [(15, None), (30, 20 * 24)])
def test_a_signal_of_twenty_scatters_of_the_noise_tells(scatters, blocks) -> None:
    assert signal_of(scatters, 4, FEW_BLOCKS) == blocks


@pytest.mark.parametrize(('steps', 'blocks'), [(3, None), (7, 20 * 24)])
def test_without_noise_a_third_of_a_grey_level_tells(steps, blocks) -> None:
    planes = [np.full((80, 96), more) for more in (0, steps)]  # sixteenths of a grey level
    found = history_of(*planes, shape=FEW_BLOCKS).signals([0, 1], 0.0, NOISE)
    assert (None if found is None else found.values.shape[1]) == blocks


@pytest.mark.parametrize(('scatters', 'side'), [(1 / 0.015, 4), (1 / 0.03, 8)])
def test_blocks_grow_until_noise_is_a_fiftieth_of_the_signal(scatters, side) -> None:
    # Of larger ones it would be enough in both: their noise is less.
    shape = (320, 448)
    assert signal_of(scatters, 4, shape) == 160 * 224 // side ** 2


def test_fewer_than_six_hundred_blocks_do_not_grow() -> None:
    assert signal_of(30, 16, (448, 576)) == 14 * 18  # of 28 * 36 as many as are enough


@pytest.mark.parametrize(('telling', 'told'), [(70, False), (140, True)])
def test_a_hundred_blocks_must_tell(telling, told) -> None:
    sharp = np.zeros((20, 24))
    sharp.ravel()[:telling] = 800
    planes = [np.zeros((80, 96)), np.kron(sharp, np.ones((4, 4)))]
    found = history_of(*planes, shape=FEW_BLOCKS).signals([0, 1], 1.0, NOISE)
    assert (found is not None) == told


def test_halves_of_the_picture_are_fields_of_a_chessboard() -> None:
    planes = [np.zeros((64, 64)), np.full((64, 64), 800)]
    found = history_of(*planes, shape=(128, 128)).signals([0, 1], 1.0, NOISE)
    assert found is not None
    half = found.half.reshape(16, 16)
    row, column = np.indices((16, 16)) // 2
    assert np.array_equal(half, (row + column) % 2 == 1)


def test_a_slice_that_has_moved_is_as_little_smoothed_as_others() -> None:
    shape = (1200, 1600)  # blocks of 8 x 8 half-size pixels
    response = np.random.default_rng(5).integers(0, 4000, (300, 400)).repeat(
        2, axis=0).repeat(2, axis=1).astype(np.int16)
    moved = np.eye(3)
    moved[0, 2] = 4  # two half-size pixels
    history = FocusHistory(shape)
    history.add(np.zeros_like(response), np.eye(3), 1.0)
    history.add(response, moved, 1.0)
    found = history.signals([0, 1], 0.0, NOISE)
    assert found is not None
    exact = response[:, 2:794].reshape(75, 8, 99, 8).mean(axis=(1, 3)) / 16
    inside = found.values[1].reshape(75, -1)[:, :99]
    assert np.abs(inside - exact).max() < 0.1


@pytest.mark.parametrize('width', [2.0, 5.0, 12.0])
@pytest.mark.parametrize('noise', [0.0, 1.0, 6.0])
def test_the_width_of_focus_curves_is_about_what_it_is(width, noise) -> None:
    rng = np.random.default_rng(0)
    peaks = np.repeat(np.linspace(10, 50, 40), 4)[None] * np.ones((120, 1))
    floor = NOISE.mean * noise
    steps = np.arange(60, dtype=np.float32)
    came = rng.permutation(60)  # in whatever order the slices came
    history = history_of(*[16 * (60 * np.exp(-0.5 * ((peaks - step) / width) ** 2) + rng.normal(
        floor, NOISE.scatter * floor / 2, peaks.shape)).clip(0) for step in steps[came]])
    near_to_far = np.argsort(came).tolist()
    assert history.span(near_to_far, steps, floor, NOISE) == pytest.approx(width, rel=0.15)


def test_without_detail_the_curves_are_as_narrow_as_any() -> None:
    flat = history_of(*[np.full((120, 160), 16)] * 5)
    assert flat.span(range(5), np.arange(5, dtype=np.float32), 2.0, NOISE) < 2
