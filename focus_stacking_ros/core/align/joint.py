# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Joint refinement of a stack's transforms, once all slices are there.

Neighbours and next neighbours are compared once more, at full resolution, with the difference of
their defocus taken out of the comparison; then all transforms are solved for together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import itertools

from focus_stacking_ros.core.align.comparison import compare, Detail, Judgement, RICHEST
from focus_stacking_ros.core.align.joint_solution import (
    changed,
    fitted_changes,
    PairFit,
    smooth_scales,
)
from focus_stacking_ros.core.align.model_choice import (
    chosen_model,
    nearest_similarity,
    usual_excess,
)
from focus_stacking_ros.core.align.motion import PARAMETERS, without_rotation
from focus_stacking_ros.core.align.warping import inverse, is_affine, joined
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['Refinement', 'refined_transforms']

_REACH = 2  # slices: how far apart two compared slices usually are
_BRIDGE = 6  # slices: how far apart, where those between them tell nothing
_TRUST = 0.5  # pixels: standard deviation of the steps between the transforms to be refined
_STRAIGHT = {'similarity': 'scale', 'rigid': 'translation'}  # models without their rotation
_ROTATION = 0.3  # pixels at the corners by which slices must turn for a rotation to be estimated
_FREE = ('affine', 'projective')
_FAR, _ROUNDS = 0.5, 3  # pixels: a step after which it is made once more; how often at most
_FARTHEST = 8.0  # pixels: a comparison that moves a slice farther has gone astray


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


def refined_transforms(
    greys: Callable[[int], NDArray[np.int16]], transforms: Sequence[Transform], model: str,
    focus: Sequence[float], guessed: Sequence[bool] | None = None,
    valid: Sequence[NDArray[np.uint8] | None] | None = None,
) -> Refinement:
    """
    Return better transforms of a stack, and how well they fit.

    :param greys: returns the luma of a slice by its rank, (H, W) int16 in 1/16 grey level
    :param transforms: first slice's pixel -> each slice's pixel, right to about a pixel
    :param model: a key of motion.PARAMETERS, or auto: what the stack supports
    :param focus: where each slice is focused, dioptres where that is known: what the
        magnification is smooth in
    :param guessed: which transforms are but guesses; these slices are compared to none
    :param valid: of each slice (H, W) uint8, 0 where nothing is to be compared, or None
    """
    guessed = [False] * len(transforms) if guessed is None else guessed
    valid = [None] * len(transforms) if valid is None else valid
    known = [rank for rank, guess in enumerate(guessed) if not guess]
    shape = greys(0).shape
    choosing, start = model == 'auto', list(transforms)
    if choosing:
        model = 'similarity' if all(map(is_affine, transforms)) else RICHEST
    found, neighbours = _refined(greys, start, model, known, focus, valid)
    if choosing and (choice := chosen_model(
            [each.evidence for each in neighbours.values()])) != model:
        if choice != RICHEST:
            found = [nearest_similarity(each, shape) for each in found]
        found, neighbours = _refined(greys, found, choice, known, focus, valid)
    found = _bridged(found, guessed)
    misfits = [neighbours[rank].misfit.pixels(joined(found[rank], inverse(found[rank - 1])))
               if rank in neighbours and rank - 1 in known else None for rank in range(len(found))]
    return Refinement(found, misfits)


def _refined(greys: Callable[[int], NDArray[np.int16]], transforms: list[Transform], model: str,
             known: Sequence[int], focus: Sequence[float],
             valid: Sequence[NDArray[np.uint8] | None]
             ) -> tuple[list[Transform], dict[int, Judgement]]:
    """Return better transforms of one model, and how each fits the one before."""
    shape = greys(0).shape
    model, found = _straight(model, transforms, shape)
    pairs, neighbours = _compared(greys, found, model, known, valid)
    found = _solved(pairs, found, model, known, focus, shape, neighbours)
    for _ in range(_ROUNDS if model in _FREE else 0):
        if not any(np.abs(pair.step).max() > _FAR for pair in pairs):
            break
        # From nearer by, they see more.
        pairs, neighbours = _compared(greys, found, model, known, valid)
        found = _solved(pairs, found, model, known, focus, shape, neighbours)
    return found, neighbours


