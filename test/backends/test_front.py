# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The front pass of every backend that works here, bit for bit against the model."""

from __future__ import annotations

from focus_stacking_ros.backends.model import ModelBackend
from focus_stacking_ros.backends.native_front import native_rows
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, halved, luma
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
from hypothesis import given, settings, strategies
import numpy as np
import pytest

OPERATORS = tuple(FOCUS_MEASURES)
PLANES = ('luma', 'half_luma', 'sharpness', 'noise', 'channel_noise')
SIZES = ((1, 1), (1, 2), (2, 1), (3, 3), (1, 70), (70, 1), (2, 2), (5, 4), (17, 33), (64, 31),
         (131, 40), (270, 9))
MODEL = ModelBackend()


def backend_of(name: str) -> Backend:
    try:
        return create_backend(name)
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(params=['opencv', 'native', 'emulation'])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return a backend; skipped where it cannot work."""
    return backend_of(request.param)


def assert_equal(found: Front, expected: Front) -> None:
    for name in PLANES:
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_array_equal(ours, theirs, name)
    assert found.light.grid == expected.light.grid
    np.testing.assert_array_equal(found.light.sums, expected.light.sums)
    responses, others = found.responses(), expected.responses()
    assert list(responses) == list(others)
    for name, response in responses.items():
        np.testing.assert_array_equal(response, others[name], name)


def image_of(shape: tuple[int, ...], depth: type, content: str, seed: int = 0) -> np.ndarray:
    rng, top = np.random.default_rng(seed), int(np.iinfo(depth).max)
    if content == 'random':
        return rng.integers(0, top + 1, shape).astype(depth)
    if content == 'extreme':
        return (rng.integers(0, 2, shape) * top).astype(depth)
    # A ramp with noise: as images are.
    ramp = top * np.linspace(0.02, 1.05, shape[1])[None, :, None] + np.zeros((*shape[:2], 1))
    noisy = ramp + rng.normal(0, top / 100, (*shape[:2], *(shape[2:] or (1,))))
    return np.clip(noisy, 0, top).astype(depth).reshape(shape)


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('content', ['random', 'extreme', 'noisy'])
def test_front(backend, content, channels, depth) -> None:
    for number, size in enumerate(SIZES):
        image = image_of(size if channels == 1 else (*size, 3), depth, content, number)
        assert_equal(backend.front(image, OPERATORS, with_luma=True),
                     MODEL.front(image, OPERATORS, with_luma=True))


@pytest.mark.parametrize('name', ['opencv', 'native'])
@settings(deadline=None, max_examples=60)
@given(rows=strategies.integers(1, 150), columns=strategies.integers(1, 90),
       channels=strategies.sampled_from([1, 3]), wide=strategies.booleans(),
       content=strategies.sampled_from(['random', 'extreme', 'noisy']),
       operators=strategies.sets(strategies.sampled_from(OPERATORS)),
       with_luma=strategies.booleans(), seed=strategies.integers(0, 1000))
def test_front_of_any_slice(name, rows, columns, channels, wide, content, operators, with_luma,
                            seed) -> None:
    image = image_of((rows, columns) if channels == 1 else (rows, columns, 3),
                     np.uint16 if wide else np.uint8, content, seed)
    names = sorted(operators)
    assert_equal(backend_of(name).front(image, names, with_luma=with_luma),
                 MODEL.front(image, names, with_luma=with_luma))


@pytest.mark.parametrize('shape', [(1080, 1920, 3), (1001, 1303), (3, 400_001), (300_001, 4)])
def test_large_slices(shape) -> None:
    image = image_of(shape, np.uint8, 'noisy')
    assert_equal(*(backend_of(name).front(image, ('ring_difference',), with_luma=True)
                   for name in ('native', 'opencv')))


def test_slices_with_gaps_are_as_those_without(backend) -> None:
    image = image_of((60, 120, 3), np.uint8, 'noisy')
    for view in (image[:, ::2], image[::-1], image[5:, 7:90], image[..., ::-1]):
        assert_equal(backend.front(view, OPERATORS), MODEL.front(view, OPERATORS))


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_colours_that_come_red_first_are_as_blue_first(backend, depth) -> None:
    # Padded rows: none begins where the next pixel of the row before would.
    memory = image_of((37, 61, 3), depth, 'noisy')[:, :53]
    view = memory[..., ::-1]
    assert_equal(backend.front(view, OPERATORS, with_luma=True),
                 MODEL.front(np.array(view, order='C'), OPERATORS, with_luma=True))


@pytest.mark.parametrize('view', [np.s_[:], np.s_[..., ::-1], np.s_[:, 5:], np.s_[3:, :-7, ::-1]])
def test_the_native_library_reads_the_bytes_as_they_came(view) -> None:
    image = image_of((20, 30, 3), np.uint16, 'noisy')[view]
    pixels, stride, reverse = native_rows(image)
    assert np.shares_memory(pixels, image)
    assert (stride, reverse) == (90, image.strides[-1] < 0)


def test_what_is_not_asked_for_is_not_made(backend) -> None:
    image = image_of((40, 50, 3), np.uint8, 'noisy')
    front = backend.front(image, ('modified_laplacian',))
    assert front.luma is None
    assert front.channel_noise is None
    assert list(front.responses()) == ['modified_laplacian']
    assert backend.front(image[..., 0], ('log_norm',)).channel_noise is None
    np.testing.assert_array_equal(front.half_luma, halved(luma(image)))
    with pytest.raises(KeyError, match='abacus'):
        backend.front(image, ('abacus',))


@pytest.mark.parametrize('shape', [(1, 1), (7, 9), (70, 131), (33, 40, 3)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('operator', ['ring_difference', 'modified_laplacian', 'log_norm'])
def test_a_response_alone_is_that_of_the_front(backend, shape, dtype, operator) -> None:
    image = np.random.default_rng(9).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    np.testing.assert_array_equal(backend.response(image, operator),
                                  backend.front(image, [operator]).responses()[operator])
