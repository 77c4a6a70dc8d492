# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Judge all-in-focus images of a real stack, for which there is no truth, by its own slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['Judge', 'UnregisteredError', 'register']

Image = NDArray[np.uint8]

#: Flat areas of fewer pixels say nothing about mottle.
MIN_FLAT = 500
#: Strong areas of a smaller share of the picture say nothing about its sharpness.
MIN_STRONG = 0.01
#: Side of the squares of pixels in which brightness is compared: in their means, focus is little.
SQUARE = 32


class UnregisteredError(ValueError):
    """An image shares too little with the result to be brought into its pixel grid."""


@dataclass(frozen=True)
class Judge:
    """
    What the slices of a stack say about an image of it.

    Slices differ in brightness, and programs choose differently which of them to follow: energies
    are compared after one gain per colour, which brings slices and images to one brightness.

    :param strong: (H, W) bool, one slice is clearly sharper here than the others
    :param flat: (H, W) bool, no slice has structure here
    :param inside: (H, W) bool, every slice shows this pixel
    :param greatest: (H, W) float32 Laplacian energy of the sharpest slice
    :param low: (H, W, 3) smallest grey levels of the slices, as they are or with their gains
    :param high: (H, W, 3) greatest ones, likewise
    :param brightness: (h, w, 3) float32 mean grey levels of the slices in squares
    :param ground: the slices' median standard deviation in flat areas, NaN without such areas
    """

    strong: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    greatest: NDArray[np.float32]
    low: Image
    high: Image
    brightness: NDArray[np.float32]
    ground: float

    @classmethod
    def of(cls, slices: Sequence[Image], transforms: Sequence[NDArray[np.float64]],
           size: tuple[int, int]) -> Judge:
        """
        Return what slices say in the pixel grid of a result.

        :param slices: (h, w, 3) uint8 each
        :param transforms: (3, 3) each, pixel of the result -> pixel of the slice
        :param size: width and height of the result
        """
        inside = np.ones(size[::-1], bool)
        aligned = []
        for image, matrix in zip(slices, transforms, strict=True):
            there = cv2.warpPerspective(np.ones(image.shape[:2], np.uint8), matrix, size,
                                        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
            inside &= there > 0
            aligned.append(cv2.warpPerspective(
                image, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE))
        squares = [_in_squares(each, inside) for each in aligned]
        brightness = np.mean(squares, axis=0)
        even = [_multiplied(each, _gains(brightness, there))
                for each, there in zip(aligned, squares, strict=True)]
        energies = [_energy(each) for each in even]
        greatest = np.maximum.reduce(energies)
        typical = np.median(energies, axis=0) if len(slices) > 2 else np.minimum.reduce(energies)
        strong = (greatest > 4 * typical) & (greatest > np.percentile(greatest, 60)) & inside
        around = cv2.boxFilter(greatest, -1, (41, 41))
        flat = ((around < np.percentile(around, 25)) & inside
                & (greatest < np.percentile(greatest, 35)))
        ground = (float(np.median([_band(each)[flat].std() for each in even]))
                  if flat.sum() > MIN_FLAT else float('nan'))
        low = np.minimum(np.minimum.reduce(aligned), np.floor(np.minimum.reduce(even)))
        high = np.maximum(np.maximum.reduce(aligned), np.ceil(np.maximum.reduce(even)))
        return cls(strong, flat, inside, greatest, low.astype(np.uint8), high.astype(np.uint8),
                   brightness, ground)

    def figures(self, image: Image) -> dict[str, float]:
        """
        Return the figures of an image in the same pixel grid.

        ``sharpness`` is the root of its Laplacian energy over that of the sharpest slice, of the
        sums over the strong pixels; ``sharpness_p5`` the 5th percentile of that over single
        pixels (1 is best; far below 1: blurred). ``overshoot`` is how far it leaves the range
        that the slices span, in grey levels (0 is best). ``mottle`` is its standard deviation in
        the band of 2 to 12 pixels in flat areas over the median slice's (1 or less is best).
        A figure that the stack does not support is left out.
        """
        found: dict[str, float] = {}
        even = _multiplied(image, _gains(self.brightness, _in_squares(image, self.inside)))
        if self.strong.mean() >= MIN_STRONG:
            here, best = _energy(even)[self.strong], self.greatest[self.strong]
            found['sharpness'] = float(np.sqrt(here.sum(dtype=float) / best.sum(dtype=float)))
            found['sharpness_p5'] = float(np.percentile(np.sqrt(here / best), 5))
        if self.inside.any():
            levels = image.astype(np.int16)
            over = np.maximum(levels - self.high, self.low - levels).max(2)
            found['overshoot'] = float(np.maximum(over, 0)[self.inside].mean())
        if self.ground > 0:
            found['mottle'] = float(_band(even)[self.flat].std() / self.ground)
        return found


def register(image: Image, result: Image) -> Image:
    """
    Return another program's image in the pixel grid of a result: SIFT, an affine transform.

    :raises UnregisteredError: they have too little in common
    """
    if image.shape == result.shape and np.abs(image.astype(int) - result).mean() < 2:
        return image  # not resampled needlessly
    scale = min(1.0, 1600 / max(result.shape))
    sift = cv2.SIFT_create(4000)
    found = [sift.detectAndCompute(cv2.resize(
        cv2.cvtColor(each, cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale,
        interpolation=cv2.INTER_AREA), None) for each in (result, image)]
    matrix = None
    if all(features is not None and len(features) > 1 for _, features in found):
        pairs = [near for near, next_one in cv2.BFMatcher().knnMatch(
            found[0][1], found[1][1], k=2) if near.distance < .75 * next_one.distance]
        if len(pairs) >= 3:
            ours = np.float32([found[0][0][pair.queryIdx].pt for pair in pairs]) / scale
            theirs = np.float32([found[1][0][pair.trainIdx].pt for pair in pairs]) / scale
            matrix, _ = cv2.estimateAffine2D(ours, theirs, ransacReprojThreshold=1.0,
                                             maxIters=5000)
    if matrix is None:
        raise UnregisteredError('its image cannot be registered to the result')
    return cv2.warpAffine(image, matrix, result.shape[1::-1],
                          flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)


def _in_squares(image: Image, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (h, w, 3) mean grey levels in squares, NaN where a pixel is not inside."""
    size = max(image.shape[1] // SQUARE, 1), max(image.shape[0] // SQUARE, 1)
    there = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > .999
    means = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.where(there[..., None], means, np.float32('nan'))


def _gains(wanted: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (3,) gains from one brightness to another: medians over squares, 1 without any."""
    ratios = (wanted[np.isfinite(there).all(2)] + 1) / (there[np.isfinite(there).all(2)] + 1)
    return np.median(ratios, axis=0) if len(ratios) else np.ones(3, np.float32)


def _multiplied(image: Image, gains: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image with a gain per colour; not rounded, which would be noise."""
    return np.minimum(image * gains.astype(np.float32), np.float32(255))


def _grey(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _energy(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (H, W) mean squared Laplacian around each pixel."""
    fine = cv2.Laplacian(cv2.GaussianBlur(_grey(image), (0, 0), .8), cv2.CV_32F)
    # Its running sums may end a rounding error below 0.
    return np.maximum(cv2.boxFilter(fine * fine, -1, (9, 9)), 0)


def _band(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (H, W) structure of 2 to 12 pixels."""
    grey = _grey(image)
    return cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 6)
