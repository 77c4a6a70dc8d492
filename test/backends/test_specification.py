# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every backend that works here, bit for bit against the model of the specification."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from itertools import product

from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.backends.model import model_luma, ModelBackend, SPECIFIED
from focus_stacking_ros.core.align.warping import reduced
from focus_stacking_ros.core.focus.measure import (
    averaged,
    FOCUS_MEASURES,
    log_norm,
    luma,
    RESPONSE_LIMIT,
)
from focus_stacking_ros.core.focus.state import NO_SLICE, StackState
from focus_stacking_ros.core.fuse.fixed_map import fixed_gain
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.slices import NARROW_SLICES
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
import numpy as np
import pytest

OPERATORS = SPECIFIED
SIZES = ((1, 1), (1, 2), (2, 1), (3, 3), (1, 9), (8, 1), (2, 2), (5, 4), (7, 16), (17, 33),
         (64, 31), (50, 129))
DEPTHS = list(product((1, 3), (np.uint8, np.uint16)))
MODEL = ModelBackend()


@pytest.fixture(params=['opencv', 'native', 'emulation'])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return a backend; skipped where it cannot work."""
    try:
        return create_backend(request.param)
    except BackendError as error:
        pytest.skip(str(error))


def test_what_the_kernel_measures_is_specified() -> None:
    assert set(SPECIFIED) <= set(FOCUS_MEASURES)
    assert {name for name, measure in FOCUS_MEASURES.items()
            if measure.kernel_number is not None} <= set(SPECIFIED)


def image_of(content: str, shape: tuple[int, ...], depth: type, seed: int = 0) -> np.ndarray:
    rng, top = np.random.default_rng(seed), np.iinfo(depth).max
    if content == 'random':
        return rng.integers(0, top + 1, shape).astype(depth)
    if content == 'extreme':
        return (rng.integers(0, 2, shape) * top).astype(depth)
    return np.full(shape, {'black': 0, 'flat': top // 3, 'white': top}[content], depth)


def responses_of(shape: tuple[int, int], seed: int, holes: bool = False,
                 highest: int = RESPONSE_LIMIT) -> np.ndarray:
    rng = np.random.default_rng(seed)
    response = rng.integers(0, highest + 1, shape).astype(np.int16)
    if holes:
        response[rng.random(shape) < 0.3] = -1
        response[:, -1 - shape[1] // 3:] = -1
    return response


def similarity(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    return np.array([[scale * np.cos(angle), -scale * np.sin(angle), x],
                     [scale * np.sin(angle), scale * np.cos(angle), y], [0, 0, 1.0]])


TRANSFORMS = {
    'nothing': np.eye(3), 'shift': similarity(1, 0, 3.3, -2.7), 'whole': similarity(1, 0, 4, 2),
    'scale': similarity(1.07, 0, -0.6, 0.8), 'shrink': similarity(0.93, 0, 1.6, 2.8),
    'rotate': similarity(1.01, 0.02, -1.2, 1.1), 'turn': similarity(1, np.pi, 25, 20),
    'away': similarity(1, 0, 900, 0), 'far': similarity(1, 0, 1e7, 0),
    'large': similarity(40, 0.3, -7, 3), 'shear': np.array([[1, .1, 0], [-.2, .9, 2], [0, 0, 1]]),
    'perspective': np.array([[1.02, .01, -1.6], [-.02, .99, .8], [2e-3, -1e-3, 1]]),
    'edge on': np.array([[1, 0, 0], [0, 1, 0], [-.3, 0, 1]]),
}


@pytest.mark.parametrize('content', ['random', 'extreme', 'black', 'flat', 'white'])
@pytest.mark.parametrize('operator', OPERATORS)
@pytest.mark.parametrize(('channels', 'depth'), DEPTHS)
def test_measure(backend, content, operator, channels, depth) -> None:
    for number, size in enumerate(SIZES):
        image = image_of(content, size if channels == 1 else (*size, 3), depth, number)
        expected = MODEL.measure(image, model_luma(image), operator)
        assert expected.max() <= RESPONSE_LIMIT
        np.testing.assert_array_equal(backend.measure(image, luma(image), operator), expected,
                                      str(size))


@pytest.mark.parametrize(('channels', 'depth'), DEPTHS)
def test_luma(channels, depth) -> None:
    shape = (70, 90) if channels == 1 else (70, 90, 3)
    for content in ('random', 'extreme', 'white'):
        image = image_of(content, shape, depth)
        np.testing.assert_array_equal(luma(image), model_luma(image))


def test_luma_of_every_8_bit_tie() -> None:
    blue, green = np.meshgrid(np.arange(256), np.arange(256))
    image = np.stack([blue, green, (blue * 7 + green * 3) % 256], -1).astype(np.uint8)
    np.testing.assert_array_equal(luma(image), model_luma(image))


def test_grey_as_three_equal_channels_has_the_same_luma() -> None:
    for depth in (np.uint8, np.uint16):
        grey = image_of('random', (40, 50), depth)
        np.testing.assert_array_equal(luma(np.dstack([grey] * 3)), luma(grey))


def test_log_norm_is_blind_to_slopes() -> None:
    ramp = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (20, 1))
    assert int(log_norm(ramp)[4:-4, 4:-4].max()) <= 1


@pytest.mark.parametrize('name', TRANSFORMS)
@pytest.mark.parametrize('gain', [1.0, 0.93, 1.2, 9.0])
def test_align(backend, name, gain) -> None:
    for number, size in enumerate(SIZES):
        response = responses_of(size, number)
        np.testing.assert_array_equal(
            backend.align(response, TRANSFORMS[name], gain),
            MODEL.align(response, TRANSFORMS[name], gain), f'{size}')


def test_interpolation_rounds_ties_to_even(backend) -> None:
    response = np.array([[1, 2, 3, 4, 5]], np.int16).repeat(3, axis=0)
    found = backend.align(response, similarity(1, 0, 1, 0), 1.0)  # half a half-size pixel
    np.testing.assert_array_equal(found[:, :4], [[2, 2, 4, 4]] * 3)
    np.testing.assert_array_equal(found[:, 4], -1)


def test_map_agrees_with_the_transform_to_a_64th_pixel() -> None:
    shape = (700, 1100)
    for name in ('shift', 'scale', 'shrink', 'rotate', 'turn', 'shear', 'perspective'):
        half = reduced(TRANSFORMS[name], 2)
        if name == 'perspective':  # of a picture this large
            half[2, :2] *= 0.05
        fixed = fixed_map(half, shape)
        x, y = np.broadcast_arrays(*fixed.positions(shape))
        column, row = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        exact = half @ np.stack([column.ravel(), row.ravel(), np.ones(column.size)])
        exact = exact[:2] / exact[2]
        worst = max(abs(x.ravel() / 32 - exact[0]).max(), abs(y.ravel() / 32 - exact[1]).max())
        assert worst <= 1 / 64 + 2e-4


def test_gain_in_fixed_point() -> None:
    assert [fixed_gain(gain) for gain in (0.0, 1.0, 0.5, 8.0, 1e9, -1.0)] == [
        0, 16384, 8192, 131071, 131071, 0]


def accumulated(backend: Backend, responses: list[np.ndarray], window: int) -> StackState:
    state = StackState.empty(responses[0].shape)
    for response in responses:
        backend.accumulate(state, response, window)
    return state


def assert_equal(found: StackState, expected: StackState, words: str = '') -> None:
    for item in fields(StackState):
        np.testing.assert_array_equal(getattr(found, item.name), getattr(expected, item.name),
                                      f'{item.name} {words}')


@pytest.mark.parametrize('window', [1, 2, 3, 4, 5, 9, 14, 15])
@pytest.mark.parametrize('holes', [False, True])
def test_accumulate(backend, window, holes) -> None:
    for number, size in enumerate(SIZES):
        responses = [responses_of(size, 7 * number + k, holes and k % 3 > 0,
                                  RESPONSE_LIMIT if number % 2 else 4) for k in range(5)]
        found, expected = (accumulated(each, responses, window) for each in (backend, MODEL))
        assert_equal(found, expected, str(size))


@pytest.mark.parametrize('window', [1, 3])
def test_accumulate_255_slices(backend, window) -> None:
    responses = [responses_of((3, 5), k, k % 4 == 0, 50) for k in range(255)]
    responses[254][1, 1] = RESPONSE_LIMIT
    found, expected = (accumulated(each, responses, window) for each in (backend, MODEL))
    assert_equal(found, expected)
    assert found.index[1, 1] == 254


def test_the_first_of_equal_slices_wins_and_no_data_is_no_zero(backend) -> None:
    zero, nothing = np.zeros((4, 6), np.int16), np.full((4, 6), -1, np.int16)
    state = accumulated(backend, [nothing, zero, zero, nothing], 3)
    assert (state.index == 1).all()
    assert (state.left == -1).all()
    assert (state.right == 0).all()
    assert (state.count == 2).all()
    assert (accumulated(backend, [nothing] * 2, 3).index == NO_SLICE).all()


@pytest.mark.parametrize('window', range(1, 16))
def test_mean_of_a_window(window) -> None:
    for highest in (3, RESPONSE_LIMIT):
        response = responses_of((60, 70), window, highest=highest)
        response[:20, :20] = highest
        state = accumulated(MODEL, [response], window)
        np.testing.assert_array_equal(averaged(response, window)[0], state.previous)


def test_a_stack_may_change_its_backend(backend) -> None:
    responses = [responses_of((21, 34), k, k % 2 == 1) for k in range(6)]
    state = StackState.empty((21, 34))
    for k, response in enumerate(responses):
        (backend, MODEL, OpenCVBackend())[k % 3].accumulate(state, response, 3)
    assert_equal(state, accumulated(MODEL, responses, 3))


@lru_cache(maxsize=1)
def large(shape: tuple[int, int], name: str) -> tuple[np.ndarray, ...]:
    """Return an image, and what the model makes of it: response, aligned response, state."""
    image = image_of('random', (*shape, 3), np.uint8)
    response = MODEL.measure(image, model_luma(image), 'ring_difference')
    aligned = MODEL.align(response, TRANSFORMS[name], 0.97)
    return image, response, aligned, accumulated(MODEL, [response, aligned], 3)


@pytest.mark.parametrize(('shape', 'name'), [((1080, 1920), 'rotate'), ((719, 957), 'scale'),
                                             ((60, 3840), 'scale'), ((40, 4500), 'shrink')])
def test_large_images(shape, name, backend) -> None:
    image, response, aligned, state = large(shape, name)
    np.testing.assert_array_equal(backend.measure(image, luma(image), 'ring_difference'), response)
    np.testing.assert_array_equal(backend.align(response, TRANSFORMS[name], 0.97), aligned)
    assert_equal(accumulated(backend, [response, aligned], 3), state)


def test_more_slices_than_a_byte_numbers(backend) -> None:
    rng = np.random.default_rng(5)
    found, expected = StackState.empty((6, 7)), StackState.empty((6, 7))
    for number in range(NARROW_SLICES + 5):
        response = rng.integers(-1, 9000, (6, 7)).astype(np.int16)
        response[:, :4] += 6000 * (number > NARROW_SLICES)
        for state, each in ((found, backend), (expected, MODEL)):
            state.make_room()
            each.accumulate(state, response, 3)
    assert_equal(found, expected)
    assert (expected.index >= NARROW_SLICES).any()
    assert expected.count.max() > NARROW_SLICES
