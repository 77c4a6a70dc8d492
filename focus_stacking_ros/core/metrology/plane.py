# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A plane through most of a surface, and how high everything lies over it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.metrology.view import MeasurementError, Region, View
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['MIN_CONFIDENCE', 'ReferencePlane', 'fit_plane']

#: Confidence from which a pixel tells where the plane is.
MIN_CONFIDENCE = 0.5
_TRIALS, _SAMPLES = 500, 4000  # triples of pixels; pixels that judge them
_OUTLYING = 3.0  # standard deviations from which a pixel counts against a trial, all alike
_TUKEY, _ROUNDS = 4.685, 20  # standard deviations; 95 % efficient for Gaussian errors
_LEAST, _MOST = 12, 200_000  # pixels; of more a random part tells as much


@dataclass(frozen=True)
class ReferencePlane:
    """
    A plane that heights are measured from.

    :param coefficients: (3,) of column, row and 1 in the coordinates of `View.rays`: they give
        1 / depth in perspective, else the depth, metres
    :param view: how the camera sees
    :param shape: (height, width) of the depth map, pixels
    :param inliers: share of the pixels looked at that lie on it
    :param scatter_m: standard deviation of those along Z, metres
    :param samples: how many pixels it is fitted to
    """

    coefficients: NDArray[np.float64]
    view: View
    shape: tuple[int, int]
    inliers: float
    scatter_m: float
    samples: int

    def depth_m(self) -> NDArray[np.float64]:
        """Return the plane's depth along Z, (H, W) metres; NaN where it is behind the camera."""
        value = self._values()
        if self.view.focal_length_px is None:
            return value
        with np.errstate(divide='ignore'):
            return np.where(value > 0, 1 / value, np.nan)

    def height_m(self, depth_m: FloatImage) -> FloatImage:
        """
        Return how far a surface lies over the plane, towards the camera, perpendicular to it.

        Along Z where the size of a pixel is not known.

        :param depth_m: (H, W) metres along Z, NaN where unknown
        :returns: (H, W) float32 metres, NaN where the depth is
        """
        depth = depth_m.astype(np.float64)
        if self.view.focal_length_px is None:
            return ((self._values() - depth) * self._cosine()).astype(np.float32)
        # The plane is a x + b y + c z = 1 for the coefficients a, b, c of 1 / z.
        return ((1 - depth * self._values()) / np.linalg.norm(self.coefficients)).astype(
            np.float32)

    def tilt_degrees(self) -> float | None:
        """Return the angle between its normal and the optical axis; None where not known."""
        if self.view.focal_length_px is None and self.view.pixel_m is None:
            return None
        return float(np.degrees(np.arccos(min(self._cosine(), 1.0))))

    def _values(self) -> NDArray[np.float64]:
        x, y = self.view.rays(self.shape)
        a, b, c = self.coefficients
        return np.asarray(a * x + b * y + c)

    def _cosine(self) -> float:
        """Return the cosine of its tilt; 1 where the size of a pixel is not known."""
        if self.view.focal_length_px is None:
            if self.view.pixel_m is None:
                return 1.0
            return float(1 / np.sqrt(1 + self.coefficients[0] ** 2 + self.coefficients[1] ** 2))
        return float(abs(self.coefficients[2]) / np.linalg.norm(self.coefficients))


