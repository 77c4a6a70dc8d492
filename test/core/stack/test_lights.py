# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks under several lights, each of which shows one half of the scene."""

from __future__ import annotations

import re
from typing import Any

from focus_stacking_ros import FocusStacker, SliceError, StackOptions, StackResult
from focus_stacking_ros.core.align.chain import Link
from focus_stacking_ros.core.focus.light import light_cells
from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.stack.accumulation import retained_bytes
from focus_stacking_ros.core.stack.lights import LightGains
from helpers.stacks import make_stack, MARGIN, similarity, SyntheticStack, texture
import numpy as np
from numpy.typing import NDArray
import pytest

SHAPE = (120, 160)
MIDDLE = SHAPE[0] // 2
#: Away from the border and from where one light ends.
HALVES = (np.s_[10:MIDDLE - 10, 10:-10], np.s_[MIDDLE + 10:-10, 10:-10])
TWO = StackOptions(stack_lights=2, reference='first')
#: As from an exposure that is not held under the second light.
DRIFT = (1.0, 1.1, 0.92, 1.05, 0.95, 1.0)


def rms(errors: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


@pytest.fixture(scope='module')
def lit() -> tuple[SyntheticStack, SyntheticStack]:
    """Return a tilted plane under two lights, each of which shows texture in half of it only."""
    rng = np.random.default_rng(3)
    transforms = [np.eye(3), *(similarity(SHAPE, scale, tuple(rng.uniform(-1.5, 1.5, 2)))
                               for scale in np.linspace(1, 1.04, 6)[1:])]
    whole = texture((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN))
    upper = (np.arange(len(whole)) < MARGIN + MIDDLE)[:, None]
    first, second = (make_stack(
        SHAPE, 6, scene=np.where(seen, whole, np.float32(60)), transforms=transforms, noise=0.5,
        seed=seed, gains=gains) for seen, seed, gains in ((upper, 1, None), (~upper, 2, DRIFT)))
    return first, second


@pytest.fixture(scope='module')
def result(lit: tuple[SyntheticStack, SyntheticStack]) -> StackResult:
    stacker = FocusStacker(TWO, 'opencv')
    for image, light, distance in zip(lit[0].images, lit[1].images, lit[0].distances, strict=True):
        stacker.add(image, distance, lights=[light])
    return stacker.finish()


def error_of(found: StackResult, lit: tuple[SyntheticStack, SyntheticStack], half: int) -> float:
    return float(np.sqrt(np.mean((found.slice_index - lit[0].index)[HALVES[half]] ** 2)))


def test_depth_is_from_the_light_that_shows_texture(
        lit: tuple[SyntheticStack, SyntheticStack], result: StackResult) -> None:
    alone = FocusStacker(StackOptions(reference='first'), 'opencv')
    for image, distance in zip(lit[0].images, lit[0].distances, strict=True):
        alone.add(image, distance)
    one = alone.finish()
    for half in (0, 1):
        assert error_of(result, lit, half) < 0.25
        assert np.median(result.confidence[HALVES[half]]) > 0.5
    assert error_of(one, lit, 0) < 0.25
    assert np.median(one.confidence[HALVES[1]]) < 0.1  # what the second light is for


def test_each_light_has_its_sharp_image(
        lit: tuple[SyntheticStack, SyntheticStack], result: StackResult) -> None:
    assert len(result.lights) == 1
    for half, image in enumerate((result.all_in_focus, result.lights[0])):
        assert (image.shape, image.dtype) == (SHAPE, np.uint8)
        for place in HALVES:  # the flat half too: no light shows through the other's image
            assert rms(image[place] - lit[half].all_in_focus[place]) < 4
        blurred = lit[half].images[0][HALVES[half]] - lit[half].all_in_focus[HALVES[half]]
        assert rms(blurred) > 8  # what a single slice is like


def test_brightness_of_each_light_is_its_own(result: StackResult) -> None:
    # The exposure has changed under the second light only.
    assert [report.gain for report in result.reports] == pytest.approx([1.0] * 6, abs=0.02)
    flat = result.lights[0][HALVES[0]]
    assert flat.mean() == pytest.approx(60, abs=1)


def test_order_of_the_slices_and_bits_are_those_of_all_lights(
        lit: tuple[SyntheticStack, SyntheticStack], result: StackResult) -> None:
    stacker = FocusStacker(TWO, 'opencv')
    rows = list(zip(lit[0].images, lit[1].images, lit[0].distances, strict=True))
    for number in (0, 2, 1, 3, 4, 5):  # all are worked on anew, and 10 bits are found late
        image, light, distance = rows[number]
        scale = 4 if number == 3 else 1
        stacker.add(image.astype(np.uint16), distance, lights=[light.astype(np.uint16) * scale])
    found = stacker.finish()
    assert (found.significant_bits, found.lights[0].dtype) == (10, np.uint16)
    assert found.lights[0].max() < 1 << 10
    assert found.lights[0].shape == result.lights[0].shape


@pytest.mark.parametrize(('lights', 'code', 'words'), [
    ((), Refusal.LIGHTS, 'the slice has 1 image and stack.lights is 2'),
    ((0, 0), Refusal.LIGHTS, 'the slice has 3 images and stack.lights is 2'),
    ((np.s_[1:],), Refusal.SIZE, 'the image of light 1 is 160x119 pixels'),
    ((np.uint16,), Refusal.ENCODING, 'the image of light 1 is 160x120 pixels, 1 channel, uint16')])
def test_a_slice_without_an_image_for_each_light_is_refused(
        lights: tuple[Any, ...], code: Refusal, words: str) -> None:
    image = np.zeros(SHAPE, np.uint8)
    stacker = FocusStacker(TWO, 'opencv')
    others = [image if each == 0 else image.astype(each) if each is np.uint16 else image[each]
              for each in lights]
    with pytest.raises(SliceError, match=re.escape(words)) as raised:
        stacker.add(image, 0.1, lights=others)
    assert raised.value.refusal is code
    assert len(stacker) == 0


@pytest.mark.parametrize('method', ['streaming', 'notebook'])
def test_methods_of_one_light_say_so(method: str) -> None:
    assert StackOptions(method=method).stack_lights == 1
    with pytest.raises(OptionError, match=f'stack.lights is 3 and method {method}, which takes'):
        StackOptions(method=method, stack_lights=3)


def test_all_images_of_a_slice_take_room() -> None:
    image = np.zeros(SHAPE, np.uint8)
    one, three = (retained_bytes(StackOptions(stack_lights=count), image) for count in (1, 3))
    assert three - one == 2 * image.nbytes


def test_gains_of_a_light_are_relative_to_its_first() -> None:
    rng = np.random.default_rng(5)
    bright = rng.integers(60, 120, (96, 128), np.uint8)
    cells = [light_cells(each) for each in (bright, (bright * 1.25).astype(np.uint8))]
    gains = LightGains(known=False)
    for number, each in enumerate(cells):
        gains.add(number, [each], Link(np.eye(3)))
    gains.add(2, [cells[0]], Link(np.eye(3), reason='a guess'))  # tells nothing: the last holds
    assert gains.relative(1, 0, 0)[0] == pytest.approx(0.8, rel=0.02)
    assert gains.relative(0, 1, 0)[0] == pytest.approx(1.25, rel=0.02)
    assert gains.relative(2, 1, 0) == (1.0,)
    given = LightGains(known=True)
    for number, each in enumerate(cells):
        given.add(number, [each], Link(np.eye(3)))
    assert given.relative(1, 0, 0) == (1.0,)
