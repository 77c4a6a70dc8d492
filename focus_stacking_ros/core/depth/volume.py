# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Peaks of the focus curves of a whole stack, at several sizes of window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import cv2
from focus_stacking_ros.core.depth.curves import (
    Curve,
    doubt_borrowed,
    doubt_glow,
    half_gaps,
    in_bands,
    layer_of,
    PeakLayer,
    strongest_near,
)
from focus_stacking_ros.core.depth.glow import Deviation
from focus_stacking_ros.core.depth.peaks import curvature_of, fit_peak, Sample, typical_fall
from focus_stacking_ros.core.depth.picking import greatest, picked
from focus_stacking_ros.core.depth.seen_through import (
    FEWEST_SLICES,
    places_seen_through,
    seen_through,
    SeenThrough,
    SPARSE,
)
from focus_stacking_ros.core.focus.measure import averaged, GREY_STEPS, NoiseResponse
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['CEILING', 'FALL_WINDOW', 'SETTLED', 'WIDER', 'FocusVolume', 'FocusWidths',
           'falls_in', 'fitted_reach', 'greatest_shifts', 'seen_after', 'slice_smoothing',
           'step_of', 'told_falls', 'widths_of']

#: Side of a window over the averaged responses that tells how far curves fall, as they do alone.
FALL_WINDOW = 9
WIDER = 5, 13  # further windows, half-size pixels: what is weak needs more pixels to tell
CEILING = 1.6  # response, in noise floors, from which a pixel counts no more in wider windows
_SMOOTHED = 0.5  # width of the smoothing over slices, in widths of the focus curve
_LEAST_SMOOTHING = 0.6  # slices: less than that changes nothing
_FINE = 0.12  # curvature below which neighbouring slices are too alike to tell it
_FALLEN = 0.7  # share of the peak's response at which the curve tells its whole width
_USUAL_CURVATURE = 0.5  # of a coarse sweep: where no slice has one on either side of it
_MANY_PIXELS = 300_000  # of which every other one along each axis tells the curvature
_REACH, _MOST_SLICES = 0.8, 6  # slices that are fitted: within widths, and at most each side
SETTLED = 0.05  # weight of a finer window at which the wider ones hardly count


@dataclass(frozen=True)
class FocusWidths:
    """
    How wide the focus curves of a stack are, in the coordinate.

    :param at_peak: standard deviation at the peak, as told by the slices next to the best one
    :param whole: of the whole curve, as told by those where it has fallen clearly: a curve is more
        pointed than a parabola, and of slices that differ by little noise makes one the best
    :param curvature: of the logarithm of the curve, to fit with
    """

    at_peak: float
    whole: float
    curvature: float


