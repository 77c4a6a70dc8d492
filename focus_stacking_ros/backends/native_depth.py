# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stages of the depth by the native library."""

from __future__ import annotations

from collections.abc import Sequence
import ctypes
from functools import cache, partial
from typing import Any

import cv2
from focus_stacking_ros.backends.native_depth_structures import (
    addresses,
    Evidence,
    Falls,
    Judging,
    Peaks,
    StatePeaks,
    Volume,
)
from focus_stacking_ros.backends.native_depth_structures import (
    Surface as SurfaceStructure,
)
from focus_stacking_ros.backends.native_depth_structures import (
    Term as TermStructure,
)
from focus_stacking_ros.backends.native_library import NativeLibrary, plain
from focus_stacking_ros.backends.native_rims import native_rims
from focus_stacking_ros.core.depth import (
    additive,
    clues,
    confidence,
    confidence_table,
    curves,
    smoothing,
)
from focus_stacking_ros.core.depth import (
    peaks as fitting,
)
from focus_stacking_ros.core.depth import (
    seen_through as through,
)
from focus_stacking_ros.core.depth import (
    surface as laying,
)
from focus_stacking_ros.core.depth import (
    volume as windows,
)
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.glow import Deviation, Glow
from focus_stacking_ros.core.depth.rims import Mask
from focus_stacking_ros.core.depth.stages import (
    Judged,
    PortableDepth,
    StackPeaks,
    SurfaceOptions,
    WANDERING,
)
from focus_stacking_ros.core.depth.state_peaks import state_curvature, state_limits
from focus_stacking_ros.core.depth.surface import Surface
from focus_stacking_ros.core.depth.through_tiles import with_seen_through
from focus_stacking_ros.core.focus.measure import NoiseResponse
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeDepth']

_LAGS_AT_ONCE = 8
_LAYER = 'coordinate', 'weight', 'significance'
_CLUES = 'support', 'agreement', 'own_distance', 'jump', 'sudden_jump', 'spread'


