# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Binning of the slices of fine sweeps: the means of neighbours are the samples of focus curves.

Where slices lie much closer than the focus curve is wide, neighbours differ by their noise alone.
A peak is looked for in the greatest of them, so that noise decides which one that is, and what is
fitted around it are a few slices at its tip. Of bins the noise is less and the curve the same: by
samples a quarter of its standard deviation apart it is told as by all slices, since its spectrum
has fallen to nothing long before (C. E. Shannon, "Communication in the presence of noise",
Proceedings of the IRE 37, 1949, doi:10.1109/JRPROC.1949.232969).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import math

import cv2
from focus_stacking_ros.core.depth.stages import StackPeaks
from focus_stacking_ros.core.focus.measure import NoiseResponse
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['Bins', 'bins_of', 'mean_of']

_WIDTH = 0.25  # mean width of a bin, in standard deviations of the focus curve
_WIDEST = 0.5  # of any: in uneven sweeps some reach farther than others
_FEWEST = 10  # bins, as a sweep usually has slices


@dataclass(frozen=True)
class Bins:
    """
    Neighbouring slices that are taken together; a slice alone where steps are not fine.

    :param places: of the slices of each bin, near to far, from 0
    :param steps: (n,) float32 coordinate of every bin, as `sweep_coordinate` has that of slices
    :param first: coordinate of the middle of the first bin, as that of a slice
    :param scale: distance of bins, as that of slices
    """

    places: tuple[range, ...]
    steps: NDArray[np.float32]
    first: float
    scale: float

    def noise(self, response: NoiseResponse) -> NoiseResponse:
        """Return what of the response of a slice to noise is left in the mean of a bin."""
        mean_size = self.places[-1].stop / len(self.places)
        return replace(response, scatter=response.scatter / math.sqrt(mean_size))

    def of_slices(self, peaks: StackPeaks) -> StackPeaks:
        """Return the peaks of bins, the coordinate being that of slices."""
        if len(self.places) == self.places[-1].stop:
            return peaks

        def moved(coordinate: FloatImage) -> FloatImage:
            return coordinate * np.float32(self.scale) + np.float32(self.first)

        return replace(
            peaks, width=peaks.width * self.scale, span=peaks.span * self.scale,
            layers=[replace(layer, coordinate=moved(layer.coordinate)) for layer in peaks.layers],
            joined=None if peaks.joined is None else moved(peaks.joined))


def bins_of(steps: NDArray[np.float32], span: float) -> Bins:
    """
    Return the bins of a sweep.

    :param steps: (n,) coordinate of every slice
    :param span: standard deviation of the focus curve, in the coordinate

    >>> bins_of(np.arange(30, dtype=np.float32), 8.5).places[:3]
    (range(0, 2), range(2, 4), range(4, 6))
    """
    count = len(steps)
    for size in range(min(int(_WIDTH * span), count // _FEWEST), 1, -1):
        ends = [count * number // (count // size) for number in range(count // size + 1)]
        places = tuple(map(range, ends[:-1], ends[1:]))
        # Half a step beyond its first and its last slice a bin ends.
        widest = 1 + max(float(steps[each[-1]] - steps[each[0]]) for each in places)
        if widest <= _WIDEST * span:
            middles = np.array([steps[each.start:each.stop].mean() for each in places])
            scale = float(middles[-1] - middles[0]) / (len(places) - 1)
            return Bins(places, ((middles - middles[0]) / scale).astype(np.float32),
                        float(middles[0]), scale)
    return Bins(tuple(range(number, number + 1) for number in range(count)), steps, 0.0, 1.0)


def mean_of(responses: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """
    Return the mean of aligned responses, -1 where one of them has no data.

    :param responses: (h, w) int16 each
    """
    if len(responses) == 1:
        return responses[0]
    total, least = responses[0].astype(np.float32), responses[0]
    for response in responses[1:]:
        cv2.add(total, response, total, dtype=cv2.CV_32F)
        least = cv2.min(least, response)
    mean = cv2.multiply(total, 1 / len(responses), dtype=cv2.CV_16S)
    return np.asarray(np.where(least < 0, np.int16(-1), mean))
