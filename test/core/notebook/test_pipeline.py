# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The method notebook as a whole: its result, its order of steps, its files."""

from __future__ import annotations

from itertools import permutations

import cv2
from focus_stacking_ros import FocusStacker, StackError, StackOptions, StackResult
from focus_stacking_ros.core.depth.curves import metres
from focus_stacking_ros.core.files.image_files import decode
from focus_stacking_ros.core.notebook.linear_filters import gaussian_matrix
from focus_stacking_ros.core.notebook.pipeline import image_align
from focus_stacking_ros.core.slices import Slice
from helpers.stacks import (
    corner_error,
    make_stack,
    similarity,
    stacked,
    SyntheticStack,
    texture,
)
from helpers.stacks import (
    MARGIN as SCENE_MARGIN,
)
import numpy as np
import pytest

SHAPE = (90, 120)
MARGIN = 7
INNER = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
SHIFTS = [(0, 0), (2.5, -1.2), (-3.3, 0.7), (1.1, 2.6), (0.4, -2.2)]


def rim() -> np.ndarray:
    mask = np.ones(SHAPE, bool)
    mask[INNER] = False
    return mask


@pytest.fixture(scope='module')
def shaken() -> SyntheticStack:
    return make_stack(SHAPE, 5, channels=3, noise=0.5,
                      transforms=[similarity(SHAPE, shift=shift) for shift in SHIFTS])


@pytest.fixture(scope='module')
def result(shaken) -> StackResult:
    return stacked(shaken, method='notebook')


def pictures(result: StackResult) -> dict[str, np.ndarray]:
    return {name: decode(np.frombuffer(bytes(make()), np.uint8), name)
            for name, make in result.step_files.items()}


def differing(one: StackResult, other: StackResult) -> list[str]:
    return [name for name in ('all_in_focus', 'depth_m', 'confidence', 'slice_index')
            if not np.array_equal(getattr(one, name), getattr(other, name), equal_nan=(
                name == 'depth_m'))]


def test_slices_are_aligned_by_translation(shaken) -> None:
    slices = [Slice(image, None, number, number) for number, image in enumerate(shaken.images)]
    for each, true in zip(image_align(slices[0], slices, 'translation'), shaken.transforms,
                          strict=True):
        assert np.array_equal(each.link.transform[:2, :2], np.eye(2))
        assert corner_error(each.link.transform, true, SHAPE) < 0.4


def test_translation_is_that_of_phase_correlation() -> None:
    registration = pytest.importorskip('skimage.registration')
    ndimage = pytest.importorskip('scipy.ndimage')
    image = texture(SHAPE)
    moved = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(image), (2.3, -1.6))).real
    slices = [Slice(np.rint(np.clip(each, 0, 255)).astype(np.uint8), None, number, number)
              for number, each in enumerate((image, moved))]
    found = image_align(slices[0], slices, 'translation')[1].link.transform[:2, 2]
    other = registration.phase_cross_correlation(image, moved, upsample_factor=50)[0]
    np.testing.assert_allclose(found, -other[::-1], atol=0.1)


def test_report_tells_the_translations(shaken, result) -> None:
    assert [report.rank for report in result.reports] == [0, 1, 2, 3, 4]
    assert all(corner_error(report.transform, true, SHAPE) < 0.4
               for report, true in zip(result.reports, shaken.transforms, strict=True))
    assert result.reference == 0
    assert result.backend == 'opencv'
    assert [report.residual is None for report in result.reports] == [True, *[False] * 4]


def test_depth_is_near_the_truth_where_there_is_confidence(shaken, result) -> None:
    known = np.isfinite(result.depth_m)
    assert known[INNER].mean() > 0.9
    error = np.abs(result.slice_index - shaken.index)[known]
    assert np.median(error) < 0.5
    assert (error <= 1).mean() > 0.85
    np.testing.assert_array_equal(result.depth_m[known], metres(
        result.slice_index, shaken.distances)[known])


def test_contract_of_the_margin(shaken, result) -> None:
    margin = rim()
    np.testing.assert_array_equal(result.all_in_focus[margin], shaken.images[0][margin])
    assert np.isnan(result.depth_m[margin]).all()
    assert (result.confidence[margin] == 0).all()
    assert np.isfinite(result.slice_index).all()
    assert (result.confidence[INNER] > 0).any()


def test_depth_is_unknown_where_confidence_is_at_most_a_twentieth(result) -> None:
    np.testing.assert_array_equal(np.isnan(result.depth_m), result.confidence <= 0.05)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('count', [2, 4])
