# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the all-in-focus image: the running average and the depth-gated pass."""

from __future__ import annotations

from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.core.focus.measure import halved, luma, sharpness
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import FusionGuide, FusionJob
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.fuse.weights import (
    DISTANCE,
    DISTANCE_SHIFT,
    farthest_of,
    GATE,
    INDEX_STEPS,
    NEVER,
    reach_of,
)
from helpers.stacks import make_stack, similarity, slanted, SyntheticStack, texture
import numpy as np
import pytest

SHAPE = (60, 80)
IDENTITY = np.eye(3)


def flat_slices(values: list[int], sharp: int = 64, transforms=None, gains=None,
                dtype: type = np.uint8) -> list[FusionSlice]:
    return [FusionSlice(np.full(SHAPE, value, dtype), np.full(SHAPE, sharp, np.uint8),
                        IDENTITY if transforms is None else transforms[k],
                        1.0 if gains is None else gains[k]) for k, value in enumerate(values)]


def plane(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


def fuse(slices: list[FusionSlice], index: np.ndarray, trust: np.ndarray, gate: float,
         power: float, noise_sigma: float = 1.0) -> np.ndarray:
    """Fuse with no slice sharper than those at the index."""
    sharpest = np.zeros(index.shape, np.uint8)
    guide = FusionGuide(index, trust, sharpest, np.full_like(index, noise_sigma),
                        np.full_like(index, gate))
    return OpenCVBackend().fuse(FusionJob(slices, guide, power))


def slices_of(stack: SyntheticStack) -> list[FusionSlice]:
    return [FusionSlice(image, sharpness(luma(image)), transform, 1 / gain)
            for image, transform, gain in zip(stack.images, stack.transforms, stack.gains,
                                              strict=True)]


def test_average_is_weighted_by_sharpness() -> None:
    average = WeightedAverage(SHAPE)
    for value, sharp in ((40, 0), (200, 128)):
        average.add(np.full(SHAPE, value, np.uint8), np.full(SHAPE, sharp, np.uint8), IDENTITY,
                    (1.0,))
    assert average.mean() == pytest.approx(200, abs=0.01)


def test_average_of_equally_sharp_slices_is_their_mean_after_gain() -> None:
    average = WeightedAverage((*SHAPE, 3))
    for value, gain in ((40, 1.0), (30, 2.0), (80, 1.0)):
        average.add(np.full((*SHAPE, 3), value, np.uint16), np.full(SHAPE, 20, np.uint8),
                    IDENTITY, (gain,) * 3)
    assert average.mean() == pytest.approx(60, abs=0.01)


def test_average_takes_a_gain_for_each_channel() -> None:
    average = WeightedAverage((*SHAPE, 3))
    average.add(np.full((*SHAPE, 3), 60, np.uint8), np.full(SHAPE, 20, np.uint8), IDENTITY,
                (0.5, 1.0, 2.0))
    mean = average.mean()
    for channel, value in enumerate((30, 60, 120)):
        assert mean[..., channel] == pytest.approx(value, abs=0.01)


def test_fused_slices_have_a_gain_for_each_channel() -> None:
    slices = [FusionSlice(np.full((*SHAPE, 3), value, np.uint8), np.full(SHAPE, 64, np.uint8),
                          IDENTITY, gain)
              for value, gain in ((60, (0.5, 1.0, 2.0)), (30, (1.0, 2.0, 4.0)))]
    fused = fuse(slices, plane(0.5), plane(1.0), 0.7, 4.0)
    np.testing.assert_array_equal(fused, np.broadcast_to([30, 60, 120], fused.shape))


def test_average_of_flats_does_not_vanish() -> None:
    average = WeightedAverage(SHAPE)
    for value in (40, 60):
        average.add(np.full(SHAPE, value, np.uint8), np.zeros(SHAPE, np.uint8), IDENTITY, (1.0,))
    assert average.mean() == pytest.approx(50, rel=2e-3)


@pytest.mark.parametrize('sharp', [0, 50])
def test_average_takes_only_slices_that_cover_the_pixel(sharp) -> None:
    average = WeightedAverage(SHAPE)
    average.add(np.full(SHAPE, 40, np.uint8), np.full(SHAPE, sharp, np.uint8), IDENTITY, (1.0,))
    average.add(np.full(SHAPE, 80, np.uint8), np.full(SHAPE, sharp, np.uint8),
                similarity(SHAPE, shift=(10, 0)), (1.0,))
    mean = average.mean()
    assert mean[:, :70] == pytest.approx(60, rel=2e-3)
    assert mean[:, 70:] == pytest.approx(40, rel=2e-3)
    assert mean is average.total  # it takes no more room


@pytest.mark.parametrize('shape', [SHAPE, (61, 79)])
def test_average_of_one_luma_is_its_halved_one(shape) -> None:
    grey = luma(np.rint(texture(shape)).astype(np.uint8))
    average = LumaAverage(shape)
    average.add(grey, np.full(shape, 20, np.uint8), IDENTITY, 2.0)
    np.testing.assert_allclose(average.mean(), 2 * halved(grey) / 16, atol=0.1)
    assert (average.sharpest == 20).all()


def test_average_of_luma_is_weighted_by_sharpness_and_takes_what_covers_the_pixel() -> None:
    average = LumaAverage(SHAPE)
    for value, sharp, shift in ((40, 2, 0), (200, 64, 0), (90, 255, 10)):
        average.add(np.full(SHAPE, 16 * value, np.int16), np.full(SHAPE, sharp, np.uint8),
                    similarity(SHAPE, shift=(shift, 0)), 1.0)
    assert average.mean()[:, 35:] == pytest.approx(200, abs=0.01)
    assert average.mean()[:, :35] == pytest.approx(90, abs=3)
    assert (average.sharpest[:, 35:] == 64).all()


def test_average_of_luma_blurs_by_a_pixel_of_the_slice_and_no_more() -> None:
    shape, shift = (64, 400), 0.5
    x = np.arange(400)
    stripes = np.broadcast_to(np.rint(2000 + 1000 * np.sin(np.pi * x / 4)), shape)
    average = LumaAverage(shape)
    average.add(stripes.astype(np.int16), np.full(shape, 9, np.uint8),
                similarity(shape, shift=(shift, 0)), 1.0)
    # Of a period of 8 pixels the mean of two keeps cos(pi / 8), halfway between two as much again;
    # between pixels of half the size 0.79 would be left instead.
    amplitude = average.mean()[:, 8:-8].std() * np.sqrt(2)
    assert amplitude == pytest.approx(1000 / 16 * np.cos(np.pi / 8) ** 2, rel=0.01)


@pytest.mark.parametrize('number', [0, 2, 4])
def test_trusted_pixels_are_those_of_the_slice_at_the_index(number) -> None:
    values = [10, 60, 110, 160, 210]
    image = fuse(flat_slices(values), plane(number), plane(1), 0.3, 4.0)
    # Neighbours enter with exp(-1 / (2 0.3^2)) = 0.4 %.
    assert np.abs(image.astype(int) - values[number]).max() <= 1


def test_untrusted_pixels_average_over_all_slices() -> None:
    assert (fuse(flat_slices([10, 60, 110]), plane(0), plane(0), 0.3, 4.0) == 60).all()


def test_trust_blends_between_the_two() -> None:
    image = fuse(flat_slices([10, 60, 110]), plane(0), plane(0.5), 0.3, 4.0)
    # Of its weights 1/2, gated, and 1/6 each slice gets the greater one.
    expected = (10 / 2 + 60 / 6 + 110 / 6) / (1 / 2 + 2 / 6)
    assert np.abs(image - expected).max() <= 1.5


@pytest.mark.parametrize('trust', [0.1, 0.5, 0.9])
def test_trust_is_the_share_of_the_slices_near_the_index(trust) -> None:
    blurred, sharp = flat_slices([10], sharp=20), flat_slices([110], sharp=80)
    # The sharper one is too far from the index for the gate.
    image = fuse([*blurred, *blurred, *blurred, *sharp], plane(0), plane(trust), 0.3, 4.0)
    assert np.abs(image - (trust * 10 + (1 - trust) * 110)).max() <= 3


def test_a_wider_gate_lets_neighbours_in() -> None:
    slices = flat_slices([0, 100, 250], sharp=0)
    narrow = fuse(slices, plane(0), plane(1), 0.3, 4.0)
    wide = fuse(slices, plane(0), plane(1), 1.5, 4.0)
    weights = np.exp(-np.arange(3) ** 2 / (2 * 1.5 ** 2))
    assert narrow.max() <= 1
    assert wide[0, 0] == pytest.approx((weights * [0, 100, 250]).sum() / weights.sum(), abs=2.5)


@pytest.mark.parametrize('gate', [1.0, 4.0])
def test_where_nothing_is_sharp_noise_falls_as_in_a_gaussian_average(gate) -> None:
    generator = np.random.default_rng(3)
    slices = [FusionSlice(np.clip(np.rint(generator.normal(128, 8, SHAPE)), 0, 255).astype(
        np.uint8), np.zeros(SHAPE, np.uint8), IDENTITY, (1.0,)) for _ in range(31)]
    image = fuse(slices, plane(15), plane(1), gate, 4.0, 8.0)
    # Weights of a Gaussian of standard deviation s have the power of 2 sqrt(pi) s slices.
    assert (8 / image.std()) ** 2 == pytest.approx(2 * np.sqrt(np.pi) * gate, rel=0.12)


@pytest.mark.parametrize('gate', [0.3, 0.7, 1.6, 4.9])
def test_what_a_tile_does_not_ask_for_would_have_no_weight(gate) -> None:
    reach = int(np.rint(reach_of(np.float32(gate))))
    farthest = farthest_of(reach)
    assert farthest == pytest.approx(min(3.55 * gate, 8.06), rel=0.07)
    for away in range(16 * INDEX_STEPS):
        passes = GATE[min(int(DISTANCE[min(away >> DISTANCE_SHIFT, 255)]) + reach, 255)] < NEVER
        assert passes == (away < farthest * INDEX_STEPS)


def test_nothing_passes_a_gate_that_is_shut() -> None:
    assert farthest_of(NEVER) == 0


def test_detail_narrows_the_gate_and_noise_widens_it() -> None:
    def share_of_neighbours(sharp: int, noise_sigma: float) -> float:
        slices = flat_slices([100, 0, 100], sharp=sharp)
        return float(fuse(slices, plane(1), plane(1), 2.0, 4.0, noise_sigma)[30, 40])
    assert share_of_neighbours(200, 0.5) < 5
    assert share_of_neighbours(0, 0.5) > 50
    assert share_of_neighbours(200, 20.0) > 50


def test_a_far_sharper_slice_elsewhere_belies_the_index() -> None:
    slices = flat_slices([50, 200])
    guide = FusionGuide(plane(0), plane(1), np.full(SHAPE, 250, np.uint8), plane(1), plane(0.3))
    assert OpenCVBackend().fuse(FusionJob(slices, guide, 4.0))[30, 40] > 120
    agreeing = FusionGuide(plane(0), plane(1), np.full(SHAPE, 64, np.uint8), plane(1), plane(0.3))
    assert OpenCVBackend().fuse(FusionJob(slices, agreeing, 4.0))[30, 40] < 55


@pytest.mark.parametrize(('sharper', 'least', 'most'), [(12, 50, 75), (40, 110, 126)])
def test_it_is_far_sharper_by_forty_and_not_by_a_dozen(sharper, least, most) -> None:
    """Beyond a tenth more, which interpolation alone may take from a slice; 125 is their mean."""
    sharpest = np.full(SHAPE, round(1.1 * 64) + sharper, np.uint8)
    guide = FusionGuide(plane(0), plane(1), sharpest, plane(1), plane(0.3))
    image = OpenCVBackend().fuse(FusionJob(flat_slices([50, 200]), guide, 4.0))
    assert least <= image[30, 40] <= most


def test_result_does_not_depend_on_tiles() -> None:
    # Tiles are 128 x 256 pixels; transforms and indices vary over the whole picture.
    shape = (270, 530)
    rng = np.random.default_rng(0)
    transforms = [similarity(shape, 1 + 0.01 * k, (k, -k)) for k in range(4)]
    images = [(texture(shape, seed=k) // 1).astype(np.uint8) for k in range(4)]
    slices = [FusionSlice(image, sharpness(luma(image)), transform, 1.0)
              for image, transform in zip(images, transforms, strict=True)]
    index = rng.uniform(0, 3, shape).astype(np.float32)
    trust = rng.uniform(0, 1, shape).astype(np.float32)
    whole = fuse(slices, index, trust, 0.7, 4.0)
    left, top = 200, 100  # another cut of the same picture, across the tiles
    part = np.s_[top:, left:]
    offset = similarity(shape, shift=(left, top))
    moved = [FusionSlice(item.image, item.sharpness, item.transform @ offset, 1.0)
             for item in slices]
    again = fuse(moved, np.ascontiguousarray(np.roll(index, (-top, -left), (0, 1))),
                 np.roll(trust, (-top, -left), (0, 1)), 0.7, 4.0)
    rows, columns = shape[0] - top, shape[1] - left
    difference = whole[part].astype(int) - again[:rows, :columns]
    assert np.abs(difference).mean() < 0.05


def test_alignment_and_gain_are_undone() -> None:
    transforms = [similarity(SHAPE, 1 + 0.02 * k, (k, -k)) for k in range(4)]
    stack = make_stack(SHAPE, 4, transforms=transforms, gains=[1.0, 0.9, 1.05, 0.95],
                       index=slanted(SHAPE, 2.0, 2.0))
    image = fuse(slices_of(stack), plane(2), plane(1), 0.3, 4.0)
    inner = np.s_[6:-6, 6:-6]
    assert np.abs(image - stack.all_in_focus)[inner].mean() < 1.0


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_shape_and_dtype_are_those_of_the_slices(dtype, channels) -> None:
    stack = make_stack(SHAPE, 3, channels=channels, dtype=dtype)
    image = fuse(slices_of(stack), stack.index, plane(1), 0.7, 4.0)
    assert (image.shape, image.dtype) == (stack.images[0].shape, dtype)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_values_are_clipped_to_the_range_and_do_not_wrap(dtype) -> None:
    top = np.iinfo(dtype).max
    image = fuse(flat_slices([top - 1, top - 1], gains=[1.3, 1.3], dtype=dtype), plane(0),
                 plane(1), 0.7, 4.0)
    assert (image == top).all()


def test_pixels_outside_a_slice_come_from_others() -> None:
    transforms = [IDENTITY, similarity(SHAPE, shift=(20, 0))]
    image = fuse(flat_slices([50, 200], transforms=transforms), plane(1), plane(1), 0.7, 4.0)
    assert (image[:, 62:] == 50).all()
    assert (image[:, :58] > 150).all()


def test_pixels_that_no_slice_near_the_index_shows_are_not_black() -> None:
    transforms = [IDENTITY] * 5 + [similarity(SHAPE, shift=(20, 0))] * 5
    image = fuse(flat_slices([100] * 10, transforms=transforms), plane(9), plane(1), 0.7, 4.0)
    assert image.min() == 100
