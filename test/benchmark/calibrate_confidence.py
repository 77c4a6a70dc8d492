# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Fit what each clue is worth for confidence and standard deviation.

::

    python3 test/benchmark/calibrate_confidence.py [--stacks 132]    # needs SciPy; some minutes

Fits the even numbers of `confidence_scenes` and writes `core/depth/confidence_table.py`;
`judge_confidence.py` judges that by the odd ones.

Pixels of which nothing is seen are right as often as the scene is smooth. So that a plain scene is
not promised what others keep, only the classes that are plain in most parts tell what such pixels
are worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import sys

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'test')]

from confidence_samples import (  # noqa: E402
    HALF_DEPTH_OF_FIELD,
    rendered_sample,
    Sample,
)
from focus_stacking_ros.core.depth import confidence  # noqa: E402
from focus_stacking_ros.core.depth.additive import LEAST, sum_of, Term  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.optimize import minimize  # noqa: E402

__all__ = ['Model', 'Quantity', 'fitted_deviation', 'fitted_odds']

TABLE = Path(confidence.__file__).with_name('confidence_table.py')
PLAIN = 'plain', 'textureless', 'nothing'
UNSEEN, UNSEEN_WEIGHT = 0.5, 0.03  # support below which other classes count so much
PIXELS = 4000  # of each stack
RIDGE = 1e-4  # keeps what nothing decides at 0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """
    What a term is a function of.

    :param clue: field of `Clues`
    :param sign: 1 where more of it is better, else -1
    :param logarithmic: whether the knots are of its logarithm to the base 2
    :param knots: rising
    """

    clue: str
    sign: int
    logarithmic: bool
    knots: tuple[float, ...]

    def ramps(self, sample: Sample, chosen: NDArray[np.intp]) -> Array:
        """Return (n, knots - 1): how far each of the chosen pixels is between two knots."""
        values = np.asarray(getattr(sample.clues, self.clue)[chosen], np.float64)
        if self.logarithmic:
            values = np.log2(np.maximum(values, LEAST))
        low, high = np.array(self.knots[:-1]), np.array(self.knots[1:])
        return self.sign * np.clip((values[:, None] - low) / (high - low), 0, 1)

    def term(self, slopes: Array) -> Term:
        """Return the term of a ramp's rises, 0 at its better end."""
        values = self.sign * np.append(0, np.cumsum(slopes))
        return Term(self.clue, self.logarithmic, self.knots,
                    tuple(round(float(v), 3) for v in values - values.max()))


_FALLING = -6, -4, -3, -2, -1, 0, 1
QUANTITIES = (
    Quantity('support', 1, True, (-10, -7, -5, -3, -2, -1, -0.5, 0)),
    Quantity('agreement', 1, False, (0.2, 0.5, 0.7, 0.85, 0.95, 1)),
    Quantity('own_distance', -1, True, _FALLING),
    Quantity('jump', -1, True, _FALLING),
    Quantity('sudden_jump', -1, True, _FALLING))
OF_DEVIATION = (*QUANTITIES, Quantity('spread', -1, True, (-7, -5, -4, -3, -2, -1)))


@dataclass(frozen=True)
class Model:
    """
    A fitted sum of terms.

    :param terms: one for each quantity
    :param constant: what is added
    """

    terms: tuple[Term, ...]
    constant: float


def fitted_odds(samples: Sequence[Sample], seed: int = 0) -> Model:
    """Return the model of the odds of being right, with all neighbours, as a logarithm."""
    ramps, right, weight = [], [], []
    for sample, chosen in _chosen(samples, seed):
        ramps.append(_ramps(QUANTITIES, sample, chosen))
        right.append(sample.worst[chosen] <= HALF_DEPTH_OF_FIELD)
        unseen = (sample.clues.support[chosen] < UNSEEN) & (sample.kind not in PLAIN)
        weight.append(np.where(unseen, UNSEEN_WEIGHT, 1.0))
    good, share = np.concatenate(right), np.concatenate(weight)
    share /= share.sum()

    def loss(odds: Array) -> tuple[float, Array]:
        return (float(share @ (np.logaddexp(0, odds) - good * odds)),
                share * (1 / (1 + np.exp(-odds)) - good))
    return _fitted(QUANTITIES, np.concatenate(ramps), loss)


