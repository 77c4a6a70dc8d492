# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Comparison of two slices at full resolution, the difference of their defocus taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from focus_stacking_ros.core.align.comparison_sums import ACROSS, DOWN, RICHEST, StepSums, Sums
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.joint_solution import frame_of
from focus_stacking_ros.core.align.level_fit import CORRELATED, DOUBT
from focus_stacking_ros.core.align.misfit import Misfit
from focus_stacking_ros.core.align.model_choice import Evidence, evidence_of
from focus_stacking_ros.core.align.motion import generator, PARAMETERS, parameters_of
from focus_stacking_ros.core.align.stages import AlignmentStages
from focus_stacking_ros.core.align.warping import identity, inverse, joined
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Comparison', 'Judgement', 'compare']

# Sharpness that both share, below which a coarser level may tell more; the least that is counted.
_BLURRED, _LEAST = 0.5, 0.02
# Sharpness that both share, below which few sharp structures are not to count for all: most are
# wider than pixels then, and the few are those that defocus has displaced alike.
_FINE = 1.0
# Pixels of a level along the side of a part of the picture whose errors are what its sharpness
# says. On rendered stacks, errors are half as large where parts are twice as wide, of so many more
# structures, and twice as large where they are half as wide: coarser levels have the same parts.
_ALIKE = 25.0


@dataclass(frozen=True)
class Judgement:
    """
    How well two slices fit.

    :param evidence: how much freedom their geometry needs
    :param misfit: by how much parts of the picture lie beside each other
    """

    evidence: Evidence
    misfit: Misfit


@dataclass(frozen=True)
class Comparison:
    """
    What a comparison of two slices says.

    :param model: a key of motion.PARAMETERS
    :param shape: height and width of the slices, pixels
    :param transform: template pixel -> image pixel
    :param information: (p, p) inverse covariance of its parameters, which are pixels at the
        template's rim
    :param judgement: how well they fit; None where that was not wanted
    :param is_coarse: whether it is of a coarser level than the finest, as of blurred slices
    :param shared: sharpness that both share at the finest level; 0 where that was left out
    """

    model: str
    shape: tuple[int, int]
    transform: Transform
    information: NDArray[np.float64]
    judgement: Judgement | None
    is_coarse: bool = False
    shared: float = 0.0

    def step_from(self, start: Transform) -> NDArray[np.float64]:
        """Return (p,) by which parameters another transform differs from what was found."""
        return parameters_of(self.model, joined(inverse(start), self.transform) - identity(),
                             *frame_of(self.shape))

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the parameters, their geometric mean, pixels."""
        return float(np.exp(-np.linalg.slogdet(self.information)[1] / 2 / len(self.information)))


def compare(stages: AlignmentStages, template: Detail, image: Detail, transform: Transform,
            model: str, *, judged: bool = False, is_coarse: bool = False,
            is_blurred: bool = False) -> Comparison | None:
    """
    Return what two slices say of the transform between them, and how sure that is.

    Slices that share little detail, as where both are blurred or noise hides it, are compared at
    coarser levels, too: there their edges are as narrow as those of sharp ones here. What counts
    is the level that tells most.

    :param stages: who does what takes time
    :param template: detail of the slice whose pixel grid the transform starts from
    :param image: detail of the slice whose pixel grid it leads to
    :param transform: template pixel -> image pixel, right to about a pixel
    :param model: a key of motion.PARAMETERS
    :param judged: whether to tell as well how well they fit
    :param is_coarse: whether finer levels have been found to be blurred
    :param is_blurred: whether the finest level is known to be, and left out where there is a
        coarser one; that cannot be judged
    :returns: None where too few pixels are sharp in both
    """
    if is_blurred and template.coarser is not None and image.coarser is not None:
        found = compare(stages, template.coarser, image.coarser, transform, model, is_coarse=True)
        return None if found is None else replace(found, is_coarse=True, shared=0.0)
    sums = stages.compare(template, image, transform, model, judged=judged,
                          even_below=np.inf if is_coarse else _FINE)
    found = None if sums is None else _found(sums, model, _alike(template), judged=judged)
    if (sums is None or found is None or template.coarser is None or image.coarser is None
            or found.shared >= _BLURRED):
        return found
    coarse = compare(stages, template.coarser, image.coarser, transform, model, is_coarse=True)
    if coarse is None or coarse.deviation > found.deviation:
        return found
    return replace(coarse, judgement=found.judgement, is_coarse=True, shared=found.shared)


def _alike(detail: Detail) -> float:
    """Return how large errors are: in parts of few pixels they are alike over several parts."""
    side = np.sqrt(detail.coarse.grey.size / (ACROSS * DOWN))
    return max(0.5, _ALIKE / float(side))


def _found(sums: Sums, model: str, alike: float, *, judged: bool) -> Comparison | None:
    """Return what a comparison says; None where that is not determined."""
    variance = _displaced_by_defocus(sums)
    try:
        covariance = _covariance(sums.last, variance, sums.factor, PARAMETERS[model])
        information = np.asarray(np.linalg.inv(covariance) / alike ** 2, np.float64)
        judgement = _judgement(sums, variance) if judged else None
    except np.linalg.LinAlgError:
        return None
    return Comparison(model, sums.shape, sums.transform, information, judgement,
                      shared=float(sums.sharpness.sum() / sums.weight.sum()))


def _displaced_by_defocus(sums: Sums) -> NDArray[np.float64]:
    """
    Return (parts,) the variance of what defocus displaces, all of a part alike, squared pixels.

    By the detail that both share: of that, the error goes as its inverse over two decades.

    So a few sharp parts close together tell little of a magnification, however many pixels they
    have (as in the covariance of clustered data: Liang and Zeger 1986,
    doi:10.1093/biomet/73.1.13).
    """
    shared = np.maximum(sums.sharpness / np.maximum(sums.weight, 1e-9), _LEAST)
    return np.square(DOUBT / shared * sums.sharp_factor / sums.factor)


def _covariance(step: StepSums, variance: NDArray[np.float64], factor: int,
                count: int) -> NDArray[np.float64]:
    """Return (count, count) of a Gauss-Newton step: of noise and of what defocus displaces."""
    scatter = CORRELATED * step.scatter
    for pull in step.pulls:
        scatter = scatter + (pull.T * variance) @ pull
    half = np.linalg.solve(step.normal, scatter)
    covariance = np.linalg.solve(step.normal, half.T)[:count, :count]
    return np.asarray(covariance * factor ** 2, np.float64)


def _judgement(sums: Sums, variance: NDArray[np.float64]) -> Judgement:
    """Return how well two slices fit, by one step more with all freedom."""
    assert sums.free is not None
    assert sums.local is not None
    count = PARAMETERS[RICHEST]
    step = np.asarray(np.linalg.solve(sums.free.normal, -sums.free.right), np.float64)
    freely = joined(sums.before, identity() + generator(
        RICHEST, step[:count] * sums.factor, *frame_of(sums.shape)))
    evidence = evidence_of(freely, _covariance(sums.free, variance, sums.factor, count),
                           sums.shape)
    return Judgement(evidence, Misfit.of(sums.local, sums.factor, sums.sharp_factor, sums.before))