def test_result_has_shape_and_depth_of_the_input(channels, dtype, count) -> None:
    stack = make_stack(SHAPE, count, channels=channels, dtype=dtype)
    result = stacked(stack, method='notebook')
    assert (result.all_in_focus.shape, result.all_in_focus.dtype) == (
        stack.images[0].shape, stack.images[0].dtype)
    for plane in (result.depth_m, result.confidence, result.slice_index):
        assert (plane.shape, plane.dtype) == (SHAPE, np.float32)
    assert 0 <= result.confidence.min() < result.confidence.max() <= 1
    assert set(np.unique(result.slice_index)) <= set(range(count))
    assert ('two slices' in ' '.join(result.notes)) == (count == 2)
    picture = pictures(result)['notebook/04_in_focus.png']
    np.testing.assert_array_equal(picture, result.all_in_focus)


def test_16_bits_give_what_8_bits_give(shaken) -> None:
    stackers = [FocusStacker(StackOptions(method='notebook', alignment_model='none'))
                for _ in range(2)]
    for image, distance in zip(shaken.images, shaken.distances, strict=True):
        stackers[0].add(image, distance)
        stackers[1].add(image.astype(np.uint16) * 257, distance)
    narrow, wide = (stacker.finish() for stacker in stackers)
    assert (narrow.slice_index == wide.slice_index).mean() > 0.999
    np.testing.assert_allclose(narrow.confidence, wide.confidence, atol=1e-4)
    difference = np.abs(wide.all_in_focus / 257.0 - narrow.all_in_focus)
    assert (difference.max(2) < 0.6).mean() > 0.999


def test_order_of_arrival_changes_nothing() -> None:
    stack = make_stack((40, 50), 4, channels=3, noise=1.0)
    expected = stacked(stack, method='notebook')
    for order in permutations(range(4)):
        assert differing(stacked(stack, order, method='notebook'), expected) == []


def test_reference_is_the_nearest_unless_another_is_chosen(shaken) -> None:
    for reference, number in {'narrowest': 0, 'nearest': 0, 'farthest': 4, 'middle': 2,
                              'first': 0, 'last': 4}.items():
        result = stacked(shaken, method='notebook', reference=reference)
        assert result.reference == number
        assert np.array_equal(result.reports[number].transform, np.eye(3))
        np.testing.assert_array_equal(result.all_in_focus[rim()], shaken.images[number][rim()])


def test_filled_depth_has_no_holes_and_the_same_values_elsewhere(shaken, result) -> None:
    filled = stacked(shaken, method='notebook', depth_fill=True)
    assert np.isfinite(filled.depth_m).all()
    known = np.isfinite(result.depth_m)
    assert not known.all()
    np.testing.assert_array_equal(filled.depth_m[known], result.depth_m[known])


def test_without_distances_there_is_an_index_and_no_depth(shaken) -> None:
    stacker = FocusStacker(StackOptions(method='notebook'))
    for image in shaken.images:
        stacker.add(image)
    result = stacker.finish()
    assert np.isnan(result.depth_m).all()
    assert np.isfinite(result.slice_index).all()
    assert 'not metric' in ' '.join(result.notes)


@pytest.mark.parametrize('value', [0, 100, 255])
def test_constant_images_have_no_depth_and_keep_their_grey_level(value) -> None:
    stacker = FocusStacker(StackOptions(method='notebook'))
    for number in range(4):
        stacker.add(np.full((*SHAPE, 3), value, np.uint8), 0.1 + 0.01 * number)
    result = stacker.finish()
    assert np.isnan(result.depth_m).all()
    assert result.confidence.max() < 1e-5
    assert (result.all_in_focus == value).all()
    assert np.isfinite(result.slice_index).all()
    assert all(picture.size for picture in pictures(result).values())


def test_images_that_are_all_margin_are_an_error_that_says_so() -> None:
    stacker = FocusStacker(StackOptions(method='notebook'))
    for number in range(2):
        stacker.add(texture((14, 40)).astype(np.uint8), 0.1 + number)
    with pytest.raises(StackError, match=r'40x14 pixels are all margin.*more than 14'):
        stacker.finish()
    assert len(stacker) == 0
    narrow = make_stack((15, 40), 3)
    assert np.isfinite(stacked(narrow, method='notebook').slice_index).all()


