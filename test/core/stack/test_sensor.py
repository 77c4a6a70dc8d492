# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of stacks of a sensor with defective pixels, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
import tracemalloc
from typing import Any

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.stack.sensor import Sensor, SensorDefects
from helpers.stacks import growing, make_stack
from helpers.threads import wait_for_tasks
import numpy as np
from numpy.typing import NDArray
import pytest

SHAPE, COUNT = (160, 200), 8
PLACES = tuple(np.transpose(
    [(20, 30), (22, 170), (60, 18), (140, 40), (130, 180), (80, 190), (18, 100), (145, 110)]))


@lru_cache(maxsize=4)
def images(channels: int = 1, dtype: type = np.uint8) -> tuple[NDArray[Any], ...]:
    """Return a stack whose picture grows over the sensor from slice to slice."""
    return tuple(make_stack(SHAPE, COUNT, transforms=growing(SHAPE, COUNT), noise=1.0,
                            channels=channels, dtype=dtype).images)


def spoiled(clean: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    result = [image.copy() for image in clean]
    for image in result:
        image[PLACES] = np.iinfo(image.dtype).max
    return result


def stacked(slices: Sequence[NDArray[Any]], stacker: FocusStacker | None = None,
            lights: Sequence[NDArray[Any]] = (), **options: Any) -> StackResult:
    stacker = FocusStacker(StackOptions(**options)) if stacker is None else stacker
    for rank, image in enumerate(slices):
        stacker.add(image, lights=lights[rank:rank + 1])
    return stacker.finish()


def spots_of(result: StackResult) -> list[str]:
    return [words for words in result.remarks if 'of the sensor' in words]


def far_off(result: StackResult, clean: StackResult) -> int:
    """Return the number of values that differ by 40 grey levels from those without defects."""
    apart = np.abs(result.all_in_focus.astype(int) - clean.all_in_focus)
    return np.count_nonzero(apart > 40 * (np.iinfo(clean.all_in_focus.dtype).max // 255))


@pytest.mark.parametrize('method', ['default', 'quality'])
def test_the_image_is_that_of_a_sensor_without_defects(method) -> None:
    clean = stacked(images(), method=method)
    left = stacked(spoiled(images()), method=method, input_sensor_defects=False)
    found = stacked(spoiled(images()), method=method)
    assert not spots_of(clean)
    assert not spots_of(left)
    assert far_off(left, clean) >= 2 * len(PLACES[0])  # each is seen several times
    assert far_off(found, clean) <= 0.1 * far_off(left, clean)
    words, = spots_of(found)
    assert words.startswith(f'{len(PLACES[0])} spots of the sensor stay put while the picture')
    assert 'All slices were processed again' in words


@pytest.mark.parametrize(('channels', 'dtype'), [(3, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_colours_and_16_bits_are_filled_like_others(channels, dtype) -> None:
    slices = images(channels, dtype)
    clean = stacked(slices)
    assert far_off(stacked(spoiled(slices)), clean) <= 0.1 * far_off(
        stacked(spoiled(slices), input_sensor_defects=False), clean)


def test_the_depth_is_that_of_a_sensor_without_defects() -> None:
    clean = stacked(images())
    sure = clean.confidence > 0.5

    def worst(result: StackResult) -> float:
        return float(np.abs(result.slice_index - clean.slice_index)[sure].max())

    assert worst(stacked(spoiled(images()))) < 0.5 * worst(
        stacked(spoiled(images()), input_sensor_defects=False))


def test_further_stacks_are_processed_once_and_give_the_same() -> None:
    stacker = FocusStacker()
    first, second = (stacked(spoiled(images()), stacker) for _ in range(2))
    words, = spots_of(second)
    assert 'processed again' not in words
    for name in ('all_in_focus', 'slice_index', 'confidence'):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_what_is_known_serves_other_stackers_of_the_same_camera() -> None:
    sensor = Sensor()
    stacked(spoiled(images()), FocusStacker(sensor=sensor))
    words, = spots_of(stacked(spoiled(images()), FocusStacker(sensor=sensor)))
    assert 'processed again' not in words


def test_what_was_wiped_off_is_not_filled_for_long() -> None:
    stacker = FocusStacker()
    stacked(spoiled(images()), stacker)
    stacked(images(), stacker)
    np.testing.assert_array_equal(stacked(images(), stacker).all_in_focus,
                                  stacked(images()).all_in_focus)


def test_a_spot_that_came_later_is_found_beside_those_that_are_known() -> None:
    stacker = FocusStacker()
    stacked(spoiled(images()), stacker)
    more = spoiled(images())
    for image in more:
        image[100, 25] = 0
    words, = spots_of(stacked(more, stacker))
    assert words.startswith(f'{len(PLACES[0]) + 1} spots')
    assert 'processed again' in words
    words, = spots_of(stacked(more, stacker))
    assert 'processed again' not in words


def test_images_of_another_size_are_of_another_sensor() -> None:
    stacker = FocusStacker()
    stacked(spoiled(images()), stacker)
    smaller = [np.ascontiguousarray(image[:120, :160]) for image in images()]
    assert not spots_of(stacked(smaller, stacker))


@pytest.mark.parametrize('method', ['streaming', 'notebook'])
def test_other_methods_take_slices_as_they_are(method) -> None:
    sensor = Sensor()
    stacked(spoiled(images()), FocusStacker(sensor=sensor))
    found = stacked(spoiled(images()), FocusStacker(StackOptions(method=method), sensor=sensor))
    assert not spots_of(found)
    np.testing.assert_array_equal(
        found.all_in_focus, stacked(spoiled(images()), method=method).all_in_focus)


def test_slices_out_of_order_are_filled_too() -> None:
    stacker, slices = FocusStacker(), spoiled(images())
    for rank in (0, 4, 1, 2, 3, 5, 6, 7):
        stacker.add(slices[rank], position=float(rank))
    result, clean = stacker.finish(), stacked(images())
    assert spots_of(result)
    assert far_off(result, clean) < 4
    in_order = stacked(spoiled(images()))
    np.testing.assert_allclose(result.slice_index, in_order.slice_index, atol=1e-4)


def test_the_images_under_all_lights_are_filled() -> None:
    first, further = spoiled(images()), [image // 2 for image in images()]
    for image in further:
        image[PLACES] = 255
    result = stacked(first, lights=further, stack_lights=2)
    clean = stacked(images(), lights=[image // 2 for image in images()], stack_lights=2)
    assert np.count_nonzero(np.abs(
        result.lights[0].astype(int) - clean.lights[0]) > 40) < len(PLACES[0])


def test_what_is_not_looked_for_takes_no_room() -> None:
    image = make_stack((400, 500), 1).images[0]
    sizes = []
    for looked_for in (False, False, True):  # the first one fills what is cached
        stacker = FocusStacker(StackOptions(input_sensor_defects=looked_for), 'opencv')
        wait_for_tasks()
        tracemalloc.start()
        try:
            stacker.add(image)
            wait_for_tasks()
            sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert 0.9 < (sizes[2] - sizes[1]) / image.nbytes < 1.1  # a plane of bytes


def test_slices_that_were_given_are_not_changed() -> None:
    slices = spoiled(images())
    before = [image.copy() for image in slices]
    stacked(slices)
    for image, same in zip(slices, before, strict=True):
        np.testing.assert_array_equal(image, same)


def test_a_spot_is_filled_as_the_picture_goes_on_around_it() -> None:
    down, across = np.mgrid[:40, :50]
    plain = np.uint8(60 + 2 * down + across)
    spots = np.zeros(plain.shape, np.bool_)
    spots[10:13, 20:24] = spots[30, 40] = True
    spoilt = np.where(spots, np.uint8(255), plain)
    defects = SensorDefects(spots)
    assert len(defects) == 2
    filled = defects.filled(spoilt)
    np.testing.assert_array_equal(filled[~spots], plain[~spots])
    assert np.abs(filled.astype(int) - plain)[spots].max() <= 3
    np.testing.assert_allclose(defects.contrasts[0], 255 - np.array([
        plain[10:13, 20:24].mean(), plain[30, 40]]), atol=2)


def test_a_fill_is_a_mean_of_sixteen_pixels() -> None:
    spots = np.zeros((420, 420), np.bool_)
    spots[10::20, 10::20] = True
    noise = np.random.default_rng(0).normal(120, 20, spots.shape)
    fills = SensorDefects(spots).filled(np.uint8(np.rint(noise)))[spots]
    # Weights of inverse square distances: four at 1, 2 and 4 pixels squared, four at 5.
    weights = np.repeat([1, 1 / 2, 1 / 4, 1 / 5], 4)
    expected = 20 * np.sqrt(np.square(weights).sum()) / weights.sum()
    np.testing.assert_allclose(fills.std(), expected, rtol=0.1)


def test_even_spots_side_by_side_are_filled() -> None:
    spots = np.zeros((40, 40), np.bool_)
    spots[12:21, 12:21] = True
    filled = SensorDefects(spots).filled(np.where(spots, np.uint8(0), np.uint8(77)))
    assert (filled == 77).all()


@pytest.mark.parametrize(('left', 'slices', 'kept'), [
    (0.4, 8, True), (0.16, 8, False), (0.0, 3, True), (0.0, 4, False)])
def test_a_spot_is_known_while_it_stands_out_in_most_slices(left, slices, kept) -> None:
    spots = np.zeros((40, 40), np.bool_)
    spots[12, 12] = True
    plain = np.full(spots.shape, 50, np.uint8)

    def with_spot(levels: float) -> NDArray[Any]:
        return np.where(spots, np.uint8(50 + levels), plain)

    defects = SensorDefects(spots)
    for _ in range(8):
        defects.filled(with_spot(100))
    defects.settle()
    for number in range(8):
        defects.filled(with_spot(100 * left if number < slices else 100))
    assert (defects.lasting() is not None) == kept
