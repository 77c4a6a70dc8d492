# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that grows slice by slice, in the pixel grid of the first slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from time import perf_counter

import cv2
from focus_stacking_ros.core.align.chain import Entry, Link, RegistrationChain
from focus_stacking_ros.core.align.exposure import Exposure
from focus_stacking_ros.core.align.refinement_ahead import RefinementAhead
from focus_stacking_ros.core.align.warping import is_affine, reduced, warp
from focus_stacking_ros.core.depth.focus_history import FocusHistory
from focus_stacking_ros.core.depth.glow import BrightnessHistory
from focus_stacking_ros.core.depth.stages import DepthStages
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.measure import coarse_sharpness, focus_measure, half_size
from focus_stacking_ros.core.focus.noise import noise_floor, NoiseLevels, sigma_of
from focus_stacking_ros.core.focus.noisy_slices import noisy_slices
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.focus.validity import eroded, halved_mask
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.fuse.stages import FusionStages
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import Image, Slice, Transform
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.core.stack.guide_source import GuideStages
from focus_stacking_ros.core.stack.lights import best_front, LightGains
from focus_stacking_ros.core.stack.order_check import FoundOrder, looked_through
from focus_stacking_ros.core.stack.self_check import SharpnessBands
from focus_stacking_ros.core.stack.sensor_defects import defects_among
from focus_stacking_ros.core.threads import lasting_tasks
import numpy as np
from numpy.typing import NDArray

__all__ = ['Accumulation', 'half_window', 'operators', 'refines', 'retained_bytes']

_NOISY_IN_A_ROW = 2  # slices that a running state does without, at most


def operators(options: StackOptions) -> tuple[str, ...]:
    """Return the focus measures that the method of the options uses."""
    chosen = options.focus_measure_operator
    if options.method != 'quality':
        return (chosen,)
    return chosen, focus_measure(chosen).companion


def refines(options: StackOptions) -> bool:
    """Return whether all slices are registered once more together when the stack is complete."""
    return (options.alignment_refine and options.alignment_model != 'none'
            and options.method != 'streaming')


def half_window(options: StackOptions) -> int:
    """Return the side of the focus measure's window in half-size pixels: odd, so it is centred."""
    return options.focus_measure_window // 4 * 2 + 1


def retained_bytes(options: StackOptions, image: Image, *, masked: bool = False) -> int:
    """
    Return what a stack keeps of each slice until it is complete, in bytes.

    :param options: their method keeps the slices
    :param image: a slice of the size and encoding that all have
    :param masked: whether some of its pixels have no data
    """
    pixels = image.shape[0] * image.shape[1]
    mask = pixels * masked
    if options.method == 'notebook':
        return image.nbytes + mask
    height, width = half_size(image.shape)
    responses = len(operators(options)) * height * width * np.dtype(np.int16).itemsize
    quarter = half_size((height, width))
    # The mask is kept as it came and with its margin, both kinds of sharpness in a byte.
    return (image.nbytes * options.stack_lights + 2 * mask + pixels + quarter[0] * quarter[1]
            + responses + BrightnessHistory.bytes_per_slice(image.shape)
            + FocusHistory.bytes_per_slice(image.shape))


def _coarse(fronts: Sequence[Front]) -> NDArray[np.uint8]:
    """Return the greatest sharpness under all lights, see `Entry.coarse`."""
    return np.asarray(np.maximum.reduce(
        [coarse_sharpness(each.half_luma) for each in fronts]), np.uint8)


