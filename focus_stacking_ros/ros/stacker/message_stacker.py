# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A FocusStacker fed by paired messages: conversion, refusals, ends of stacks, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
import math
import time
from typing import Any

from focus_stacking_ros.core.optics.calibration import is_distance
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.region import RegionError
from focus_stacking_ros.core.slices import ResultFault, SliceError, StackError, StackResult
from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.core.stack.end import StackEnd
from focus_stacking_ros.core.stack.report import stack_report
from focus_stacking_ros.core.stack.sensor import Sensor
from focus_stacking_ros.core.stack.stacker import FocusStacker
from focus_stacking_ros.ros.messages.camera_info import CameraInfoHistory
from focus_stacking_ros.ros.messages.images import (
    array_encoding,
    compressed_to_array,
    image_to_array,
    ImageError,
)
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.node.counters import Counters
from focus_stacking_ros.ros.stacker.delivery import Delivery, Listener, Progress
from focus_stacking_ros.ros.stacker.light_group import LightGroup
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair
from focus_stacking_ros.ros.stacker.sweep_motion import SweepMotion
from focus_stacking_ros.ros.stacker.view import View

__all__ = ['FAILED_STACKS', 'MessageStacker']

#: Key of the counter of stacks without a result.
FAILED_STACKS = 'failed stacks'
#: Keys of the counters of results that something may be wrong with.
_RESULTS_WITH = {
    ResultFault.DISORDER: 'results of slices out of order',
    ResultFault.ORDER: 'results of no monotone sweep',
    ResultFault.DISPLACED: 'results of displaced slices',
    ResultFault.BLURRED: 'results with blurred places',
    ResultFault.DISTANCES: 'results with implausible distances'}
_MOST_REFUSED = 255  # inputs that are remembered of a stack without a slice


@dataclass
class _Arrivals:
    """What is known of the inputs of the running stack, by input number."""

    headers: dict[int, Any] = field(default_factory=dict)
    details: dict[int, dict[str, Any]] = field(default_factory=dict)
    encoding: str = ''
    refused: int = 0
    view: View | None = None


