# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of alignment takes time, as a backend may do it, and how NumPy and OpenCV do it."""

from __future__ import annotations

from typing import Protocol

from focus_stacking_ros.core.align.comparison_sums import Sums
from focus_stacking_ros.core.align.detail import Detail
from focus_stacking_ros.core.align.level_fit import fit_level, LevelFit
from focus_stacking_ros.core.align.portable_comparison import comparison_sums
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, Level, prepare
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['AlignmentStages', 'PortableAlignment']


class AlignmentStages(Protocol):
    """
    The stages of alignment that take time.

    Results of two implementations may differ by their rounding: transforms by 0.02 pixels at the
    corners of the level.
    """

    def prepare(self, grey: NDArray[np.int16], count: int | None = None,
                valid: NDArray[np.uint8] | None = None,
                half: NDArray[np.int16] | None = None) -> AlignmentFrame:
        """
        Build what alignment needs of a slice; see `core.align.pyramid.prepare`.

        :param grey: (H, W) int16 luma in 1/16 grey level
        :param count: levels wanted, the finest first; None for all
        :param valid: (H, W) uint8, 0 where nothing is to be compared; None where all is
        :param half: means of its 2x2 pixels, where they are known, `half_size`
        """

    def fit_level(self, template: Level, image: Level, start: Transform, model: str,
                  tolerance: float, prior: NDArray[np.float64] | None = None) -> LevelFit | None:
        """
        Refine a transform at one level; see `core.align.level_fit.fit_level`.

        :param template: slice whose pixel grid the transform starts from
        :param image: slice whose pixel grid it leads to
        :param start: first guess, template pixel -> image pixel, pixels of the level
        :param model: a key of motion.PARAMETERS
        :param tolerance: pixels of the level: a step that is less is the last one
        :param prior: how sure the start is, in the terms of `LevelFit.information`
        :returns: None where too few pixels are sharp in both images
        """

    def compare(self, template: Detail, image: Detail, transform: Transform, model: str, *,
                judged: bool, even_below: float = 0.0) -> Sums | None:
        """
        Add up what tells how two slices differ; see `core.align.portable_comparison`.

        :param template: slice whose pixel grid the transform starts from
        :param image: slice whose pixel grid it leads to
        :param transform: template pixel -> image pixel, right to about a pixel
        :param model: a key of motion.PARAMETERS
        :param judged: whether to add up what tells how well they fit
        :param even_below: sharpness of both below which few sharp places do not count for all
        :returns: None where too few pixels are sharp in both
        """

    def forget(self) -> None:
        """Give back the memory that comparisons leave to those after them."""


class PortableAlignment(AlignmentStages):
    """The stages in NumPy and OpenCV; see `AlignmentStages` for the methods."""

    def prepare(self, grey: NDArray[np.int16], count: int | None = None,
                valid: NDArray[np.uint8] | None = None,
                half: NDArray[np.int16] | None = None) -> AlignmentFrame:
        """Build what alignment needs of a slice."""
        return prepare(grey, count, valid, half)

    def fit_level(self, template: Level, image: Level, start: Transform, model: str,
                  tolerance: float, prior: NDArray[np.float64] | None = None) -> LevelFit | None:
        """Refine a transform at one level."""
        return fit_level(template, image, start, model, tolerance, prior)

    def compare(self, template: Detail, image: Detail, transform: Transform, model: str, *,
                judged: bool, even_below: float = 0.0) -> Sums | None:
        """Add up what tells how two slices differ."""
        return comparison_sums(template, image, transform, model, judged=judged,
                               even_below=even_below)

    def forget(self) -> None:
        """Give nothing back: nothing is left."""
