# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The host of the native library: what it takes, and whole stacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
import sys

from backends.test_fuse import job_of
from backends.test_specification import image_of, responses_of, similarity
from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.backends import native, native_library, OpenCVBackend
from focus_stacking_ros.backends.native import fastest_on_cpu, NativeBackend
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, luma
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
from helpers.likeness import assert_alike
from helpers.stacks import corner_error, make_stack
from helpers.stacks import similarity as about_centre
import numpy as np
import pytest

OPENCV = OpenCVBackend()


@pytest.fixture
def backend() -> NativeBackend:
    """Return the native backend; skipped where it cannot work."""
    try:
        return NativeBackend()
    except BackendError as error:
        pytest.skip(str(error))


def test_on_the_cpu_the_native_library_is_taken_where_it_is(backend, monkeypatch) -> None:
    assert fastest_on_cpu().name == backend.name
    monkeypatch.setenv(native_library.LIBRARY_VARIABLE, '/nowhere/lib.so')
    assert fastest_on_cpu().name == 'opencv'


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Libraries are loaded anew."""
    native_library._loaded.cache_clear()
    yield
    native_library._loaded.cache_clear()


def test_without_a_library_opencv_does_the_work_and_says_why(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(native_library, '__file__', str(tmp_path / 'native_library.py'))
    monkeypatch.delenv(native_library.LIBRARY_VARIABLE, raising=False)
    with pytest.raises(BackendError, match='not built; build it with `make native` in a checkout'):
        create_backend('native')
    (tmp_path / 'libfocus_stacking_native.txt').write_text('no compiler\n')
    with pytest.raises(BackendError, match=r'not built \(no compiler\); build it with `make'):
        create_backend('native')
    choice = create_backend('auto').choice
    assert choice.startswith('auto takes the backend opencv; not kria: ')
    assert f'; not native: the native library {tmp_path}/libfocus_stacking_native.so is' in choice


def test_a_named_library_that_is_not_there_is_an_error(monkeypatch) -> None:
    monkeypatch.setenv(native_library.LIBRARY_VARIABLE, '/nowhere/lib.so')
    with pytest.raises(BackendError, match=r'is /nowhere/lib\.so, and there is no such file'):
        create_backend('native')


def test_what_is_no_library_is_an_error(monkeypatch, tmp_path: Path, forgotten) -> None:
    path = tmp_path / 'lib.so'
    path.write_bytes(b'no library')
    monkeypatch.setenv(native_library.LIBRARY_VARIABLE, str(path))
    with pytest.raises(BackendError, match=r'cannot be loaded: .*; build it with `make'):
        create_backend('native')


@pytest.mark.parametrize(('made_from', 'wanted', 'fits'), [
    ('0.1.0 12ab', '0.1.0 12ab', True),
    ('0.1.0 12ab', '0.1.0 34cd', False),
    ('0.0.9 12ab', '0.1.0 12ab', False),
    ('0.1.0 12ab', None, True),  # an installation has no sources
    ('0.0.9 12ab', None, False),
    (None, '0.1.0 12ab', False),
])
def test_a_library_of_something_else_is_an_error(backend, monkeypatch, forgotten, made_from,
                                                 wanted, fits) -> None:
    monkeypatch.setattr(native_library, '__version__', '0.1.0')
    monkeypatch.setattr(native_library, 'build_of', lambda _: made_from)
    monkeypatch.setattr(native_library, 'built_from', lambda: wanted)
    if fits:
        assert create_backend('native').name == 'native'
        return
    with pytest.raises(BackendError, match=r'is built from .*, and this host needs 0\.1\.0.*; '
                                           'build it with `make native`'):
        create_backend('native')


def test_auto_takes_it_before_opencv(backend, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'pyxrt', None)
    taken = create_backend('auto')
    assert taken.name == 'native'
    assert taken.choice.startswith('auto takes the backend native; not kria: ')


def test_arrays_with_gaps(backend) -> None:
    image = image_of('random', (90, 140, 3), np.uint8)[10:-5, 3:-20]
    for operator in ('ring_difference', 'log_norm'):
        np.testing.assert_array_equal(
            backend.measure(image, np.asfortranarray(luma(image)), operator),
            OPENCV.measure(image, luma(image), operator))
    response = responses_of((61, 80), 0)[3:, ::2]
    moved = similarity(1.01, 0, 2.2, 1.3)
    np.testing.assert_array_equal(backend.align(response, moved, 1.1),
                                  OPENCV.align(response, moved, 1.1))
    found, expected = StackState.empty(response.shape), StackState.empty(response.shape)
    for each, state in ((backend, found), (OPENCV, expected)):
        for number in range(3):
            each.accumulate(state, np.roll(response, number), 4)
    for item in fields(StackState):
        np.testing.assert_array_equal(getattr(found, item.name), getattr(expected, item.name))


def test_another_type_or_size_is_refused(backend) -> None:
    image = image_of('random', (20, 30), np.uint8)
    with pytest.raises(ValueError, match=r'expected int16 \(20, 30\), got int16 \(20, 29\)'):
        backend.measure(image, luma(image)[:, 1:], 'ring_difference')
    with pytest.raises(ValueError, match='expected uint16 , got float32'):
        backend.measure(image.astype(np.float32), luma(image), 'log_norm')
    with pytest.raises(ValueError, match='expected int16 , got int32'):
        backend.align(np.zeros((4, 5), np.int32), similarity(1, 0, 1, 0), 1.0)
    state, response = StackState.empty((6, 7)), responses_of((6, 7), 0)
    state.count = state.count.astype(np.int32)
    with pytest.raises(ValueError, match='expected uint8'):
        backend.accumulate(state, response, 3)
    state = StackState.empty((6, 7))
    state.left = np.full((6, 14), -1, np.int16)[:, ::2]
    with pytest.raises(ValueError, match='a plane of the state has gaps'):
        backend.accumulate(state, response, 3)
    assert state.slices == 0


@pytest.mark.parametrize('bands', [1, 3, 7])
def test_the_cut_into_bands_changes_nothing(backend, monkeypatch, bands) -> None:
    monkeypatch.setattr(native.os, 'cpu_count', lambda: bands)
    monkeypatch.setattr(native, '_BAND', 1)
    image = image_of('random', (47, 60, 3), np.uint16)
    for operator in FOCUS_MEASURES:
        response = backend.measure(image, luma(image), operator)
        np.testing.assert_array_equal(response, OPENCV.measure(image, luma(image), operator))
    for angle in (0, 0.05):
        moved = similarity(1.02, angle, 1.2, 0.7)
        aligned = backend.align(response, moved, 1.1)
        np.testing.assert_array_equal(aligned, OPENCV.align(response, moved, 1.1))
    states = [StackState.empty(response.shape) for _ in range(2)]
    for each, state in zip((backend, OPENCV), states, strict=True):
        for item in (response, aligned, response):
            each.accumulate(state, item, 5)
    for item in fields(StackState):
        np.testing.assert_array_equal(*(getattr(state, item.name) for state in states))


@pytest.mark.parametrize(('channels', 'depth', 'degrees', 'options'), [
    (3, np.uint8, 0, {}), (1, np.uint16, 0.4, {}), (3, np.uint16, 0, {'method': 'streaming'}),
    (1, np.uint8, 0.4, {'method': 'quality'}),
    (3, np.uint8, 0, {'focus_measure_operator': 'log_norm', 'reference': 'first'})])
def test_a_whole_stack(backend, channels, depth, degrees, options) -> None:
    shape = (171, 301)
    transforms = [about_centre(shape, 1 + 0.02 * number, (number, -0.7 * number), degrees * number)
                  for number in range(5)]
    stack = make_stack(shape, 5, channels=channels, dtype=depth, transforms=transforms, noise=1,
                       gains=[1, 1.04, 0.97, 1.1, 0.9])

    def result_of(each: Backend) -> StackResult:
        stacker = FocusStacker(StackOptions(**options), each)
        for image, distance in zip(stack.images, stack.distances, strict=True):
            stacker.add(image, distance)
        return stacker.finish()

    near = result_of(backend)
    backend.alignment = OPENCV.alignment  # with the same transforms all is the same
    found, expected = result_of(backend), result_of(OPENCV)
    for ours, theirs in zip(near.reports, expected.reports, strict=True):
        assert corner_error(ours.transform, theirs.transform, shape) < 0.25
    assert np.mean(np.abs(near.slice_index - expected.slice_index)) < 0.03
    assert found.backend == near.backend == 'native'
    assert_alike(found, expected)


def test_maps_that_lead_too_far_to_hold_their_rows(backend) -> None:
    job = job_of((1100, 1100, 3), np.uint8, [similarity(40, 0.8, 500, -500), np.eye(3)])
    np.testing.assert_array_equal(backend.fuse(job), OPENCV.fuse(job))
