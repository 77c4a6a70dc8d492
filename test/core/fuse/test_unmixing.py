# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The light of a near surface's blur is taken from the far side beside it."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.fuse import unmixing
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.unmixing import unmixed
import focus_stacking_ros.core.stack.finish as finishing
from focus_stacking_ros.simulation import render_stack
from focus_stacking_ros.simulation.blur import disc_kernel
from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS, built_in_sweep
from focus_stacking_ros.simulation.inspection_scenes import crossing_wires
import numpy as np
import pytest

SIZE, EDGE, COUNT = (160, 200), 100, 7
RATE = 0.8  # radius of the circle of confusion, pixels a slice
STEP = 2.0  # width of the focus curve, slices


def grey_levels(light, top):
    return np.rint(np.clip(light, 0, 1) ** (1 / 2.2) * top)


def blurred(light, radius):
    kernel = disc_kernel(round(2 * radius, 3))
    return light if kernel.shape == (1, 1) else cv2.filter2D(
        light, -1, kernel, borderType=cv2.BORDER_REFLECT_101).reshape(light.shape)


def stack(dtype=np.uint8, channels=3, rate=RATE, beyond=0.0):
    """
    Return what is true, what was fused, the index and slices of two surfaces at an edge.

    :param beyond: pixels by which the near surface ends beyond the edge of the index
    """
    rng = np.random.default_rng(8)
    top = np.iinfo(dtype).max
    near, far = (np.clip(level + cv2.GaussianBlur(rng.standard_normal((*SIZE, channels)), (0, 0),
                                                  1.2).reshape(*SIZE, channels) * 0.3, 0.02, 1)
                 for level in (0.6, 0.2))
    mask = np.zeros((*SIZE, 1))
    mask[:, :, 0] = np.clip(EDGE + beyond - np.arange(SIZE[1]), 0, 1)
    images = []
    for number in range(COUNT):
        hidden = blurred(mask, rate * number)
        light = blurred(mask * near, rate * number) + (1 - hidden) * blurred(
            far, rate * (COUNT - 1 - number))
        images.append(grey_levels(light, top).astype(dtype))
    truth = grey_levels(mask * near + (1 - mask) * far, top)
    index = np.where(np.arange(SIZE[1]) < EDGE, 0, COUNT - 1).astype(np.float32)
    index = np.repeat(index[None], SIZE[0], axis=0)
    fused = images[-1].copy()
    fused[:, :EDGE + 4] = images[0][:, :EDGE + 4]  # the near slice, as far as the rim is blurred
    slices = [FusionSlice(image if channels == 3 else image[..., 0], np.zeros(SIZE, np.uint8),
                          np.eye(3), 1.0) for image in images]
    return truth, fused if channels == 3 else fused[..., 0], index, slices


def error(image, truth):
    """Return the mean square of what is wrong within four pixels beside the edge."""
    rim = np.s_[16:-16, EDGE:EDGE + 4]
    return float(np.square(image.reshape(truth.shape)[rim] - truth[rim]).mean())


EVERYWHERE = np.ones(SIZE, np.bool_)
CALM = np.full(SIZE, 0.5, np.float32)


@pytest.mark.parametrize(('dtype', 'channels'), [(np.uint8, 3), (np.uint8, 1), (np.uint16, 3)])
def test_the_far_side_of_a_rim_is_what_it_is(dtype, channels):
    truth, fused, index, slices = stack(dtype, channels)
    before = fused.copy()
    found = unmixed(fused, index, EVERYWHERE, slices, lambda: CALM, STEP)
    assert found.dtype == fused.dtype
    assert found.shape == fused.shape
    assert error(found, truth) < 0.5 * error(fused, truth)
    np.testing.assert_array_equal(fused, before)


@pytest.mark.parametrize('rate', [0.7, 1.0, 1.3])
def test_how_fast_blur_grows_is_found(rate):
    truth, fused, index, slices = stack(rate=rate)
    found = unmixed(fused, index, EVERYWHERE, slices, lambda: CALM, STEP)
    assert error(found, truth) < 0.65 * error(fused, truth)


@pytest.mark.parametrize(('rate', 'left'), [(0.6, 0.8), (0.8, 0.35), (1.1, 0.3), (1.6, 0.4)])
def test_most_of_what_is_wrong_goes_whether_blur_grows_slowly_or_fast(rate, left):
    truth, fused, index, slices = stack(rate=rate)
    found = unmixed(fused, index, EVERYWHERE, slices, lambda: CALM, STEP)
    assert error(found, truth) < left * error(fused, truth)


@pytest.mark.parametrize('rate', [0.45, 0.6, 0.8, 1.1])
def test_the_rate_of_blur_is_right(rate):
    """From little more than half of the usual one on, 0.8 pixels a slice here."""
    _, fused, index, slices = stack(rate=rate)
    rims = unmixing._Rims(fused, index, EVERYWHERE, STEP, slices, unmixing._PORTABLE)
    assert unmixing._calibrated(rims, 0.8) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize(('beyond', 'left'), [(0.5, 0.5), (-0.5, 0.2)])
def test_an_edge_that_is_half_a_pixel_off_does_no_harm(beyond, left):
    """Where the near surface hides most of the lens, it would."""
    truth, fused, index, slices = stack(beyond=beyond)
    found = unmixed(fused, index, EVERYWHERE, slices, lambda: CALM, STEP)
    assert error(found, truth) < left * error(fused, truth)


