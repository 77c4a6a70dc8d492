# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What must hold for every stack, on rendered scenes: symmetries, invariances and degenerate input.

Exact where the arithmetic is the same, within a tolerance where only the truth is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import cv2
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.simulation import (
    BUILT_IN_LENS,
    circuit_board,
    render_stack,
    SimulatedStack,
    Sweep,
    tilted_plane,
)
from helpers.metrics import inner, psnr
import numpy as np
from numpy.typing import NDArray
import pytest

SIZE = (240, 320)
INNER = np.s_[16:-16, 16:-16]
#: The notebook's method has neither a confidence in this sense nor sub-slice depth.
METHODS = tuple(
    method for method in next(item for item in fields(StackOptions) if item.name == 'method'
                              ).metadata['option']['choices'] if method != 'notebook')
PLANES = ('all_in_focus', 'slice_index', 'confidence', 'depth_m')

pytestmark = [pytest.mark.slow, pytest.mark.parametrize('method', METHODS)]
Images = Sequence[NDArray[Any]]


@pytest.fixture(scope='module')
def board() -> SimulatedStack:
    """Return a breathing, shaken and noisy 16-bit stack of a circuit board, near to far."""
    lens = replace(BUILT_IN_LENS, breathing=0.06, bit_depth=16)
    sweep = Sweep.between(0.2427, 0.2508, 7, unevenness=0.3, shake_px=1.0, exposure_flicker=0.02)
    return render_stack(circuit_board(31, SIZE), lens, sweep, 31)


def eight_bit(stack: SimulatedStack) -> Images:
    return [((image + 128.0) / 257).astype(np.uint8) for image in stack.slices]


@pytest.fixture(scope='module')
def usual(board: SimulatedStack) -> Callable[[str], StackResult]:
    """Return the result of the 8-bit board near to far by method, computed once."""
    return lru_cache(lambda method: run(method, eight_bit(board), board.focus_distances_m))


@pytest.fixture(scope='module')
def fine(board: SimulatedStack) -> Callable[[str], StackResult]:
    """Return the result of the 16-bit board near to far by method, computed once."""
    return lru_cache(lambda method: run(method, board.slices, board.focus_distances_m))


def run(method: str, images: Images, distances_m: Sequence[float], **options: Any) -> StackResult:
    stacker = FocusStacker(StackOptions(method=method, **options))
    for image, distance in zip(images, distances_m, strict=True):
        stacker.add(image, distance)
    return stacker.finish()


@lru_cache(maxsize=2)
def tilted(direction_rad: float) -> SimulatedStack:
    """Return a breathing and shaken stack of a plane that falls off in a direction."""
    lens = replace(BUILT_IN_LENS, breathing=-0.03)
    sweep = Sweep.between(0.2455, 0.2545, 8, unevenness=0.4, shake_px=0.7)
    scene = tilted_plane(32, SIZE, rise_m=0.006, direction_rad=direction_rad)
    return render_stack(scene, lens, sweep, 32)


def sure(result: StackResult) -> NDArray[np.bool_]:
    """Return where there is depth, without the border."""
    mask = np.zeros(result.confidence.shape, bool)
    mask[INNER] = True
    return mask & (result.confidence >= 0.5)


def far_off(one: StackResult, other: StackResult, slices: float = 0.25) -> float:
    """Return the share of the pixels with depth in one result that lie elsewhere in another."""
    mask = sure(one)
    assert mask.mean() > 0.3
    return float((np.abs(one.slice_index - other.slice_index)[mask] > slices).mean())


@pytest.mark.parametrize('value', [0, 90, 255])
def test_constant_images_have_neither_depth_nor_confidence(method: str, value: int) -> None:
    images = [np.full((*SIZE, 3), value, np.uint8)] * 5
    result = run(method, images, [0.24, 0.242, 0.244, 0.246, 0.248])
    assert np.isnan(result.depth_m).all()
    assert result.confidence.max() < 1e-6
    assert np.isfinite(result.slice_index).all()
    assert (result.all_in_focus == value).all()


@pytest.mark.parametrize(('sigma', 'slices', 'sixteen_bit'), [
    (0.8, 5, True), (4.0, 8, False), (12.0, 10, False)])
def test_noise_has_no_depth(method: str, sigma: float, slices: int, sixteen_bit: bool) -> None:
    rng = np.random.default_rng(3)
    images = []
    for _ in range(slices):
        level = 110 + sigma * rng.standard_normal((*SIZE, 3))
        images.append(np.rint(level * 257).astype(np.uint16) if sixteen_bit
                      else np.rint(np.clip(level, 0, 255)).astype(np.uint8))
    result = run(method, images, np.linspace(0.24, 0.25, slices).tolist())
    assert np.isnan(result.depth_m).mean() > 0.999
    assert (result.confidence >= 0.5).sum() == 0


