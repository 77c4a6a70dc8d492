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

from focus_stacking_ros.core.align.comparison_sums import BLURRED
from focus_stacking_ros.core.align.level_fit import CORRELATED, systematic_error
from focus_stacking_ros.core.align.motion import moved
from focus_stacking_ros.core.align.warping import inverse, joined
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['VISIBLE', 'Misfit']

#: Displacement of a good part of the picture from which outlines are seen twice, pixels.
VISIBLE = 0.75
_ENOUGH = 100  # pixels that a part needs
# Pixels: greatest standard deviation of a displacement that counts, but what is beyond so many.
_CERTAIN, _SIGNIFICANT = 0.25, 4.0
_FEWEST, _LEAST_SHARE = 4, 0.35  # parts that must be certain, and their share of all
_BELIEVED = 4.0  # pixels: greatest displacement that a single step can tell
_SHARE = 0.75  # of the parts that are displaced by no more than what is told


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
    def of(cls, local: NDArray[np.float64], factor: int, sharp_factor: int,
           transform: Transform) -> Misfit:
        """
        Return the misfit of a comparison.

        :param local: (parts, 13) what pixels add up to, see `comparison_sums.Sums`
        :param factor: full-size pixels per pixel of the level
        :param sharp_factor: the same of the level that the sharpness is of
        :param transform: full size, that the comparison has found
        """
        pixels, count, sharpness, x, y, *products = local.T
        normal, scatter = _matrices(*products[:3]), _matrices(*products[5:])
        level = np.trace(normal, axis1=1, axis2=2)
        some = np.flatnonzero((count >= _ENOUGH) & (np.linalg.det(normal) > 1e-6 * level ** 2)
                              & (level > 0))
        back = np.linalg.inv(normal[some])
        shift = -(back @ np.stack(products[3:5], axis=1)[some][..., None])
        covariance = CORRELATED * back @ scatter[some] @ back
        doubt = np.array([systematic_error(max(float(each), 1e-3), sharp_factor, BLURRED)
                          for each in sharpness[some] / count[some]])
        variance = np.trace(covariance, axis1=1, axis2=2) * factor ** 2 + 2 * doubt ** 2
        places = np.stack([x, y], axis=1)[some] / pixels[some, None]
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