def _straight(model: str, transforms: list[Transform], shape: tuple[int, ...]
              ) -> tuple[str, list[Transform]]:
    """Return a model and transforms without rotation where the slices do not turn."""
    if model in _STRAIGHT:
        size = (shape[0], shape[1])
        angles = [np.arctan2(each[1, 0], each[0, 0]) for each in transforms]
        if np.abs(angles).max() * np.hypot(*size) / 2 < _ROTATION:
            return _STRAIGHT[model], [without_rotation(each, size)[0] for each in transforms]
    return model, transforms


def _solved(pairs: list[PairFit], transforms: list[Transform], model: str, known: Sequence[int],
            focus: Sequence[float], shape: tuple[int, int],
            neighbours: Mapping[int, Judgement]) -> list[Transform]:
    """Return the transforms that fit all comparisons best."""
    if not pairs:
        return list(transforms)
    # What no comparison can tell, as of slices that are nearly all blur, stays as it is.
    count = PARAMETERS[model]
    pairs = [*pairs, *(PairFit(before, rank, np.zeros(count), np.eye(count) / _TRUST ** 2)
                       for before, rank in itertools.pairwise(known))]
    if model in _FREE and neighbours:
        evidence = [each.evidence for each in neighbours.values()]
        pairs += usual_excess(transforms, known, model, evidence, shape)
    first = known[0]
    changes, normal = fitted_changes(pairs, transforms, model, shape, first=first)
    if model in ('scale', 'similarity'):
        scales = smooth_scales(changed(transforms, changes, model, shape), normal, model,
                               shape, focus, first)
        if scales is not None:
            changes, _ = fitted_changes(pairs, transforms, model, shape, scales, first)
    return changed(transforms, changes, model, shape)


def _compared(greys: Callable[[int], NDArray[np.int16]], transforms: Sequence[Transform],
              model: str, known: Sequence[int], valid: Sequence[NDArray[np.uint8] | None]
              ) -> tuple[list[PairFit], dict[int, Judgement]]:
    """
    Return what the comparisons of neighbours and next neighbours among ``known`` tell.

    Past slices that tell no more than is known anyhow, as nearly all blur, the last that tells
    more is compared as well: else they would be where a stack falls apart.
    """
    pairs: list[PairFit] = []
    neighbours: dict[int, Judgement] = {}

    def detail_of(rank: int) -> Detail:
        return Detail.of(greys(rank), valid[rank])

    with lasting_threads('refinement') as pool:
        recent: list[tuple[int, Detail]] = []
        told: dict[int, bool] = {}  # by the rank of a slice, whether its comparisons tell much
        anchor: tuple[int, Detail] | None = None  # the last that does, where recent ones do not
        coming = pool.submit(detail_of, known[0]) if known else None
        for rank, following in zip(known, [*known[1:], None], strict=True):
            assert coming is not None
            detail = coming.result()
            comparisons = []
            bridged = [] if anchor is None or rank - anchor[0] > _BRIDGE else [anchor]
            for earlier, other in [*bridged, *recent]:
                between = joined(transforms[rank], inverse(transforms[earlier]))
                comparisons.append((earlier, pool.submit(
                    compare, other, detail, between, model, earlier == recent[-1][0])))
            coming = None if following is None else pool.submit(detail_of, following)
            told[rank] = not recent
            for earlier, comparison in comparisons:
                found = comparison.result()
                if found is not None and float(np.abs(found.step).max()) < _FARTHEST:
                    pairs.append(PairFit(earlier, rank, found.step, found.information))
                    variance = np.diag(np.linalg.inv(found.information))
                    told[rank] |= bool(variance.max() < _TRUST ** 2)
                    if found.judgement is not None:
                        neighbours[rank] = found.judgement
            recent = [*recent, (rank, detail)]
            if len(recent) > _REACH:
                gone = recent.pop(0)
                anchor = gone if told[gone[0]] else anchor
            if all(told[each] for each, _ in recent):
                anchor = None
    return pairs, neighbours


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
