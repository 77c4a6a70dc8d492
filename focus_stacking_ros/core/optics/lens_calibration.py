# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a lens does, from focal stacks of flat targets at known distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from focus_stacking_ros.core.optics.field import field_terms, with_field
from focus_stacking_ros.core.optics.target_plane import TargetPlane
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CalibrationError', 'LensCalibration', 'Target', 'TargetCheck', 'calibrated',
           'check_target', 'robust_fit', 'with_magnification']

_SURE = 0.5  # confidence from which a pixel counts
_MOST = 20_000  # pixels of a target that are fitted
_LEAST = 200
_CENTRE = 0.25  # half widths from the axis within which a target tells the table
_ROUNDS = 8
_TUKEY = 4.685  # robust standard deviations, see core.metrology.plane
_FLAT_RANGE = 1e-9  # of raw values, below which a sweep has none


class CalibrationError(ValueError):
    """A calibration cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Target:
    """
    A focal stack of a flat textured target.

    :param name: what messages call it
    :param distance_m: of the target along the optical axis, metres
    :param raw: (n,) focus position of each slice by rank, monotone
    :param index: (H, W) float32 slice index
    :param confidence: (H, W) float32, 0 to 1
    :param scales: (n,) how large each slice shows things, relative to the first
    :param is_rising: whether the sweep went from small to large positions
    :param pixel_m: side of a pixel on the target, metres; None where nothing tells it
    :param plane: where it stands; None: square to the optical axis
    """

    name: str
    distance_m: float
    raw: NDArray[np.float64]
    index: FloatImage
    confidence: FloatImage
    scales: NDArray[np.float64]
    is_rising: bool
    pixel_m: float | None = None
    plane: TargetPlane | None = None

    def true_depth_m(self) -> NDArray[np.float64]:
        """Return where the target is, (H, W) metres along Z."""
        plane = self.plane or TargetPlane(self.distance_m)
        return plane.depth_m((self.index.shape[0], self.index.shape[1]))

    def raw_values(self) -> NDArray[np.float64]:
        """Return the focus position at which each pixel is sharpest, (H, W)."""
        return np.interp(self.index, np.arange(len(self.raw)), self.raw)

    def counts(self) -> NDArray[np.bool_]:
        """Return the pixels that count, (H, W): sure, and not sharpest in an end slice."""
        inner = (self.index > 0.25) & (self.index < len(self.raw) - 1.25)
        return np.asarray(inner & (self.confidence >= _SURE), np.bool_)


@dataclass(frozen=True)
class LensCalibration:
    """
    What a lens does.

    :param pairs: focus position and metres on the axis, by rising position
    :param field: coefficients of core.optics.field.FIELD_TERMS, dioptres
    :param magnification_per_dioptre: see the option alignment.magnification_per_dioptre
    :param pixels_m: distance in metres and side of a pixel on the object, metres
    :param residuals_dioptres: by the name of each target, the root mean square of what is left
    """

    pairs: tuple[tuple[float, float], ...]
    field: tuple[float, ...]
    magnification_per_dioptre: float
    pixels_m: tuple[tuple[float, float], ...]
    residuals_dioptres: dict[str, float]

    def dioptres(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 / distance on the axis of focus positions; on straight beyond the pairs."""
        x = np.array([pair[0] for pair in self.pairs])
        d = 1 / np.array([pair[1] for pair in self.pairs])
        found = np.interp(raw, x, d)
        for end, inner in ((0, 1), (-1, -2)):
            slope = (d[end] - d[inner]) / (x[end] - x[inner])
            beyond = raw < x[0] if end == 0 else raw > x[-1]
            found = np.where(beyond, d[end] + (raw - x[end]) * slope, found)
        return np.asarray(found, np.float64)

    def depth_m(self, target: Target) -> FloatImage:
        """Return the depth that the calibration gives a target, (H, W) float32 metres."""
        on_axis = (1 / self.dioptres(target.raw_values())).astype(np.float32)
        return with_field(on_axis, self.field)


