# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the slices that are well determined say about the others: the usual course of a stack.

A lens breathes smoothly, a stand does not turn, a rail runs straight. How a stack's motion follows
the focus, and by how much its slices stray from that, is what its sharp slices tell; of those that
are all blur it is known beforehand then, and counts beside what they tell themselves (an empirical
Bayes estimate, as of Robinson 1991, doi:10.1214/ss/1177011926).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.align.block_tridiagonal import LinkedBlocks
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Course', 'log_scale', 'usual_course']

_CERTAIN, _FEWEST = 0.3, 5  # pixels at the rim: at most, of a reliable slice; so many of them
_TO_BEND = 7  # reliable slices for a magnification that bends as it likes
_LEAST_STRAY = 0.03  # pixels at the rim by which any slice strays, at least
# Pixels at the rim by which magnifications may miss a smooth function of the focus: as much is due
# to the comparisons. Less is none, where it is a lens in dioptres.
_SMOOTH, _HARD = 0.15, 1e-4
_BEND = 0.5  # of the logarithm of the magnification, times the square of the breathing
_ROUNDS = 8  # of the estimate of how far slices stray
# What the parameters of a model are, and the degree of the course of each.
_KINDS = {'translation': 'xy', 'rigid': 'xyr', 'scale': 'xys', 'similarity': 'xysr'}
_DEGREES = {'x': 1, 'y': 1, 's': 2, 'r': 0}


@dataclass(frozen=True)
class Course:
    """
    Where slices would lie, and how sure that is.

    :param change: (n, p) change of each transform's parameters that leads there, pixels
    :param certainty: (p,) inverse variance of each, 1/pixels²; 0 where the stack does not tell
    """

    change: NDArray[np.float64]
    certainty: NDArray[np.float64]


def log_scale(transform: Transform) -> float:
    """Return the logarithm of a transform's magnification."""
    return 0.5 * float(np.log(abs(np.linalg.det(transform[:2, :2]))))


def usual_course(transforms: Sequence[Transform], normal: LinkedBlocks, model: str,
                 frame: tuple[tuple[float, float], float], focus: Sequence[float], still: int
                 ) -> Course:
    """
    Return where slices usually lie, by all of them, each by its variance.

    A lens that breathes by b magnifies by 1 + b t or, a thin lens, by 1 / (1 - b t), t linear in
    dioptres: the logarithm bends by b² / 2 either way. Only where that contradicts what is
    reliable, as where the positions are but numbers, may it bend freely, and slices stray. The
    image centre runs straight; nothing turns.

    :param transforms: first slice's pixel -> each slice's pixel
    :param normal: inverse covariance of the transforms' parameters
    :param model: translation, rigid, scale or similarity
    :param frame: see `frame_of`
    :param focus: where each slice is focused, dioptres where that is known
    :param still: rank of the slice that stays
    """
    position = np.asarray(focus, np.float64)
    position = (position - position.mean()) / (np.ptp(position) or 1.0)
    powers = np.stack([np.ones_like(position), position, position ** 2], axis=1)
    kinds = _KINDS[model]
    places, variances = _places(transforms, kinds, *frame), normal.inverse_diagonal()
    change, certainty = np.zeros(places.shape), np.zeros(len(kinds))
    for number, kind in enumerate(kinds):
        line = _Line(places[:, number], variances[:, number], powers[:, :_DEGREES[kind] + 1],
                     normal, number, still)
        known = np.count_nonzero(line.known)
        if known < _FEWEST:
            continue
        bend: float = np.inf
        if kind == 's':
            breathing = float(np.ptp(line.places[line.known])) / frame[1]
            bend = _BEND * frame[1] * breathing ** 2 + _LEAST_STRAY
        fitted, stray = line.fitted(bend)
        if kind == 's':
            if stray > _SMOOTH and known >= _TO_BEND:
                fitted, stray = line.fitted(np.inf)
            stray = np.sqrt(max(stray ** 2 - _SMOOTH ** 2, _HARD ** 2))
        change[:, number], certainty[number] = fitted - line.places, stray ** -2
    return Course(change, certainty)


