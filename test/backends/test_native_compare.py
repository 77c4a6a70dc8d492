# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the comparison of two slices in C++ against that of OpenCV and NumPy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import ctypes
from dataclasses import replace

import cv2
from focus_stacking_ros.core.align.comparison import compare, Comparison
from focus_stacking_ros.core.align.detail import Detail, LEVELS
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from helpers.stacks import make_stack, perspective, similarity, slanted
import numpy as np
import pytest

#: One level, two levels, and an odd size; see SPECIFICATION.md for the tolerance.
SHAPES = [(240, 320), (453, 601)]
MODELS = ['translation', 'rigid', 'scale', 'similarity', 'affine', 'projective']
TOLERANCE = 0.005  # pixels at the rim


class _MemoryUse(ctypes.Structure):
    """What mallinfo2 of the GNU C library returns."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in (
        'arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks', 'fsmblks', 'uordblks',
        'fordblks', 'keepcost'))


def bytes_in_use() -> int:
    """Return the bytes that the process has asked for; of all its threads' heaps."""
    try:
        function = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        pytest.skip('this C library does not tell what is in use')
    function.restype = _MemoryUse
    found = function()
    return int(found.uordblks + found.hblkhd)


@pytest.fixture(scope='module', params=SHAPES)
def details(request) -> tuple[Detail, Detail]:
    shape = request.param
    stack = make_stack(shape, 2, noise=1.0, index=slanted(shape, 0.0, 1.0), transforms=[
        np.eye(3), similarity(shape, 1.01, (1.2, -0.7), 0.1)])
    stages = PortableAlignment()
    one, other = (Detail.of(stages.prepare(luma(image), 1), luma(image))
                  for image in stack.images)
    return one, other


def test_both_find_the_same_at_the_level_that_tells_most(native) -> None:
    rng = np.random.default_rng(4)
    plane = cv2.GaussianBlur(rng.normal(0, 40, (480, 640)), (0, 0), 8.0)
    images = [(120 + 30 * plane / plane.std() + rng.normal(0, 5, plane.shape)).clip(
        0, 255).astype(np.uint8) for _ in range(2)]
    stages = PortableAlignment()
    details = [Detail.of(stages.prepare(luma(image), LEVELS), luma(image)) for image in images]
    start = similarity((480, 640), 1.001, (0.4, 0.3))
    ours, theirs, finest = (
        compare(each, some[0], some[1], start, 'scale') for each, some in (
            (native.alignment, details), (stages, details),
            (stages, [replace(detail, coarser=None) for detail in details])))
    assert ours is not None
    assert theirs is not None
    assert finest is not None
    assert np.abs(ours.step_from(theirs.transform)).max() < 4 * TOLERANCE  # of larger pixels
    assert ours.deviation == pytest.approx(theirs.deviation, rel=0.02)
    assert ours.deviation < finest.deviation / 2


def start_of(details: tuple[Detail, Detail], model: str) -> np.ndarray:
    shape = details[0].shape
    bent = perspective(shape, 0.4, -0.3) if model in ('affine', 'projective') else np.eye(3)
    return similarity(shape, 1.012, (1.5, -0.5), 0.1) @ bent


@pytest.mark.parametrize(('judged', 'is_coarse'), [
    (False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize('model', MODELS)
def test_both_find_the_same(native, details, model, judged, is_coarse) -> None:
    start = start_of(details, model)
    ours, theirs = (compare(each, details[0], details[1], start, model, judged=judged,
                            is_coarse=is_coarse)
                    for each in (native.alignment, PortableAlignment()))
    assert ours is not None
    assert theirs is not None
    assert np.abs(ours.step_from(theirs.transform)).max() < TOLERANCE
    np.testing.assert_allclose(np.diag(np.linalg.inv(ours.information)),
                               np.diag(np.linalg.inv(theirs.information)), rtol=0.02)
    assert (ours.judgement is None) == (theirs.judgement is None) == (not judged)
    if judged:
        assert ours.judgement is not None
        assert theirs.judgement is not None
        one, other = ours.judgement, theirs.judgement
        deviations = np.sqrt(np.diag(other.evidence.covariance))
        assert (np.abs(one.evidence.excess - other.evidence.excess) < 0.1 * deviations).all()
        np.testing.assert_allclose(one.misfit.places, other.misfit.places, atol=0.1)
        np.testing.assert_allclose(one.misfit.displacements, other.misfit.displacements,
                                   atol=0.02)
        np.testing.assert_allclose(one.misfit.deviations, other.misfit.deviations, rtol=0.02)


def test_comparisons_beside_each_other_are_those_of_one_alone(native, details) -> None:
    start = start_of(details, 'similarity')

    def made(_: int) -> Comparison | None:
        return compare(native.alignment, details[0], details[1], start, 'similarity', judged=True)

    alone = made(0)
    assert alone is not None
    with ThreadPoolExecutor(4) as pool:
        for each in pool.map(made, range(8)):
            assert each is not None
            np.testing.assert_array_equal(each.transform, alone.transform)
            np.testing.assert_array_equal(each.information, alone.information)


def test_what_comparisons_work_in_is_given_back(native, details) -> None:
    def made() -> int:
        """Compare and return the bytes that are in use then."""
        compare(native.alignment, details[0], details[1], start_of(details, 'affine'), 'affine')
        return bytes_in_use()

    native.alignment.forget()
    before = bytes_in_use()
    assert made() > before + details[0].shape[0] * details[0].shape[1]
    native.alignment.forget()
    assert bytes_in_use() < before + (1 << 16)


@pytest.mark.parametrize('grey', [0, 90, 255])
def test_nothing_is_found_where_nothing_is_sharp(native, grey) -> None:
    flat = np.full((240, 320), 16 * grey, np.int16)
    detail = Detail.of(native.alignment.prepare(flat, 1), flat)
    assert compare(native.alignment, detail, detail, np.eye(3), 'scale') is None


def test_nothing_is_found_where_slices_do_not_overlap(native, details) -> None:
    away = np.eye(3)
    away[0, 2] = 5000
    assert compare(native.alignment, details[0], details[1], away, 'scale') is None


def test_slices_of_two_sizes_are_an_error(native, details) -> None:
    other = make_stack((200, 300), 1).images[0]
    detail = Detail.of(native.alignment.prepare(luma(other), 1), luma(other))
    with pytest.raises(ValueError, match='expected'):
        compare(native.alignment, details[0], detail, np.eye(3), 'scale')