@dataclass(frozen=True)
class TargetCheck:
    """
    How well a calibration holds on a target.

    :param offset_m: median error of the depth, metres
    :param scatter_m: root mean square error around it, metres
    :param tilt_m: difference of depth over the width of the image that a plane through the
        errors has, metres
    :param step_m: distance of two slices there, metres
    :param scale: size of a pixel over that of the calibration; None where not known
    """

    offset_m: float
    scatter_m: float
    tilt_m: float
    step_m: float
    scale: float | None

    def holds(self, tolerance_slices: float = 0.2) -> bool:
        """Return whether all errors are below a part of the distance of two slices."""
        worst = max(abs(self.offset_m), self.scatter_m, abs(self.tilt_m) / 2)
        return worst <= tolerance_slices * self.step_m and (
            self.scale is None or abs(self.scale - 1) < 0.01)


def calibrated(targets: Sequence[Target]) -> LensCalibration:
    """
    Return what a lens does, from targets that were swept in one direction.

    The field is what all targets have in common: a robust fit (Tukey's weights) of the difference
    of 1 / distance and what the table says, with a constant of each target's own, by which the
    table is moved until it has none.

    :raises CalibrationError: fewer than two distances, or a target that tells nothing
    """
    if len({target.distance_m for target in targets}) < 2:
        raise CalibrationError('a table takes targets at two distances at least')
    if len({target.index.shape for target in targets}) > 1:
        raise CalibrationError('the targets have images of different sizes')
    samples = [_Sample.of(target) for target in targets]
    centres = np.array([sample.centre for sample in samples])
    distances = np.array([target.distance_m for target in targets])
    field = np.zeros(5)
    residuals: dict[str, float] = {}
    for _ in range(_ROUNDS):
        lens = LensCalibration(_pairs(centres, distances, targets), tuple(field), 0.0, (), {})
        field, constants, residuals = _field(lens, samples, targets)
        # On the axis a target is sharpest where the table says so much less than its distance.
        slopes = np.array([_slope(lens, centre) for centre in centres])
        centres = centres - constants / slopes
        if np.abs(constants).max() < 1e-9:
            break
    pairs = _pairs(centres, distances, targets)
    lens = LensCalibration(pairs, tuple(field.tolist()), 0.0, tuple(sorted(
        (target.distance_m, target.pixel_m) for target in targets
        if target.pixel_m is not None)), residuals)
    return with_magnification(lens, targets)


def check_target(lens: LensCalibration, target: Target) -> TargetCheck:
    """
    Return how well a calibration holds on a flat target that stands where it is known.

    :raises CalibrationError: too few pixels of the target count
    """
    counts = target.counts()
    if counts.sum() < _LEAST:
        raise CalibrationError(_tells_nothing(target))
    error = lens.depth_m(target).astype(np.float64) - target.true_depth_m()
    counts &= np.isfinite(error)
    terms = field_terms(error.shape)[:2][:, counts]
    basis = np.stack([*terms, np.ones(terms.shape[1])], axis=1)
    slope_x, slope_y, _ = np.linalg.lstsq(basis, error[counts], rcond=None)[0]
    middle = float(np.median(error[counts]))
    steps = np.abs(np.diff(1 / lens.dioptres(target.raw)))
    rank = min(int(np.median(target.index[counts])), len(steps) - 1)
    scale = None
    if target.pixel_m is not None and lens.pixels_m:
        known = np.array(lens.pixels_m)
        scale = target.pixel_m / float(np.interp(target.distance_m, known[:, 0], known[:, 1]))
    return TargetCheck(middle, float(np.sqrt(np.square(error[counts] - middle).mean())),
                       2 * float(np.hypot(slope_x, slope_y)), float(steps[rank]), scale)