def fitted_deviation(samples: Sequence[Sample], seed: int = 0) -> Model:
    """Return the model of the logarithm of the standard deviation, where the peak is right."""
    ramps, squares = [], []
    for sample, drawn in _chosen(samples, seed):
        chosen = drawn[np.abs(sample.error[drawn]) <= 2 * HALF_DEPTH_OF_FIELD]
        ramps.append(_ramps(OF_DEVIATION, sample, chosen))
        squares.append(np.square(sample.error[chosen].astype(np.float64)))
    square = np.concatenate(squares)

    def loss(precision: Array) -> tuple[float, Array]:
        """Return what normal errors of these standard deviations cost."""
        scaled = square * np.exp(2 * precision)
        return (float(np.mean(0.5 * scaled - precision)), (scaled - 1) / len(square))
    found = _fitted(OF_DEVIATION, np.concatenate(ramps), loss)
    return Model(tuple(Term(term.clue, term.logarithmic, term.knots, tuple(
        0.0 - value for value in term.values)) for term in found.terms), -found.constant)


def systematic(samples: Sequence[Sample], deviation: Model) -> float:
    """
    Return the error that is left where the model expects least, in three of four stacks: units.

    Whole stacks are off by what no pixel tells, such as their alignment or an end of the sweep.
    """
    found = []
    for sample in samples:
        expected = sum_of(deviation.terms, deviation.constant, sample.clues)
        best = (expected <= np.quantile(expected, 0.1)) & (
            np.abs(sample.error) <= 2 * HALF_DEPTH_OF_FIELD)
        if best.any():
            found.append(float(np.sqrt(np.mean(np.square(sample.error[best])))))
    return round(float(np.quantile(found, 0.75)), 3)


def _chosen(samples: Sequence[Sample], seed: int) -> Iterator[tuple[Sample, NDArray[np.intp]]]:
    rng = np.random.default_rng(seed)
    for sample in samples:
        count = min(PIXELS, len(sample.error))
        yield sample, rng.choice(len(sample.error), count, replace=False)


def _ramps(quantities: Sequence[Quantity], sample: Sample, chosen: NDArray[np.intp]) -> Array:
    return np.concatenate([each.ramps(sample, chosen) for each in quantities], axis=1)


def _fitted(quantities: Sequence[Quantity], ramps: Array,
            loss: Callable[[Array], tuple[float, Array]]) -> Model:
    """Return the rising functions, with a constant, whose sum costs least."""
    def cost(weights: Array) -> tuple[float, Array]:
        value, slope = loss(ramps @ weights[1:] + weights[0])
        ridge = RIDGE * weights[1:]
        return (value + float(ridge @ weights[1:]),
                np.append(slope.sum(), slope @ ramps + 2 * ridge))
    count = ramps.shape[1]
    found = minimize(cost, np.zeros(count + 1), jac=True, method='L-BFGS-B',
                     bounds=[(None, None), *[(0, None)] * count], options={'maxiter': 500})
    terms, constant, start = [], float(found.x[0]), 1
    for quantity in quantities:
        slopes = found.x[start:start + len(quantity.knots) - 1]
        start += len(slopes)
        values = quantity.sign * np.append(0, np.cumsum(slopes))
        constant += float(values.max())
        terms.append(quantity.term(slopes))
    return Model(tuple(terms), round(constant, 3))


def table_of(samples: Sequence[Sample]) -> str:
    """Return the module's text, fitted to samples."""
    odds, deviation = fitted_odds(samples), fitted_deviation(samples)

    def listed(model: Model) -> str:
        return ''.join(
            f'    Term({term.clue!r}, {term.logarithmic},\n         {tuple(term.knots)},\n'
            f'         {term.values}),\n' for term in model.terms)
    return f'''# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What each clue is worth: fitted by `test/benchmark/calibrate_confidence.py`, {len(samples)} stacks.

Written by that command; not to be changed by hand.
"""

from __future__ import annotations

from focus_stacking_ros.core.depth.additive import Term

__all__ = ['DEVIATION', 'DEVIATION_CONSTANT', 'ODDS', 'ODDS_CONSTANT', 'SYSTEMATIC']

#: Logarithm of the odds to lie, with all neighbours, within half a depth of field of the truth.
ODDS_CONSTANT = {odds.constant}
ODDS = (
{listed(odds)})
#: Standard deviation that whole stacks have in common, units.
SYSTEMATIC = {systematic(samples, deviation)}
#: Logarithm of the standard deviation of single pixels in units.
DEVIATION_CONSTANT = {deviation.constant}
DEVIATION = (
{listed(deviation)})
'''


def main() -> None:
    """Fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--stacks', type=int, default=132, help='of which half are fitted')
    parser.add_argument('--output', type=Path, default=TABLE)
    arguments = parser.parse_args()
    samples = []
    for number in range(0, arguments.stacks, 2):
        samples.append(rendered_sample(number))
        print(f'{len(samples)} of {arguments.stacks // 2}: {samples[-1].name}', flush=True)
    arguments.output.write_text(table_of(samples))


if __name__ == '__main__':
    main()
