# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks of slices that have no data in some of their pixels, through all stages."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from focus_stacking_ros import FocusStacker, StackOptions, StackResult
from focus_stacking_ros.core.slices import SliceError
from helpers.stacks import corner_error, make_stack, similarity, SyntheticStack
import numpy as np
import pytest

SHAPE = (160, 200)
SLICES = 6
METHODS = ['default', 'streaming', 'quality']


@cache
def masked() -> tuple[SyntheticStack, list[np.ndarray]]:
    """Return a stack whose far slices are transparent, black, on the left: a staircase."""
    transforms = [similarity(SHAPE, 1 + 0.004 * number, (number, 0)) for number in range(SLICES)]
    stack = make_stack(SHAPE, SLICES, transforms=transforms, channels=3, noise=1.0)
    masks, images = [], []
    for number, image in enumerate(stack.images):
        mask = np.ones(SHAPE, bool)
        mask[:, :6 * number] = False
        masks.append(mask)
        images.append(np.where(mask[..., None], image, 0).astype(np.uint8))
    return replace(stack, images=images), masks


def run(stack: SyntheticStack, masks: list[np.ndarray | None], **options: object) -> StackResult:
    stacker = FocusStacker(StackOptions(reference='first', **options))
    for image, distance, mask in zip(stack.images, stack.distances, masks, strict=True):
        stacker.add(image, distance, valid=mask)
    return stacker.finish()


@cache
def result_of(method: str, kind: str) -> StackResult:
    """Return the result with the right masks, with none, or with masks of all pixels."""
    stack, masks = masked()
    given = {'right': masks, 'none': [None] * SLICES, 'all': [np.ones(SHAPE, bool)] * SLICES}
    return run(stack, given[kind], method=method)


@pytest.mark.parametrize('method', METHODS)
def test_pixels_without_data_leave_no_trace(method) -> None:
    stack = masked()[0]
    result, blind = result_of(method, 'right'), result_of(method, 'none')
    rim = np.s_[10:-10, 2:26]  # transparent in some slices, but not in the near ones
    wrong = np.abs(result.all_in_focus.astype(int) - stack.all_in_focus)[rim].mean()
    assert wrong < 9
    assert np.abs(blind.all_in_focus.astype(int) - stack.all_in_focus)[rim].mean() > 1.5 * wrong
    assert (result.confidence[rim] < 0.1).all()
    assert (blind.confidence[rim] > 0.1).any()
    inner = np.s_[10:-10, 50:-10]
    assert np.abs(result.slice_index - stack.index)[inner].mean() < 0.15
    assert result.notes == ()


@pytest.mark.parametrize('method', METHODS)
def test_slices_are_placed_by_what_they_show(method) -> None:
    stack, result = masked()[0], result_of(method, 'right')
    for report, true in zip(result.reports, stack.transforms, strict=True):
        assert corner_error(report.transform, true, SHAPE) < 0.5


@pytest.mark.parametrize('method', METHODS)
def test_a_mask_of_all_pixels_changes_nothing(method) -> None:
    one, other = result_of(method, 'none'), result_of(method, 'all')
    for name in ('all_in_focus', 'slice_index', 'confidence'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(('mask', 'words'), [
    (np.ones((160, 199), bool), '199x160'), (np.ones(SHAPE, np.uint8), 'must be bool'),
    (np.zeros(SHAPE, bool), 'no pixel'), ('all', 'a str')])
def test_a_mask_that_does_not_fit_is_refused(mask, words) -> None:
    stack, _ = masked()
    stacker = FocusStacker()
    with pytest.raises(SliceError, match=words):
        stacker.add(stack.images[0], 0.2, valid=mask)
    assert len(stacker) == 0