@pytest.mark.parametrize('rate', [0.8, 1.2])
def test_an_edge_that_is_half_a_pixel_off_errs_by_what_is_expected(rate):
    truth, fused, index, slices = stack(rate=rate, beyond=0.5)
    rims = unmixing._Rims(fused, index, EVERYWHERE, STEP, slices, unmixing._PORTABLE)
    pixels = rims.near(rate)
    pixels = pixels[pixels % SIZE[1] > EDGE]  # which is of both surfaces
    far, expected, share, _ = unmixing._far_light(rims, pixels, rate, np.zeros(SIZE, np.float32))
    found = np.square(far - ((truth / 255) ** 2.2).reshape(-1, 3)[pixels]).mean(axis=1)
    beside = (share > 0.05) & (share < 0.5)
    assert found[beside].mean() == pytest.approx(expected[beside].mean(), rel=0.25)


def test_errors_are_averaged_over_two_pixels_around_where_near_light_counts():
    """What changes by chance alone stays; a hundredth of the light is no less than that."""
    index = np.zeros((40, 60), np.float32)
    pixels = np.arange(index.size).reshape(index.shape)[5:-5, 5:-5].ravel()
    column, ones = pixels % 60, np.ones(len(pixels), np.float32)
    change = np.where(column < 30, 4 * ones, ones)  # of four times and once the expected error
    weight = unmixing._weight(index, pixels, change, ones, 0.1 * ones).reshape(30, 50)
    np.testing.assert_allclose(weight[3:-3, :23], 0.75)
    np.testing.assert_allclose(weight[3:-3, 27:], 0, atol=1e-6)
    assert (np.diff(weight[3:-3, 22:28]) < 0).all()
    for share, counts in ((0.007, False), (0.015, True)):
        assert unmixing._weight(index, pixels, 4 * ones, ones, share * ones).any() == counts


@pytest.mark.parametrize(('rows', 'changes'), [(13, False), (25, True)])
def test_a_few_dozen_pixels_tell_no_blur(rows, changes):
    """Of each row four are beside the near surface."""
    _, fused, index, slices = stack()
    known = np.zeros(SIZE, np.bool_)
    known[60:60 + rows, :EDGE + 4] = True
    found = unmixed(fused, index, known, slices, lambda: CALM, STEP)
    assert (found is not fused) == changes


def test_slices_that_lie_in_memory_red_first_give_the_same():
    _, fused, index, slices = stack()
    swapped = [FusionSlice(np.array(item.image[..., ::-1], order='C')[..., ::-1], item.sharpness,
                           item.transform, (0.9, 1.0, 1.1)) for item in slices]
    plain = [FusionSlice(item.image, item.sharpness, item.transform, (0.9, 1.0, 1.1))
             for item in slices]
    np.testing.assert_array_equal(*(unmixed(fused, index, EVERYWHERE, each, lambda: CALM, STEP)
                                    for each in (swapped, plain)))


def test_the_near_side_and_what_is_far_from_rims_stay():
    _, fused, index, slices = stack()
    found = unmixed(fused, index, EVERYWHERE, slices, lambda: CALM, STEP)
    np.testing.assert_array_equal(found[:, :EDGE], fused[:, :EDGE])
    np.testing.assert_array_equal(found[:, EDGE + 12:], fused[:, EDGE + 12:])


def test_what_the_model_does_not_explain_stays():
    """Slices that show something else, as where something moved, change nothing."""
    _, fused, index, slices = stack()
    rng = np.random.default_rng(9)
    wrong = [FusionSlice(rng.integers(0, 256, item.image.shape).astype(np.uint8),
                         item.sharpness, item.transform, 1.0) for item in slices]
    assert unmixed(fused, index, EVERYWHERE, wrong, lambda: CALM, STEP) is fused


def test_where_no_jump_is_known_nothing_changes():
    _, fused, index, slices = stack()
    assert unmixed(fused, index, ~EVERYWHERE, slices, lambda: CALM, STEP) is fused


def test_a_slice_without_data_at_the_rim_gives_nothing():
    _, fused, index, slices = stack()
    empty = np.zeros(SIZE, np.uint8)
    masked = [FusionSlice(item.image, item.sharpness, item.transform, 1.0, empty)
              for item in slices]
    assert unmixed(fused, index, EVERYWHERE, masked, lambda: CALM, STEP) is fused


def test_slices_are_found_where_they_lie_and_as_bright_as_they_are():
    truth, fused, index, slices = stack()
    moved = []
    for item in slices:
        matrix = np.eye(3)
        matrix[:2, 2] = 3, -2
        image = cv2.warpPerspective(item.image, matrix, SIZE[::-1],
                                    borderMode=cv2.BORDER_REPLICATE)
        moved.append(FusionSlice((image * 0.8).astype(np.uint8), item.sharpness, matrix, 1.25))
    found = unmixed(fused, index, EVERYWHERE, moved, lambda: CALM, STEP)
    assert error(found, truth) < 0.55 * error(fused, truth)


@pytest.mark.slow
def test_a_whole_stack_gains_at_its_rims(monkeypatch):
    """Wires before a textured ground, rendered with occlusion: 1 dB, and a fifth less is wrong."""
    scene = render_stack(crossing_wires(21, (240, 320)), BUILT_IN_LENS, built_in_sweep(12, 2), 2)

    def rims_error():
        stacker = FocusStacker(StackOptions())
        for image, distance in zip(scene.slices, scene.focus_distances_m, strict=True):
            stacker.add(image, distance)
        result = stacker.finish()
        missed = result.all_in_focus.astype(np.float64) - scene.all_in_focus
        wrong = np.abs(result.slice_index - scene.slice_index()) > 1
        return (float(np.square(missed)[scene.occluded].mean()),
                float(wrong[scene.occluded].mean()))

    squares, wrong = rims_error()
    monkeypatch.setattr(finishing, 'unmixed', lambda image, *_: image)
    squares_before, wrong_before = rims_error()
    assert squares < 0.8 * squares_before
    assert wrong < 0.8 * wrong_before
