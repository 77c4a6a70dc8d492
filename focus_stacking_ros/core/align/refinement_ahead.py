# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons of the joint refinement, made while further slices arrive."""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial

from focus_stacking_ros.core.align.chain import Link, registration_model
from focus_stacking_ros.core.align.detail import Detail, in_full
from focus_stacking_ros.core.align.joint import first_model
from focus_stacking_ros.core.align.model_choice import chosen_model
from focus_stacking_ros.core.align.pair_comparisons import Once, PairComparisons
from focus_stacking_ros.core.align.pyramid import AlignmentFrame
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_tasks
import numpy as np
from numpy.typing import NDArray

__all__ = ['RefinementAhead']

_CHOICE_EVERY = 4  # slices: how often the model is chosen anew, from all comparisons so far
_PENDING = 2  # slices whose comparisons have not ended, at most: each holds its pixels


class RefinementAhead:
    """
    Compares slices with those before them in a thread of its own, from the chain's transforms.

    What later slices make of it, as another model, `JointRefinement` finds out, which makes again
    what has to be; so no result depends on how far this thread has come.

    :param stages: who does what takes time
    :param model: alignment.model
    """

    def __init__(self, stages: AlignmentStages, model: str) -> None:
        self._stages, self._model = stages, model
        self._tasks = lasting_tasks('refinement_ahead', 1)
        self._started: list[Future[None]] = []
        self._transforms: list[Transform] = []
        self._scales_known = True
        self._first = ''  # the model that slices are compared with first
        self._chosen = ''  # the model that they seem to need
        self._pairs: dict[str, PairComparisons] = {}

    def add(self, link: Link, frame: AlignmentFrame, grey: NDArray[np.int16], *,
            scale_known: bool) -> None:
        """
        Begin to compare the next slice; waits where too many are under way.

        :param link: where it lies
        :param frame: its pyramid
        :param grey: (H, W) int16 luma in 1/16 grey level
        :param scale_known: whether its magnification is
        """
        rank = len(self._transforms)
        self._transforms.append(link.transform)
        self._scales_known &= scale_known
        model = registration_model(self._model, magnification_known=self._scales_known)
        first, choosing = first_model(model, self._transforms), model == 'auto'
        if first != self._first:
            self._first, self._pairs = first, {first: PairComparisons(self._stages, first)}
        if link.reason:
            return
        wait(self._started[:-_PENDING + 1])
        self._started.append(self._tasks.submit(
            self._compare, self._pairs, first, choosing, rank, link.transform,
            _detail(frame, grey)))

    def _compare(self, pairs: dict[str, PairComparisons], first: str, choosing: bool,
                 rank: int, transform: Transform, detail: Once) -> None:
        """Compare a slice; with the model that those so far need, too, where it is another."""
        usual = pairs[first]
        if choosing and rank % _CHOICE_EVERY == 0:
            self._chosen = chosen_model([each.evidence for each in usual.judgements.values()])
        if choosing and self._chosen not in ('', first) and rank >= _CHOICE_EVERY:
            other = pairs.setdefault(self._chosen, PairComparisons(self._stages, self._chosen))
            other.follow(usual)
            other.add(rank, transform, detail)
        usual.add(rank, transform, detail)

    def made(self) -> dict[str, PairComparisons]:
        """
        Return the comparisons of all slices by their models, as soon as they have been made.

        What one of them has raised is raised here.
        """
        for future in self._started:
            future.result()
        for pairs in self._pairs.values():
            pairs.forget_details()
        return self._pairs


def _detail(frame: AlignmentFrame, grey: NDArray[np.int16]) -> Once:
    """Return what makes a slice's detail when it is asked for; it keeps luma only to use it."""
    if in_full(frame.shape):
        return Once(partial(Detail.of, frame, grey))
    detail = Detail.of(frame, grey)
    return Once(lambda: detail)
