# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that grows slice by slice, in the pixel grid of the first slice."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from focus_stacking_ros.core.backend import Backend
from focus_stacking_ros.core.chain import Link, RegistrationChain
from focus_stacking_ros.core.focus_measure import luma, noise_sigma, sharpness
from focus_stacking_ros.core.fusion import WeightedAverage
from focus_stacking_ros.core.glow import BrightnessHistory
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Image, Slice
from focus_stacking_ros.core.state import StackState
import numpy as np
from numpy.typing import NDArray

__all__ = ['Accumulation', 'Entry']


@dataclass(frozen=True)
class Entry:
    """
    What is kept of an accumulated slice.

    :param number: input number
    :param position: what slices are ordered by
    :param link: where it lies relative to the first slice
    :param sharpness: (H, W) uint8, unwarped; None where slices are not retained
    """

    number: int
    position: float
    link: Link
    sharpness: NDArray[np.uint8] | None


class Accumulation:
    """
    Measures, registers and accumulates slices that come in the order of their positions.

    :param options: tunables
    :param backend: who measures and accumulates
    :param first: a slice of the size and encoding that all have
    """

    def __init__(self, options: StackOptions, backend: Backend, first: Image) -> None:
        self._options, self._backend = options, backend
        self._streaming = options.method == 'streaming'
        self._chain = RegistrationChain(options)
        self.shape = shape = first.shape[:2]
        self._state = StackState.empty((shape[0], shape[1]))
        # The retained slices give the picture; the average then only guides the depth.
        self._average = WeightedAverage(first.shape if self._streaming else shape)
        self.brightness = BrightnessHistory()
        self.entries: list[Entry] = []
        self._noises: list[float] = []
        self.timings_ms: dict[str, float] = {}

    def add(self, item: Slice) -> Link:
        """Do one slice's work; returns where it lies relative to the first."""
        clock = perf_counter()
        grey = luma(item.image)
        # A slice without any noise is black, clipped or synthetic: it says nothing of the others.
        self._noises.append(self._noise_of(item.image, grey))
        sharp = sharpness(grey)
        response = self._backend.measure(item.image, grey, self._options.focus_measure_operator,
                                         self._options.focus_measure_window)
        clock = self._count('measure', clock)
        link = self._chain.add(grey, item.magnification)
        clock = self._count('align', clock)
        self._backend.accumulate(self._state, response, link.transform, link.gain)
        self._average.add(item.image if self._streaming else grey, sharp, link.transform,
                          link.gain)
        self.brightness.add(grey, link.transform, link.gain)
        self._count('accumulate', clock)
        self.entries.append(Entry(item.number, item.position, link,
                                  None if self._streaming else sharp))
        return link

    def _noise_of(self, image: Image, grey: NDArray[np.int16]) -> float:
        """Noise of what the operator measures: the channels, or their luma, which has less."""
        if self._options.focus_measure_operator != 'log_norm' or image.ndim == 2:
            return noise_sigma(grey)
        return sum(noise_sigma(luma(image[..., channel])) for channel in range(3)) / 3

    @property
    def noise(self) -> float:
        """Least noise of the slices that have any, 8-bit grey levels."""
        return min((sigma for sigma in self._noises if sigma > 0), default=0.0)

    def hand_over(self) -> tuple[StackState, NDArray[np.float32], NDArray[np.uint8]]:
        """
        Return the state, the average image and the greatest sharpness; none of them is kept.

        The average is (H, W) float32 luma in 1/16 grey level where slices are retained, else
        float32 in the shape and grey values of the slices.
        """
        state, average, sharpest = self._state, self._average.mean(), self._average.sharpest
        del self._state, self._average, self._chain
        return state, average, sharpest

    def _count(self, step: str, start: float) -> float:
        now = perf_counter()
        self.timings_ms[step] = self.timings_ms.get(step, 0.0) + (now - start) * 1e3
        return now
