# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running average of every backend that works here, bit for bit against the model."""

from __future__ import annotations

from focus_stacking_ros.backends.model import ModelBackend
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
from helpers.stacks import similarity
from hypothesis import given, settings, strategies
import numpy as np
import pytest

MODEL = ModelBackend()
GAINS = (1.0, 0.93, 1.71)
SHAPES = ((1, 1), (1, 9), (8, 1), (2, 2), (5, 4), (17, 33), (70, 45))


def backend_of(name: str) -> Backend:
    try:
        return create_backend(name)
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(params=['opencv', 'native', 'emulation'])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return a backend; skipped where it cannot work."""
    return backend_of(request.param)


def slice_of(shape: tuple[int, ...], dtype: type, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and its sharpness."""
    rng = np.random.default_rng(seed)
    top = 4095 if dtype is np.int16 else np.iinfo(dtype).max
    return (rng.integers(0, top + 1, shape).astype(dtype),
            rng.integers(0, 256, shape[:2]).astype(np.uint8))


def mask_of(shape: tuple[int, int], seed: int) -> np.ndarray:
    mask = np.full(shape, 255, np.uint8)
    mask[np.random.default_rng(seed).random(shape) < 0.05] = 0
    return mask


def transforms(shape: tuple[int, int]) -> list[np.ndarray]:
    return [np.eye(3), similarity(shape, 1, (0.7, -0.4)), similarity(shape, 1.07, (1.3, 2.2)),
            similarity(shape, 0.93, (-3.1, 0)), similarity(shape, 1.01, (0.3, 0), 3.0),
            np.array([[-1, 0, shape[1] - 1.5], [0, 1, 0.25], [0, 0, 1]]),
            similarity(shape, shift=(900, 0)), similarity(shape, shift=(1e7, 0)),
            np.array([[1.02, .01, -1.6], [-.02, .99, .8], [2e-4, -1e-4, 1]])]


Average = LumaAverage | WeightedAverage


def assert_equal(found: Average, expected: Average, words: str) -> None:
    for name in vars(expected):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name),
                                      f'{name} {words}')


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize(('channels', 'dtype'), [
    (1, np.uint8), (3, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_average(backend, channels, dtype, masked) -> None:
    for size in SHAPES:
        shape = size if channels == 1 else (*size, 3)
        found, expected = WeightedAverage(shape), WeightedAverage(shape)
        for seed, transform in enumerate(transforms(size)):
            image, sharpness = slice_of(shape, dtype, seed)
            image = image[..., ::-1] if seed % 2 and channels == 3 else image
            valid = mask_of(size, seed) if masked else None
            for each, average in ((backend, found), (MODEL, expected)):
                each.average(average, image, sharpness, transform, GAINS[:channels], valid)
            assert_equal(found, expected, f'{size} {seed}')
    assert expected.weight.max() > 0


@pytest.mark.parametrize('masked', [False, True])
def test_average_of_luma(backend, masked) -> None:
    for shape in SHAPES:
        found, expected = LumaAverage(shape), LumaAverage(shape)
        for seed, transform in enumerate(transforms(shape)):
            grey, sharpness = slice_of(shape, np.int16, seed)
            valid = mask_of(shape, seed) if masked else None
            for each, average in ((backend, found), (MODEL, expected)):
                each.average_luma(average, grey, sharpness, transform, GAINS[1], valid)
            assert_equal(found, expected, f'{shape} {seed}')
    assert expected.weight.max() > 0


@pytest.mark.parametrize('name', ['opencv', 'native'])
@settings(deadline=None, max_examples=60)
@given(rows=strategies.integers(1, 90), columns=strategies.integers(1, 90),
       scale=strategies.floats(0.8, 1.25), angle=strategies.sampled_from([0, 0, 0.5, 180]),
       x=strategies.floats(-20, 20), y=strategies.floats(-20, 20),
       gain=strategies.floats(0.2, 5), seed=strategies.integers(0, 99))
def test_average_of_any_luma(name, rows, columns, scale, angle, x, y, gain, seed) -> None:
    shape = (rows, columns)
    grey, sharpness = slice_of(shape, np.int16, seed)
    transform = similarity(shape, scale, (x, y), angle)
    found, expected = LumaAverage(shape), LumaAverage(shape)
    for each, average in ((backend_of(name), found), (MODEL, expected)):
        each.average_luma(average, grey, sharpness, transform, gain)
    assert_equal(found, expected, '')


@pytest.mark.parametrize('name', ['opencv', 'native'])
@settings(deadline=None, max_examples=60)
@given(rows=strategies.integers(1, 90), columns=strategies.integers(1, 90),
       kind=strategies.sampled_from([(1, np.uint8), (3, np.uint8), (3, np.uint16)]),
       scale=strategies.floats(0.8, 1.25), angle=strategies.sampled_from([0, 0, 0.5, 180]),
       x=strategies.floats(-20, 20), y=strategies.floats(-20, 20),
       gain=strategies.floats(0.2, 5), seed=strategies.integers(0, 99))
def test_average_of_any_slice(name, rows, columns, kind, scale, angle, x, y, gain, seed) -> None:
    channels, dtype = kind
    shape = (rows, columns) if channels == 1 else (rows, columns, 3)
    image, sharpness = slice_of(shape, dtype, seed)
    transform = similarity((rows, columns), scale, (x, y), angle)
    found, expected = WeightedAverage(shape), WeightedAverage(shape)
    for each, average in ((backend_of(name), found), (MODEL, expected)):
        each.average(average, image, sharpness, transform, (gain,) * channels)
    assert_equal(found, expected, '')


def test_slices_and_averages_with_gaps(backend) -> None:
    image, sharpness = slice_of((40, 60, 3), np.uint8, 1)
    found, expected = WeightedAverage((40, 30, 3)), WeightedAverage((40, 30, 3))
    for each, average in ((backend, found), (MODEL, expected)):
        each.average(average, image[:, ::2], sharpness[:, ::2], np.eye(3), GAINS)
    assert_equal(found, expected, '')


def test_an_average_of_another_shape_is_refused() -> None:
    image, sharpness = slice_of((40, 60), np.uint8, 1)
    with pytest.raises(ValueError, match='expected'):
        backend_of('native').average(WeightedAverage((40, 61)), image, sharpness, np.eye(3), (1,))
