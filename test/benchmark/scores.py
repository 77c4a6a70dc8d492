# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All numbers about one result on one stack; definitions are those of ``metrics``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helpers import metrics
import numpy as np
from numpy.typing import NDArray
from truth_stack import TruthStack

__all__ = ['METRICS', 'Metric', 'Outcome', 'comparable', 'index_error', 'score']


@dataclass(frozen=True)
class Metric:
    """
    A number in the tables.

    :param title: column title with unit
    :param decimals: digits after the point
    :param best: 'high', 'low', 'one' for what is nearest to 1, or '' where none is better
    """

    title: str
    decimals: int
    best: str

    def rank(self, value: float) -> float:
        """Return what is the less the better a value is, of the precision of the tables."""
        value = round(value, self.decimals)
        return round({'high': -value, 'one': abs(value - 1)}.get(self.best, value), self.decimals)


METRICS: dict[str, Metric] = {
    'psnr': Metric('PSNR, dB', 2, 'high'),
    'psnr_open': Metric('PSNR without occlusion rims, dB', 2, 'high'),
    'ssim': Metric('SSIM', 4, 'high'),
    'rmse': Metric('depth RMSE, slices', 3, 'low'),
    'mae': Metric('depth MAE, slices', 3, 'low'),
    'within_half': Metric('within ½ slice', 4, 'high'),
    'correlation': Metric('correlation', 3, 'high'),
    'metric_rmse': Metric('metric RMSE, µm', 0, 'low'),
    'metric_density': Metric('metric density', 3, 'high'),
    'ause': Metric('AUSE', 3, 'low'),
    'sure_density': Metric('density at confidence ≥ 0.5', 3, 'high'),
    'sure_within_one': Metric('within 1 slice there', 4, 'high'),
    'overconfidence': Metric('overconfidence', 4, 'low'),
    'within_deviation': Metric('within 1 standard deviation', 3, ''),
    'corner': Metric('corner error, px', 2, 'low'),
    'sharpness': Metric('sharpness', 3, 'one'),
    'sharpness_p5': Metric('5th percentile of the sharpness', 3, 'high'),
    'overshoot': Metric('overshoot, grey levels', 2, 'low'),
    'mottle': Metric('mottle', 2, 'low'),
    'seconds': Metric('seconds', 1, 'low'),
    'cpu': Metric('processor seconds', 1, 'low'),
    'megabytes': Metric('peak MB', 0, 'low'),
}


@dataclass(frozen=True)
class Outcome:
    """
    What a method made of a stack.

    :param all_in_focus: (H, W, 3) uint8 or uint16, in the truth's pixel grid
    :param index: (H, W) fractional slice index, None where the method gives none
    :param confidence: (H, W) 0 to 1, likewise
    :param depth_m: (H, W) metres, NaN where unknown, likewise
    :param depth_std_m: (H, W) standard deviation of depth_m, likewise
    :param transforms: (3, 3) per slice, reference pixel -> slice pixel, likewise
    :param seconds: wall clock of the whole process
    :param megabytes: its peak resident memory
    """

    all_in_focus: NDArray[Any] | None = None
    index: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    depth_m: NDArray[np.float32] | None = None
    depth_std_m: NDArray[np.float32] | None = None
    transforms: list[NDArray[np.float64]] | None = None
    seconds: float = float('nan')
    megabytes: float = float('nan')


def comparable(stack: TruthStack, index: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (H, W) the index, fitted to the truth where that is known up to scale and offset."""
    found = index.astype(np.float64)
    if stack.index_is_affine:
        return metrics.affine_fit(found.ravel(), stack.index.ravel()).reshape(found.shape)
    return found


def index_error(stack: TruthStack, index: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (H, W) absolute errors in slices of an index that is `comparable`."""
    return np.abs(comparable(stack, index) - stack.index)


def score(stack: TruthStack, outcome: Outcome) -> dict[str, float]:
    """Return the numbers of `METRICS` that this outcome has."""
    counted = metrics.inner(stack.index.shape)
    is_open = counted & ~stack.occluded
    scores = {'seconds': outcome.seconds, 'megabytes': outcome.megabytes}
    if outcome.all_in_focus is not None and stack.all_in_focus is not None:
        image, truth = (metrics.grey_levels(each) for each in (outcome.all_in_focus,
                                                               stack.all_in_focus))
        scores['psnr'] = metrics.psnr(image, truth, counted)
        scores['psnr_open'] = metrics.psnr(image, truth, is_open)
        scores['ssim'] = metrics.structural_similarity(
            outcome.all_in_focus, stack.all_in_focus, counted)
    if outcome.index is not None:
        scores.update(_depth_scores(stack, outcome, outcome.index, counted, is_open))
    if outcome.depth_m is not None and stack.depth_m is not None:
        off = np.abs(outcome.depth_m.astype(np.float64) - stack.depth_m)
        known = np.isfinite(off) & is_open
        scores['metric_density'] = float(known.sum() / is_open.sum())
        if known.any():
            scores['metric_rmse'] = 1e6 * metrics.root_mean_square(off[known])
        if outcome.depth_std_m is not None and known.any():
            scores['within_deviation'] = float((off <= outcome.depth_std_m)[known].mean())
    if outcome.transforms is not None and stack.transforms is not None:
        scores['corner'] = metrics.largest_corner_error(
            outcome.transforms, list(stack.transforms), stack.index.shape)
    return scores


def _depth_scores(stack: TruthStack, outcome: Outcome, index: NDArray[np.float32],
                  counted: NDArray[np.bool_], is_open: NDArray[np.bool_]) -> dict[str, float]:
    """Return the numbers about the slice index and its confidence."""
    error = index_error(stack, index)
    scores = {'rmse': metrics.root_mean_square(error[is_open]),
              'mae': float(error[is_open].mean()),
              'within_half': float((error[is_open] <= 0.5).mean())}
    if stack.index_is_affine:
        scores['correlation'] = float(np.corrcoef(index.ravel(), stack.index.ravel())[0, 1])
    if outcome.confidence is not None:
        off, confidence = error[counted], outcome.confidence[counted]
        sure = confidence >= 0.5
        scores['ause'] = metrics.area_under_sparsification_error(off, confidence)
        scores['sure_density'] = float(sure.mean())
        if sure.any():
            scores['sure_within_one'] = float((off[sure] <= 1).mean())
        scores['overconfidence'] = metrics.overconfidence(off, confidence)
    return scores
