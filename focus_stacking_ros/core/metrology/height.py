# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a height map says of a part: steps between regions, profiles along lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.metrology.view import MeasurementError, Region
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['MeanHeight', 'Profile', 'Step', 'mean_height', 'profile_along', 'step_between']

_BLOCK_PX = 16  # side of blocks whose means are taken for independent of each other
_FEWEST_BLOCKS = 4  # that tell by how much they differ
_FULL = 0.5  # share of a block that must have a height
_WHOLE = 0.999  # share of a place on a profile that must have one


@dataclass(frozen=True)
class MeanHeight:
    """
    The mean height of a region.

    :param height_m: median of the heights, metres, which edges and specks do not move
    :param uncertainty_m: its standard uncertainty, metres
    :param pixels: how many have a height
    """

    height_m: float
    uncertainty_m: float
    pixels: int


@dataclass(frozen=True)
class Step:
    """
    How much higher one region is than another.

    :param height_m: metres, positive where the upper one is nearer to the camera
    :param uncertainty_m: standard uncertainty in metres, of the scatter within the regions; what
        all heights share, as an error of the calibration, is not part of it
    :param upper: of the upper region
    :param lower: of the lower region
    """

    height_m: float
    uncertainty_m: float
    upper: MeanHeight
    lower: MeanHeight


@dataclass(frozen=True)
class Profile:
    """
    Heights along a line.

    :param along: (N,) distance from the start in metres, or in pixels where their size is not
        known
    :param height_m: (N,) float32 metres, NaN where unknown
    :param is_metric: whether ``along`` is in metres
    """

    along: NDArray[np.float64]
    height_m: FloatImage
    is_metric: bool


def mean_height(height_m: FloatImage, region: Region, deviation_m: FloatImage | None = None
                ) -> MeanHeight:
    """
    Return the mean height of a region and how sure that is.

    Neighbouring heights err alike, as the windows of the focus measure overlap and the surface is
    smoothed. So the scatter of the means of blocks counts (batch means: G. Fishman 1978,
    doi:10.1287/mnsc.24.5.510), or the deviation of the depth itself where that says more or where
    there are too few blocks.

    :param height_m: (H, W) metres, NaN where unknown
    :param region: where
    :param deviation_m: (H, W) standard deviation of the depth, metres, or None
    :raises MeasurementError: no pixel of the region has a height
    """
    part = region.of(height_m)
    known = np.isfinite(part)
    if not known.any():
        raise MeasurementError(f'no pixel of the region {region} has a height; choose another, or '
                               'a lower confidence')
    values = part[known].astype(np.float64)
    means = _block_means(part)
    candidates = []
    if len(means) >= _FEWEST_BLOCKS:
        # The median of Gaussian values scatters sqrt(pi / 2) times as much as their mean.
        candidates.append(float(np.std(means, ddof=1)) * np.sqrt(np.pi / 2 / len(means)))
    if deviation_m is not None:
        of_depth = region.of(deviation_m)[known]
        if np.isfinite(of_depth).any():
            blocks = max(len(means), 1)
            candidates.append(float(np.nanmedian(of_depth)) / np.sqrt(blocks))
    if not candidates:
        candidates.append(float(np.std(values)))  # as if all erred alike
    return MeanHeight(float(np.median(values)), max(candidates), int(known.sum()))


def _block_means(part: FloatImage) -> NDArray[np.float64]:
    """Return the means of the blocks of a region that have heights enough."""
    means = []
    for top in range(0, part.shape[0] - _BLOCK_PX + 1, _BLOCK_PX):
        for left in range(0, part.shape[1] - _BLOCK_PX + 1, _BLOCK_PX):
            block = part[top:top + _BLOCK_PX, left:left + _BLOCK_PX]
            known = np.isfinite(block)
            if known.mean() >= _FULL:
                means.append(float(block[known].mean(dtype=np.float64)))
    return np.array(means)


def step_between(height_m: FloatImage, upper: Region, lower: Region,
                 deviation_m: FloatImage | None = None) -> Step:
    """
    Return how much higher one region is than another.

    :param height_m: (H, W) metres, NaN where unknown
    :param upper: the region that is thought to be higher
    :param lower: the other
    :param deviation_m: (H, W) standard deviation of the depth, metres, or None
    :raises MeasurementError: a region has no height
    """
    above = mean_height(height_m, upper, deviation_m)
    below = mean_height(height_m, lower, deviation_m)
    return Step(above.height_m - below.height_m,
                float(np.hypot(above.uncertainty_m, below.uncertainty_m)), above, below)


def profile_along(height_m: FloatImage, start: tuple[float, float], end: tuple[float, float], *,
                  width_px: int = 1, pixel_m: float | None = None) -> Profile:
    """
    Return the heights along a straight line, a pixel apart, between pixels linearly.

    :param height_m: (H, W) metres, NaN where unknown
    :param start: (x, y) in pixels, pixel centres at integers
    :param end: (x, y) in pixels
    :param width_px: how many parallel lines, a pixel apart, are averaged
    :param pixel_m: side of a pixel in metres, None where it is not known
    :raises MeasurementError: an end is not in the image, both are one, or the width is below 1
    """
    height, width = height_m.shape
    for name, (x, y) in (('start', start), ('end', end)):
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            raise MeasurementError(f'the {name} {x:g},{y:g} of the profile is not inside the '
                                   f'{width}x{height} pixels of the depth map')
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    if length < 1 or width_px < 1:
        raise MeasurementError('a profile takes a start and an end a pixel apart at least, and a '
                               'width of 1 at least')
    # A remainder below a millionth is rounding, not a pixel more.
    along = np.arange(int(np.floor(length + 1e-6)) + 1, dtype=np.float64)
    direction = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    across = np.arange(width_px)[:, None] - (width_px - 1) / 2
    columns = start[0] + along * direction[0] - across * direction[1]
    rows = start[1] + along * direction[1] + across * direction[0]
    known = np.isfinite(height_m)
    maps = columns.astype(np.float32), rows.astype(np.float32)
    inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
    # What is unknown must not spread to where its share is nothing.
    shares, sums = (cv2.remap(plane.astype(np.float32), *maps, cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_REPLICATE)
                    for plane in (known, np.where(known, height_m, 0)))
    counts = inside & (shares > _WHOLE)
    number = counts.sum(axis=0)
    total = np.where(counts, sums, 0).sum(axis=0)
    values = np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)
    return Profile(along * (1.0 if pixel_m is None else pixel_m), values, pixel_m is not None)