def fit_plane(depth_m: FloatImage, view: View | None = None, *,
              confidence: FloatImage | None = None, deviation_m: FloatImage | None = None,
              region: Region | None = None, min_confidence: float = MIN_CONFIDENCE
              ) -> ReferencePlane:
    """
    Fit a plane to the largest flat part of a surface, whatever lies on it.

    Random triples begin (MSAC: P. Torr and A. Zisserman 2000, doi:10.1006/cviu.1999.0832), least
    squares with Tukey's weights end (A. Beaton and J. Tukey 1974, doi:10.1080/00401706.1974.
    10489171), along Z, where depth has its errors. The same input always gives the same plane.

    :param depth_m: (H, W) metres along Z, NaN where unknown
    :param view: how the camera sees; None for pixels of one unknown size
    :param confidence: (H, W) 0 to 1; None trusts every pixel that has a depth
    :param deviation_m: (H, W) standard deviation of the depth, metres; None to find it from
        what neighbouring pixels differ by
    :param region: where the plane is looked for; None everywhere
    :param min_confidence: from which pixels count
    :raises MeasurementError: fewer than a dozen pixels count, or they lie on a line
    """
    view = View() if view is None else view
    part = np.ones(depth_m.shape, np.float32) if region is None else np.zeros(
        depth_m.shape, np.float32)
    if region is not None:
        region.of(part)[:] = 1
    known = (part > 0) & np.isfinite(depth_m) & (depth_m > 0)
    if confidence is not None:
        known &= confidence >= min_confidence
    rows, columns = np.nonzero(known)
    if len(rows) < _LEAST:
        raise MeasurementError(
            f'{len(rows)} pixels{"" if region is None else f" of the region {region}"} have a '
            f'depth and a confidence of {min_confidence} at least, a plane takes {_LEAST}; choose '
            'another region or a lower confidence')
    if len(rows) > _MOST:
        part_of_them = np.random.default_rng(0).choice(len(rows), _MOST, replace=False)
        rows, columns = rows[part_of_them], columns[part_of_them]
    x, y = view.rays((depth_m.shape[0], depth_m.shape[1]))
    basis = np.stack([x[columns], y[rows, 0], np.ones(len(rows))], axis=1)
    depth = depth_m[rows, columns].astype(np.float64)
    sigma = _deviation(depth_m, known, deviation_m)
    # 1 / z errs by 1 / z² times what z does.
    slope = 1.0 if view.focal_length_px is None else float(np.median(depth)) ** -2
    values = depth if view.focal_length_px is None else 1 / depth
    start = _best_trial(basis, values, sigma * slope)
    coefficients, weights = _polished(basis, values, sigma * slope, start)
    residual = (values - basis @ coefficients) / slope
    inlying = weights > 0
    scatter = float(np.sqrt(np.average(np.square(residual[inlying]), weights=weights[inlying])))
    return ReferencePlane(coefficients, view, (depth_m.shape[0], depth_m.shape[1]),
                          float(inlying.mean()), scatter, len(rows))


def _deviation(depth_m: FloatImage, known: NDArray[np.bool_], deviation_m: FloatImage | None
               ) -> float:
    """Return the usual standard deviation of the depth, metres."""
    found = np.nan
    if deviation_m is not None:
        found = float(np.nanmedian(deviation_m[known]))
    if not found > 0:
        # Of a plane the second difference is 0; by Gauss its standard deviation is 2 sigma.
        bend = cv2.filter2D(np.where(known, depth_m, np.nan).astype(np.float32), cv2.CV_32F,
                            np.array([[1, -1], [-1, 1]], np.float32))
        bend = np.abs(bend[np.isfinite(bend)])
        found = float(np.median(bend)) / 0.6745 / 2 if bend.size else 0.0
    # Depth that is exact to the last digit is still rounded to float32.
    return max(found, float(np.median(depth_m[known])) * float(np.finfo(np.float32).eps))


def _best_trial(basis: NDArray[np.float64], values: NDArray[np.float64], sigma: float
                ) -> NDArray[np.float64]:
    """Return the plane through three pixels that most others are near."""
    random = np.random.default_rng(0)
    some = random.choice(len(values), min(_SAMPLES, len(values)), replace=False)
    triples = random.integers(0, len(values), (_TRIALS, 3))
    corners = basis[triples]
    scale = np.abs(basis).max(axis=0)
    determinant = np.abs(np.linalg.det(corners / np.where(scale > 0, scale, 1)))
    usable = determinant > 1e-4  # the others are nearly on a line
    if not usable.any():
        raise MeasurementError('the pixels that count lie on a line; a plane takes a region of '
                               'several rows and columns')
    trials = np.linalg.solve(corners[usable], values[triples[usable]][..., None])[..., 0]
    losses = [float(np.minimum(np.square((values[some] - basis[some] @ trial) / sigma),
                               _OUTLYING ** 2).sum()) for trial in trials]
    return np.asarray(trials[int(np.argmin(losses))], np.float64)


def _polished(basis: NDArray[np.float64], values: NDArray[np.float64], sigma: float,
              start: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the plane and the weight of each pixel after reweighted least squares."""
    coefficients = start
    near = np.abs(values - basis @ start) < 2 * _OUTLYING * sigma
    weights = near.astype(np.float64)
    for _ in range(_ROUNDS):
        residual = values - basis @ coefficients
        spread = max(sigma, float(np.median(np.abs(residual[weights > 0]))) / 0.6745)
        weights = np.square(np.clip(1 - np.square(residual / (_TUKEY * spread)), 0, None))
        root = np.sqrt(weights)[:, None]
        before = coefficients
        coefficients = np.linalg.lstsq(basis * root, values * root[:, 0], rcond=None)[0]
        if np.abs(basis @ (coefficients - before)).max() < 1e-6 * spread:
            break
    return coefficients, weights
