# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of depth, confidence and fusion on each class of stack, rendered small, against the truth.

Bounds have two sides: a confidence that claims too little is as wrong as one that claims too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.simulation import (
    circuit_board,
    dome,
    render_stack,
    Scene,
    Sweep,
    textureless_parts,
    ThinLens,
    tilted_plane,
)
from helpers.stacks import make_stack, MARGIN
import numpy as np
import pytest

pytestmark = pytest.mark.slow

SIZE = (180, 240)
INNER = np.s_[8:-8, 8:-8]
QUIET = ThinLens(breathing=0.0, point_spread_px=0.5, read_noise=0.5, shot_noise=1.0)
NOISY = replace(QUIET, read_noise=6.0, shot_noise=3.0)
BOARD = 0.2427, 0.2508  # metres, of a sweep over the whole board
PLANE = 0.2465, 0.2535


@dataclass(frozen=True)
class Judged:
    """What a stack gave, without its border."""

    confidence: np.ndarray
    error: np.ndarray  # slices, of the index, with its sign
    deviations: np.ndarray  # of the depth, in what it says its standard deviation is

    @property
    def sure(self) -> np.ndarray:
        """Pixels at confidence 0.5 and more."""
        return self.confidence >= 0.5

    @property
    def share(self) -> float:
        """Share of the pixels that are sure."""
        return float(self.sure.mean())

    def right(self, within: float = 1.0) -> float:
        """Return the share of the sure pixels whose index errs by no more slices than that."""
        return float((np.abs(self.error[self.sure]) <= within).mean())


def stack_of(images: Sequence[np.ndarray], distances: Sequence[float] | None = None,
             **changes: object) -> StackResult:
    stacker = FocusStacker(StackOptions(alignment_model='none', reference='first', **changes))
    for number, image in enumerate(images):
        stacker.add(image, None if distances is None else distances[number])
    return stacker.finish()


def judged(scene: Scene, sweep: Sweep, lens: ThinLens = QUIET) -> Judged:
    stack = render_stack(scene, lens, sweep, 0, 'first')
    result = stack_of(stack.slices, stack.focus_distances_m)
    return Judged(result.confidence[INNER], (result.slice_index - stack.slice_index())[INNER],
                  (np.abs(result.depth_m - stack.depth_m) / result.depth_std_m)[INNER])


SCENES: dict[str, tuple[Callable[[int, tuple[int, int]], Scene], tuple[float, float]]] = {
    'board': (circuit_board, BOARD), 'tilted': (tilted_plane, PLANE), 'dome': (dome, BOARD),
    'textureless': (textureless_parts, BOARD)}


@cache
def scene_of(name: str) -> Scene:
    return SCENES[name][0](0, SIZE)


def swept(name: str, slices: int, *, noisy: bool = False) -> Judged:
    return _swept(name, slices, noisy)


@cache  # to which an argument that is left out is not one that is given
def _swept(name: str, slices: int, noisy: bool) -> Judged:
    return judged(scene_of(name), Sweep.between(*SCENES[name][1], slices),
                  NOISY if noisy else QUIET)


# How much is trusted, and with what right

@pytest.mark.parametrize(('name', 'slices', 'noisy', 'least', 'most', 'right'), [
    ('board', 8, False, 0.7, 0.85, 0.995),  # coarse
    ('board', 32, False, 0.66, 0.8, 0.93),  # fine
    ('board', 12, True, 0.64, 0.8, 0.985),
    ('textureless', 12, False, 0.35, 0.47, 0.84),
    ('dome', 16, False, 0.75, 0.9, 0.995),
    ('tilted', 8, False, 0.98, 1.0, 0.9999),
    ('tilted', 32, False, 0.98, 1.0, 0.9999),
], ids=['coarse', 'fine', 'noisy', 'textureless', 'dome', 'tilted', 'tilted-fine'])
def test_so_many_pixels_are_trusted_and_so_many_of_them_are_right(
        name, slices, noisy, least, most, right) -> None:
    found = swept(name, slices, noisy=noisy)
    assert least <= found.share <= most
    assert found.right() >= right


@pytest.mark.parametrize(('name', 'slices'), [('board', 8), ('tilted', 8), ('dome', 8)])
def test_a_finer_sweep_of_the_same_scene_has_the_same_confidence(name, slices) -> None:
    found = [swept(name, slices * finer) for finer in (1, 2, 4)]
    assert np.ptp([float(each.confidence.mean()) for each in found]) <= 0.07
    assert np.ptp([each.share for each in found]) <= 0.1
    # The same distance counts as right.
    for finer, each in zip((1, 2, 4), found, strict=True):
        assert each.right(finer) >= 0.995


@pytest.mark.parametrize(('name', 'slices'), [('tilted', 32), ('dome', 16)])
def test_errors_are_small_where_the_surface_is_smooth(name, slices) -> None:
    found = swept(name, slices)
    errors = found.error[found.sure]
    assert np.sqrt(np.mean(np.square(errors))) <= 0.12
    assert abs(errors.mean()) <= 0.03


