# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Joint refinement of a stack's transforms, once all slices are there.

Neighbours and next neighbours are compared once more, at full resolution, with the difference of
their defocus taken out of the comparison; then all transforms are solved for together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
import itertools

from focus_stacking_ros.core.align.comparison_sums import RICHEST
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.joint_solution import (
    changed,
    fitted_changes,
    frame_of,
    PairFit,
)
from focus_stacking_ros.core.align.model_choice import (
    chosen_model,
    nearest_similarity,
    usual_excess,
)
from focus_stacking_ros.core.align.motion import (
    all_parameters_of,
    PARAMETERS,
    without_rotation,
)
from focus_stacking_ros.core.align.pair_comparisons import FREE, Once, PairComparisons, TRUST
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.align.usual_course import usual_course
from focus_stacking_ros.core.align.warping import identity, inverse, is_affine, joined
from focus_stacking_ros.core.slices import Transform
import numpy as np

__all__ = ['JointRefinement', 'Refinement', 'first_model']

_STRAIGHT = {'similarity': 'scale', 'rigid': 'translation'}  # models without their rotation
_ROTATION = 0.3  # pixels at the corners by which slices must turn for a rotation to be estimated
_ROUNDS = 3  # how often what started from far away is compared once more, at most


@dataclass(frozen=True)
class Refinement:
    """
    A stack's transforms, and how well the slices lie on each other.

    :param transforms: first slice's pixel -> each slice's pixel
    :param misfits: by how many pixels a good part of each slice is displaced against the slice
        before it; None where that is not known
    """

    transforms: list[Transform]
    misfits: list[float | None]


def first_model(model: str, transforms: Sequence[Transform]) -> str:
    """
    Return what slices are compared with first.

    :param model: a key of motion.PARAMETERS, or auto: what the stack supports
    :param transforms: first slice's pixel -> each slice's pixel
    """
    if model != 'auto':
        return model
    return 'similarity' if all(map(is_affine, transforms)) else RICHEST


@dataclass(frozen=True)
class JointRefinement:
    """
    Finds better transforms of a stack.

    :param stages: who does what takes time
    :param details: returns what comparisons need of a slice by its rank
    :param shape: height and width of the slices, pixels
    :param model: a key of motion.PARAMETERS, or auto: what the stack supports
    :param focus: where each slice is focused, dioptres where that is known: what the
        magnification is smooth in
    :param guessed: which transforms are but guesses; these slices are compared to none
    """

    stages: AlignmentStages
    details: Callable[[int], Detail]
    shape: tuple[int, int]
    model: str
    focus: Sequence[float]
    guessed: Sequence[bool]

    @property
    def _known(self) -> list[int]:
        return [rank for rank, guess in enumerate(self.guessed) if not guess]

    def refined(self, transforms: Sequence[Transform],
                made: Mapping[str, PairComparisons] | None = None) -> Refinement:
        """
        Return better transforms of a stack, and how well they fit.

        :param transforms: first slice's pixel -> each slice's pixel, right to about a pixel
        :param made: comparisons that have been made already, by their models
        """
        made = {} if made is None else made
        model = first_model(self.model, transforms)
        found, pairs = self._of_model(list(transforms), model, made.get(model))
        if self.model == 'auto' and (choice := chosen_model(
                [each.evidence for each in pairs.judgements.values()])) != model:
            if choice != RICHEST:
                found = [nearest_similarity(each, self.shape) for each in found]
            found, pairs = self._of_model(found, choice, made.get(choice))
        found = _bridged(found, self.guessed)
        misfits: list[float | None] = [None] * len(found)
        known = set(self._known)
        for rank, judgement in pairs.judgements.items():
            if rank - 1 in known:
                misfits[rank] = judgement.misfit.pixels(
                    joined(found[rank], inverse(found[rank - 1])))
        return Refinement(found, misfits)

    def _of_model(self, transforms: list[Transform], model: str, made: PairComparisons | None
                  ) -> tuple[list[Transform], PairComparisons]:
        """Return better transforms of one model, and the comparisons that they follow from."""
        pairs = self._compared(transforms, model, made)
        solved, found = self._straight(model, transforms)
        found = self._solved(pairs, found, solved)
        for _ in range(_ROUNDS if model in FREE else 0):
            # Those that began far from where all belong see more from there.
            pairs = self._compared(found, model, pairs)
            if not pairs.fresh:
                break
            found = self._solved(pairs, found, model)
        return found, pairs

    def _compared(self, transforms: list[Transform], model: str, made: PairComparisons | None
                  ) -> PairComparisons:
        pairs = PairComparisons(self.stages, model, made)
        for rank in self._known:
            pairs.add(rank, transforms[rank], Once(partial(self.details, rank)))
        return pairs

    def _straight(self, model: str, transforms: list[Transform]) -> tuple[str, list[Transform]]:
        """Return a model and transforms without rotation where the slices do not turn."""
        if model in _STRAIGHT:
            angles = [np.arctan2(each[1, 0], each[0, 0]) for each in transforms]
            if np.abs(angles).max() * np.hypot(*self.shape) / 2 < _ROTATION:
                return _STRAIGHT[model], [without_rotation(each, self.shape)[0]
                                          for each in transforms]
        return model, transforms

    def _solved(self, pairs: PairComparisons, transforms: list[Transform],
                model: str) -> list[Transform]:
        """Return the transforms that fit all comparisons best."""
        fits = _fits(pairs, transforms, model, self.shape)
        if not fits:
            return transforms
        # The one that is known best stays: relative to a blurred one, all are uncertain.
        still = _surest(fits, len(transforms))
        # What no comparison can tell, as of slices that are nearly all blur, stays as it is.
        known, count = self._known, PARAMETERS[model]
        fits += [PairFit(before, rank, np.zeros(count), np.eye(count) / TRUST ** 2)
                 for before, rank in itertools.pairwise(known)]
        evidence = [each.evidence for each in pairs.judgements.values()]
        if model in FREE and evidence:
            fits += usual_excess(transforms, known, model, evidence, self.shape)
        changes, normal = fitted_changes(fits, transforms, model, self.shape, first=still)
        if model not in FREE:
            course = usual_course(changed(transforms, changes, model, self.shape), normal, model,
                                  frame_of(self.shape), self.focus, still)
            course = replace(course, change=course.change + changes)
            changes, _ = fitted_changes(fits, transforms, model, self.shape, course, still)
        found = changed(transforms, changes, model, self.shape)
        # The first one stays where it was, and so do guesses.
        back = joined(inverse(found[known[0]]), transforms[known[0]])
        return [before if guess else joined(after, back)
                for before, after, guess in zip(transforms, found, self.guessed, strict=True)]


