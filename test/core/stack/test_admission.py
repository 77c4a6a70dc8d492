# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the refusals of the stack contract."""

from __future__ import annotations

import math

from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import (
    FocalLength,
    Magnification,
    MAX_SLICES,
    NARROW_SLICES,
    SliceError,
)
from focus_stacking_ros.core.stack.admission import Admission
import numpy as np
import pytest

IMAGE = np.zeros((6, 8, 3), np.uint8)


def admit(admission: Admission, distance: float | None, image: np.ndarray = IMAGE,
          position: float | None = None, number: int = 0) -> bool:
    return admission.admit(admission.check(image, distance, position, number))


def refusal(admission: Admission, distance: float | None = 0.4, image: np.ndarray = IMAGE,
            position: float | None = None) -> SliceError:
    with pytest.raises(SliceError) as caught:
        admission.check(image, distance, position, 9)
    return caught.value


@pytest.fixture
def admission() -> Admission:
    """Return an admission that has let one slice in, at 0.3 metres."""
    admission = Admission(StackOptions())
    admit(admission, 0.3)
    return admission


def test_accepted_slice_carries_what_was_given() -> None:
    item = Admission(StackOptions()).check(IMAGE, 0.25, None, 7)
    assert item.image is IMAGE
    assert (item.focus_distance_m, item.position, item.number) == (0.25, 0.25, 7)


@pytest.mark.parametrize(('position', 'expected'), [(None, 4.0), (12.5, 12.5), (-3.0, -3.0)])
def test_without_a_distance_the_position_orders_or_else_the_number(position, expected) -> None:
    item = Admission(StackOptions()).check(IMAGE, None, position, 4)
    assert (item.focus_distance_m, item.position) == (None, expected)


@pytest.mark.parametrize('image', [
    np.zeros((6, 9, 3), np.uint8), np.zeros((7, 8, 3), np.uint8), np.zeros((8, 6, 3), np.uint8),
    np.zeros((6, 9), np.uint16)])
def test_another_size_is_refused(admission, image) -> None:
    error = refusal(admission, image=image)
    assert error.code == 'size'
    assert f'{image.shape[1]}x{image.shape[0]}' in str(error)
    assert '8x6' in str(error)


@pytest.mark.parametrize('image', [np.zeros((6, 8), np.uint8), np.zeros((6, 8, 3), np.uint16)])
def test_another_encoding_is_refused(admission, image) -> None:
    error = refusal(admission, image=image)
    assert error.code == 'encoding'
    assert 'first slice' in str(error)


@pytest.mark.parametrize('image', [
    np.zeros((6, 8, 3), np.float32), np.zeros((6, 8, 4), np.uint8), np.zeros((6, 8, 1), np.uint8),
    np.zeros((6, 8), np.int16), np.zeros((6, 8), bool), np.zeros((0, 8), np.uint8),
    np.zeros((6, 0, 3), np.uint8), np.zeros(8, np.uint8), np.zeros((6, 8), '>u2')])
def test_what_is_no_image_is_refused(image) -> None:
    assert refusal(Admission(StackOptions()), image=image).code == 'encoding'


@pytest.mark.parametrize('distance', [math.nan, math.inf, -math.inf, 0.0, -0.0, -0.3, 0, -1])
def test_a_distance_must_be_finite_and_positive(distance) -> None:
    error = refusal(Admission(StackOptions()), distance)
    assert error.code == 'position'
    assert str(distance) in str(error)


@pytest.mark.parametrize('position', [math.nan, math.inf, -math.inf])
def test_a_raw_position_must_be_finite(position) -> None:
    assert refusal(Admission(StackOptions()), None, position=position).code == 'position'


def test_all_slices_have_a_distance_or_none(admission) -> None:
    assert refusal(admission, None).code == 'position'
    raw = Admission(StackOptions())
    admit(raw, None)
    assert refusal(raw, 0.3).code == 'position'


def test_a_refusal_changes_nothing() -> None:
    admission = Admission(StackOptions())
    refusal(admission, math.nan)
    refusal(admission, image=np.zeros((9, 9, 4), np.uint8))
    # Neither metric nor the size is decided yet.
    assert admit(admission, None, np.zeros((3, 3), np.uint16))


@pytest.mark.parametrize(('distances', 'monotone'), [
    ([0.1, 0.2, 0.3], [True, True, True]),
    ([0.3, 0.2, 0.1], [True, True, True]),
    ([0.1, 0.3, 0.2], [True, True, False]),
    ([0.3, 0.1, 0.2], [True, True, False]),
    ([0.1, 0.1], [True, False]),
    ([0.1, 0.2, 0.2], [True, True, False]),
    ([0.1, 0.2, 0.1], [True, True, False])])
def test_a_monotone_sweep_is_told_from_any_other_order(distances, monotone) -> None:
    admission = Admission(StackOptions())
    assert [admit(admission, distance) for distance in distances] == monotone