@pytest.mark.parametrize('name', ['board', 'textureless', 'dome'])
def test_what_is_less_trusted_is_more_often_wrong(name) -> None:
    found = swept(name, 12 if name == 'textureless' else 16)
    error, sure = np.abs(found.error), found.confidence
    rates = [float((error[(sure >= low) & (sure < high)] > 1).mean())
             for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 1.01))]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 2.5 * rates[-1]


def test_errors_are_as_great_as_the_standard_deviation_says() -> None:
    found = swept('board', 8)
    away = found.deviations[found.sure]
    assert (away <= 2).mean() >= 0.95
    assert 0.68 <= (away <= 1).mean() <= 0.9


# The ends

def flat(index: float, noise: float, slices: int = 6, step: float = 0.02) -> Judged:
    """Return the estimate of a plane at a slice index; steps in dioptres."""
    sweep = Sweep(tuple(1 / (4.0 + step * (index - np.arange(slices)))))
    scene = tilted_plane(0, SIZE, rise_m=0.0)
    return judged(scene, sweep, replace(QUIET, read_noise=noise))


@pytest.mark.parametrize('noise', [0.5, 8.0])
@pytest.mark.parametrize('index', [1 / 3, 5 - 1 / 3])
def test_a_plane_a_third_of_a_slice_inside_an_end_is_found_without_bias(index, noise) -> None:
    found = flat(index, noise)
    assert abs(float(found.error.mean())) <= 0.1
    assert found.share >= 0.95


@pytest.mark.parametrize('index', [0.0, 5.0])
def test_a_plane_in_the_first_or_last_slice_is_found_with_confidence(index) -> None:
    quiet, noisy = flat(index, 0.5), flat(index, 8.0)
    assert min(quiet.share, noisy.share) >= 0.95
    assert abs(float(quiet.error.mean())) <= 0.02
    assert abs(float(noisy.error.mean())) <= 0.2
    assert max(quiet.right(0.5), noisy.right(0.5)) >= 0.99


# Pairs

@pytest.mark.parametrize(('name', 'ends', 'least'), [
    ('board', (0.2435, 0.2495), 0.7), ('tilted', (0.2485, 0.2515), 0.7)])
def test_a_pair_has_confident_pixels_in_the_right_plane(name, ends, least) -> None:
    found = judged(scene_of(name), Sweep.between(*ends, 2))
    assert least <= found.share <= 0.95
    assert found.right(0.5) >= 0.985
    assert np.sqrt(np.mean(np.square(found.error))) <= 0.17


# The all-in-focus image

def band_passed(image: np.ndarray) -> float:
    """Return the standard deviation of what is a few pixels large."""
    image = image.astype(np.float32)
    band = cv2.GaussianBlur(image, (0, 0), 1.5) - cv2.GaussianBlur(image, (0, 0), 6)
    return float(band[16:-16, 16:-16].std())


@pytest.mark.parametrize('change', ['level', 'shade'])
def test_slices_that_differ_in_brightness_without_structure_leave_no_mottle(change) -> None:
    rng = np.random.default_rng(1)
    images = []
    for number in range(8):
        level = 120 + 3 * rng.standard_normal(SIZE)
        if change == 'level':
            level += 6 * (-1) ** number
        else:
            level += 6 * cv2.resize(rng.standard_normal((5, 6)), SIZE[::-1],
                                    interpolation=cv2.INTER_CUBIC)
        images.append(np.rint(np.clip(level, 0, 255)).astype(np.uint8))
    result = stack_of(images, alignment_gain=False)
    assert band_passed(result.all_in_focus) <= 0.75 * max(map(band_passed, images))
    assert (result.confidence >= 0.5).mean() < 0.005


@pytest.mark.parametrize('slices', [4, 6])
@pytest.mark.parametrize('first', [False, True])
def test_what_is_sharp_only_in_the_last_slice_is_taken_from_there(slices, first) -> None:
    shape = (160, 200)
    index = np.full([side + 2 * MARGIN for side in shape], 1.0, np.float32)
    index[MARGIN + 60:MARGIN + 100, MARGIN + 70:MARGIN + 130] = slices - 1
    images = make_stack(shape, slices, index=index, noise=1.0).images
    images = images[::-1] if first else images
    result = stack_of(images)
    window = np.s_[68:92, 78:122]
    away = [float(np.abs(result.all_in_focus[window].astype(float) - image[window]).mean())
            for image in images]
    end = 0 if first else slices - 1
    assert int(np.argmin(away)) == end
    assert away[end] < 0.4 * sorted(away)[1]
    assert abs(float(np.median(result.slice_index[window])) - end) <= 0.3
    assert result.confidence[window].mean() >= (0.12 if first else 0.55)