def told_falls(fall: Callable[[int], tuple[float, float] | None], last: int) -> list[float]:
    """
    Return the curvature told by slices at rising distance; none if too few pixels tell.

    :param fall: returns how far the mean curve has fallen at a distance in slices, and the mean
        square of that distance, see `peaks.typical_fall`
    :param last: number of the last slice
    """
    found: list[float] = []
    for lag in range(1, last // 2 + 1):
        told = fall(lag)
        if told is None:
            break
        found.append(curvature_of(*told))
        if told[0] < _FALLEN and lag > 1:
            break
    return found


def falls_in(volume: NDArray[np.int16], steps: NDArray[np.float32], floor: FloatImage,
             scatter: float) -> list[float]:
    """
    Return the curvature told by slices at rising distance; none if too few pixels tell.

    :param volume: (n, h, w) responses of each slice, averaged
    :param steps: (n,) coordinate of every slice
    :param floor: (h, w) mean response to noise, 8-bit grey levels
    :param scatter: standard deviation of the averaged response to noise, in units of its mean
    """
    number, last = greatest(volume), len(volume) - 1
    best = _taken(volume, number) - floor

    def fall(lag: int) -> tuple[float, float] | None:
        middle = np.clip(number, lag, last - lag)
        sides = [Sample(steps[middle + side] - steps[middle],
                        _taken(volume, middle + side) - floor, middle == number)
                 for side in (-lag, lag)]
        return typical_fall(best, sides, np.float32(scatter) * floor)
    return told_falls(fall, last)


def widths_of(falls: Sequence[list[float]],
              at_ends: Callable[[], tuple[float, float] | None]) -> FocusWidths:
    """
    Return how wide the focus curves are.

    :param falls: what `told_falls` returns, for windows of rising size
    :param at_ends: returns the fall told by the one neighbour of slices at the ends
    """
    telling = [found for found in falls if found]
    if not telling:
        # Only ends tell. How wide the curve is they tell less surely than how far it falls.
        fall = at_ends()
        curvature = _USUAL_CURVATURE if fall is None else curvature_of(*fall)
        return FocusWidths(float(1 / np.sqrt(_USUAL_CURVATURE)),
                           float(1 / np.sqrt(max(curvature, 1e-3))),
                           max(_USUAL_CURVATURE, curvature))
    at_peak = min(found[0] for found in telling)
    if at_peak < _FINE and len(telling[0]) > 1:
        at_peak = telling[0][1]
    at_peak, whole = max(at_peak, 1e-3), max(min(found[-1] for found in telling), 1e-3)
    return FocusWidths(float(1 / np.sqrt(at_peak)), float(1 / np.sqrt(whole)), at_peak)


def step_of(pixels: int) -> int:
    """Return of how many pixels along each axis one tells how far curves fall."""
    return 1 if pixels < _MANY_PIXELS else 2


def fitted_reach(span: float) -> int:
    """Return how many slices on each side of the best one are fitted; span: of the curve."""
    return int(np.clip(np.ceil(_REACH * span - 0.01), 1, _MOST_SLICES))


def greatest_shifts(steps: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Return the greatest shift of a peak from its best slice, for every slice (n,)."""
    # The greatest of a smoothed curve need not be the nearest slice.
    least = max(0.5, 0.35 * width + 0.3) if _SMOOTHED * width >= _LEAST_SMOOTHING else 0.5
    return np.maximum(half_gaps(steps), np.float32(least))


def slice_smoothing(steps: NDArray[np.float32], width: float) -> NDArray[np.float32] | None:
    """
    Return weights (n, n) of slices in the curve that the best slice is looked for in.

    :param steps: (n,) coordinate of every slice
    :param width: of the focus curve at its peak
    :returns: None where it is so narrow that smoothing changes nothing
    """
    deviation = _SMOOTHED * width
    if deviation < _LEAST_SMOOTHING:
        return None
    distance = steps[:, None] - steps[None]
    weights = np.exp(-0.5 * np.square(distance / np.float32(deviation))).astype(np.float32)
    weights[weights < 0.04] = 0
    return weights


def seen_after(blend: NDArray[np.float32]) -> float:
    """Return what `slice_smoothing` leaves of the scatter of the noise."""
    middle = blend[len(blend) // 2]
    return float(np.linalg.norm(middle) / middle.sum())


class FocusVolume:
    """
    The responses of all slices in one pixel grid.

    :param responses: (h, w) int16 of each slice at half the size in 1/16 grey level, near to far,
        before averaging; -1 where a slice has no data
    :param steps: (n,) float32, coordinate of every slice
    :param floor: (h, w) float32, mean response to noise, 8-bit grey levels
    :param window: side of the averaging window, half-size pixels
    :param noise: what the focus measure makes of noise
    :param widths: of the focus curves of the whole picture, where this is a part of it
    :param near: of that part, `curves.strongest_near` of the whole picture
    """

    def __init__(self, responses: Sequence[NDArray[np.int16]], steps: NDArray[np.float32],
                 floor: FloatImage, window: int, noise: NoiseResponse,
                 widths: FocusWidths | None = None, near: FloatImage | None = None) -> None:
        self._responses, self._steps, self._floor, self._window = responses, steps, floor, window
        self._base, self._is_part = _averaged(responses, window), widths is not None
        self._noise, self._scatter = noise, noise.scatter_of(window)
        self._near = strongest_near(self._base.max(axis=0)) if near is None else near
        #: Standard deviation of the focus curve in the coordinate: at its peak, and of the whole.
        self.width, self.span, self._curvature = astuple(
            self._widths() if widths is None else widths)
        self._blend = slice_smoothing(steps, self.width)
        #: (h, w) bool where surfaces are seen through one another, known after `layers`; None
        #: where there are none.
        self.through: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, half-size pixels."""
        return self._responses[0].shape[0], self._responses[0].shape[1]

    def layers(self, deviation: Deviation, prefer: str = 'nearest',
               places: NDArray[np.bool_] | None = None) -> Iterator[PeakLayer]:
        """
        Yield what windows of rising size tell; where a finer one tells, wider ones count less.

        :param deviation: returns how far the brightness of given slices is from its usual value
        :param prefer: surface of several that are seen through one another, see `seen_through`
        :param places: of `places_seen_through`, where they are known
        """
        rest = np.ones(self.shape, np.float32)
        seen = self._seen_through(prefer, places)
        self.through = None if seen is None else seen.where
        for wider in (0, *WIDER):
            layer = self._layer(wider, deviation)
            if seen is not None:
                if not wider:
                    layer = seen.preferred(layer, self._layer(0, deviation, seen.number))
                layer = seen.without_other(layer)
            settled = layer.weight / (layer.weight + np.float32(SETTLED))
            weight = layer.weight * rest
            rest *= 1 - cv2.blur(settled, (5, 5))
            yield PeakLayer(layer.coordinate, weight, layer.significance)

    def _seen_through(self, prefer: str, places: NDArray[np.bool_] | None) -> SeenThrough | None:
        """Return which peaks are preferred; None where nothing is seen through anything."""
        if len(self._steps) < FEWEST_SLICES:
            return None
        curve = self._scatter, self._steps, self.width
        if places is None:
            part = np.ascontiguousarray(self._base[:, ::SPARSE, ::SPARSE])
            floor = np.ascontiguousarray(self._floor[::SPARSE, ::SPARSE])
            places = places_seen_through(self._located(part)[0], floor, *curve)
        if not places.any():
            return None
        return seen_through(self._located(self._base)[0], self._floor, *curve, places, prefer)

    def _layer(self, wider: int, deviation: Deviation,
               chosen: NDArray[np.intp] | None = None) -> PeakLayer:
        """Return the peaks of a window; of the slices ``chosen``, or else the greatest."""
        volume, floor, scatter = self._base, self._floor, self._scatter
        if wider:
            ceiling = ((np.float32(CEILING) * floor + 1) * GREY_STEPS).astype(np.int16)
            volume = _averaged(list(volume), wider, ceiling)
            floor = cv2.blur(floor, (wider, wider))
            scatter = self._noise.scatter_of(np.hypot(self._window, wider))
        limits = greatest_shifts(self._steps, self.width)

        def work(rows: slice) -> PeakLayer:
            band = np.ascontiguousarray(volume[:, rows])
            curve, number, seen = self._curve(band, floor[rows], scatter,
                                              None if chosen is None else chosen[rows])
            layer = layer_of(curve, scatter * seen, self.width,
                             (float(self._steps[0]), float(self._steps[-1])),
                             limits[number])
            weight = layer.weight
            best = _taken(self._base[:, rows] if wider else band, number) - self._floor[rows]
            weight = doubt_glow(weight, deviation(number, rows), best, self._near[rows])
            if not wider:
                weight = doubt_borrowed(weight, _taken(
                    np.stack([plane[rows] for plane in self._responses]), number),
                                        best, self._floor[rows])
            return PeakLayer(layer.coordinate, weight, layer.significance)

        # Parts lie beside each other in threads already.
        return work(slice(0, self.shape[0])) if self._is_part else in_bands(work, self.shape)

    def _curve(self, volume: NDArray[np.int16], floor: FloatImage, scatter: float,
               chosen: NDArray[np.intp] | None) -> tuple[Curve, NDArray[np.intp], float]:
        """Return the curves of a band, each best slice, and how much smoothing lowers noise."""
        located, seen = self._located(volume)
        number = greatest(located) if chosen is None else chosen
        signal = _taken(volume, number) - floor
        best = np.maximum(signal, _taken(located, number) - floor)
        complete = np.asarray(volume.min(axis=0) >= 0)
        if complete.all():
            count: FloatImage | int = len(volume)
            total = volume.sum(axis=0, dtype=np.int32)
        else:
            count = np.maximum((volume >= 0).sum(axis=0), 1).astype(np.float32)
            total = np.maximum(volume, 0).sum(axis=0, dtype=np.int32)
        mean = (total / (GREY_STEPS * count)).astype(np.float32) - floor
        steps = self._steps
        fit = fit_peak(self._samples(volume, number, floor), best, floor, scatter, self._curvature)
        curve = Curve(best, mean, steps[number], floor, complete, fit)
        return curve, number, seen

    def _samples(self, volume: NDArray[np.int16], number: NDArray[np.intp],
                 floor: FloatImage) -> Iterator[Sample]:
        last = len(volume) - 1
        reach = fitted_reach(self.span)
        for distance in range(-reach, reach + 1):
            other = number + distance
            inside = (other >= 0) & (other <= last)
            other = np.clip(other, 0, last)
            response = _taken(volume, other)
            yield Sample(self._steps[other] - self._steps[number], response - floor,
                         inside & (response >= 0))

    def _widths(self) -> FocusWidths:
        """Return how wide the focus curves are. Noise misleads wider windows less."""
        side = FALL_WINDOW
        wide = _averaged(list(self._base), side)
        falls = [self._falls(self._base, self._floor, self._scatter),
                 self._falls(wide, cv2.blur(self._floor, (side, side)),
                             self._noise.scatter_of(np.hypot(self._window, side)))]
        return widths_of(falls, self._fall_at_ends)

    def _falls(self, volume: NDArray[np.int16], floor: FloatImage,
               scatter: float) -> list[float]:
        """Return the curvature told by slices at rising distance; none if too few pixels tell."""
        step = step_of(floor.size)
        sparse = np.ascontiguousarray(np.stack([plane[::step, ::step] for plane in volume]))
        return falls_in(sparse, self._steps, floor[::step, ::step], scatter)

    def _fall_at_ends(self) -> tuple[float, float] | None:
        """Return the fall told by the one neighbour that a slice of a pair has."""
        number = greatest(self._base)
        other = np.where(number > 0, number - 1, np.minimum(number + 1, len(self._base) - 1))
        side = Sample(self._steps[other] - self._steps[number],
                      _taken(self._base, other) - self._floor, other != number)
        return typical_fall(_taken(self._base, number) - self._floor, [side],
                            np.float32(self._scatter) * self._floor)

    def _located(self, volume: NDArray[np.int16]) -> tuple[NDArray[np.int16], float]:
        """Return what peaks are looked for in, and how much that lowers the noise."""
        return (volume, 1.0) if self._blend is None else self._blended(volume)

    def _blended(self, volume: NDArray[np.int16]) -> tuple[NDArray[np.int16], float]:
        """Return the responses smoothed over slices, and by how much that lowers the noise."""
        assert self._blend is not None
        valid = (volume >= 0).astype(np.float32)
        flat = (len(volume), -1)
        total = self._blend @ (volume * valid).reshape(flat)
        total /= np.maximum(self._blend @ valid.reshape(flat), np.float32(1e-6))
        blended = np.where(volume >= 0, np.rint(total).reshape(volume.shape), -1)
        return blended.astype(np.int16), seen_after(self._blend)


def _taken(volume: NDArray[np.int16], number: NDArray[np.intp]) -> FloatImage:
    """Return one slice's response per pixel, 8-bit grey levels."""
    return picked(volume, number).astype(np.float32) * np.float32(1 / GREY_STEPS)


def _averaged(volume: Sequence[NDArray[np.int16]], window: int,
              ceiling: NDArray[np.int16] | None = None) -> NDArray[np.int16]:
    """Return each plane's mean over a window, of what is at most ``ceiling``: (n, h, w) int16."""
    result = np.empty((len(volume), *volume[0].shape), np.int16)

    def work(number: int) -> None:
        plane = volume[number] if ceiling is None else cv2.min(volume[number], ceiling)
        result[number] = averaged(plane, window)[0]

    with lasting_threads('focus_volume') as pool:
        list(pool.results(work, range(len(volume))))
    return result
