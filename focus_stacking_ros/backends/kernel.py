# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the host of the kernel ``focus_stacking_accel`` does, wherever that runs.

A `Device` holds the memory and runs the kernel. What the kernel cannot take is done on the CPU,
with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from focus_stacking_ros.backends.kernel_front import has_front, kernel_front, kernel_response
from focus_stacking_ros.backends.kernel_interface import (
    ACCUMULATE,
    ALIGN,
    BAND,
    BEAT,
    Device,
    FIRST_SLICE,
    FUSE,
    GUIDE,
    LAST_SLICE,
    layout_of,
    MAX_FUSED_WIDTH,
    MAX_WIDTH,
    MAX_WINDOW,
    RECORD,
    row_bytes,
    SOURCE_ROWS,
    source_rows_needed,
    SUMS,
    TAGGED,
    tap_rows,
    tap_rows_held,
)
from focus_stacking_ros.backends.kernel_memory import (
    read_rows,
    read_tagged,
    write_rows,
    write_tagged,
)
from focus_stacking_ros.backends.native import fastest_on_cpu
from focus_stacking_ros.core.align.warping import is_affine, reduced
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.fixed_map import fixed_gain, FixedMap
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.projective_map import ProjectiveMap
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.slices import Image, NARROW_SLICES, Transform
from focus_stacking_ros.core.stack.backend import Backend
import numpy as np
from numpy.typing import NDArray

__all__ = ['KernelBackend']