def _places(transforms: Sequence[Transform], kinds: str, centre: tuple[float, float], unit: float
            ) -> NDArray[np.float64]:
    """Return (n, p) parameters, pixels at the rim, that changes add to."""
    stack = np.stack(transforms)
    back = np.linalg.solve(stack, np.broadcast_to(
        np.array([*centre, 1.0])[:, None], (len(stack), 3, 1)))[..., 0]
    columns = {'x': -back[:, 0], 'y': -back[:, 1],
               's': unit * np.array([log_scale(each) for each in transforms]),
               'r': unit * np.unwrap(np.arctan2(stack[:, 1, 0], stack[:, 0, 0]))}
    return np.stack([columns[kind] for kind in kinds], axis=1)


class _Line:
    """
    One parameter of all slices.

    :param places: (n,) pixels at the rim
    :param variance: (n,) of each relative to the slice that stays
    :param powers: (n, k) what a course is made of
    :param normal: inverse covariance of all parameters
    :param number: which of them
    :param still: rank of the slice that stays
    """

    def __init__(self, places: NDArray[np.float64], variance: NDArray[np.float64],
                 powers: NDArray[np.float64], normal: LinkedBlocks, number: int, still: int
                 ) -> None:
        self.places, self._powers, self._normal, self._number = places, powers, normal, number
        self._from, self._alike = places[still], _alike(variance, still)
        self._variance = variance + self._alike
        #: (n,) which slices are reliable.
        self.known = variance < _CERTAIN ** 2

    def fitted(self, bend: float) -> tuple[NDArray[np.float64], float]:
        """
        Return the course, and by how much slices stray from it, pixels.

        :param bend: standard deviation of the last of the powers, pixels
        """
        powers, measured, stray = self._powers, self.places - self._from, _LEAST_STRAY
        prior = np.zeros((powers.shape[1],) * 2)
        prior[-1, -1] = bend ** -2
        for _ in range(_ROUNDS):
            certain = self._certainty_times(np.column_stack([powers, measured]), stray)
            fitted = powers @ np.linalg.solve(powers.T @ certain[:, :-1] + prior,
                                              powers.T @ certain[:, -1])
            before, stray = stray, self._stray(measured - fitted, stray)
            if abs(stray - before) < _LEAST_STRAY / 10:
                break
        return self._from + fitted, stray

    def _stray(self, rest: NDArray[np.float64], stray: float) -> float:
        """Return by how much slices stray, by moments: what their variances do not explain."""
        weight = self.known / np.square(self._variance + stray ** 2)
        excess = float(weight @ (np.square(rest) - self._variance) / weight.sum())
        return float(np.sqrt(max(excess, _LEAST_STRAY ** 2)))

    def _certainty_times(self, columns: NDArray[np.float64], stray: float
                         ) -> NDArray[np.float64]:
        """
        Return (C + S)⁻¹ columns, C the covariance of this parameter, S diagonal: what it strays.

        C is a part of the inverse of the normal matrix; by Woodbury's identity no inverse is
        needed.

        :param columns: (n, k)
        """
        share = 1 / (stray ** 2 + self._alike)
        more = np.zeros((len(columns), self._normal.count))
        right = np.zeros((*more.shape, columns.shape[1]))
        more[:, self._number] = share
        right[:, self._number] = scaled = share[:, None] * columns
        widened = self._normal.copy()
        widened.add_to_diagonal(more)
        return np.asarray(scaled - share[:, None] * widened.solve(right)[:, self._number],
                          np.float64)


def _alike(variance: NDArray[np.float64], still: int) -> NDArray[np.float64]:
    """
    Return (n,) what is to be added to variances, as errors of neighbours are alike.

    What defocus displaces it displaces the same way from slice to slice: along the stack standard
    deviations add up, not variances.
    """
    result = np.zeros(len(variance))
    for side in (slice(still, None), slice(still, None, -1)):
        # One that tells nothing does not hide those beyond it.
        reached = np.minimum.accumulate(variance[side][::-1])[::-1]
        steps = np.sqrt(np.maximum(np.diff(reached), 0))
        result[side][1:] = np.square(np.cumsum(steps)) - np.cumsum(np.square(steps))
    return result
