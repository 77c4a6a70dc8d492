# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What is to be fused into the all-in-focus image, and how much of each slice enters where.

What is decided once per pixel is decided here, tile by tile, the same for every backend; what is
done per slice and pixel is the backend's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
from focus_stacking_ros.core.align.warping import is_affine
from focus_stacking_ros.core.fuse.fixed_map import Area
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.fuse.view import View
from focus_stacking_ros.core.fuse.weights import (
    AVERAGE_PENALTIES,
    CENTRE,
    DISTANCE,
    DISTANCE_SHIFT,
    farthest_of,
    fixed_power,
    GATE,
    INDEX_STEPS,
    lead_of,
    LOG_SHARPNESS,
    NEVER,
    NOISE_DROP,
    noise_drop,
    penalties,
    reach_of,
    WEIGHT,
    WeightPlanes,
)
from focus_stacking_ros.core.slices import FloatImage, NARROW_SLICES
import numpy as np
from numpy.typing import NDArray

__all__ = ['AVERAGE_WEIGHT', 'DISTRUSTED', 'LAPLACIAN', 'LEAST_NOISE', 'MISSED', 'NARROWEST',
           'NOISE_SHARPNESS', 'RELATIVE_WEIGHT', 'SHARPNESS_STEP', 'TILE', 'TRUSTED',
           'FusionGuide', 'FusionJob', 'FusionTile', 'GuidePlanes']

#: Rows and columns of a tile: its planes stay in the cache.
TILE = 128, 256
NARROWEST = 0.3  # gate, slices: the two neighbours of a fractional index still enter
LEAST_NOISE = 0.1  # 8-bit grey levels: quantisation alone has more
NOISE_SHARPNESS = 3.6  # `sharpness` of noise of standard deviation 1 that half a pixel smooths
LAPLACIAN = 0.45  # of an edge blurred by 0.6 pixels, as lens and pixel do, by its `sharpness`
SHARPNESS_STEP = 0.78  # two values rounded to integers differ by less in 19 of 20 cases
MISSED = 30.0  # sharpness beyond that at the index that halves its trust, where much explains it
TRUSTED = 0.99  # trust that needs no average
DISTRUSTED = 1 / 64  # trust that needs no gate

Plane = NDArray[np.uint8]
Sums = NDArray[Any]  # uint16, or uint64 for more slices than a byte numbers


@dataclass(frozen=True)
class FusionGuide:
    """
    What decides how much of each slice enters a pixel, in the grid of the result.

    :param index: (H, W) float32 slice index
    :param trust: (H, W) float32, 0 to 1: 1 where only slices near the index may enter
    :param sharpest: (H, W) uint8, greatest sharpness of all slices
    :param noise: (H, W) float32, standard deviation of the noise, 8-bit grey levels
    :param widest: (H, W) float32, standard deviation of the widest gate, slices: `widest_gate`
    :param blur_px: standard deviation of the blur of a slice's neighbour, pixels
    :param gate: standard deviation of the widest gate where the brightness changes, slices
    :param alike: see `noise_drop`, of slices near the index
    :param missed: (H, W) uint8, sharpness beyond that at the index at which the index loses half
        its trust; None where that is `MISSED`
    :param narrow: (H, W) uint8, not 0 where the gate is `narrowed` at most, however much noise
        there is; None where it is nowhere
    :param narrowed: standard deviation of that gate, slices
    """

    index: FloatImage
    trust: FloatImage
    sharpest: NDArray[np.uint8]
    noise: FloatImage
    widest: FloatImage
    blur_px: float = 0.5
    gate: float = 1.0
    alike: float = 0.0
    missed: NDArray[np.uint8] | None = None
    narrow: NDArray[np.uint8] | None = None
    narrowed: float = NARROWEST

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width."""
        return self.index.shape[0], self.index.shape[1]

    def full(self) -> FusionGuide:
        """Return itself."""
        return self

    def tile(self, area: Area) -> FusionGuide:
        """Return the part of a tile."""
        return FusionGuide(self.index[area], self.trust[area], self.sharpest[area],
                           self.noise[area], self.widest[area], self.blur_px, self.gate,
                           self.alike, None if self.missed is None else self.missed[area],
                           None if self.narrow is None else self.narrow[area], self.narrowed)


class GuidePlanes(Protocol):
    """A `FusionGuide`, or what one is made from."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width at full size."""

    @property
    def blur_px(self) -> float:
        """Return that of the guide, as both below."""

    @property
    def gate(self) -> float:
        """Return the gate."""

    @property
    def alike(self) -> float:
        """Return what is alike."""

    @property
    def narrowed(self) -> float:
        """Return the narrow gate."""

    def full(self) -> FusionGuide:
        """Return the guide; always the same one."""


