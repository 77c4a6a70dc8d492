# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of which slices are compared, and of comparisons that are made but once."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
from focus_stacking_ros.core.align import pair_comparisons
from focus_stacking_ros.core.align.comparison import Comparison
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.pair_comparisons import PairComparisons
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.focus.measure import luma
from helpers.stacks import make_stack, similarity, slanted
import numpy as np
import pytest

SHAPE = (240, 320)


class Counted(PortableAlignment):
    """Counts comparisons."""

    made = 0

    def compare(self, *arguments: Any, **more: Any) -> Any:
        """Compare, and count it."""
        self.made += 1
        return super().compare(*arguments, **more)


def compared(images: list[np.ndarray], model: str = 'scale', shift: float = 0.0,
             earlier: PairComparisons | None = None) -> tuple[PairComparisons, int]:
    """Return comparisons of slices from transforms that are off, and how many were made."""
    stages = Counted()
    pairs = PairComparisons(stages, model, earlier)

    def detail(grey: np.ndarray) -> Detail:
        return Detail.of(stages.prepare(grey, 1), grey)

    for rank, image in enumerate(images):
        pairs.add(rank, similarity(SHAPE, 1.0, (shift * (rank == 1), 0)),
                  partial(detail, luma(image)))
    return pairs, stages.made


@pytest.fixture(scope='module')
def images() -> list[np.ndarray]:
    return make_stack(SHAPE, 8, noise=1.0, index=slanted(SHAPE, 0.0, 7.0)).images


def test_neighbours_and_next_neighbours_are_compared(images) -> None:
    pairs, made = compared(images[:4])
    assert [(pair.first, pair.second) for pair in pairs.pairs] == [
        (0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    assert made == 5
    assert list(pairs.judgements) == [1, 2, 3]


def test_past_slices_that_tell_nothing_the_last_that_does_is_compared() -> None:
    images = make_stack(SHAPE, 6, noise=1.0, index=slanted(SHAPE, 1.0, 4.0)).images
    for rank in (2, 3):
        images[rank] = cv2.GaussianBlur(images[rank], (0, 0), 8)
    pairs, _ = compared(images)
    assert (1, 4) in {(pair.first, pair.second) for pair in pairs.pairs}


@pytest.mark.parametrize(('model', 'shift', 'again'), [
    ('scale', 0.0, 0), ('scale', 0.4, 0), ('scale', 0.7, 3), ('similarity', 0.0, 5)])
def test_what_began_near_by_with_the_same_model_is_not_made_again(images, model, shift, again
                                                                  ) -> None:
    earlier, _ = compared(images[:4])
    pairs, made = compared(images[:4], model, shift, earlier)
    assert made == again
    kept = {(pair.first, pair.second): pair for pair in earlier.pairs}
    for pair in pairs.pairs:
        begun = pair.starts is kept[pair.first, pair.second].starts
        assert begun == (again == 0 or (again == 3 and 1 not in (pair.first, pair.second)))
        # Wherever it began, it leads to the same place.
        assert np.abs(pair.found.transform - kept[pair.first, pair.second].found.transform
                      ).max() < 0.05


@pytest.mark.parametrize(('shared', 'blurred'), [
    ((0.09, 0.3), [(0, 2)]), ((0.3, 0.09), [(1, 3)]), ((0.11, 0.11), []), ((None, 0.3), [])])
def test_past_a_slice_that_shares_hardly_any_detail_the_finest_level_is_left_out(
        monkeypatch, shared, blurred) -> None:
    told = {(0, 1): shared[0], (1, 2): shared[1]}
    left_out = []

    def compare(_stages: Any, first: int, second: int, start: Any, model: str, *, judged: bool,
                is_blurred: bool) -> Comparison | None:
        if is_blurred:
            left_out.append((first, second))
        known = told.get((first, second), 1.0)
        return None if known is None else Comparison(
            model, SHAPE, start, 100 * np.eye(3), None, shared=known)

    monkeypatch.setattr(pair_comparisons, 'compare', compare)
    pairs = PairComparisons(PortableAlignment(), 'scale')
    for rank in range(4):
        pairs.add(rank, np.eye(3), lambda rank=rank: rank)
    assert left_out == blurred


def test_a_comparison_that_goes_astray_says_nothing(images) -> None:
    other = make_stack(SHAPE, 1, seed=77).images
    pairs, made = compared([images[0], np.roll(images[0], 12, axis=1), *other])
    assert made == 3
    assert [(pair.first, pair.second) for pair in pairs.pairs
            if np.abs(pair.found.step_from(pair.starts[-1])).max() >= 8] == []