def test_what_lies_outside_a_slice_is_not_taken_from_it() -> None:
    # The second slice is the sharp one everywhere, but it has moved by 10 pixels.
    shape = (180, 240)
    index = np.full((shape[0] + 2 * SCENE_MARGIN, shape[1] + 2 * SCENE_MARGIN), 1.0, np.float32)
    stack = make_stack(shape, 2, index=index,
                       transforms=[np.eye(3), similarity(shape, shift=(10, 0))])
    result = stacked(stack, method='notebook')
    assert corner_error(result.reports[1].transform, stack.transforms[1], shape) < 0.5
    outside = np.s_[MARGIN:-MARGIN, -9:-MARGIN]
    np.testing.assert_array_equal(result.all_in_focus[outside], stack.images[0][outside])
    assert (result.confidence[outside] > 0).all()  # the first slice's alone
    inside = np.s_[MARGIN:-MARGIN, MARGIN:-30]
    # A pixel by itself errs often, where the sharp Laplacian changes its sign.
    assert (result.slice_index[inside] == 1).mean() > 0.75


def test_pipeline_is_that_of_the_study_in_scipy(shaken) -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    result = stacked(shaken, method='notebook', alignment_model='none')
    kernel = np.outer(gaussian_matrix(3, 1.0), gaussian_matrix(3, 1.0, 2))
    kernel += kernel.T
    stack = np.stack(shaken.images) / 255.0
    responses = np.stack([np.linalg.norm([ndimage.convolve(
        image[..., channel], kernel, mode='nearest') for channel in range(3)], axis=0)
        for image in stack])[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    raw = responses.argmax(0) + 1
    in_focus = np.take_along_axis(np.stack(shaken.images)[:, MARGIN:-MARGIN, MARGIN:-MARGIN],
                                  raw[None, ..., None] - 1, 0)[0]
    confidence = responses.sum(0)
    masked = np.where(confidence > 0.05, raw, 0)
    median = ndimage.median_filter(masked, 7, mode='nearest')
    assert (result.all_in_focus[INNER] == in_focus).all(2).mean() > 0.999
    np.testing.assert_allclose(result.confidence[INNER], np.minimum(confidence, 1), atol=1e-5)
    kept = median > 0
    assert (result.slice_index[INNER] == median - 1)[kept].mean() > 0.999
    steps = pictures(result)
    for name, levels in (('06_depth_raw', raw), ('08_depth_masked', masked)):
        picture = steps[f'notebook/{name}.png'][INNER]
        assert (picture == np.rint(levels * np.float32(255 / 5))).mean() > 0.999
    for number, response in enumerate(responses):
        picture = steps[f'notebook/03_depth_volume_{number:02d}.png'][INNER]
        assert ((picture > 0) == (response >= responses.max(0))).mean() > 0.999


def test_every_step_has_its_file(shaken, result) -> None:
    each = ('01_aligned_{}', '02_focus_response_r3_{}', '02_focus_response_r6_{}',
            '03_depth_volume_{}')
    names = {name.format(f'{number:02d}') for name in each for number in range(5)} | {
        '04_in_focus', '05_weighted', '06_depth_raw', '07_confidence', '08_depth_masked',
        '09_depth_filled', '10_depth_entropy', '11_post_processed', '12_slices_and_responses'}
    assert set(result.step_files) == {f'notebook/{name}.png' for name in names}
    for name, picture in pictures(result).items():
        if '12_' not in name:
            assert picture.shape[:2] == SHAPE
        assert picture.max() > 0
        if not {'01', '04', '05', '11', '12'}.intersection([name[9:11]]) and '07' not in name:
            assert (picture[rim()] == 0).all(), name


def test_pictures_of_slices_go_near_to_far(shaken) -> None:
    backwards = pictures(stacked(shaken, range(5)[::-1], method='notebook'))
    for number, image in enumerate(shaken.images):
        picture = backwards[f'notebook/01_aligned_{number:02d}.png']
        moved = np.roll(image, -np.rint(SHIFTS[number]).astype(int)[::-1], (0, 1))
        assert np.abs(picture[20:-20, 20:-20].astype(int)
                      - moved[20:-20, 20:-20]).mean() < 12, number


def test_sharper_places_have_more_entropy(shaken, result) -> None:
    levels = pictures(result)['notebook/10_depth_entropy.png'][INNER] / 51.0
    assert np.corrcoef(levels.ravel(), shaken.index[INNER].ravel())[0, 1] > 0.8


def test_weighted_average_is_softer_than_the_selection_and_nearer_to_the_truth_than_a_slice(
        shaken, result) -> None:
    steps = pictures(result)

    def error(image: np.ndarray) -> float:
        return float(np.abs(image.astype(float) - shaken.all_in_focus)[INNER].mean())

    assert error(steps['notebook/05_weighted.png']) < 0.7 * min(
        error(image) for image in shaken.images)
    assert cv2.Laplacian(steps['notebook/05_weighted.png'], cv2.CV_32F).std() < cv2.Laplacian(
        result.all_in_focus, cv2.CV_32F).std()
