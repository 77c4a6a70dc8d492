# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons of the joint refinement, made while further slices arrive."""

from __future__ import annotations

from concurrent.futures import Future, wait

from focus_stacking_ros.core.align.chain import Link, registration_model
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.joint import first_model
from focus_stacking_ros.core.align.pair_comparisons import PairComparisons
from focus_stacking_ros.core.align.pyramid import AlignmentFrame
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_tasks
import numpy as np
from numpy.typing import NDArray

__all__ = ['RefinementAhead']

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
        self._pairs: PairComparisons | None = None

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
        model = first_model(model, self._transforms)
        if self._pairs is None or self._pairs.model != model:
            self._pairs = PairComparisons(self._stages, model)
        if link.reason:
            return
        wait(self._started[:-_PENDING + 1])
        self._started.append(self._tasks.submit(
            self._pairs.add, rank, link.transform, lambda: Detail.of(frame, grey)))

    def made(self) -> PairComparisons | None:
        """
        Return the comparisons of all slices, as soon as they have been made; None of no slices.

        What one of them has raised is raised here.
        """
        for future in self._started:
            future.result()
        if self._pairs is not None:
            self._pairs.forget_details()
        return self._pairs
