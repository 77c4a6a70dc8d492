# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of alignment where the texture repeats itself."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.align.pairwise import Pair
from focus_stacking_ros.core.align.pyramid import prepare
from focus_stacking_ros.core.align.repetition import plausible_shifts, repeats
from focus_stacking_ros.core.align.stages import PortableAlignment
from helpers.stacks import corner_error, similarity, texture
import numpy as np
import pytest

SHAPE = (240, 320)
PERIOD = 16


def lattice(grain: float, period: float = PERIOD) -> np.ndarray:
    """Return a checkerboard over which brightness varies by ``grain``, float32."""
    y, x = np.indices((SHAPE[0] + 120, SHAPE[1] + 120)).astype(np.float32)
    # No pixel lies on an edge, where rounding would decide.
    phase = 2 * np.pi / period * (np.stack([x, y]) + 0.3)
    board = np.prod(np.sign(np.sin(phase)), axis=0)
    rng = np.random.default_rng(5)
    noise = cv2.GaussianBlur(rng.standard_normal(board.shape).astype(np.float32), (0, 0), 2)
    board = cv2.GaussianBlur(board, (0, 0), 0.7)
    return (100 + 50 * board) * (1 + grain * noise / noise.std())


def view(scene: np.ndarray, transform: np.ndarray, seed: int) -> np.ndarray:
    """Return luma of a slice at ``transform``, in 1/16 grey level, with noise."""
    margin = similarity(SHAPE, shift=(60, 60))
    moved = cv2.warpAffine(scene, (margin @ np.linalg.inv(transform))[:2], SHAPE[::-1],
                           flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    return np.rint(16 * (moved + noise)).astype(np.int16)


@pytest.mark.parametrize('shift', [(3.0, -2.0), (9.3, 6.8), (-11.0, 1.0), (6.5, -13.2)])
@pytest.mark.parametrize('scale', [1.0, 0.992])
def test_what_does_not_repeat_tells_the_right_shift(shift, scale) -> None:
    scene, true = lattice(0.04), similarity(SHAPE, scale, shift)
    frames = [prepare(view(scene, each, seed)) for seed, each in enumerate((np.eye(3), true))]
    found = Pair(*frames, PortableAlignment()).register()
    assert corner_error(found.transform, true, SHAPE) < 0.2
    assert found.reason == ''


@pytest.mark.parametrize(('grain', 'period', 'shift'), [
    # What does not repeat is hardly more than noise; the lattice is gone on the coarser levels;
    # eight other shifts are nearer.
    (0.01, PERIOD, (9.3, 6.8)), (0.04, 8, (9.3, 6.8)), (0.04, PERIOD, (18.0, 16.0))])
def test_it_does_so_where_it_is_faint_the_lattice_fine_or_the_shift_far(grain, period, shift
                                                                        ) -> None:
    scene, true = lattice(grain, period), similarity(SHAPE, 1.0, shift)
    frames = [prepare(view(scene, each, seed)) for seed, each in enumerate((np.eye(3), true))]
    found = Pair(*frames, PortableAlignment()).register()
    assert corner_error(found.transform, true, SHAPE) < 0.2
    assert found.reason == ''


def test_a_shift_that_nothing_tells_is_reported() -> None:
    scene, true = lattice(0.0), similarity(SHAPE, 1.0, (7.5, 0.5))
    frames = [prepare(view(scene, each, seed)) for seed, each in enumerate((np.eye(3), true))]
    assert 'repeats itself' in Pair(*frames, PortableAlignment()).register().reason


def test_a_lattice_repeats_itself_and_other_texture_does_not() -> None:
    frames = [prepare(np.rint(16 * image).astype(np.int16))
              for image in (lattice(0.05)[:SHAPE[0], :SHAPE[1]], texture(SHAPE, seed=2))]
    assert [repeats(frame.levels[0]) for frame in frames] == [True, False]
    assert not repeats(prepare(np.full(SHAPE, 1600, np.int16)).levels[0])


def test_plausible_shifts_are_a_period_apart_least_first() -> None:
    scene = lattice(0.02)
    levels = [prepare(view(scene, similarity(SHAPE, shift=shift), 0)).levels[0]
              for shift in ((0, 0), (2, 1))]
    found = np.array([each[:2, 2] for each in plausible_shifts(*levels, np.eye(3), 5)])
    assert found[0] == pytest.approx([2, 1], abs=1)
    assert (np.diff(np.hypot(*found.T)) >= 0).all()
    # A checkerboard repeats itself along its diagonals.
    for other in found[1:] - found[0]:
        assert np.abs(other) == pytest.approx(PERIOD / 2, abs=1)


def test_pictures_alike_only_at_a_shift_too_far_have_no_plausible_one() -> None:
    columns = np.arange(24, dtype=np.float32)
    # A soft spot on the left, and one on the right: they meet at a shift of 14 pixels.
    rows = np.exp(-np.square((columns[:16] - 7.5) / 3))
    levels = [prepare(np.rint(3200 * np.outer(rows, np.exp(-np.square((columns - at) / 3))))
                      .astype(np.int16)).levels[0] for at in (5, 19)]
    assert plausible_shifts(*levels, np.eye(3), 3) == []
