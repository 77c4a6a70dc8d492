# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks of which some slices are blurred as a whole, as by a shaken camera, to the result."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.slices import ResultFault
from focus_stacking_ros.simulation import (
    circuit_board,
    render_stack,
    SimulatedStack,
    Sweep,
    ThinLens,
)
import numpy as np
import pytest

SLICES = 32
LENS = ThinLens(breathing=-0.02, point_spread_px=0.5, read_noise=0.5, shot_noise=1.0)
SHAKEN = (6, 12, 13, 20, 26)


@pytest.fixture(scope='module')
def board() -> SimulatedStack:
    return render_stack(circuit_board(3, (240, 320)), LENS, Sweep.between(
        0.2427, 0.2508, SLICES, seed=3, shake_px=0.3), seed=5)


def moved(image: np.ndarray, number: int) -> np.ndarray:
    """Return an image that was moved by seven pixels meanwhile, with the noise of the others."""
    rng = np.random.default_rng(number)
    blurred = cv2.blur(image.astype(np.float32), (7, 1)) + rng.normal(0, 1.0, image.shape)
    return np.asarray(np.clip(np.rint(blurred), 0, 255), np.uint8)


def stacked(stack: SimulatedStack, shaken: Sequence[int], *, positions: bool = True,
            method: str = 'default') -> StackResult:
    stacker = FocusStacker(StackOptions(method=method))
    for number, (image, distance) in enumerate(
            zip(stack.slices, stack.focus_distances_m, strict=True)):
        stacker.add(moved(image, number) if number in shaken else image,
                    distance if positions else None)
    return stacker.finish()


def told(result: StackResult) -> list[str]:
    return [note for note in result.notes if 'less sharp than those around' in note]


@pytest.mark.parametrize('positions', [True, False])
def test_they_are_told_and_the_depth_is_from_the_others(board, positions) -> None:
    result, usual = (stacked(board, shaken, positions=positions) for shaken in (SHAKEN, ()))
    assert ResultFault.ORDER not in result.faults
    note, = told(result)
    assert note.startswith('slices 6, 12, 13, 20, 26 are less sharp')
    assert 'the depth is from the others' in note
    assert told(usual) == []
    truth, open_to_all = board.slice_index(), ~board.occluded
    error, expected = (float(np.mean(np.abs(each.slice_index - truth)[open_to_all] <= 1))
                       for each in (result, usual))
    assert error > expected - 0.003
    sure, usually = (float(np.mean(each.confidence >= 0.5)) for each in (result, usual))
    assert sure > usually - 0.015


def test_a_running_state_has_them_already(board) -> None:
    result = stacked(board, SHAKEN, method='streaming')
    note, = told(result)
    assert 'the depth suffers' in note


def test_the_first_slice_has_nothing_before_it_that_would_tell(board) -> None:
    assert told(stacked(board, (0,))) == []


def flat_stack(breathing: float, higher: int = 0) -> list[np.ndarray]:
    """
    Return 13 slices of a surface at one depth, which each shows smaller by a share.

    :param higher: columns on the right that are at another depth
    """
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (300, 380)).astype(np.float32), (0, 0), 0.8)
    images = []
    for number in range(13):
        blurred, there = (cv2.GaussianBlur(texture, (0, 0), 0.3 + 0.3 * abs(number - depth))
                          for depth in (5.5, 9.5))
        blurred[:, 380 - higher:] = there[:, 380 - higher:]
        view = cv2.getRotationMatrix2D((190, 150), 0, 1 - breathing * number)
        image = cv2.warpAffine(blurred, view, (380, 300), flags=cv2.INTER_CUBIC)[40:260, 50:330]
        images.append(np.clip(np.rint(image + rng.normal(0, 1, image.shape)), 0, 255
                              ).astype(np.uint8))
    return images


@pytest.mark.parametrize(('breathing', 'higher'), [(0.004, 0), (0.0, 0), (0.0, 150)])
def test_over_a_flat_surface_magnification_has_to_confirm_the_order(breathing, higher) -> None:
    stacker = FocusStacker(StackOptions())
    for number, image in enumerate(flat_stack(breathing, higher)):
        stacker.add(moved(image, number) if number in {3, 8} else image)
    result = stacker.finish()
    assert bool(told(result)) == (breathing > 0 or higher > 0)
    assert (ResultFault.ORDER in result.faults) != bool(told(result))
