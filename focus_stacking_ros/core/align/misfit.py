# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What of the difference of two aligned slices defocus cannot explain: parts beside each other.

Defocus spreads light, misalignment moves it. With the spreading taken out, every part of the
picture is asked by how much it would have to be moved to fit best (Lucas and Kanade 1981). Noise
and blur make single answers uncertain and do not move many parts at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.align.level_fit import CORRELATED, systematic_error
from focus_stacking_ros.core.align.motion import moved
from focus_stacking_ros.core.align.warping import inverse, joined
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['VISIBLE', 'Local', 'Misfit']

#: Displacement of a good part of the picture from which outlines are seen twice, pixels.
VISIBLE = 0.75
_ACROSS, _DOWN = 8, 6  # parts
_ENOUGH = 100  # pixels that a part needs
# Pixels: greatest standard deviation of a displacement that counts, but what is beyond so many.
_CERTAIN, _SIGNIFICANT = 0.25, 4.0
_BLURRED = 0.1  # sharpness below which what is left of defocus is taken for motion
_FEWEST, _LEAST_SHARE = 4, 0.35  # parts that must be certain, and their share of all
_BELIEVED = 4.0  # pixels: greatest displacement that a single step can tell
_SHARE = 0.75  # of the parts that are displaced by no more than what is told
_NEAR = 2.0  # grey levels: differences up to that are noise


@dataclass(frozen=True)
class Local:
    """
    The pixels of a comparison, after its last step.

    :param x: (N,) column in the template's level
    :param y: (N,) row
    :param slope_x: (N,) derivative of the grey values along x
    :param slope_y: (N,) along y
    :param error: (N,) difference, image less template, without that by defocus
    :param weight: (N,) how much each counts, 0 outside the image
    :param sharpness: (N,) in both
    """

    x: FloatImage
    y: FloatImage
    slope_x: FloatImage
    slope_y: FloatImage
    error: FloatImage
    weight: FloatImage
    sharpness: FloatImage


@dataclass(frozen=True)
class Misfit:
    """
    Displacements of parts of the picture that a comparison leaves, full-size pixels.

    :param transform: template pixel -> image pixel, that the comparison has found
    :param places: (n, 2) x and y of the parts in the template
    :param displacements: (n, 2) along x and y: what is at the place in the template is there
        beside it in the image
    :param deviations: (n,) their standard deviations
    """

    transform: Transform
    places: NDArray[np.float64]
    displacements: NDArray[np.float64]
    deviations: NDArray[np.float64]

    @classmethod
    def of(cls, local: Local, shape: tuple[int, int], factor: int, sharp_factor: int,
           transform: Transform) -> Misfit:
        """
        Return the misfit of a comparison.

        :param shape: height and width of the level
        :param factor: full-size pixels per pixel of the level
        :param sharp_factor: the same of the level that the sharpness is of
        :param transform: full size, that the comparison has found
        """
        height, width = shape
        part = ((local.y * _DOWN / height).astype(np.int64) * _ACROSS
                + (local.x * _ACROSS / width).astype(np.int64))
        # An L1 norm: as robust as needed, and yet it sees what lies beside.
        weight = local.weight / (np.abs(local.error) + np.float32(_NEAR))
        a, b = local.slope_x, local.slope_y

        def total(values: FloatImage) -> NDArray[np.float64]:
            return np.asarray(np.bincount(part, values.astype(np.float64), _ACROSS * _DOWN),
                              np.float64)

        score_x, score_y = weight * a * local.error, weight * b * local.error
        normal = _matrices(total(weight * a * a), total(weight * a * b), total(weight * b * b))
        scatter = _matrices(total(score_x * score_x), total(score_x * score_y),
                            total(score_y * score_y))
        count = total(np.ones_like(a) * (local.weight > 0))
        level = np.trace(normal, axis1=1, axis2=2)
        some = np.flatnonzero((count >= _ENOUGH) & (np.linalg.det(normal) > 1e-6 * level ** 2)
                              & (level > 0))
        back = np.linalg.inv(normal[some])
        shift = -(back @ np.stack([total(score_x), total(score_y)], axis=1)[some][..., None])
        covariance = CORRELATED * back @ scatter[some] @ back
        sharpness = total(local.sharpness)[some] / np.maximum(count[some], 1)
        doubt = np.array([systematic_error(max(float(each), 1e-3), sharp_factor, _BLURRED)
                          for each in sharpness])
        variance = np.trace(covariance, axis1=1, axis2=2) * factor ** 2 + 2 * doubt ** 2
        places = np.stack([total(each)[some] / np.maximum(total(np.ones_like(a))[some], 1)
                           for each in (local.x, local.y)], axis=1)
        return cls(transform, places * factor + (factor - 1) / 2, shift[..., 0] * factor,
                   np.sqrt(variance))

    def pixels(self, transform: Transform) -> float | None:
        """
        Return by how much a good part of the picture is displaced; None where none is certain.

        :param transform: template pixel -> image pixel, that the slices are aligned by
        """
        there = (self.places + self.displacements).T.astype(np.float32)
        here = np.stack(moved(joined(inverse(transform), self.transform), there[0], there[1]))
        distance = np.hypot(*(here - self.places.T))
        certain = (self.deviations < _CERTAIN) | (distance > _SIGNIFICANT * self.deviations)
        certain &= np.hypot(*self.displacements.T) < _BELIEVED
        if np.count_nonzero(certain) < max(_FEWEST, _LEAST_SHARE * len(certain)):
            return None
        # Uncertainty alone displaces by about as much.
        true = np.sqrt(np.maximum(distance ** 2 - self.deviations ** 2, 0))
        return float(np.quantile(true[certain], _SHARE))


def _matrices(xx: NDArray[np.float64], xy: NDArray[np.float64],
              yy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.stack([xx, xy], axis=1), np.stack([xy, yy], axis=1)], axis=1)