class KernelBackend(Backend):
    """
    Per-slice work by the kernel; see ``core.stack.backend.Backend`` for the methods.

    :param device: where the kernel runs
    """

    name = 'kernel'
    most_slices = NARROW_SLICES
    affine_only = True

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cpu = fastest_on_cpu()
        self.depth = self._cpu.depth
        self.guide = self._cpu.guide
        self.fusion = self._cpu.fusion
        self.alignment = self._cpu.alignment

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """Return what later steps need of a slice, from one pass over its pixels."""
        if not has_front(image, operators):
            return self._cpu.front(image, operators, with_luma=with_luma)
        return kernel_front(self._device, image, operators, with_luma=with_luma)

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        if not has_front(image, (operator,)):
            return self._cpu.measure(image, grey, operator)
        return kernel_response(self._device, image, operator)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        shape = (response.shape[0], response.shape[1])
        fixed = FixedMap.of(reduced(transform, 2), shape) if is_affine(transform) else None
        if (fixed is None or 2 * shape[1] > MAX_WIDTH
                or source_rows_needed(fixed, shape) > SOURCE_ROWS):
            return self._cpu.align(response, transform, gain)
        written = write_rows(self._device, 'unaligned', response)
        aligned = self._device.memory('aligned', written)
        self._device.start(
            {'operation': ALIGN, 'rows': shape[0], 'columns': shape[1],
             'gain': fixed_gain(gain), **fixed.named()},
            {'unaligned': written}, {'aligned': written})()
        return read_rows(aligned, shape, '<i2')

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        shape = (response.shape[0], response.shape[1])
        if 2 * shape[1] > MAX_WIDTH or window > MAX_WINDOW or state.is_wide:
            self._cpu.accumulate(state, response, window)
            return
        count = shape[0] * shape[1]
        size = count * RECORD.itemsize
        # Both are written anew each time: what the device leaves behind is never relied on.
        before = self._device.memory('state before', size)[:size].view(RECORD).reshape(shape)
        names = RECORD.names or ()
        if state.slices > 0:  # the first slice ignores what was there
            for name in names:
                before[name] = getattr(state, name)
        written = write_rows(self._device, 'unaveraged', response)
        self._device.memory('state after', size)
        self._device.start(
            {'operation': ACCUMULATE, 'rows': shape[0], 'columns': shape[1], 'window': window,
             'slice': state.slices},
            {'unaveraged': written, 'state before': size if state.slices else 0},
            {'state after': size})()
        after = self._device.memory('state after', size)[:size].view(RECORD).reshape(shape)
        for name in names:
            getattr(state, name)[:] = after[name]
        state.slices += 1

    def average(self, average: WeightedAverage, image: NDArray[Any],
                sharpness: NDArray[np.uint8], transform: Transform, gains: tuple[float, ...],
                valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average."""
        self._cpu.average(average, image, sharpness, transform, gains, valid)

    def average_luma(self, average: LumaAverage, grey: NDArray[np.int16],
                     sharpness: NDArray[np.uint8], transform: Transform, gain: float,
                     valid: NDArray[np.uint8] | None = None) -> None:
        """Add a slice to a running average of luma."""
        self._cpu.average_luma(average, grey, sharpness, transform, gain, valid)

    def fuse(self, job: FusionJob) -> Image:
        """Return the all-in-focus image: the weighted mean of retained slices."""
        result = np.empty_like(job.slices[0].image)
        for start in range(0, job.shape[0], BAND):
            rows = slice(start, min(start + BAND, job.shape[0]))
            result[rows] = self._fused_rows(job, rows)
        return result

    def _fused_rows(self, job: FusionJob, rows: slice) -> Image:
        """Return rows of the all-in-focus image."""
        sources = self._tap_rows_of(job, rows)
        if sources is None:
            return self._cpu.fused_rows(job, rows)
        shape = rows.stop - rows.start, job.shape[1]
        count = shape[0] * shape[1]
        memory = self._device.memory('guide', _guide_bytes(count))
        guide = memory[:count * GUIDE.itemsize].view(GUIDE).reshape(shape)
        numbers = self._cpu.weight_records(job, rows, guide)
        some = [number for number in sorted(numbers) if number in sources]
        if not some:
            return self._cpu.fused_rows(job, rows)
        return self._fused_band(job, rows, {number: sources[number] for number in some})

    def _tap_rows_of(self, job: FusionJob, rows: slice) -> dict[int, tuple[int, int]] | None:
        """Return the rows of every slice that a band needs; None where the kernel cannot do it."""
        if job.shape[1] > MAX_FUSED_WIDTH or job.is_wide or any(
                item.valid is not None for item in job.slices):
            return None
        found: dict[int, tuple[int, int]] = {}
        for number, fixed in enumerate(job.maps):
            if isinstance(fixed, ProjectiveMap):
                return None
            needed = None if fixed is None else tap_rows(fixed, job.shape, rows)
            if fixed is None or needed is None:
                continue
            # The kernel fetches rows downwards only.
            if fixed.yy < 0 or needed[2] > tap_rows_held(job.shape[1]):
                return None
            found[number] = needed[:2]
        return found

    def _fused_band(self, job: FusionJob, rows: slice,
                    sources: dict[int, tuple[int, int]]) -> Image:
        """Return rows of the image, whose guide is in the device's memory."""
        shape = rows.stop - rows.start, job.shape[1]
        count = shape[0] * shape[1]
        layout = layout_of(job.slices[0].image)
        self._device.memory('sums', count * SUMS)
        pitch = row_bytes(shape[1] * TAGGED[layout].itemsize)
        self._device.memory('fused', shape[0] * pitch)
        # As much at once as any slice needs.
        most = max(last - first + 1 for first, last in sources.values()) * pitch
        for turn in range(2):
            self._device.memory(f'slice {turn}', most)

        def wait() -> None:
            pass

        written = _guide_bytes(count)
        for turn, (number, (first, last)) in enumerate(sources.items()):
            # The device adds one slice while the next one is written.
            item, name = job.slices[number], f'slice {turn % 2}'
            held = (last - first + 1) * pitch
            write_tagged(self._device.memory(name, held), item.image[first:last + 1],
                         item.sharpness[first:last + 1])
            wait()
            fixed = job.maps[number]
            assert isinstance(fixed, FixedMap)
            gains = (*item.gains(), 0, 0)
            is_last = turn == len(sources) - 1
            wait = self._device.start(
                {'operation': FUSE, 'rows': shape[0], 'columns': shape[1], 'layout': layout,
                 'slice': number, **fixed.named(), 'gain': gains[0], 'gain_2': gains[1],
                 'gain_3': gains[2], 'height': job.shape[0], 'first_row': rows.start,
                 'source_row': first, 'power': job.power,
                 'steps': (FIRST_SLICE if turn == 0 else 0) | (LAST_SLICE if is_last else 0)},
                {name: held, 'guide': written},
                {'sums': 0, 'fused': shape[0] * pitch if is_last else 0})
            written = 0  # the guide is there now
        wait()
        return read_tagged(self._device.memory('fused', shape[0] * pitch), shape, layout)


def _guide_bytes(count: int) -> int:
    """Return the bytes of the records of so many pixels, in whole beats."""
    return -(-count * GUIDE.itemsize // BEAT) * BEAT