class NativeDepth(PortableDepth):
    """
    The stages in C++; see `core.depth.stages.DepthStages` for the methods.

    :param library: who does them
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library

    def peaks(self, responses: Sequence[NDArray[np.int16]], steps: NDArray[np.float32],
              floor: FloatImage, window: int, noise: NoiseResponse,
              deviation: Deviation, prefer: str = 'nearest') -> StackPeaks:
        """Find the peaks of the focus curves."""
        if not isinstance(deviation, Glow) or window % 2 == 0:
            return super().peaks(responses, steps, floor, window, noise, deviation, prefer)
        volume = _Volume(self._library, responses, steps, floor, window, noise)
        widths = windows.widths_of(*volume.falls())
        layers, places, near = volume.layers(widths, deviation)
        if places is None:
            return StackPeaks(layers, widths.at_peak, widths.whole)

        # Where surfaces are seen through one another it takes some looking: that is rare.
        def volume_of(part: tuple[slice, slice]) -> windows.FocusVolume:
            return windows.FocusVolume([np.ascontiguousarray(plane[part]) for plane in responses],
                                       steps, floor[part], window, noise, widths, near[part])

        return StackPeaks(layers, widths.at_peak, widths.whole, with_seen_through(
            layers, volume_of, deviation, places, prefer, window))

    def state_peaks(self, state: StackState, steps: NDArray[np.float32], floor: FloatImage,
                    window: int, noise: NoiseResponse, deviation: Deviation) -> StackPeaks:
        """Find the peaks of focus curves of which only the running state is known."""
        if not isinstance(deviation, Glow):
            return super().state_peaks(state, steps, floor, window, noise, deviation)
        shape = (floor.shape[0], floor.shape[1])
        layer = PeakLayer(*(np.empty(shape, np.float32) for _ in _LAYER))
        floor, steps = _plane(floor, shape), plain(steps, np.float32)
        scatter = noise.scatter_of(window)
        limits, near = state_limits(steps), curves.strongest_near(state.best)
        fields, _kept = _curve_fields(deviation)
        number: type = np.uint16 if state.is_wide else np.uint8
        planes = [plain(getattr(state, name), kind, shape) for name, kind in (
            ('best', np.int16), ('left', np.int16), ('right', np.int16), ('detail', np.int16),
            ('index', number), ('count', number), ('total', np.int32))]
        job = StatePeaks(Peaks(
            volume=Volume(None, len(steps), *shape, window, _address(steps)),
            limits=_address(limits), seen=1.0, floors=(_address(floor),), scatters=(scatter,),
            near=_address(near), **fields,
            **{name: (_address(getattr(layer, name)),) for name in _LAYER}),
            *_addresses(*planes), state.is_wide, state.none, state.slices)
        sums = np.empty(4, np.float64)
        self._library.call('state_falls', ctypes.byref(job), fitting.CLEAR * scatter,
                           fitting.CLEAR_SIGNAL, sums)
        count, best, beside, square = sums
        curvature = state_curvature(fitting.fall_of(count, best, beside, square, 2))
        width = float(1 / np.sqrt(curvature))
        job.peaks.width, job.peaks.curvature = width, 1 / width ** 2
        self._library.call('state_peaks', ctypes.byref(job))
        return StackPeaks([layer], width, width)

    def surface(self, peaks: StackPeaks, guide: FloatImage, options: SurfaceOptions) -> Surface:
        """Lay a smooth surface through peaks."""
        layers, shape = peaks.layers, guide.shape
        found = Surface(*(np.empty(shape, np.float32) for _ in range(4)))
        coordinates, weights = ([_plane(getattr(layer, name), shape) for layer in layers]
                                for name in ('coordinate', 'weight'))
        guide, shares = _plane(guide, shape), np.array(laying.ROUNDS, np.float32)
        lists = [addresses(coordinates), addresses(weights)]
        self._library.call('surface', ctypes.byref(SurfaceStructure(
            *shape, len(layers), len(shares), *_addresses(*lists, guide, shares),
            options.edge_contrast, smoothing.LEAST_LINK, options.strength, smoothing.ATTENUATION,
            smoothing.PASSES, laying.BROAD, laying.mean_peak(layers), float(laying.TINY),
            options.outlier * peaks.width, laying.JUMP * peaks.width, laying.CERTAIN,
            laying.known_support(layers[0], peaks.width, peaks.bend), *_addresses(
                found.coordinate, found.agreement, found.spread, found.broad))))
        return found

    def evidence(self, peaks: StackPeaks) -> FloatImage:
        """Tell where focus curves tell a depth."""
        layers, shape = peaks.layers, peaks.layers[0].weight.shape
        weights, significances = ([_plane(getattr(layer, name), shape) for layer in layers]
                                  for name in ('weight', 'significance'))
        lists, found = [addresses(weights), addresses(significances)], np.empty(shape, np.float32)
        self._library.call('evidence', ctypes.byref(Evidence(
            *shape, len(layers), *_addresses(*lists), clues.TELLING, clues.TELLING_RANGE,
            clues.WEIGHTY, _address(found))))
        return found

    def judge(self, peaks: StackPeaks, surface: Surface, steps: NDArray[np.float32]) -> Judged:
        """Tell what a surface is worth."""
        shape = surface.coordinate.shape
        planes = [_plane(plane, shape) for plane in (
            self.evidence(peaks) if peaks.evidence is None else peaks.evidence, peaks.own)]
        agreement, spread, broad, coordinate = (_plane(plane, shape) for plane in (
            surface.agreement, surface.spread, surface.broad, surface.coordinate))
        steps = plain(steps, np.float32)
        # In the place of what it was judged by: that is of no more use.
        found = Judged(coordinate, agreement, spread, broad, np.empty(shape, np.float32))
        blur, own_blur = _kernel(clues.BLUR), _kernel(clues.OWN_BLUR)
        disc = _disc(clues.REACH)
        odds, deviations = _terms(confidence_table.ODDS), _terms(confidence_table.DEVIATION)
        self._library.call('judge', ctypes.byref(Judging(
            *shape, len(steps), *_addresses(*planes, agreement, spread, broad, steps),
            clues.depth_unit(peaks.span), clues.HALF_EVIDENT, clues.FLAT, clues.ENCLOSED,
            clues.AGREEING, clues.AGREEMENT_POWER, clues.FAR, clues.HALF, clues.STEEPNESS,
            _address(blur), _address(own_blur), len(blur), len(own_blur), clues.MEAN,
            _address(disc), len(disc), clues.NEAR, ctypes.addressof(odds[0]),
            ctypes.addressof(deviations[0]),
            len(odds[0]), len(deviations[0]), confidence_table.ODDS_CONSTANT,
            confidence_table.DEVIATION_CONSTANT, additive.LEAST, confidence.POWER,
            float(np.log(confidence.COST)), confidence.SEEN, confidence_table.SYSTEMATIC,
            WANDERING, _address(coordinate), *_addresses(
                found.index, found.confidence, found.deviation, found.calm, found.continuity))))
        return found.where_either(peaks.through)

    def rims(self, index: FloatImage, confidence: FloatImage, image: Image, step: float
             ) -> tuple[FloatImage, Mask]:
        """Move the jumps of an index to the edges of the image."""
        return native_rims(self._library, index, confidence, image, step)


class _Volume:
    """The responses of all slices, as `core.depth.volume.FocusVolume` has them."""

    def __init__(self, library: NativeLibrary, responses: Sequence[NDArray[np.int16]],
                 steps: NDArray[np.float32], floor: FloatImage, window: int,
                 noise: NoiseResponse) -> None:
        self._library, self._window, self._noise = library, window, noise
        self._steps = plain(steps, np.float32)
        self._shape = (floor.shape[0], floor.shape[1])
        self._floor = _plane(floor, self._shape)
        self._planes = [plain(plane, np.int16, self._shape) for plane in responses]
        self._list = addresses(self._planes)
        self._structure = Volume(_address(self._list), len(self._planes), *self._shape, window,
                                 _address(self._steps))
        self._greatest = np.empty(self._shape, np.int16)

    def _scatter(self, wider: int) -> float:
        return self._noise.scatter_of(self._window if wider == 1
                                      else float(np.hypot(self._window, wider)))

    def _blurred(self, wider: int) -> FloatImage:
        return self._floor if wider == 1 else cv2.blur(self._floor, (wider, wider))

    def falls(self) -> tuple[list[list[float]], Any]:
        """Return what `volume.widths_of` needs."""
        last = len(self._planes) - 1
        step = windows.step_of(self._floor.size)
        sums = self._sums(step, 1, min(_LAGS_AT_ONCE, max(last // 2, 1)))

        def fall(which: int, lag: int) -> tuple[float, float] | None:
            nonlocal sums
            if lag > sums.shape[1]:
                sums = np.concatenate([sums, self._sums(
                    step, lag, min(_LAGS_AT_ONCE, last // 2 - lag + 1))], axis=1)
            count, best, beside, square = sums[which, lag - 1]
            return fitting.fall_of(count, best, beside, square, 2)

        def at_ends() -> tuple[float, float] | None:
            count, best, beside, square = self._sums(1, 1, 1, ends=True)[0, 0]
            return fitting.fall_of(count, best, beside, square, 1)

        return [windows.told_falls(partial(fall, which), last)
                for which in range(2)], at_ends

    def _sums(self, step: int, first: int, count: int, *,
              ends: bool = False) -> NDArray[np.float64]:
        sides = (1, windows.FALL_WINDOW)
        floors = [self._blurred(side) for side in sides]
        sums = np.empty((len(sides), count, 4), np.float64)
        self._library.call('falls', ctypes.byref(Falls(
            self._structure, (ctypes.c_int32 * len(sides))(*sides), step, ends, first, count,
            (ctypes.c_void_p * len(sides))(*_addresses(*floors)),
            (ctypes.c_float * len(sides))(*(fitting.CLEAR * self._scatter(side)
                                            for side in sides)),
            fitting.CLEAR_SIGNAL)), sums, self._greatest)
        return sums

    def layers(self, widths: windows.FocusWidths, glow: Glow
               ) -> tuple[list[PeakLayer], NDArray[np.bool_] | None, FloatImage]:
        """
        Return what windows of rising size tell.

        :returns: besides, places where something is seen through, None where there are none, and
            the greatest responses around
        """
        sides = (1, *windows.WIDER)
        count = len(sides)
        layers = [PeakLayer(*(np.empty(self._shape, np.float32) for _ in range(3)))
                  for _ in sides]
        floors = [self._blurred(side) for side in sides]
        limits = windows.greatest_shifts(self._steps, widths.at_peak)
        blend = windows.slice_smoothing(self._steps, widths.at_peak)
        near = curves.strongest_near(self._greatest)
        fields, _kept = _curve_fields(glow)
        sparse = tuple(-(-side // through.SPARSE) for side in self._shape)
        told = np.empty(sparse, np.uint8)
        near_peak, far_peak = np.empty(sparse, np.float32), np.empty(sparse, np.float32)

        def planes(name: str) -> ctypes.Array[ctypes.c_void_p]:
            return (ctypes.c_void_p * count)(*(_address(getattr(layer, name))
                                               for layer in layers))

        self._library.call('peaks', ctypes.byref(Peaks(
            volume=self._structure, wider=(ctypes.c_int32 * count)(*sides),
            reach=windows.fitted_reach(widths.whole), limits=_address(limits),
            blend=None if blend is None else _address(blend),
            seen=1.0 if blend is None else windows.seen_after(blend),
            floors=(ctypes.c_void_p * count)(*_addresses(*floors)),
            scatters=(ctypes.c_float * count)(*map(self._scatter, sides)), width=widths.at_peak,
            curvature=widths.curvature, ceiling=windows.CEILING, near=_address(near),
            **fields, **{name: planes(name) for name in _LAYER},
            settled=windows.SETTLED, sparse=through.SPARSE, strong=through.STRONG,
            valley=through.VALLEY, clear=through.CLEAR, telling=through.TELLING,
            through_error=through.MODEL_ERROR, through_least_error=through.LEAST_ERROR,
            told=_address(told), near_peak=_address(near_peak), far_peak=_address(far_peak))))
        if len(self._planes) < through.FEWEST_SLICES:
            return layers, None, near
        places = through.agreeing_places(told > 1, told > 0, near_peak, far_peak, widths.at_peak)
        return layers, places if places.any() else None, near


def _curve_fields(glow: Glow) -> tuple[dict[str, Any], Any]:
    """Return what `Peaks` has of the brightness and of single curves, and what it points to."""
    usual = plain(glow.usual, np.uint8)
    levels = [plain(level, np.uint8, usual.shape) for level in glow.levels]
    listed = addresses(levels)
    fields = {
        'levels': _address(listed), 'usual': _address(usual), 'level_rows': usual.shape[0],
        'level_columns': usual.shape[1], 'place': (ctypes.c_float * 9)(*glow.place.ravel()),
        'glow': curves.GLOW_RESPONSE * glow.scale, 'faint': fitting.FAINT,
        'faint_share': fitting.FAINT_SHARE, 'model_error': fitting.MODEL_ERROR,
        'curvature_spread': fitting.CURVATURE_SPREAD,
        'least_curvature': fitting.LEAST_CURVATURE, 'systematic': curves.SYSTEMATIC,
        'doubtful': curves.DOUBTFUL, 'doubtful_range': curves.DOUBTFUL_RANGE,
        'response_error': curves.MODEL_ERROR, 'least_error': curves.LEAST_ERROR,
        'weak': curves.WEAK, 'borrowed': curves.BORROWED}
    return fields, (usual, levels, listed)


def _address(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _addresses(*arrays: NDArray[Any]) -> list[int]:
    return [array.ctypes.data for array in arrays]


def _plane(plane: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    return plain(plane, np.float32, shape)


@cache
def _kernel(deviation: float) -> FloatImage:
    """Return the kernel that `cv2.GaussianBlur` has for single precision."""
    side = round(deviation * 8 + 1) | 1
    return np.ascontiguousarray(cv2.getGaussianKernel(side, deviation, cv2.CV_32F).ravel())


@cache
def _disc(side: int) -> NDArray[np.int32]:
    """Return how far every row of OpenCV's disc reaches to either side of its middle."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return (disc.sum(axis=1, dtype=np.int32) - 1) // 2


def _terms(model: Sequence[additive.Term]
           ) -> tuple[ctypes.Array[TermStructure], list[NDArray[np.float32]]]:
    """Return a model for the library, and what it points to."""
    kept, terms = [], (TermStructure * len(model))()
    for each, term in zip(terms, model, strict=True):
        knots, values = (np.array(part, np.float32) for part in (term.knots, term.values))
        kept += [knots, values]
        each.clue, each.logarithmic = _CLUES.index(term.clue), term.logarithmic
        each.count, each.knots, each.values = len(knots), _address(knots), _address(values)
    return terms, kept