@dataclass(frozen=True)
class _Sample:
    """Pixels of a target: their terms (5, N), focus positions (N,), and that on the axis."""

    terms: NDArray[np.float64]
    raw: NDArray[np.float64]
    centre: float

    @classmethod
    def of(cls, target: Target) -> _Sample:
        if np.ptp(target.raw) <= _FLAT_RANGE * np.abs(target.raw).max():
            raise CalibrationError(f'{target.name}: all slices have one focus position')
        counts = target.counts()
        if counts.sum() < _LEAST:
            raise CalibrationError(_tells_nothing(target))
        terms, raw = field_terms(target.index.shape), target.raw_values()
        near = counts & (np.hypot(terms[0], terms[1]) < _CENTRE)
        if not near.any():
            raise CalibrationError(f'{target.name}: nothing in the middle of the image is sure; '
                                   'the target must have texture there')
        chosen = np.flatnonzero(counts)
        if len(chosen) > _MOST:
            chosen = np.random.default_rng(0).choice(chosen, _MOST, replace=False)
        return cls(terms.reshape(5, -1)[:, chosen], raw.ravel()[chosen],
                   float(np.median(raw[near])))


def _tells_nothing(target: Target) -> str:
    return (f'{target.name}: {int(target.counts().sum())} pixels are sure and sharpest within the '
            f'sweep, a calibration takes {_LEAST}; use a target with texture, and a sweep that '
            'begins before it and ends behind it')


def _pairs(centres: NDArray[np.float64], distances: NDArray[np.float64],
           targets: Sequence[Target]) -> tuple[tuple[float, float], ...]:
    """Return the table; targets at one distance are averaged."""
    pairs = sorted((float(np.mean(centres[distances == each])), float(each))
                   for each in np.unique(distances))
    order = [metres for _, metres in pairs]
    if order not in (sorted(order), sorted(order, reverse=True)):
        names = ', '.join(target.name for target in targets)
        raise CalibrationError(f'the focus positions do not rise or fall with the distances of '
                               f'the targets ({names}); check which distance belongs to which')
    return tuple(pairs)


def _slope(lens: LensCalibration, raw: float) -> float:
    """Return the change of dioptres with the focus position."""
    span = (lens.pairs[-1][0] - lens.pairs[0][0]) * 1e-4
    low, high = lens.dioptres(np.array([raw - span, raw + span]))
    return float((high - low) / (2 * span))


def _field(lens: LensCalibration, samples: Sequence[_Sample], targets: Sequence[Target]
           ) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, float]]:
    """Return the field, the constant of each target, and what is left, all dioptres."""
    rows, values = [], []
    for number, (sample, target) in enumerate(zip(samples, targets, strict=True)):
        own = np.zeros((len(sample.raw), len(targets)))
        own[:, number] = 1
        rows.append(np.hstack([sample.terms.T, own]))
        values.append(1 / target.distance_m - lens.dioptres(sample.raw))
    found, left, weight = robust_fit(np.vstack(rows), np.concatenate(values))
    ends = np.cumsum([len(each) for each in values])[:-1]
    residuals = {target.name: float(np.sqrt(np.average(np.square(each), weights=of_it)))
                 for target, each, of_it in zip(targets, np.split(left, ends),
                                                np.split(weight, ends), strict=True)}
    return found[:5], found[5:], residuals


def robust_fit(basis: NDArray[np.float64], values: NDArray[np.float64]
               ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """
    Return coefficients, what is left and weights after reweighted least squares (Tukey).

    :param basis: (N, terms)
    :param values: (N,)
    """
    weight: NDArray[np.float64] = np.ones(len(values))
    found: NDArray[np.float64] = np.zeros(basis.shape[1])
    left = values
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        found = np.asarray(np.linalg.lstsq(basis * root, values * root[:, 0], rcond=None)[0],
                           np.float64)
        left = values - basis @ found
        spread = max(float(np.median(np.abs(left))) / 0.6745, 1e-12)
        weight = np.square(np.clip(1 - np.square(left / (_TUKEY * spread)), 0, None))
    return found, left, weight


def with_magnification(lens: LensCalibration, targets: Sequence[Target]) -> LensCalibration:
    """Return a calibration with the change of magnification that its targets show."""
    return replace(lens, magnification_per_dioptre=_per_dioptre(lens, targets))


def _per_dioptre(lens: LensCalibration, targets: Sequence[Target]) -> float:
    """Return the change of the magnification per dioptre, relative to that at infinity."""
    slopes = []
    for target in targets:
        dioptres = lens.dioptres(target.raw)
        slope, offset = np.polyfit(dioptres, target.scales, 1)
        slopes.append(slope / offset)
    return float(np.median(slopes))
