# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The fast path on the CPU: C++ (backends/cpp), built where a compiler is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import os
from typing import Any

from focus_stacking_ros.backends.native_align import NativeAlignment
from focus_stacking_ros.backends.native_average import native_average, native_luma_average
from focus_stacking_ros.backends.native_depth import NativeDepth
from focus_stacking_ros.backends.native_front import (
    IN_FRONT,
    is_known,
    MOST_PIXELS,
    native_front,
    native_response,
)
from focus_stacking_ros.backends.native_fusion import fused_rows, weight_records
from focus_stacking_ros.backends.native_guide import NativeGuide
from focus_stacking_ros.backends.native_library import find_library, NativeLibrary, plain
from focus_stacking_ros.backends.native_near_light import NativeFusion
from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.align.warping import is_affine, reduced
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.measure import focus_measure, half_size, LOG_KERNEL, luma
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.fixed_map import fixed_gain, FixedMap, GAIN_ONE
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.slices import Image, stored, Transform
from focus_stacking_ros.core.stack.backend import BackendError
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeBackend', 'fastest_on_cpu']

_BAND = 1 << 16  # pixels: less is not worth a thread
_MAX_WINDOW = 15
# Focus measures that the library has: of luma, with its argument ``cross``; and of the channels.
_OF_LUMA = {'ring_difference': 0, 'modified_laplacian': 1}
_OF_CHANNELS = 'log_norm'
#: Coefficients of the Laplacian of Gaussian from its centre on.
_QUADRANT = np.ascontiguousarray(LOG_KERNEL[3:, 3:], np.int32)


