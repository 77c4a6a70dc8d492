# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How much freedom the geometry of a stack needs: the model that its comparisons support.

A richer model always fits better, the errors of defocus too. What it adds must be more than the
error of its own estimate: as in the information criterion of Schwarz (1978,
doi:10.1214/aos/1176344136), by the logarithm of the number of observations for every parameter.
Observations are not pixels, as defocus errs alike over whole neighbourhoods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import itertools

from focus_stacking_ros.core.align.joint_solution import frame_of, PairFit
from focus_stacking_ros.core.align.motion import PARAMETERS, parameters_of
from focus_stacking_ros.core.align.warping import affine_at, identity, inverse, is_affine, joined
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Evidence', 'chosen_model', 'evidence_of', 'gain_in_fit',
           'nearest_similarity', 'usual_excess']

_OBSERVATIONS = 500.0  # of a comparison: neighbourhoods of pixels, each with its own defocus
_PENALTY = float(np.log(_OBSERVATIONS))  # squared standard deviations per parameter
_UNEXPLAINED = 2.0  # what lenses and defocus add to the variance that a comparison states
_LEAST_SPREAD = 0.05  # pixels at the rim, of the excess
_GREATEST = 3.0  # what one comparison counts at most, of what all need on the average
_WORTH = 0.3  # pixels at the rim: less is not worth the freedom
_WORTH_A_LOOK = 1.0  # pixels at the rim: less is within reach of what refines it
# Parameters of the model projective -> what an affine map has that a similarity has not: the
# unevenness of the scale along and across the axes; and what a projective map has: two slopes.
_MORE = np.zeros((4, 8))
_MORE[0, 2], _MORE[0, 5], _MORE[1, 3:5], _MORE[2, 6], _MORE[3, 7] = 0.5, -0.5, 0.5, 1, 1


@dataclass(frozen=True)
class Evidence:
    """
    What a comparison of two slices says about the freedom their geometry needs.

    :param excess: (4,) pixels at the rim: two of an affine map beyond a similarity, and two of a
        projective map beyond an affine one
    :param covariance: (4, 4) of the excess, squared pixels
    """

    excess: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def certainty(self, part: slice) -> float:
        """Return the squared distance of a part of the excess from 0, per parameter."""
        some = self.excess[part]
        squared = some @ np.linalg.solve(self.covariance[part, part], some)
        return float(squared) / len(some)

    def is_large(self) -> bool:
        """Return whether a single comparison makes a richer model worth an attempt."""
        return self.certainty(slice(0, 4)) > _PENALTY and bool(
            np.abs(self.excess).max() > _WORTH_A_LOOK)


def nearest_similarity(transform: Transform, shape: tuple[int, int]) -> Transform:
    """
    Return the similarity that is nearest to a transform around the image centre.

    :param transform: pixel -> pixel
    :param shape: height and width of the image, pixels
    """
    centre = np.asarray(frame_of(shape)[0])
    tangent = affine_at(transform, (float(centre[0]), float(centre[1])))
    linear = tangent[:2, :2]
    if is_affine(transform) and np.array_equal(linear, [[linear[1, 1], -linear[1, 0]],
                                                        linear[1]]):
        return transform
    scale, turn = (linear[0, 0] + linear[1, 1]) / 2, (linear[1, 0] - linear[0, 1]) / 2
    result = identity()
    result[:2, :2] = [[scale, -turn], [turn, scale]]
    result[:2, 2] = linear @ centre + tangent[:2, 2] - result[:2, :2] @ centre
    return result


def evidence_of(transform: Transform, covariance: NDArray[np.float64],
                shape: tuple[int, int]) -> Evidence:
    """
    Return the evidence of a comparison.

    :param transform: template pixel -> image pixel, estimated with all freedom
    :param covariance: (8, 8) of its parameters in the model projective, squared pixels
    :param shape: height and width of the slices, pixels
    """
    return Evidence(_excess(transform, shape), _MORE @ covariance @ _MORE.T)


def _excess(transform: Transform, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return what a transform has beyond a similarity; see `Evidence`."""
    rest = joined(inverse(nearest_similarity(transform, shape)), transform) - identity()
    return np.asarray(_MORE @ parameters_of('projective', rest, *frame_of(shape)), np.float64)


def usual_excess(transforms: Sequence[Transform], known: Sequence[int], model: str,
                 evidence: Sequence[Evidence], shape: tuple[int, int]) -> list[PairFit]:
    """
    Return what is known of neighbours beforehand: their excess is about what is usual.

    Where slices are sharp in a part only, it says how the rest of them lies: as in an empirical
    Bayes estimate the spread of the excess is that of the stack itself.

    :param transforms: first slice's pixel -> each slice's pixel
    :param known: ranks of the slices that are compared
    :param model: affine or projective
    """
    spread = np.sqrt(np.median([np.square(each.excess) for each in evidence], axis=0))
    # Both numbers of a kind are of one size: a camera turns about any axis.
    spread = np.repeat([max(float(np.hypot(*some)), _LEAST_SPREAD)
                        for some in (spread[:2], spread[2:])], 2)
    rows = _MORE[:, :PARAMETERS[model]][:PARAMETERS[model] - 4]
    information = rows.T @ np.diag(spread[:len(rows)] ** -2.0) @ rows
    back = np.linalg.pinv(rows)
    return [PairFit(before, rank, -back @ _excess(
        joined(transforms[rank], inverse(transforms[before])), shape)[:len(rows)], information)
        for before, rank in itertools.pairwise(known)]


def chosen_model(evidence: Sequence[Evidence]) -> str:
    """
    Return the least model that a whole stack supports: similarity, affine or projective.

    One for all slices. By the mean of those comparisons that determine it best: slices that are
    nearly all blur decide nothing, nor does one alone. Or by what adds up along the stack.

    :param evidence: of the comparisons of neighbours
    """
    for model, part in (('projective', slice(2, 4)), ('affine', slice(0, 2))):
        if not evidence:
            break
        best = sorted(evidence, key=lambda each: float(
            np.linalg.det(each.covariance[part, part])))[:(len(evidence) + 1) // 2]
        needed = _PENALTY * _UNEXPLAINED
        certainty = np.mean([min(each.certainty(part), _GREATEST * needed) for each in best])
        size = np.sqrt(np.mean([np.square(each.excess[part]).sum() for each in best]))
        total = _total(evidence)
        if (certainty > needed and size > _WORTH) or (
                total.certainty(part) > needed and np.abs(total.excess[part]).max() > _WORTH):
            return model
    return 'similarity'


def _total(evidence: Sequence[Evidence]) -> Evidence:
    """Return what adds up along the stack, by the median of the comparisons."""
    # A median's variance is pi / 2 times that of a mean.
    return Evidence(len(evidence) * np.median([each.excess for each in evidence], axis=0),
                    np.pi / 2 * np.sum([each.covariance for each in evidence], axis=0))


def gain_in_fit(residual: float, richer: float, parameters: int) -> float:
    """
    Return by how much a richer model fits better than it would by its freedom; else negative.

    Half the difference of the criterion per observation, for errors of Laplace's distribution:
    the logarithm of the ratio of the mean absolute differences.

    :param residual: weighted mean absolute difference that the lesser model leaves
    :param richer: the richer one's
    :param parameters: how many the richer one has more
    """
    return float(np.log(max(residual, 1e-6) / max(richer, 1e-6))
                 - parameters * _PENALTY / (2 * _OBSERVATIONS))