class FusionJob:
    """
    Slices to be fused.

    :param slices: in the order of the slice index; more than NARROW_SLICES need wider integers
    :param source: how much of each slice enters, (H, W) of the slices; a backend that makes its
        planes a tile at a time needs no guide
    :param power: power of the sharpness in the weight near the index
    """

    def __init__(self, slices: Sequence[FusionSlice], source: GuidePlanes, power: float) -> None:
        self.slices, self.source, self.power = slices, source, fixed_power(power)
        self.shape = source.shape
        #: Where each slice lies; None where it lies too far away to be expressed.
        self.maps = [fixed_map(item.transform, self.shape) for item in slices]
        self._tables = [None if each is None else each.tables(self.shape) for each in self.maps]
        self.penalties = penalties(self.power)
        self.noise_drop = noise_drop(source.alike)
        #: Whether indices and sums need more bits than the specification of the backends has.
        self.is_wide = len(slices) > NARROW_SLICES

    @property
    def guide(self) -> FusionGuide:
        """Return how much of each slice enters, at full size."""
        return self.source.full()

    def is_affine(self) -> bool:
        """Return whether no slice is seen in perspective."""
        return all(is_affine(item.transform) for item in self.slices)

    def areas(self, rows: slice | None = None) -> Iterator[Area]:
        """Yield the tiles' rows and columns; ``rows`` begin and end where tiles do."""
        height, width = self.shape
        first, last = (0, height) if rows is None else (rows.start, rows.stop)
        for top in range(first, last, TILE[0]):
            for left in range(0, width, TILE[1]):
                yield (slice(top, min(top + TILE[0], height)),
                       slice(left, min(left + TILE[1], width)))

    def tile(self, area: Area) -> FusionTile:
        """Return what is needed of a tile."""
        return FusionTile(self, area)

    def view(self, number: int, area: Area) -> View | None:
        """Return where an area lies in a slice; None where it lies outside."""
        tables = self._tables[number]
        view = None if tables is None else View.of(tables, area, self.shape)
        valid = self.slices[number].valid
        return view if view is None or valid is None else view.where(valid)


def _gate(detail: FloatImage, guide: FusionGuide) -> FloatImage:
    """
    Return how far from the index slices may lie, as a standard deviation in slices.

    A slice d slices away is blurred by b d pixels and errs by about (b d)² / 2 times the
    Laplacian; up to where that reaches the noise, averaging slices gains more than it blurs.

    :param detail: sharpness beyond that of the noise
    """
    noise = np.maximum(guide.noise, np.float32(LEAST_NOISE))
    blur = detail * np.square(np.square(guide.trust))
    blur *= np.float32(guide.blur_px ** 2 * LAPLACIAN)
    gate = np.sqrt(2 * noise / (blur + np.float32(1e-3)))
    widest = guide.widest
    if guide.narrow is not None:
        narrowed = np.minimum(widest, np.float32(guide.narrowed))
        widest = np.where(guide.narrow > 0, narrowed, widest)
    return np.clip(gate, np.minimum(widest, np.float32(NARROWEST)), widest)