def test_the_order_of_slices_changes_nothing(method: str, board: SimulatedStack,
                                             usual: Callable[[str], StackResult]) -> None:
    images, distances = eight_bit(board), board.focus_distances_m
    if method == 'streaming':
        pytest.skip('streaming refuses slices out of order')
    order = [3, 0, 6, 2, 5, 1, 4]
    one = usual(method)
    other = run(method, [images[k] for k in order], [distances[k] for k in order])
    for name in PLANES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def test_a_reversed_sweep_gives_the_same_depth(method: str, board: SimulatedStack,
                                               usual: Callable[[str], StackResult]) -> None:
    one = usual(method)
    other = run(method, eight_bit(board)[::-1], board.focus_distances_m[::-1])
    assert far_off(one, other) < 0.005
    if method == 'streaming':
        return  # its image is accumulated in the first slice's pixels, which differ
    truth = board.all_in_focus / 257
    mask = inner(SIZE)
    assert psnr(one.all_in_focus, truth, mask) == pytest.approx(
        psnr(other.all_in_focus, truth, mask), abs=0.5)


def test_a_common_exposure_changes_nothing(method: str, board: SimulatedStack,
                                           fine: Callable[[str], StackResult]) -> None:
    factor, distances = 0.6, board.focus_distances_m
    one = fine(method)
    other = run(method, [(image * factor + 0.5).astype(np.uint16) for image in board.slices],
                distances)
    assert far_off(one, other) < 0.01
    difference = one.all_in_focus[INNER] * factor - other.all_in_focus[INNER]
    assert np.abs(difference).mean() / 257 < 0.3
    assert np.abs(one.confidence - other.confidence)[INNER].mean() < 0.05


def test_16_bit_equals_8_bit_within_quantisation(method: str,
                                                 fine: Callable[[str], StackResult],
                                                 usual: Callable[[str], StackResult]) -> None:
    one, coarse = fine(method), usual(method)
    assert one.all_in_focus.dtype == np.uint16
    assert far_off(coarse, one) < 0.01
    difference = one.all_in_focus[INNER] / 257 - coarse.all_in_focus[INNER]
    assert np.sqrt(np.mean(difference ** 2)) < 1.0
    assert np.abs(one.confidence - coarse.confidence)[INNER].mean() < 0.03


@pytest.mark.parametrize('flip', [np.fliplr, np.flipud], ids=['left-right', 'up-down'])
def test_mirrored_slices_give_the_mirrored_result(
        method: str, flip: Callable[[Any], Any], board: SimulatedStack,
        usual: Callable[[str], StackResult]) -> None:
    images, one = eight_bit(board), usual(method)
    other = run(method, [np.ascontiguousarray(flip(image)) for image in images],
                board.focus_distances_m)
    back = replace(other, **{name: flip(getattr(other, name)) for name in PLANES})
    assert far_off(one, back) < 0.01
    difference = np.abs(one.all_in_focus[INNER].astype(float) - back.all_in_focus[INNER])
    assert difference.mean() < 0.5
    assert np.abs(one.confidence - back.confidence)[INNER].mean() < 0.02


def test_colours_can_be_exchanged(method: str, board: SimulatedStack,
                                  usual: Callable[[str], StackResult]) -> None:
    # Red and green weigh differently in the luma, so only what is sure must stay.
    images, one = eight_bit(board), usual(method)
    other = run(method, [np.ascontiguousarray(image[..., ::-1]) for image in images],
                board.focus_distances_m)
    assert far_off(one, other) < 0.03
    difference = np.abs(one.all_in_focus[INNER].astype(float)
                        - other.all_in_focus[INNER][..., ::-1])
    assert difference.mean() < 0.7


@pytest.mark.parametrize('direction_rad', [0.0, 2.0])
def test_a_tilted_plane_comes_out_as_that_plane(method: str, direction_rad: float) -> None:
    stack = tilted(direction_rad)
    result = run(method, stack.slices, stack.focus_distances_m)
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    mask = sure(result)
    assert mask[INNER].mean() > 0.8
    columns = np.stack([np.ones(mask.sum()), x[mask], y[mask]], 1)
    dioptres = 1 / result.depth_m[mask].astype(np.float64)
    plane, *_ = np.linalg.lstsq(columns, dioptres, rcond=None)
    true, *_ = np.linalg.lstsq(columns, 1 / stack.depth_m[mask].astype(np.float64), rcond=None)
    step = np.abs(np.diff(1 / np.asarray(stack.focus_distances_m))).mean()
    assert np.std(dioptres - columns @ plane) / step < 0.12
    # The plane is the true one: a hundredth of a slice over ten pixels, a tenth in its middle.
    assert plane[1:] == pytest.approx(true[1:], abs=step * 1e-3)
    middle = np.array([1, SIZE[1] / 2, SIZE[0] / 2])
    assert plane @ middle == pytest.approx(true @ middle, abs=0.1 * step)


def test_twice_the_size_is_the_same_depth(method: str, board: SimulatedStack,
                                          usual: Callable[[str], StackResult]) -> None:
    # Blur and detail grow alike; what is measured must not be a matter of the pixel count.
    images, one = eight_bit(board), usual(method)
    large = [cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
             for image in images]
    other = run(method, large, board.focus_distances_m)
    half = replace(other, slice_index=cv2.resize(other.slice_index, SIZE[::-1],
                                                 interpolation=cv2.INTER_AREA))
    assert far_off(one, half, 0.5) < 0.021
