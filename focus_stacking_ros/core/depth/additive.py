# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Generalised additive models (Hastie and Tibshirani 1986, doi:10.1214/ss/1177013604).

A sum of one function of each quantity, each a polygon through a few knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['LEAST', 'Term', 'sum_of']

LEAST = 1e-4  # what is less counts as this where a logarithm is taken


@dataclass(frozen=True)
class Term:
    """
    The part of one quantity; beyond the outer knots it is constant.

    :param clue: name of the quantity, a field of `clues.Clues`
    :param logarithmic: whether the knots are of its logarithm to the base 2
    :param knots: rising
    :param values: at the knots
    """

    clue: str
    logarithmic: bool
    knots: tuple[float, ...]
    values: tuple[float, ...]


def sum_of(terms: Sequence[Term], constant: float, quantities: object) -> FloatImage:
    """
    Return the model's value, (h, w) float32.

    :param terms: one for each quantity
    :param constant: what is added to their sum
    :param quantities: has a field (h, w) float32 of the name of each term's quantity
    """
    total: FloatImage | None = None
    for term in terms:
        plane: FloatImage = getattr(quantities, term.clue)
        if term.logarithmic:
            plane = np.log2(np.maximum(plane, np.float32(LEAST)))
        part = np.interp(plane, term.knots, term.values).astype(np.float32)
        total = part if total is None else np.add(total, part, out=total)
    if total is None:
        raise ValueError('a model has at least one term')
    return np.asarray(total + np.float32(constant), np.float32)
