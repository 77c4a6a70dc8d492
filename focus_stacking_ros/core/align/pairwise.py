# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Alignment of two slices of a focal stack: scale, shift and rotation, from coarse to fine.

What is estimated on each level is in `level_fit`; here is which levels, from which first guesses,
and what is believed of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from focus_stacking_ros.core.align.detail import in_full
from focus_stacking_ros.core.align.joint_solution import frame_of
from focus_stacking_ros.core.align.level_fit import LevelFit
from focus_stacking_ros.core.align.model_choice import evidence_of, nearest_similarity
from focus_stacking_ros.core.align.motion import generator, without_rotation
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, Level
from focus_stacking_ros.core.align.repetition import (
    begin_repeats,
    likely_shifts,
    plausible_shifts,
    repeats,
)
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.align.warping import affine_at, identity, joined, reduced
from focus_stacking_ros.core.slices import Transform
import numpy as np

__all__ = ['Pair', 'Registration', 'begin_registration']

_CHOICE_LEVEL = 2  # finest where the best of several first guesses is chosen; it takes time
_ROTATION = 0.15  # pixels at the corners; a smaller rotation is within the error of its estimate
_LEAST_AGREEMENT = 0.4  # correlation of gradients below which a level shows noise, not the scene
_REPETITION_LEVEL, _REPETITIONS = 1, 16  # where repeated texture is looked for; shifts tried
_PERSPECTIVE_LEVEL = 1  # where it is looked for, from a similarity on
_AMBIGUOUS = 1.03  # ratio of the differences that two shifts leave, if none is the better
# Pixels at which a fit has converged: of the finest level, there too where the result is refined
# later, and of each of the others.
_TOLERANCE, _ROUGH_TOLERANCE, _COARSE_TOLERANCE = 5e-3, 0.1, 2e-2
_SURE = 0.5  # pixels: standard deviation of a fit from which on a finer level is looked at, too
_FEATURELESS = 'too little texture is sharp in both slices'
_MAX_SCALE = 1.35  # between two neighbours; anything beyond is a failure


@dataclass(frozen=True)
class Registration:
    """
    Where a slice lies relative to another.

    :param transform: (3, 3) template pixel -> image pixel, full size
    :param residual: weighted mean absolute grey-level difference after alignment
    :param reason: why the transform is a guess, '' where it was estimated
    :param coarse: how many of the finest levels told nothing of a first guess that is right
    """

    transform: Transform
    residual: float = 0.0
    reason: str = ''
    coarse: int = 0


def _plausible(transform: Transform, shape: tuple[int, int]) -> bool:
    """Whether a transform could be two neighbours of one stack."""
    if not np.isfinite(transform).all():
        return False
    height, width = shape
    centre = np.array([width / 2, height / 2, 1])
    transform = affine_at(transform, (width / 2, height / 2))
    (a, b), (c, d) = transform[:2, :2].tolist()
    scale = math.sqrt(abs(a * d - b * c))
    shift = math.hypot(*((transform @ centre) - centre)[:2].tolist())
    return bool(1 / _MAX_SCALE < scale < _MAX_SCALE and shift < 0.3 * max(width, height))


def _distance(one: Transform, other: Transform, shape: tuple[int, int]) -> float:
    """Return by how many pixels two transforms differ in the centre."""
    centre = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    return float(np.hypot(*((one - other) @ centre)[:2]))


def begin_registration(frame: AlignmentFrame) -> None:
    """Begin, in a thread, with what the registration of a slice asks for last."""
    begin_repeats(_repeating(frame))


def _repeating(frame: AlignmentFrame) -> Level:
    """Return the level that tells whether the texture of a slice repeats itself."""
    return frame.levels[min(_REPETITION_LEVEL, len(frame.levels) - 1)]


