# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of comparisons that are made while further slices arrive."""

from __future__ import annotations

from threading import Event
from typing import Any
import weakref

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.align.chain import Link
from focus_stacking_ros.core.align.detail import Detail, LEVELS
from focus_stacking_ros.core.align.model_choice import nearest_similarity
from focus_stacking_ros.core.align.refinement_ahead import RefinementAhead
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.threads import lasting_tasks
from helpers.stacks import (
    corner_error,
    fast_stages,
    make_stack,
    perspective,
    refinement,
    similarity,
    slanted,
)
import numpy as np
import pytest

SHAPE = (240, 320)
SLICES = 7


class Stages(PortableAlignment):
    """Counts comparisons at the finest level, which may have to wait or fail."""

    def __init__(self, wait_for: Event | None = None, error: Exception | None = None) -> None:
        self.models: list[str] = []
        self._wait_for, self._error = wait_for, error

    def compare(self, template: Detail, image: Detail, *arguments: Any, **more: Any) -> Any:
        """Compare, and note the model."""
        if template.coarse.factor == 1:
            self.models.append(arguments[1])
        if self._wait_for is not None:
            assert self._wait_for.wait(60)
        if self._error is not None:
            raise self._error
        return fast_stages().compare(template, image, *arguments, **more)


def backend(stages: Stages) -> OpenCVBackend:
    result = OpenCVBackend()
    result.alignment = stages
    return result


def images(rotation: float = 0.0, shift: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return make_stack(SHAPE, SLICES, noise=1.0, index=slanted(SHAPE, 0.0, 6.0), transforms=[
        similarity(SHAPE, 1 + 0.004 * rank, tuple(rng.uniform(-shift, shift, 2)),
                   rotation * rank) for rank in range(SLICES)]).images


def stacked(stages: Stages, slices: list[np.ndarray], **options: Any) -> Any:
    stacker = FocusStacker(StackOptions(**options), backend(stages))
    for image in slices:
        stacker.add(image)
    return stacker.finish()


def transforms(result: Any) -> np.ndarray:
    return np.array([report.transform for report in result.reports])


def test_nothing_is_compared_twice() -> None:
    stages = Stages()
    stacked(stages, images())
    assert stages.models == ['similarity'] * (2 * SLICES - 3)


@pytest.mark.parametrize('rotation', [0.0, 0.2])
def test_transforms_are_those_of_comparisons_made_in_the_end(rotation) -> None:
    slices = images(rotation)
    stacker = FocusStacker(StackOptions(reference='first'), backend(Stages()))
    unrefined = [stacker.add(image).transform for image in slices]
    result = stacker.finish()
    after = refinement(slices, stages=Stages()).refined(unrefined)
    # In the grid of the first slice they are rounded once more.
    np.testing.assert_allclose(transforms(result), np.array(after.transforms), atol=1e-9)
    assert [report.misfit for report in result.reports] == after.misfits


def test_a_slow_thread_changes_nothing_but_the_time() -> None:
    slices, gate = images(), Event()
    expected = stacked(Stages(), slices)
    stages = Stages(gate)
    stacker = FocusStacker(StackOptions(), backend(stages))
    for image in slices[:2]:
        stacker.add(image)
    assert len(stages.models) <= 1  # it waits, and add() did not
    gate.set()
    for image in slices[2:]:
        stacker.add(image)
    found = stacker.finish()
    np.testing.assert_array_equal(transforms(found), transforms(expected))
    np.testing.assert_array_equal(found.all_in_focus, expected.all_in_focus)


def test_errors_of_the_thread_are_those_of_finish() -> None:
    stacker = FocusStacker(StackOptions(), backend(Stages(error=ValueError('lost'))))
    for image in images():
        stacker.add(image)
    with pytest.raises(ValueError, match='lost'):
        stacker.finish()
    assert len(stacker) == 0


@pytest.mark.parametrize('options', [
    {'method': 'streaming'}, {'method': 'notebook'}, {'alignment_refine': False},
    {'alignment_model': 'none'}])
def test_nothing_is_compared_where_nothing_is_refined(options) -> None:
    stages = Stages()
    stacked(stages, images(), **options)
    assert stages.models == []


def test_slices_out_of_order_are_compared_in_order() -> None:
    slices = images()
    expected = stacked(Stages(), slices, reference='first')
    stacker = FocusStacker(StackOptions(reference='first'), backend(Stages()))
    for rank in (0, 1, 3, 2, 4, 5, 6):
        stacker.add(slices[rank], position=rank, number=rank)
    np.testing.assert_array_equal(transforms(stacker.finish()), transforms(expected))


def test_what_the_stack_seems_to_need_is_compared_as_well() -> None:
    rng, count = np.random.default_rng(8), 12
    true = [similarity(SHAPE, 1 + 0.004 * rank, tuple(rng.uniform(-2, 2, 2)))
            @ perspective(SHAPE, *(3.0 * rng.uniform(-1, 1, 2) * (rank > 0)))
            for rank in range(count)]
    slices = make_stack(SHAPE, count, noise=1.0, transforms=true,
                        index=slanted(SHAPE, 4.0, 8.0)).images
    start = [nearest_similarity(each, SHAPE) for each in true]
    fresh, stages = Stages(), Stages()
    alone = refinement(slices, stages=fresh).refined(start)
    ahead = RefinementAhead(stages, 'auto')
    for image, transform in zip(slices, start, strict=True):
        grey = luma(image)
        ahead.add(Link(transform), stages.prepare(grey, LEVELS), grey, scale_known=False)
    made = ahead.made()
    assert set(made) == {'similarity', 'projective'}
    before = len(stages.models)
    found = refinement(slices, stages=stages).refined(start, made)
    again = stages.models[before:].count('projective')
    assert again < fresh.models.count('projective')
    assert max(corner_error(one, other, SHAPE) for one, other in zip(
        found.transforms, alone.transforms, strict=True)) < 0.2


def test_luma_is_not_kept_where_comparisons_do_without() -> None:
    """Large slices are compared at half resolution, which their pyramids have."""
    for shape, kept in (((240, 320), True), ((1230, 1230), False)):
        gate, stages = Event(), Stages()
        ahead = RefinementAhead(stages, 'similarity')
        grey = np.zeros(shape, np.int16)
        alive = weakref.ref(grey)
        frame = stages.prepare(grey, LEVELS)
        lasting_tasks('refinement_ahead', 1).submit(gate.wait, 60)
        ahead.add(Link(np.eye(3)), frame, grey, scale_known=False)
        del grey
        assert (alive() is not None) == kept
        gate.set()
        ahead.made()