@pytest.mark.parametrize('late', [0.2, 0.25, 0.1])
def test_streaming_refuses_out_of_order_and_repeated_slices(late) -> None:
    admission = Admission(StackOptions(method='streaming'))
    for distance in (0.1, 0.2, 0.3):
        admit(admission, distance)
    error = refusal(admission, late)
    assert error.code == 'order'
    assert 'streaming' in str(error)
    assert admit(admission, 0.4)


def test_streaming_takes_a_falling_sweep() -> None:
    admission = Admission(StackOptions(method='streaming'))
    assert [admit(admission, distance) for distance in (0.3, 0.2, 0.1)] == [True] * 3
    assert refusal(admission, 0.15).code == 'order'


@pytest.mark.parametrize(('method', 'most'), [
    ('default', 300), ('streaming', 300), ('notebook', NARROW_SLICES)])
def test_a_stack_holds_so_many_slices_and_says_so(method, most, monkeypatch) -> None:
    monkeypatch.setattr('focus_stacking_ros.core.stack.admission.MAX_SLICES', 300)
    assert MAX_SLICES == 65535
    admission = Admission(StackOptions(method=method))
    for number in range(most):
        admit(admission, 0.1 + 0.001 * number)
    error = refusal(admission, 0.5)
    assert error.code == 'memory'
    assert f'at most {most}' in str(error)


def test_a_repeated_position_is_no_256th_slice() -> None:
    admission = Admission(StackOptions(method='notebook'))
    for number in range(255):
        admit(admission, 1.0 + number)
    assert admit(admission, 17.0) is False


def test_retained_slices_are_bounded() -> None:
    admission = Admission(StackOptions(fusion_max_retained_megabytes=1))
    image = np.zeros((400, 500), np.uint16)  # 0.4 megabytes, and 0.3 for what is kept beside it
    admit(admission, 0.1, image)
    error = refusal(admission, 0.2, image)
    assert error.code == 'memory'
    assert 'fusion.max_retained_megabytes' in str(error)
    assert 'streaming' in str(error)


def test_replaced_slices_take_no_room() -> None:
    admission = Admission(StackOptions(fusion_max_retained_megabytes=1))
    image = np.zeros((200, 500), np.uint8)  # 0.26 megabytes with what is kept beside it
    for _ in range(10):
        admit(admission, 0.1, image)
        admit(admission, 0.2, image)


def test_streaming_is_not_bounded_by_the_retained_megabytes() -> None:
    admission = Admission(StackOptions(fusion_max_retained_megabytes=1, method='streaming'))
    image = np.zeros((400, 500), np.uint16)
    assert [admit(admission, 0.1 * k, image) for k in range(1, 6)] == [True] * 5


def test_a_repeated_position_needs_no_more_room() -> None:
    admission = Admission(StackOptions(fusion_max_retained_megabytes=1))
    image = np.zeros((400, 500), np.uint16)
    admit(admission, 0.1, image)
    assert admit(admission, 0.1, image) is False


@pytest.mark.parametrize('image', [None, [[1, 2], [3, 4]]])
def test_what_is_no_array_is_refused(image) -> None:
    # cv2.imread returns None for a file it cannot read.
    assert refusal(Admission(StackOptions()), image=image).code == 'encoding'


def test_a_slice_that_is_refused_says_nothing_of_the_magnification() -> None:
    admission = Admission(StackOptions())
    with pytest.raises(SliceError, match='finite and positive'):
        admission.check(IMAGE, -1.0, None, 0, FocalLength(500.0))
    assert admission.check(IMAGE, 0.3, None, 0, FocalLength(1000.0)).magnification == (
        Magnification(1.0))
    admission.admit(admission.check(IMAGE, 0.3, None, 0))
    with pytest.raises(SliceError) as caught:
        admission.check(IMAGE, 0.4, None, 1, FocalLength(-1000.0))
    assert caught.value.code == 'magnification'
    assert admission.check(IMAGE, 0.4, None, 1, FocalLength(1100.0)).magnification == (
        Magnification(1.1))


def test_a_stack_that_will_not_fit_is_refused_at_its_first_slice_with_the_way_out() -> None:
    image = np.zeros((500, 500), np.uint8)  # 0.64 megabytes with what is kept beside it
    options = StackOptions(fusion_max_retained_megabytes=5)
    error = refusal(Admission(options, 8), image=image)
    assert error.code == 'memory'
    for words in ('8 slices', 'fusion.max_retained_megabytes', 'set it to 6 ', 'streaming'):
        assert words in str(error)
    Admission(options, 7).check(image, 0.3, None, 0)
    streaming = StackOptions(fusion_max_retained_megabytes=5, method='streaming')
    Admission(streaming, 8).check(image, 0.3, None, 0)


@pytest.mark.parametrize('shape', [(3, 32767), (32767, 3)])
def test_a_side_is_no_longer_than_opencv_warps(shape) -> None:
    error = refusal(Admission(StackOptions()), image=np.zeros(shape, np.uint8))
    assert error.code == 'size'
    for words in (f'{shape[1]}x{shape[0]}', '32766', 'cut the slices'):
        assert words in str(error)
    allowed = np.zeros([side - (side > 3) for side in shape], np.uint8)
    Admission(StackOptions()).check(allowed, 0.3, None, 0)