def _planes(state: StackState, shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """Return the planes of a state in the library's order, which it can write to."""
    planes: list[tuple[NDArray[Any], type]] = [
        (state.best, np.int16), (state.left, np.int16), (state.right, np.int16),
        (state.previous, np.int16), (state.detail, np.int16), (state.index, np.uint8),
        (state.count, np.uint8), (state.total, np.int32)]
    for plane, dtype in planes:
        if plain(plane, dtype, shape) is not plane or not plane.flags.writeable:
            raise ValueError('a plane of the state has gaps or cannot be written')
    return [plane for plane, _ in planes]


class NativeBackend(OpenCVBackend):
    """
    Per-slice work in C++; see ``core.stack.backend.Backend`` for the methods.

    :raises BackendError: the native library is not built, cannot be loaded or is built from
        something else
    """

    name = 'native'

    def __init__(self) -> None:
        self._library = NativeLibrary(find_library())
        self.alignment = NativeAlignment(self._library)
        self.depth = NativeDepth(self._library)
        self.guide = NativeGuide(self._library)
        self.fusion = NativeFusion(self._library)

    def _in_bands(self, work: Callable[[int, int], None], shape: tuple[int, int]) -> None:
        """Run work on the rows of a plane, in as many threads as there are processors."""
        rows, pixels = shape[0], shape[0] * shape[1]
        count = min(2 * (os.cpu_count() or 1), max(pixels // _BAND, 1), rows)
        if count == 1:
            work(0, rows)
            return
        edges = [rows * number // count for number in range(count + 1)]
        with lasting_threads('native') as pool:
            list(pool.results(lambda number: work(edges[number], edges[number + 1]), range(count)))

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        if not is_known(image) or operator not in (*_OF_LUMA, _OF_CHANNELS):
            return super().measure(image, grey, operator)
        size = (image.shape[0], image.shape[1])
        response = np.empty(half_size(size), np.int16)
        if operator == _OF_CHANNELS:
            wide = image.dtype != np.uint8
            # The norm over the channels has no order.
            pixels = plain(stored(image)[0], np.uint16 if wide else np.uint8)
            channels = image.shape[2] if image.ndim == 3 else 1

            def work(first: int, last: int) -> None:
                self._library.call('log_norm', pixels, *size, channels, int(wide), _QUADRANT,
                                   first, last, response)
        else:
            luma, cross = plain(grey, np.int16, size), _OF_LUMA[operator]

            def work(first: int, last: int) -> None:
                self._library.call('differences', luma, *size, cross, first, last, response)

        self._in_bands(work, half_size(size))
        return response

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """Return what later steps need of a slice."""
        if not is_known(image):
            return super().front(image, operators, with_luma=with_luma)
        others = [name for name in operators if name not in IN_FRONT]
        grey = luma(image) if any(not focus_measure(name).needs_colour for name in others) else (
            np.empty((0, 0), np.int16))
        return native_front(self._library, image, operators, {
            name: self.measure(image, grey, name) for name in others}, with_luma=with_luma)

    def response(self, image: Image, operator: str) -> NDArray[np.int16]:
        """Return a focus response alone."""
        if operator not in IN_FRONT or not is_known(image):
            return super().response(image, operator)
        return native_response(self._library, image, operator)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        shape = (response.shape[0], response.shape[1])
        if (min(shape) < 2 or response.size > MOST_PIXELS
                or not is_affine(transform)):
            return super().align(response, transform, gain)
        fixed, factor = FixedMap.of(reduced(transform, 2), shape), fixed_gain(gain)
        if fixed is None:
            return np.full_like(response, -1)
        if fixed.is_identity() and factor == GAIN_ONE:
            return response
        source, result = plain(response, np.int16), np.empty(shape, np.int16)
        maps = fixed.tables(shape)
        tables = [np.ascontiguousarray(table) for table in
                  (maps.columns_x, maps.rows_x, maps.columns_y, maps.rows_y)]

        self._library.call('align', source, *shape, *tables, int(fixed.is_separable()), factor,
                           0, shape[0], result)
        return result

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        if state.is_wide:
            super().accumulate(state, response, window)
            return
        shape = (response.shape[0], response.shape[1])
        if not 1 <= window <= _MAX_WINDOW:
            super().accumulate(state, response, window)
            return
        source, planes = plain(response, np.int16), _planes(state, shape)

        def work(first: int, last: int) -> None:
            self._library.call('accumulate', source, *shape, window, state.slices, first, last,
                               *planes)

        self._in_bands(work, shape)
        state.slices += 1

    def average(self, average: WeightedAverage, image: NDArray[Any],
                sharpness: NDArray[np.uint8], transform: Transform, gains: tuple[float, ...],
                valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average."""
        shape = (sharpness.shape[0], sharpness.shape[1])
        if (valid is not None or min(shape) < 2 or not is_known(image)
                or not is_affine(transform)):
            super().average(average, image, sharpness, transform, gains, valid)
            return
        fixed = FixedMap.of(transform, shape)
        if fixed is not None:
            native_average(self._library, average, image, sharpness, fixed, gains)

    def average_luma(self, average: LumaAverage, grey: NDArray[np.int16],
                     sharpness: NDArray[np.uint8], transform: Transform, gain: float,
                     valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average of luma."""
        shape = (sharpness.shape[0], sharpness.shape[1])
        if (valid is not None or min(shape) < 2 or grey.size > MOST_PIXELS
                or not is_affine(transform)):
            super().average_luma(average, grey, sharpness, transform, gain, valid)
            return
        fixed = FixedMap.of(transform, shape)
        if fixed is not None:
            native_luma_average(self._library, average, grey, sharpness, fixed, gain)

    def fused_rows(self, job: FusionJob, rows: slice) -> Image:
        """Return rows of the all-in-focus image that begin and end where tiles do."""
        if not _is_taken(job):
            return super().fused_rows(job, rows)
        return fused_rows(self._library, job, rows)

    def weight_records(self, job: FusionJob, rows: slice, records: NDArray[np.void]) -> set[int]:
        """Write the planes that decide the weights of rows that begin and end where tiles do."""
        if not _is_taken(job):
            return super().weight_records(job, rows, records)
        return weight_records(self._library, job, rows, records)


def _is_taken(job: FusionJob) -> bool:
    return (not job.is_wide and min(job.shape) >= 2 and is_known(job.slices[0].image)
            and job.is_affine())


def fastest_on_cpu() -> OpenCVBackend:
    """Return the native backend where its library is built and fits, else OpenCV's."""
    try:
        return NativeBackend()
    except BackendError:
        return OpenCVBackend()