class FusionTile:
    """
    One tile of the result: the planes that decide the weights, and what they were made from.

    :param job: all that is fused
    :param area: rows and columns of the tile
    """

    def __init__(self, job: FusionJob, area: Area) -> None:
        self.area = area
        self._job, self._guide = job, job.guide.tile(area)
        self._sums: type[np.unsignedinteger[Any]] = np.uint32 if job.is_wide else np.uint16
        self._views: dict[int, View | None] = {}
        self._sharpness: dict[int, Plane] = {}
        self._logarithms: dict[int, Plane] = {}
        self._gates: dict[int, Plane] = {}
        self.planes = self._weight_planes()

    def view(self, number: int) -> View | None:
        """Return where the tile lies in a slice; None where it lies outside."""
        if number not in self._views:
            self._views[number] = self._job.view(number, self.area)
        return self._views[number]

    def logarithm(self, number: int) -> Plane:
        """Return the logarithm of a slice's sharpness, 0 where it has no data."""
        if number not in self._logarithms:
            self._logarithms[number] = cv2.LUT(self._sharp(number), LOG_SHARPNESS)
        return self._logarithms[number]

    def gate(self, number: int) -> Plane:
        """Return the penalty of a slice's distance from the index, NEVER where it has no data."""
        if number not in self._gates:
            view = self.view(number)
            away = np.abs(self._index - self._index.dtype.type(INDEX_STEPS * number))
            near = cv2.LUT(np.minimum(away >> DISTANCE_SHIFT, 255).astype(np.uint8), DISTANCE)
            found = cv2.LUT(cv2.add(near, self._reach), GATE)
            if view is None:
                found[:] = NEVER
            elif view.inside is not None:
                cv2.bitwise_or(found, cv2.bitwise_not(view.inside), found)
            self._gates[number] = found
        return self._gates[number]

    def _sharp(self, number: int) -> Plane:
        """Return a slice's sharpness, 0 where it has no data."""
        if number not in self._sharpness:
            view = self.view(number)
            if view is None:
                found = np.zeros(self._guide.index.shape, np.uint8)
            else:
                found = view.interpolated(self._job.slices[number].sharpness)
                if view.inside is not None:
                    cv2.bitwise_and(found, view.inside, found)
            self._sharpness[number] = found
        return self._sharpness[number]

    def _weight_planes(self) -> WeightPlanes:
        index = self._seen_index()
        trust, reach = self._trust_and_reach(index)
        self._noise_level = self._level_of_noise()
        self._index, self._reach = np.rint(index * INDEX_STEPS).astype(
            np.int32 if self._job.is_wide else np.int16), reach
        farthest = farthest_of(int(reach.min()))
        low, high = float(index.min()) - farthest, float(index.max()) + farthest
        #: Slices that a gate may let in.
        self.gated = [number for number in range(len(self._job.slices))
                      if low <= number <= high and self.view(number) is not None]
        level, best, sum_of_gated = self._gated_level()
        #: Slices of which a pixel may get something.
        self.numbers = self.gated
        offset = np.minimum(best, CENTRE).astype(np.int16)
        np.subtract(CENTRE, offset, out=offset)
        never = np.full(reach.shape, NEVER, np.uint8)
        if float(trust.min()) < 1:
            self.numbers = [number for number in range(len(self._job.slices))
                            if self.view(number) is not None]
            far_level, sum_of_all = self._average_level()
            # The gated slices are to have the share 'trust' of the whole weight.
            ratio = trust * np.maximum(sum_of_all, 1) / (
                np.maximum(1 - trust, np.float32(1e-6)) * np.maximum(sum_of_gated(), 1))
            lead = lead_of(np.asarray(ratio, np.float32))
            offset += np.maximum(-lead, 0)
            far_offset = np.where(
                trust < 1, np.maximum(lead + CENTRE, CENTRE), NEVER).astype(np.uint8)
        else:
            far_level, far_offset = np.zeros_like(never), never
        near_offset = np.minimum(offset, NEVER).astype(np.uint8)
        unsigned = np.uint32 if self._job.is_wide else np.uint16
        return WeightPlanes(self._index.view(unsigned), reach, level, near_offset, far_level,
                            far_offset)

    def _seen_index(self) -> FloatImage:
        """Return the index; where no slice next to it has data, that of the nearest that has."""
        index, last = self._guide.index, len(self._job.slices) - 1
        low, high = int(np.floor(index.min())), int(np.ceil(index.max()))
        views = [self.view(number) for number in range(max(low, 0), min(high, last) + 1)]
        if all(view is not None and view.inside is None for view in views):
            return index
        least = np.full(index.shape, np.inf, np.float32)
        nearest = index.copy()
        for number in range(last + 1):
            view = self.view(number)
            if view is None:
                continue
            away = np.abs(index - np.float32(number))
            if view.inside is not None:
                away[view.inside == 0] = np.inf
            nearer = away < least
            np.copyto(nearest, np.float32(number), where=nearer)
            np.copyto(least, away, where=nearer)
        return np.where(least < 1, index, nearest)

    def _trust_and_reach(self, index: FloatImage) -> tuple[FloatImage, Plane]:
        """Return the share of the gated slices and how narrow the gate is."""
        guide, best = self._guide, np.zeros(index.shape, np.uint8)
        for number in range(len(self._job.slices)):
            if index.min() - 1 < number < index.max() + 1:
                near = np.abs(index - np.float32(number)) < 1
                cv2.max(best, self._sharp(number) * near.view(np.uint8), best)
        focused = best.astype(np.float32)
        detail = np.maximum(focused - np.float32(NOISE_SHARPNESS) * guide.noise, 0)
        # A far sharper slice elsewhere belies the index: a structure finer than its smoothing.
        missed = np.maximum(guide.sharpest - np.float32(1.1) * focused, 0)
        missed /= np.float32(MISSED) if guide.missed is None else guide.missed
        trust = guide.trust / (1 + np.square(np.square(missed)))
        trust[trust >= np.float32(TRUSTED)] = 1
        gates = _gate(detail, guide)
        reach = reach_of(gates)
        trust[trust < np.float32(DISTRUSTED)] = 0
        reach[trust == 0] = NEVER
        return trust, reach

    def _gated_level(self) -> tuple[Plane, Plane, Callable[[], Sums]]:
        """Return the level of gated slices, their least penalty, and what sums their weights."""
        level = np.zeros(self._reach.shape, np.uint8)
        for number in self.gated:
            passes = cv2.LUT(self.gate(number), _PASSES)
            cv2.max(level, cv2.bitwise_and(self.logarithm(number), passes), level)
        level = self._told(level, self._job.noise_drop)
        penalty, best = [], np.full(level.shape, NEVER, np.uint8)
        for number in self.gated:
            missing = cv2.subtract(level, self.logarithm(number))
            penalty.append(cv2.add(cv2.LUT(missing, self._job.penalties), self.gate(number)))
            cv2.min(best, penalty[-1], best)

        def total() -> Sums:
            weights = np.zeros(level.shape, self._sums)
            for each in penalty:
                weights += cv2.LUT(cv2.subtract(each, best), RELATIVE_WEIGHT)
            return weights
        return level, best, total

    def _told(self, level: Plane, drop: Plane) -> Plane:
        """Return a level as far as it stands out of the noise."""
        return cv2.subtract(level, cv2.LUT(cv2.subtract(level, self._noise_level), drop))

    def _level_of_noise(self) -> Plane:
        """
        Return the logarithm of the sharpness that noise and rounding alone have.

        A wrong choice by rounding is seen where the slices' brightness differs, and only there.
        """
        noise = np.maximum(self._guide.noise, np.float32(LEAST_NOISE))
        sharp = noise * np.float32(NOISE_SHARPNESS) + np.float32(
            SHARPNESS_STEP * self._guide.gate) / self._guide.widest
        return cv2.LUT(np.rint(np.minimum(sharp, 255)).astype(np.uint8), LOG_SHARPNESS)

    def _average_level(self) -> tuple[Plane, Sums]:
        """Return the greatest logarithm of the sharpness, and the sum of all ungated weights."""
        level = np.zeros(self._reach.shape, np.uint8)
        for number in self.numbers:
            cv2.max(level, self.logarithm(number), level)
        level = self._told(level, NOISE_DROP)
        total = np.zeros(level.shape, self._sums)
        for number in self.numbers:
            weight = cv2.LUT(cv2.subtract(level, self.logarithm(number)), AVERAGE_WEIGHT)
            view = self.view(number)
            if view is not None and view.inside is not None:
                cv2.bitwise_and(weight, view.inside, weight)
            total += weight
        return level, total


#: 255 for what passes a gate.
_PASSES = np.where(np.arange(256) < NEVER, 255, 0).astype(np.uint8)
#: Weight by the penalty relative to the least.
RELATIVE_WEIGHT = WEIGHT[np.minimum(np.arange(256) + CENTRE, 255)]
#: Weight in the average without a gate, by what is missing to the sharpest.
AVERAGE_WEIGHT = RELATIVE_WEIGHT[AVERAGE_PENALTIES]
