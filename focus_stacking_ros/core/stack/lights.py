# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slices that were taken under several lights: what is seen of them, and how bright they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from focus_stacking_ros.core.align.chain import Link
from focus_stacking_ros.core.align.exposure import Exposure, relative_gains
from focus_stacking_ros.core.align.warping import inverse, joined
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.light import LightCells
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['LightGains', 'best_front']


def best_front(fronts: Sequence[Front]) -> Front:
    """
    Return what the light shows best under which a pixel is sharpest, pixel by pixel.

    The luma is that of the brightest light, whose noise is the greatest; the noise as a function
    of the luma and the exposure are those of the first.

    :param fronts: of one slice under each light, with their luma; one at least
    """
    first = fronts[0]
    lumas = [each.luma for each in fronts if each.luma is not None]

    def responses() -> dict[str, NDArray[np.int16]]:
        found = [each.responses() for each in fronts]
        return {name: np.maximum.reduce([each[name] for each in found]) for name in found[0]}

    return replace(
        first, luma=np.maximum.reduce(lumas) if lumas else None, responses=responses,
        half_luma=np.maximum.reduce([each.half_luma for each in fronts]),
        sharpness=np.maximum.reduce([each.sharpness for each in fronts]))


class LightGains:
    """
    Brightness of the images under each further light relative to the first of that light.

    :param known: whether all are 1, and nothing is estimated
    """

    def __init__(self, *, known: bool) -> None:
        self._known = known
        self._origin: tuple[list[Exposure], Transform] | None = None
        self._last: list[tuple[float, ...]] = []
        self._gains: dict[int, list[tuple[float, ...]]] = {}

    def add(self, number: int, lights: Sequence[LightCells], link: Link) -> None:
        """
        Compare a slice's images with the first of their light; where nothing tells, the last hold.

        :param number: input number of the slice
        :param lights: of its image under each further light
        :param link: where the slice lies
        """
        exposures = [Exposure.of(each) for each in lights]
        if self._origin is None:
            self._origin = exposures, link.transform
            self._last = [(1.0,) * each.light.shape[2] for each in exposures]
        elif not self._known and not link.reason:
            firsts, place = self._origin
            found = [relative_gains(first, each, joined(link.transform, inverse(place)))
                     for first, each in zip(firsts, exposures, strict=True)]
            self._last = [before if each is None else tuple(each.tolist())
                          for before, each in zip(self._last, found, strict=True)]
        self._gains[number] = self._last

    def relative(self, number: int, level: int, light: int) -> tuple[float, ...]:
        """
        Return the factors on a slice's grey values, one a channel, that give another's brightness.

        :param number: input number of the slice
        :param level: input number of the other
        :param light: 0 for the first of the further lights
        """
        return tuple(gain / other for gain, other in zip(
            self._gains[number][light], self._gains[level][light], strict=True))
