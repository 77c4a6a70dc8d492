# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a lens does, from focal stacks of flat targets that are turned by known angles."""

from __future__ import annotations

from collections.abc import Sequence

from focus_stacking_ros.core.optics.field import field_terms
from focus_stacking_ros.core.optics.lens_calibration import (
    CalibrationError,
    LensCalibration,
    robust_fit,
    Target,
    with_magnification,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['calibrated_by_tilt']

_MOST = 20_000  # pixels of a target that are fitted
_LEAST = 200
_MOST_KNOTS, _FEWEST_KNOTS = 9, 3  # of the table
_INNER = 0.005  # share of the pixels beyond the first and the last knot


def calibrated_by_tilt(targets: Sequence[Target]) -> LensCalibration:
    """
    Return what a lens does, from targets that were swept in one direction, some of them turned.

    A turned target has many distances in one stack. At every pixel its 1 / distance is what the
    table says of the focus position, linear between knots, and the field: one linear fit for all
    pixels (robust, Tukey's weights). One plane alone cannot tell a slope or a bend of the field
    along its own slope from the table: the field is taken to bend alike in all directions then,
    and to have no slope that way.

    :raises CalibrationError: a target tells nothing, or what is found is no table
    """
    shapes = {target.index.shape for target in targets}
    if len(shapes) > 1:
        raise CalibrationError('the targets have images of different sizes')
    samples = [_sample(target) for target in targets]
    raws = np.concatenate([raw for _, raw, _ in samples])
    first, last = np.quantile(raws, [_INNER, 1 - _INNER])
    steps = max(float(np.median(np.abs(np.diff(target.raw)))) for target in targets)
    if not last - first > 2 * steps:
        names = ', '.join(target.name for target in targets)
        raise CalibrationError(f'{names}: the targets are sharp within two slices, which makes no '
                               'table; turn one farther, or give several distances')
    count = int(np.clip((last - first) / (2 * steps), _FEWEST_KNOTS, _MOST_KNOTS))
    knots = np.linspace(first, last, count)
    terms = _field_basis(targets)
    rows, values = [], []
    for part, raw, dioptres in samples:
        inside = (raw >= first) & (raw <= last)
        rows.append(np.hstack([_hats(raw[inside], knots), part.T[inside] @ terms.T]))
        values.append(dioptres[inside])
    found, left, weights = robust_fit(np.vstack(rows), np.concatenate(values))
    table, field = 1 / found[:count], found[count:] @ terms
    change = np.diff(table)
    if not (np.isfinite(table).all() and (table > 0).all()
            and ((change > 0).all() or (change < 0).all())):
        raise CalibrationError('the focus positions do not rise or fall with the distance over '
                               'the turned targets; check the angles and the farther sides')
    ends = np.cumsum([len(each) for each in values])[:-1]
    residuals = {target.name: float(np.sqrt(np.average(np.square(each), weights=of_it)))
                 for target, each, of_it in zip(targets, np.split(left, ends),
                                                np.split(weights, ends), strict=True)}
    pairs = tuple((float(raw), float(metres)) for raw, metres in zip(knots, table, strict=True))
    return with_magnification(
        LensCalibration(pairs, tuple(field.tolist()), 0.0, tuple(sorted(
            (target.distance_m, target.pixel_m) for target in targets
            if target.pixel_m is not None)), residuals), targets)


def _sample(target: Target) -> tuple[NDArray[np.float64], NDArray[np.float64],
                                     NDArray[np.float64]]:
    """Return field terms (5, N), focus positions (N,) and 1 / distance (N,) of pixels."""
    true = target.true_depth_m()
    chosen = np.flatnonzero(target.counts() & np.isfinite(true) & (true > 0))
    if len(chosen) < _LEAST:
        raise CalibrationError(
            f'{target.name}: {len(chosen)} pixels are sure and sharpest within the sweep, a '
            f'calibration takes {_LEAST}; use a target with texture, and a sweep that begins '
            'before it and ends behind it')
    if len(chosen) > _MOST:
        chosen = np.random.default_rng(0).choice(chosen, _MOST, replace=False)
    return (field_terms(target.index.shape).reshape(5, -1)[:, chosen],
            target.raw_values().ravel()[chosen], 1 / true.ravel()[chosen])


def _field_basis(targets: Sequence[Target]) -> NDArray[np.float64]:
    """Return the combinations of the five terms of the field that the targets can tell, (n, 5)."""
    planes = {(target.distance_m, None if target.plane is None else target.plane.slope)
              for target in targets}
    if len(planes) > 1:
        return np.eye(5)
    plane = targets[0].plane
    x, y = (1.0, 0.0) if plane is None else plane.slope
    length = float(np.hypot(x, y)) or 1.0
    return np.array([[-y / length, x / length, 0, 0, 0], [0, 0, 1, 0, 1]])


def _hats(raw: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each knot counts at focus positions, (N, knots)."""
    return np.maximum(1 - np.abs(raw[:, None] - knots) / (knots[1] - knots[0]), 0)
