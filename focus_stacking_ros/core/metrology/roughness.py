# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Areal roughness of a region, as ISO 25178-2 defines it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.metrology.view import MeasurementError, Region
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['Roughness', 'gaussian_filter', 'roughness_of']

#: ISO 16610-61: the Gaussian passes half of a wave as long as the nesting index.
_ALPHA = float(np.sqrt(np.log(2) / np.pi))
_LEAST_KNOWN = 0.5  # share of the pixels of a region that must have a height
_LEAST_WAVES = 2.0  # nesting indices of the L-filter along a side of the region


@dataclass(frozen=True)
class Roughness:
    """
    Roughness of a region.

    :param sa_m: arithmetical mean height Sa, metres
    :param sq_m: root mean square height Sq, metres
    :param sz_m: maximum height Sz, highest peak to lowest pit, metres
    :param filters: what was done before, for a protocol: S-filter, F-operation and L-filter with
        their nesting indices
    :param pixels: how many have a height
    """

    sa_m: float
    sq_m: float
    sz_m: float
    filters: str
    pixels: int


def gaussian_filter(height_m: FloatImage, nesting_index_px: float) -> FloatImage:
    """
    Return the long waves of a surface: the areal Gaussian filter of ISO 16610-61.

    :param height_m: (H, W) metres, NaN where unknown; what is unknown does not count
    :param nesting_index_px: wave length of which half is left, pixels
    :returns: (H, W) float32 metres, NaN where the input is
    """
    # exp(-pi (r / (alpha lambda))²) is a Gaussian of this standard deviation.
    sigma = _ALPHA * nesting_index_px / np.sqrt(2 * np.pi)
    known = np.isfinite(height_m)
    weight = cv2.GaussianBlur(known.astype(np.float64), (0, 0), sigma,
                              borderType=cv2.BORDER_CONSTANT)
    total = cv2.GaussianBlur(np.where(known, height_m, 0).astype(np.float64), (0, 0), sigma,
                             borderType=cv2.BORDER_CONSTANT)
    return np.where(known, total / np.maximum(weight, 1e-12), np.nan).astype(np.float32)


def roughness_of(height_m: FloatImage, region: Region, *, s_filter_px: float | None = None,
                 l_filter_px: float | None = None, pixel_m: float | None = None) -> Roughness:
    """
    Return the roughness of a region.

    A plane is always taken off first (F-operation). The noise of the depth and the lateral
    resolution of the focus measure, about its window, are part of what is found.

    :param height_m: (H, W) metres, NaN where unknown
    :param region: where
    :param s_filter_px: nesting index of the S-filter, which takes short waves away, pixels; None
        for none
    :param l_filter_px: nesting index of the L-filter, which takes long waves away, pixels; None
        for none
    :param pixel_m: side of a pixel in metres, to name the filters by lengths; None where unknown
    :raises MeasurementError: too little of the region has a height, or it is too small for the
        L-filter
    """
    part = region.of(height_m)
    known = np.isfinite(part)
    if known.mean() < _LEAST_KNOWN or known.sum() < 3:
        raise MeasurementError(f'{known.mean():.0%} of the region {region} has a height, and '
                               f'roughness takes {_LEAST_KNOWN:.0%}; choose another, or a lower '
                               'confidence')
    if l_filter_px is not None and min(region.width, region.height) < _LEAST_WAVES * l_filter_px:
        raise MeasurementError(f'the region {region} is shorter than {_LEAST_WAVES:g} nesting '
                               f'indices of {l_filter_px:g} pixels of the L-filter; choose a '
                               'larger region or a shorter filter')
    flat, names = _without_plane(part), []
    if s_filter_px is not None:
        flat = gaussian_filter(flat, s_filter_px)
        names.append(f'S-filter Gaussian {_length(s_filter_px, pixel_m)}')
    names.append('F-operation plane')
    if l_filter_px is not None:
        flat = flat - gaussian_filter(flat, l_filter_px)
        names.append(f'L-filter Gaussian {_length(l_filter_px, pixel_m)}')
    values = flat[known].astype(np.float64)
    values -= values.mean()
    return Roughness(float(np.abs(values).mean()), float(np.sqrt(np.square(values).mean())),
                     float(np.ptp(values)), ', '.join(names), int(known.sum()))


def _length(pixels: float, pixel_m: float | None) -> str:
    return f'{pixels:g} px' if pixel_m is None else f'{pixels * pixel_m * 1e6:.4g} µm'


def _without_plane(part: FloatImage) -> FloatImage:
    """Return a region without its least-squares plane."""
    rows, columns = np.nonzero(np.isfinite(part))
    basis = np.stack([columns, rows, np.ones(len(rows))], axis=1).astype(np.float64)
    found = np.linalg.lstsq(
        basis, part[rows, columns].astype(np.float64), rcond=None)[0]
    y, x = np.mgrid[:part.shape[0], :part.shape[1]]
    return np.asarray(part - (found[0] * x + found[1] * y + found[2]), np.float32)