class _MadeAnew(dict[str, NDArray[np.int16]]):
    """Responses that are made whenever they are asked for, and not kept."""

    def __init__(self, make: Callable[[str], NDArray[np.int16]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, operator: str) -> NDArray[np.int16]:
        return self._make(operator)


class Accumulation:
    """
    Measures, registers and accumulates slices that come in the order of their positions.

    :param options: tunables
    :param backend: who measures and accumulates
    :param first: a slice of the size and encoding that all have
    :param lean: whether sharpness and responses of retained slices are made once more when they
        are needed: kept, they take a byte and a half for each of their pixels, or two
    """

    def __init__(self, options: StackOptions, backend: Backend, first: Image, *,
                 lean: bool = False) -> None:
        self._options, self._backend, self._lean = options, backend, lean
        self.alignment = backend.alignment
        self._streaming = options.method == 'streaming'
        self._chain = RegistrationChain(options, self.alignment, final=not refines(options))
        #: Comparisons that refine the transforms, under way; None where nothing refines them.
        self.ahead = RefinementAhead(self.alignment, options.alignment_model) if (
            refines(options)) else None
        self.shape = shape = (first.shape[0], first.shape[1])
        self._channels = 1 if first.ndim == 2 else 3
        self._noise_response = focus_measure(options.focus_measure_operator).noise[self._channels]
        self.state = StackState.empty(half_size(shape)) if self._streaming else None
        # Retained slices give the picture; an average of their luma guides the depth.
        self._average = WeightedAverage(first.shape) if self._streaming else LumaAverage(shape)
        # Where slices are retained they take many times as much.
        self._brightness = BrightnessHistory(squeezed=self._streaming)
        self._focus = FocusHistory(shape)
        # The least of all slices, in the sensor's pixel grid.
        self._least_sharpness: NDArray[np.uint8] | None = None
        #: Input numbers of the slices that `order` has found to be blurred as a whole.
        self.shaken: tuple[int, ...] = ()
        # Retained slices are looked at when the result is there, where they then lie.
        self.sharpness = SharpnessBands(shape, backend.fusion) if self._streaming else None
        self.entries: list[Entry] = []
        #: Brightness of the images under further lights.
        self.light_gains = LightGains(known=not options.alignment_gain)
        self.noise_levels = NoiseLevels()
        # For what nothing else of a slice's work waits for, in the order of the slices.
        self._tasks = lasting_tasks('accumulation', 1)
        self._behind: Future[float] | None = None  # that of the last slice
        self._noises: list[float] = []
        self._channel_noises: list[float] = []
        self.timings_ms: dict[str, float] = {}

    def add(self, item: Slice) -> Link:
        """Do one slice's work; returns where it lies relative to the first."""
        clock = perf_counter()
        front, *further = fronts = [
            self._backend.front(image, operators(self._options), with_luma=True)
            for image in (item.image, *item.lights)]
        self._note_noise(front)
        coarse = None if self._streaming else self._tasks.submit(_coarse, fronts)
        valid = None if item.valid is None else eroded(item.valid)
        clock = self.count_time('measure', clock)
        assert front.luma is not None
        link = self._chain.add(front.luma, item.magnification, Exposure.of(front.light), valid,
                               front.half_luma)
        if self.ahead is not None:
            self.ahead.add(link, self._chain.frame, front.luma,
                           scale_known=item.magnification is not None)
        if further:
            self.light_gains.add(item.number, [each.light for each in further], link)
            front = best_front(fronts)
        assert front.luma is not None
        clock = self.count_time('align', clock)
        responses, sharp = front.responses(), front.sharpness
        if valid is not None:
            cv2.bitwise_and(sharp, valid, sharp)
        self._catch_up()
        self._behind = self._tasks.submit(self._follow, front, sharp, link, valid)
        noisy = self.state is not None and self._is_noisy(link.gain)
        if self.state is not None and not noisy:
            self.state.make_room()
            self._backend.accumulate(
                self.state,
                self._aligned(responses[self._options.focus_measure_operator], valid,
                              link.transform, link.gain),
                half_window(self._options))
        if isinstance(self._average, WeightedAverage):
            self._backend.average(self._average, item.image, sharp, link.transform, link.gains,
                                  valid)
        if self.sharpness is not None and not link.reason:
            self.sharpness.add(self.sharpness.energy(front.luma, link.transform, link.gain))
        self.count_time('accumulate', clock)
        self.entries.append(Entry(item.number, item.position, link,
                                  None if self._streaming or self._lean else sharp,
                                  self._kept(responses, item), self._noises[-1],
                                  None if self._streaming else valid, not noisy,
                                  None if coarse is None else coarse.result()))
        return link

    def _follow(self, front: Front, sharp: NDArray[np.uint8], link: Link,
                valid: NDArray[np.uint8] | None) -> float:
        """Do what no other slice waits for; returns the milliseconds that it took."""
        clock = perf_counter()
        assert front.luma is not None
        response = front.responses()[self._options.focus_measure_operator]
        self._brightness.add(front.half_luma, link.transform, link.gain)
        self._focus.add(response, link.transform, link.gain, valid)
        if self._least_sharpness is not None:
            cv2.min(self._least_sharpness, sharp, self._least_sharpness)
        elif not self._streaming and self._options.input_sensor_defects:
            self._least_sharpness = sharp.copy()
        if isinstance(self._average, LumaAverage):
            self._backend.average_luma(self._average, front.luma, sharp, link.transform, link.gain,
                                       valid)
        return (perf_counter() - clock) * 1e3

    def _catch_up(self) -> None:
        """Wait until nothing of the slices before is under way; raises what that has raised."""
        if self._behind is not None:
            took_ms, self._behind = self._behind.result(), None
            self._add_time('accumulate', took_ms)

    def _kept(self, responses: dict[str, NDArray[np.int16]], item: Slice
              ) -> dict[str, NDArray[np.int16]]:
        """Return what an entry has of a slice's responses."""
        if self._streaming:
            return {}
        return _MadeAnew(partial(self._response, item)) if self._lean else responses

    def _response(self, item: Slice, operator: str) -> NDArray[np.int16]:
        found = [self._backend.response(image, operator) for image in (item.image, *item.lights)]
        return np.maximum.reduce(found) if len(found) > 1 else found[0]

    def _is_noisy(self, gain: float) -> bool:
        """Return whether the slice would harm the state, by the slices before it."""
        if [entry.is_measured for entry in self.entries[-_NOISY_IN_A_ROW:]] == [
                False] * _NOISY_IN_A_ROW:
            return False  # the exposure has changed for good
        gains = [*(entry.link.gain for entry in self.entries), gain]
        return len(self.entries) in noisy_slices(gains, self._noises, left=2)

    def _note_noise(self, front: Front) -> None:
        self._noises.append(self.noise_levels.add(front.noise))
        if front.channel_noise is not None:
            self._channel_noises.append(float(np.mean([
                sigma_of(counts) for counts in front.channel_noise])))

    @property
    def brightness(self) -> BrightnessHistory:
        """Return how the brightness of the slices has changed, with the last of them."""
        self._catch_up()
        return self._brightness

    @property
    def noise(self) -> float:
        """Least noise of the slices that have any, 8-bit grey levels."""
        # A slice without any noise is black, clipped or synthetic: it says nothing of the others.
        return min((sigma for sigma in self._noises if sigma > 0), default=0.0)

    @property
    def noise_ratio(self) -> float:
        """Noise of what the operator measures, the channels or their luma, relative to luma's."""
        channels = min((sigma for sigma in self._channel_noises if sigma > 0), default=0.0)
        return channels / self.noise if channels and self.noise else 1.0

    @property
    def floor(self) -> float:
        """Mean response of the chosen operator to noise, 8-bit grey levels."""
        noise = np.full((1, 1), self.noise, np.float32)
        return float(noise_floor(self._options.focus_measure_operator, self._channels, noise,
                                 self.noise_ratio)[0, 0])

    @property
    def depth(self) -> DepthStages:
        """Who does what of the depth takes time."""
        return self._backend.depth

    @property
    def guide(self) -> GuideStages:
        """Who does what of what decides how much of each slice enters takes time."""
        return self._backend.guide

    @property
    def fusion(self) -> FusionStages:
        """Who does what around the fusion takes time."""
        return self._backend.fusion

    def align(self, entry: Entry, operator: str, transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """
        Return a slice's response in another pixel grid at half the size, -1 where it has no data.

        :param entry: the slice
        :param operator: one of `operators`
        :param transform: result pixel -> slice pixel, full size
        :param gain: factor on its grey values
        """
        return self._aligned(entry.responses[operator], entry.valid, transform, gain)

    def _aligned(self, response: NDArray[np.int16], valid: NDArray[np.uint8] | None,
                 transform: Transform, gain: float) -> NDArray[np.int16]:
        aligned = self._backend.align(response, transform, gain)
        if valid is None:
            return aligned
        seen = warp(halved_mask(valid), reduced(transform, 2))
        return np.where(seen == 255, aligned, np.int16(-1))

    def remarks(self, transforms: Sequence[Transform]) -> list[str]:
        """Return what a user should know of how the backend takes transforms, in sentences."""
        count = sum(not is_affine(each) for each in transforms)
        if not count or not getattr(self._backend, 'affine_only', False):
            return []
        return [f'{count} slices are seen in another perspective, which {self._backend.name} does '
                'not take: they were aligned, and the picture fused, on the CPU, with the same '
                'result; alignment.model similarity or affine leaves them to '
                f'{self._backend.name}']

    def sharpness_of(self, entry: Entry, item: Slice) -> NDArray[np.uint8]:
        """
        Return the sharpness of a retained slice, (H, W) uint8, which may be written to.

        :param entry: what is kept of it
        :param item: the slice
        """
        if entry.sharpness is not None:
            return entry.sharpness
        found = [self.fusion.sharpness(image) for image in (item.image, *item.lights)]
        sharp = np.maximum.reduce(found) if len(found) > 1 else found[0]
        return sharp if entry.valid is None else cv2.bitwise_and(sharp, entry.valid, sharp)

    def fuse(self, job: FusionJob) -> Image:
        """Return the all-in-focus image of retained slices."""
        return self._backend.fuse(job)

    def defects(self, slices: Mapping[int, Slice]) -> NDArray[np.bool_] | None:
        """
        Return the spots of the sensor that stay put while the picture moves, None for none.

        :param slices: the accepted slices by input number
        """
        self._catch_up()
        if self._least_sharpness is None:
            return None
        placed = [entry for entry in self.entries if not entry.link.reason]
        return defects_among(
            self._least_sharpness, [slices[entry.number].image for entry in placed],
            [entry.link.transform for entry in placed], max(self._noises))

    def order(self) -> FoundOrder | None:
        """
        Return the order that the images say, None where they came in it.

        From now on it is known which slices are ``shaken``, too.
        """
        self._catch_up()
        order, self.shaken = looked_through(
            self.entries, self.shape, self._focus, self.floor, self._noise_response)
        return order

    def focus_span(self, numbers: Sequence[int], steps: NDArray[np.float32]) -> float:
        """Return about how wide the focus curves of some slices are, see `FocusHistory.span`."""
        return self._focus.span(numbers, steps, self.floor, self._noise_response)

    def hand_over(self) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        """
        Return the average image and the greatest sharpness; neither of them is kept.

        From now on the entries say which slices match no other.

        Where slices are retained the average is luma in 8-bit grey levels, float32, and both are
        (h, w), at half the size. Else it is float32 in the shape and grey values of the slices,
        and no sharpness is known.
        """
        self._catch_up()
        for number, reason in self._chain.corrections.items():
            entry = self.entries[number]
            self.entries[number] = replace(entry, link=replace(entry.link, reason=reason))
        average = self._average.mean()
        sharpest = self._average.sharpest if isinstance(self._average, LumaAverage) else None
        del self._average, self._chain
        return average, sharpest

    def forget_curves(self) -> None:
        """Let go what the depth was made of; nothing is made of it any more."""
        self.entries.clear()
        self.state, self._brightness = None, BrightnessHistory()
        self._focus = FocusHistory(self.shape)

    def count_time(self, step: str, start: float) -> float:
        """Add the time since a start to that of a step of the report; returns the time now."""
        now = perf_counter()
        self._add_time(step, (now - start) * 1e3)
        return now

    def _add_time(self, step: str, took_ms: float) -> None:
        self.timings_ms[step] = self.timings_ms.get(step, 0.0) + took_ms