def _fits(pairs: PairComparisons, transforms: Sequence[Transform], model: str,
          shape: tuple[int, int]) -> list[PairFit]:
    """Return how far transforms are from what comparisons have found."""
    made = pairs.pairs
    if not made:
        return []
    found = [pair.found for pair in made if pair.found is not None]
    before, after = (np.stack([transforms[rank] for rank in ranks]) for ranks in (
        [pair.first for pair in made], [pair.second for pair in made]))
    # From the first slice of a pair over the place that the second has now to the one it should.
    between = before @ np.linalg.inv(after) @ np.stack([each.transform for each in found])
    between = np.asarray(between / between[:, 2:, 2:], np.float64)
    steps = all_parameters_of(pairs.model, between - identity(), *frame_of(shape))
    information = np.stack([each.information for each in found])
    if model != pairs.model:
        # Without the last parameter, which is the rotation, as if it were known to be 0.
        rest = np.linalg.solve(information[:, :-1, :-1], information[:, :-1, -1:])[..., 0]
        steps = steps[:, :-1] + rest * steps[:, -1:]
        information = information[:, :-1, :-1]
    return [PairFit(pair.first, pair.second, step, certainty)
            for pair, step, certainty in zip(made, steps, information, strict=True)]


def _surest(fits: Sequence[PairFit], count: int) -> int:
    """Return the rank of the slice that comparisons determine best."""
    certainty = np.zeros(count)
    covariances = np.linalg.inv(np.stack([fit.information for fit in fits]))
    ranks = np.array([(fit.first, fit.second) for fit in fits])
    np.add.at(certainty, ranks, 1 / np.trace(covariances, axis1=1, axis2=2)[:, None])
    return int(certainty.argmax())


def _bridged(transforms: list[Transform], guessed: Sequence[bool]) -> list[Transform]:
    """Return transforms whose guesses between known slices are interpolated from those."""
    known = [rank for rank, guess in enumerate(guessed) if not guess]
    result = list(transforms)
    for rank, guess in enumerate(guessed):
        before, after = ([each for each in known if each < rank][-1:],
                         [each for each in known if each > rank][:1])
        if guess and before and after:
            share = (rank - before[0]) / (after[0] - before[0])
            result[rank] = (1 - share) * transforms[before[0]] + share * transforms[after[0]]
    return result