@dataclass(frozen=True)
class Pair:
    """
    Two slices to be registered.

    :param template: slice whose pixel grid transforms start from
    :param image: slice whose pixel grid they lead to
    :param stages: who does what takes time
    :param final: whether nothing refines what is found; else a tenth of a pixel is good enough,
        of a level coarser than the one of large slices that the refinement looks at
    """

    template: AlignmentFrame
    image: AlignmentFrame
    stages: AlignmentStages
    final: bool = True

    @property
    def finest(self) -> int:
        """Return the finest level that is looked at."""
        if self.final or in_full(self.template.shape):
            return 0
        return min(1, len(self.template.levels) - 1)

    def register(self, model: str = 'similarity', start: Transform | None = None, *,
                 certain: bool = False) -> Registration:
        """
        Estimate where the image lies relative to the template.

        :param model: none, translation, rigid, similarity, affine or projective; rigid and
            translation keep the scale of the start; rigid and similarity have a rotation only
            where the images show one; projective is found from a similarity on
        :param start: first guess, template pixel -> image pixel; the result of the model none
        :param certain: whether the first guess is right to about a pixel
        """
        start = identity() if start is None else start
        if model == 'none':
            return Registration(start)
        if model == 'projective' and not certain:
            found = self.register('similarity', nearest_similarity(start, self.template.shape))
            return found if found.reason else self.with_perspective(found) or found
        last = len(self.template.levels) - 1
        if certain:
            for level in range(self.finest, min(last, _CHOICE_LEVEL) + 1):
                fit = self._made_sure(
                    self._refine(start, model, range(level, level - 1, -1)), model)
                if fit is not None:
                    return Registration(self._straightened(fit, model).transform, fit.residual,
                                        coarse=level - self.finest)
            return Registration(start, 0.0, _FEATURELESS)
        choice = max(last - 1, min(last, _CHOICE_LEVEL), 1)
        coarse = self._coarse(start, model, range(last, choice - 1, -1))
        fit = self._made_sure(
            self._refine(start, model, range(choice - 1, self.finest - 1, -1), coarse), model)
        doubt = ''
        if any(repeats(_repeating(frame)) for frame in (self.template, self.image)):
            fit, doubt = self._resolved(start, model, fit)
        if fit is None:
            return Registration(start, 0.0, _FEATURELESS)
        fit = self._straightened(fit, model)
        return Registration(fit.transform, fit.residual, doubt)

    def difference(self, transform: Transform) -> float:
        """
        Return the weighted mean absolute grey-level difference that a transform leaves.

        Infinite where too few pixels are sharp in both.

        :param transform: template pixel -> image pixel
        """
        look = self._look(self.finest, transform, 'translation')
        return np.inf if look is None else look.residual

    def with_perspective(self, found: Registration, *, likely: bool = False
                         ) -> Registration | None:
        """
        Return a registration with perspective; None where it cannot be estimated.

        :param found: a similarity
        :param likely: whether to return None, too, where a first look shows no need of it
        """
        level = min(_PERSPECTIVE_LEVEL, len(self.template.levels) - 1)
        if likely:
            look = self._look(level, found.transform, 'projective')
            if look is None:
                return None
            factor = self.template.levels[level].factor
            evidence = evidence_of(reduced(look.transform, 1 / factor),
                                   np.asarray(np.linalg.inv(look.information), np.float64),
                                   self.template.shape)
            if not evidence.is_large():
                return None
        fit = self._refine(found.transform, 'projective', range(level, self.finest - 1, -1))
        return None if fit is None else Registration(fit.transform, fit.residual)

    def _look(self, index: int, transform: Transform, model: str) -> LevelFit | None:
        """Return a single step on a level, in its pixels."""
        level = self.template.levels[index]
        return self.stages.fit_level(level, self.image.levels[index],
                                     reduced(transform, level.factor), model, np.inf)

    def _refine(self, start: Transform, model: str, levels: range,
                coarse: LevelFit | None = None) -> LevelFit | None:
        """Run the pyramid from coarse to fine, from a coarser fit on; the result is full size."""
        best = coarse
        for index in levels:
            level = self.template.levels[index]
            transform = start if best is None else best.transform
            fit = self.stages.fit_level(
                level, self.image.levels[index], reduced(transform, level.factor), model,
                self._tolerance(index),
                None if best is None else best.information)
            if fit is None or fit.agreement < _LEAST_AGREEMENT:
                continue
            full = reduced(fit.transform, 1 / level.factor)
            if not _plausible(full, self.template.shape):
                return None
            best = replace(fit, transform=full)
        return best

    def _made_sure(self, fit: LevelFit | None, model: str) -> LevelFit | None:
        """Return a fit of the finer level as well where it is not sure, as of blurred slices."""
        if fit is None or not self.finest or float(
                np.diag(np.linalg.inv(fit.information)).max()) < _SURE ** 2:
            return fit
        return self._refine(fit.transform, model, range(self.finest - 1, -1, -1), fit)

    def _tolerance(self, index: int) -> float:
        """Return the step with which a fit has converged, pixels of the level."""
        if index > self.finest:
            return _COARSE_TOLERANCE
        return _TOLERANCE if self.final else _ROUGH_TOLERANCE / (1 << index)

    def _coarse(self, start: Transform, model: str, levels: range) -> LevelFit | None:
        """Return the best fit on the coarse levels of several first guesses."""
        fits = [fit for fit in (self._refine(guess, model, levels) for guess in likely_shifts(
            self.template.levels, self.image.levels, start)) if fit is not None]
        return max(fits, key=lambda fit: fit.agreement) if fits else None

    def _resolved(self, start: Transform, model: str, fit: LevelFit | None
                  ) -> tuple[LevelFit | None, str]:
        """
        Return the best of the fits that a texture which repeats itself allows, and what is amiss.

        On the fine levels only what does not repeat tells right from wrong: there the right one
        leaves the least difference. On coarse levels it may look no better than others.
        """
        coarser = min(_REPETITION_LEVEL, len(self.template.levels) - 1)
        level, shape = self.template.levels[coarser], self.template.shape
        guesses = plausible_shifts(level, self.image.levels[coarser], start, _REPETITIONS)
        if fit is not None:
            guesses.append(fit.transform)
        fits = [each for each in (self._refine(guess, model, range(coarser, -1, -1))
                                  for guess in guesses) if each is not None]
        if not fits:
            return fit, ''
        best = min(fits, key=lambda each: each.residual)
        rivals = [each for each in fits if each.residual < _AMBIGUOUS * best.residual
                  and _distance(each.transform, best.transform, shape) > level.factor]
        if not rivals:
            return best, ''
        nearest = min([best, *rivals], key=lambda each: _distance(each.transform, start, shape))
        return nearest, 'the texture repeats itself and several shifts fit equally well'

    def _straightened(self, fit: LevelFit, model: str) -> LevelFit:
        """Return the fit without its rotation where that is within the error of its estimate."""
        if model not in ('similarity', 'rigid'):
            return fit
        shape = self.template.shape
        _, corner_pixels = without_rotation(fit.transform, shape)
        if corner_pixels >= _ROTATION:
            return fit
        # The least squares' solution among those without: what trades with the rotation follows.
        transform = fit.transform
        angle = float(np.arctan2(transform[1, 0] - transform[0, 1],
                                 transform[0, 0] + transform[1, 1]))
        centre, unit = frame_of(shape)
        step = fit.trade[:, -1] * (-angle * unit / fit.trade[-1, -1])
        changed = joined(transform, identity() + generator(model, step, centre, unit))
        return replace(fit, transform=without_rotation(changed, shape)[0])