class MessageStacker:
    """
    Turns paired messages into stacks and results.

    All methods belong to one thread, but for :meth:`configure`, the properties and ``len``, which
    any thread may use: each reads or replaces one reference.

    :param options: of the algorithm
    :param node_options: units, ends of stacks, stamp
    :param backend: does the per-slice work
    :param listener: is told of results, refusals and failures
    :param clock: steady clock, seconds
    """

    def __init__(self, options: StackOptions, node_options: NodeOptions, backend: Backend,
                 listener: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend, self._listener, self._clock = backend, listener, clock
        self._camera_infos = CameraInfoHistory(1)
        self._jumps = 0
        self.counters = Counters()
        self.configure(options, node_options)
        self._begin()

    def configure(self, options: StackOptions, node_options: NodeOptions) -> None:
        """Use these options from the next stack on."""
        self._next = options, node_options
        self._sensor = Sensor()  # other options may take another part of it

    @property
    def end(self) -> str:
        """Return what ends the running stack: a value of ``stack.end``."""
        return self._options.stack_end

    @property
    def options_wait(self) -> bool:
        """Return whether options were changed that the running stack does not have yet."""
        return bool(self._arrivals.headers) and self._next != self._current

    def use_camera_infos(self, history: CameraInfoHistory) -> None:
        """
        Take the magnification from the slices' camera infos where their focal lengths differ.

        :param history: of the slices; one that comes later than its slice's turn is not used
        """
        self._camera_infos = history

    def __len__(self) -> int:
        """Return the number of slices in the running stack."""
        return len(self._stacker)

    @property
    def size(self) -> int:
        """Slices that the running stack waits for; 0 where their number does not end it."""
        options = self._options
        return options.stack_size if options.stack_end == 'count' else 0

    def add(self, pair: Pair[Any]) -> None:
        """
        Add a slice; completes the running stack where this is its end.

        With ``stack.lights`` it is one of the images of a slice, which is added with the last.

        :param pair: sensor_msgs/Image or CompressedImage with its focus position
        """
        if pair.jumps != self._jumps:
            self._jumps = pair.jumps
            try:
                self._end_by_jump()
            finally:
                self.add(pair)
            return
        known = len(self._arrivals.headers)
        if not len(self._group) and (
                not known or (known >= _MOST_REFUSED and not len(self))):
            self._begin()  # so that changed options take effect, and refusals take no end of room
        position, distance, refusal = self._focus(pair)
        # A position that will be refused says nothing about the sweep.
        sound = refusal is None and math.isfinite(position) and (
            distance is None or is_distance(distance))
        if not sound:
            self._take([pair], position, distance, refusal)
            return
        if why := self._group.is_cut_off_by(pair, position):
            self._refuse_incomplete(why)
        if not self._group.add(pair, position):
            return
        pairs = self._group.take()
        if not self._end.before(position):
            self._take(pairs, position, distance, refusal)
            return
        try:
            self.finish()
        finally:  # it begins the next stack, whatever became of the one before
            self._take(pairs, *self._focus(pair))

    def _refuse_incomplete(self, then: str) -> None:
        """Refuse the slice some of whose images have come, if there is one; say what came then."""
        missing, pairs = self._group.missing(), self._group.take()
        if pairs:
            position, distance, _ = self._focus(pairs[0])
            self._take(pairs, position, distance, SliceError(
                Refusal.LIGHTS, f'{missing}, and then came {then}; stack.lights takes as many '
                'images with the same position, one after the other, each under its own light'))

    def _take(self, pairs: Sequence[Pair[Any]], position: float, distance: float | None,
              refusal: SliceError | None) -> None:
        """Add a slice to the running stack, one image for each light, or refuse it."""
        pair, *further = pairs
        number = len(self._arrivals.headers)
        self._arrivals.headers[number] = pair.image.header
        self._arrivals.details[number] = {
            'position': position, 'frame_id': pair.image.header.frame_id,
            'stamp': _stamp(pair.stamp)}
        if further:
            self._arrivals.details[number]['light_stamps'] = [
                _stamp(each.stamp) for each in further]
        if refusal is not None:
            self._stacker.refuse(refusal.refusal, str(refusal), distance, number)
            self._refuse(refusal, pair)
            return
        try:
            whole = self._image(pair.image)
            view = self._view(whole)
            image = view.of(whole)
            self._stacker.add(image, distance, position=position, number=number,
                              focal_length=self._camera_infos.focal_length(
                                  pair.stamp, view.width, view.height,
                                  rectified=self._options.input_rectified),
                              lights=[self._under_light(each, whole, view) for each in further])
        except SliceError as error:  # the stacker has reported it
            self._refuse(error, pair)
            return
        except ImageError as error:
            self._stacker.refuse(error.refusal, str(error), distance, number)
            self._refuse(error, pair)
            return
        except Exception as error:
            # How far it came is not known, so what is there of the stack cannot be trusted.
            self.reset()
            self._fail(f'a slice could not be processed, and its stack is dropped: {error!r}')
            raise
        self._arrivals.encoding, self._arrivals.view = _encoding(pair.image, image), view
        self._motion.accepted(pair)
        self.counters['slices'] += 1
        self._progressed(pair, '')
        if self._end.added(position, len(self), self._clock()):
            self.finish()

    def finish(self) -> Delivery | None:
        """Fuse the running stack now and deliver it; None, and why is told, if it cannot be."""
        self._refuse_incomplete('the end of the stack')
        try:
            result = self._stacker.finish()
        except StackError as error:
            self._fail(str(error))
            return None
        except Exception as error:
            self._fail(f'the stack could not be fused: {error!r}')
            raise
        else:
            # Files are not published, and would keep the slices in memory.
            delivery = self._delivery(replace(result, step_files={}))
            self.counters['results'] += 1
            for fault in result.faults:
                self.counters[_RESULTS_WITH[fault]] += 1
            self._listener.delivered(delivery)
            return delivery
        finally:
            self._begin()

    def reset(self) -> int:
        """Drop the running stack; returns the number of its slices."""
        dropped = len(self)
        if dropped:
            self.counters['dropped stacks'] += 1
        self._begin()
        return dropped

    def refusals(self) -> int:
        """Return the number of slices that were refused, of all stacks."""
        return sum(self.counters[_refused(refusal)] for refusal in Refusal)

    def remaining_seconds(self) -> float | None:
        """Return the time until the running stack times out; None while there is none."""
        return self._end.remaining_seconds(self._clock())

    def check_timeout(self) -> None:
        """Finish the running stack if it has timed out."""
        if self.remaining_seconds() == 0:
            self._end_early(f'no slice has come for {self._options.stack_timeout:g} s')

    def _end_early(self, why: str) -> None:
        if len(self) < self.size:
            self.counters['incomplete stacks'] += 1
            self._listener.incomplete(
                f'{why}, so the stack ends with {len(self)} of {self.size} slices')
        self.finish()

    def _end_by_jump(self) -> None:
        """Leave no slices of before a jump of time in the stack."""
        if len(self) > 1:
            self._end_early('time has jumped back')
        else:
            self.reset()

    def _begin(self) -> None:
        self._current = self._next  # read once: another thread may replace it
        options, self._options = self._current
        self._stacker = FocusStacker(
            options, self._backend,
            expected_slices=self._options.stack_size if self._options.stack_end == 'count'
            else None, sensor=self._sensor)
        self._end = StackEnd(self._options.stack_end, self._options.stack_size,
                             self._options.stack_timeout)
        self._arrivals = _Arrivals()
        self._group = LightGroup(options.stack_lights)
        self._motion = SweepMotion(self._options)
        self._scale = self._options.focus_scale()

    def _focus(self, pair: Pair[Any]) -> tuple[float, float | None, SliceError | None]:
        """Return focus position, focus distance in metres, and why it cannot be taken."""
        position = self._motion.position(pair)
        distance = self._scale.distance_m(position)
        if pair.claim and (why := pair.claim.objection(position, self._scale.unit)):
            return position, distance, SliceError(Refusal.UNIT, why)
        if why := self._group.objection(pair):
            return position, distance, SliceError(Refusal.LIGHTS, why)
        if refusal := self._motion.refusal(pair, distance):
            return position, distance, refusal
        if self._scale.table is not None and distance is not None and math.isnan(distance):
            raw = [raw for raw, _ in self._scale.table.pairs]
            return position, distance, SliceError(
                Refusal.POSITION, f'the focus position {position:g} is beyond focus.table, which '
                f'goes from {raw[0]:g} to {raw[-1]:g}')
        return position, distance, None

    def _image(self, message: Any) -> Any:
        if not hasattr(message, 'encoding'):
            return compressed_to_array(message)
        if self._arrivals.encoding and message.encoding != self._arrivals.encoding:
            raise ImageError(
                Refusal.ENCODING, f'the encoding is {message.encoding}, the first slice is '
                f'{self._arrivals.encoding}; start a new stack to change it')
        return image_to_array(message)

    def _under_light(self, pair: Pair[Any], first: Any, view: View) -> Any:
        """Return what is stacked of an image under a further light."""
        image = self._image(pair.image)
        if image.shape[:2] != first.shape[:2]:
            raise ImageError(
                Refusal.SIZE, f'an image has {image.shape[1]} x {image.shape[0]} pixels, that '
                f'under the first light {first.shape[1]} x {first.shape[0]}')
        return view.of(image)

    def _view(self, image: Any) -> View:
        """Return which part of an image is stacked: that of the first slice."""
        if (view := self._arrivals.view) is None:
            try:
                return View.through(self._options.region(), image)
            except RegionError as error:
                self.counters['regions ignored'] += 1
                self._listener.ignored(f'{error}; the whole image is stacked')
                return View(image.shape[1], image.shape[0])
        if view.region is not None and not view.fits(image):
            raise ImageError(
                Refusal.SIZE, f'the image has {image.shape[1]} x {image.shape[0]} pixels, the '
                f'first slice {view.width} x {view.height}')
        return view

    def _refuse(self, error: SliceError | ImageError, pair: Pair[Any]) -> None:
        self.counters[_refused(error.refusal)] += 1
        self._arrivals.refused += 1
        self._progressed(pair, str(error))
        self._listener.refused(
            error.refusal, f'slice at focus position {pair.position:g}, stamp '
            f'{pair.stamp[0]}.{pair.stamp[1]:09d}, is refused: {error}')

    def _progressed(self, pair: Pair[Any], reason: str) -> None:
        self._listener.progressed(Progress(
            pair.image.header, len(self), self._arrivals.refused, self.size, reason,
            self._stacker))

    def _fail(self, reason: str) -> None:
        self.counters[FAILED_STACKS] += 1
        self._listener.failed(reason)

    def _delivery(self, result: StackResult) -> Delivery:
        headers, details = self._arrivals.headers, self._arrivals.details
        accepted = [report.number for report in result.reports if report.accepted]
        chosen = max(accepted) if self._options.output_stamp == 'last' else result.reference
        report = stack_report(result, self._stacker.options, details)
        report.update(stamp=details[chosen]['stamp'], frame_id=headers[chosen].frame_id)
        reference = headers[result.reference].stamp
        return Delivery(result, report, headers[chosen], self._arrivals.encoding,
                        (reference.sec, reference.nanosec), self._options,
                        self._arrivals.view)


def _refused(refusal: Refusal) -> str:
    """Return the key of the counter of slices that are refused for a reason."""
    return f'refused: {refusal.code}'


def _stamp(stamp: Stamp) -> dict[str, int]:
    return {'sec': stamp[0], 'nanosec': stamp[1]}


def _encoding(message: Any, image: Any) -> str:
    """Return the message's encoding; for a compressed one what its picture decoded to."""
    if hasattr(message, 'encoding'):
        return str(message.encoding)
    return array_encoding(image)
