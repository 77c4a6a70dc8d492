# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""FocusStacker: slices in as they are taken, one result out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from focus_stacking_ros.core.focus.validity import filled
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.slices import (
    FocalLength,
    Image,
    ResultFault,
    Slice,
    SliceError,
    SliceReport,
    StackError,
    StackResult,
)
from focus_stacking_ros.core.stack.admission import Admission
from focus_stacking_ros.core.stack.backend import Backend, create_backend
from focus_stacking_ros.core.stack.growing import Measured
from focus_stacking_ros.core.stack.methods import begin, Method
from focus_stacking_ros.core.stack.order_check import FoundOrder
from focus_stacking_ros.core.stack.repeated import repeated_notes
from focus_stacking_ros.core.stack.sensor import Sensor, SensorDefects
from focus_stacking_ros.core.stack.significant_bits import SignificantBits
import numpy as np
from numpy.typing import NDArray

__all__ = ['FocusStacker']

_DISORDER = ('slices arrived out of order or were replaced: all slices were processed again in '
             'order')
_DOUBT = 0.5  # share of the confidence that is left where the order of the slices is doubtful


class FocusStacker:
    """
    Turns a focal stack into an all-in-focus image, a depth map and a confidence map.

    The work per slice is done in :meth:`add`, as slices arrive; :meth:`finish` does what needs
    the whole stack. Slices may come near to far or far to near; in any other order they are
    retained and processed again in order at the end. Without positions the order is that in which
    they come, unless the images clearly say another one: then they are processed again in that.

    :param options: tunables
    :param backend: name of a backend, or a backend
    :param expected_slices: how many slices each stack will have, where that is known: a stack for
        which there is no room is then refused at its first slice
    :param lean: whether what can be made once more from a slice is not kept of it: a stack takes
        less memory then, `finish` some per cent longer, and nothing is `measured`
    :param sensor: what is known of the camera's sensor, for several stackers of the same camera
    :raises BackendError: the backend is unknown or cannot work here
    """

    def __init__(self, options: StackOptions | None = None,
                 backend: str | Backend = 'auto', *, expected_slices: int | None = None,
                 lean: bool = False, sensor: Sensor | None = None) -> None:
        self.options = StackOptions() if options is None else options
        self.backend = create_backend(backend) if isinstance(backend, str) else backend
        self.expected_slices, self._lean = expected_slices, lean
        self._sensor = Sensor() if sensor is None else sensor
        self._fills = self.options.input_sensor_defects and self.options.method in (
            'default', 'quality')
        self.reset()

    def reset(self) -> None:
        """Forget everything and begin a new stack."""
        self._admission = Admission(self.options, self.expected_slices)
        self._bits = SignificantBits(self.options.input_significant_bits,
                                     keeps=self.options.method != 'streaming')
        self._notes: list[str] = []
        self._method: Method | None = None
        self._slices: dict[int, Slice] = {}
        self._reports: dict[int, SliceReport] = {}
        self._replay = self._positions_known = False
        self._sensor.begin()

    def __len__(self) -> int:
        """Return the number of slices accepted so far; any thread may ask."""
        return len(self._slices)

    @property
    def reports(self) -> tuple[SliceReport, ...]:
        """Return what became of each input so far, in the order of arrival."""
        return tuple(self._reports[number] for number in sorted(self._reports))

    def add(self, image: Image, focus_distance_m: float | None = None, *,
            position: float | None = None, number: int | None = None,
            focal_length: FocalLength | None = None,
            valid: NDArray[np.bool_] | None = None,
            lights: Sequence[Image] = ()) -> SliceReport:
        """
        Add a slice to the stack and do its share of the work.

        :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16; must not be changed
            afterwards
        :param focus_distance_m: distance of the focal plane in metres; None where it is unknown,
            then for all slices
        :param position: what orders slices without a distance, near to far; by default the
            input number
        :param number: input number for the report, by default counted from 0
        :param focal_length: what the camera says of this slice, None where it says nothing. Where
            it differs between the slices it tells how they magnify, and this is not estimated
        :param valid: (H, W) bool, where the image has data, as transparent pixels have none; None
            where it has it everywhere
        :param lights: with ``stack.lights``, the images of the same view under the further lights,
            in the same order for all slices; shape and dtype of ``image``, which is registered
        :returns: a first report; its transform leads from the first slice's pixels, None where
            only the whole stack tells
        :raises SliceError: the slice does not fit the stack; the stack is as before
        :raises ValueError: the input number is taken
        """
        known = position is not None or focus_distance_m is not None
        if number is None:
            number = self._next_number()
        elif number in self._reports:
            raise ValueError(f'the input number {number} is taken; give another or none')
        try:
            item = self._admission.check(image, focus_distance_m, position, number,
                                         focal_length, valid, tuple(lights))
            needs = [self._bits.needed(each) for each in (image, *lights)]
            bits, greatest = (max(each) for each in zip(*needs, strict=True))
        except SliceError as error:
            self.refuse(error.refusal, str(error), focus_distance_m, number)
            raise
        image, *lights = (self._bits.widened(
            each if item.valid is None else filled(each, item.valid), bits)
            for each in (image, *lights))
        if self._fills:
            image, *lights = self._sensor.filled([image, *lights])
        item = replace(item, image=image, lights=tuple(lights))
        if bits > self._bits.bits and self._slices:
            self._rescale(bits, number)
        self._positions_known |= known
        self._bits.note(bits, greatest)
        self._replace(item)
        in_order = self._admission.admit(item)
        if not in_order and not self._replay:
            self._replay = True
            self._method = None  # its state would only take room
        report = SliceReport(number, item.focus_distance_m)
        if not self._replay:
            if self._method is None:
                self._method = begin(self.options, self.backend, item.image, lean=self._lean)
            link = self._method.add(item)
            if link is not None:
                report = replace(report, transform=link.transform, gain=link.gain,
                                 residual=link.residual, reason=link.reason,
                                 gains=link.gains)
        if self.options.method == 'streaming':
            # A view would keep the whole image alive.
            item = replace(item, image=np.empty((0, *image.shape[1:]), image.dtype))
        self._slices[number] = item
        self._reports[number] = report
        return report

    def measured(self, since: int = 0) -> list[Measured]:
        """
        Return the slices of the running stack, with where they lie and how sharp they are.

        None of them where nothing of the kind is kept: with the methods ``streaming`` and
        ``notebook``, where the stack is lean, and once slices have to be sorted at the end.

        :param since: slices that are left out, the first ones
        """
        entries = () if self._method is None else self._method.entries[since:]
        return [Measured(self._slices[entry.number].image, entry.sharpness, entry.link.transform,
                         entry.position)
                for entry in entries if entry.sharpness is not None]

    def refuse(self, refusal: Refusal, reason: str, focus_distance_m: float | None = None,
               number: int | None = None) -> SliceReport:
        """
        Put an input that is not part of the stack, and why, into the report.

        :param refusal: the kind of reason
        :param reason: a sentence for a user
        :param focus_distance_m: distance of the focal plane in metres, None where unknown
        :param number: input number, by default counted from 0
        """
        number = self._next_number() if number is None else number
        report = SliceReport(number, focus_distance_m, accepted=False, reason=reason,
                             refusal=refusal)
        self._reports[number] = report
        return report

    def finish(self) -> StackResult:
        """
        Fuse the slices and begin a new stack.

        :raises StackError: fewer than two slices; the stack is dropped
        """
        try:
            if len(self._slices) < 2:
                raise StackError(
                    f'the stack has {len(self._slices)} slice{"s" * (len(self._slices) != 1)}; '
                    'depth from focus needs at least two')
            started = perf_counter()
            method = self._method
            notes = (*self._notes, *repeated_notes(self._slices.values()))
            faults: dict[ResultFault, str] = {}
            if method is None:  # as it is once slices have to be sorted
                faults[ResultFault.DISORDER] = _DISORDER
                method = self._worked_anew(
                    sorted(self._slices.values(), key=lambda item: item.position))
            if len(self._slices) > self.backend.most_slices:
                notes = (*notes, f'the backend {self.backend.name} takes '
                         f'{self.backend.most_slices} slices of a stack and this one has '
                         f'{len(self._slices)}: the CPU has done the rest')
            self._method = None
            if self._fills:
                self._sensor.review()
                spots = method.defects(self._slices)
                if spots is not None:
                    ordered = [entry.number for entry in method.entries]
                    del method  # its state would only take room
                    method = self._without(spots, ordered)
                notes += self._sensor.note(anew=spots is not None)
            found = method.order()
            if found is not None:
                known, sorts = self._positions_known, self._is_sorted_by(found)
                faults[ResultFault.ORDER] = found.note(sorts=sorts, known=known)
                if sorts:
                    del method  # its state would only take room
                    method = self._worked_anew(list(self._slices.values()))
            result = method.finish(self._slices, self._reports)
            if found is not None and not known and not (sorts and found.certain):
                result = replace(result, confidence=result.confidence * np.float32(_DOUBT))
            timings = {**result.timings_ms, 'finish': (perf_counter() - started) * 1e3}
            wide = result.all_in_focus.dtype != np.uint8
            return replace(result, remarks=(*notes, *result.remarks),
                           faults={**faults, **result.faults}, timings_ms=timings,
                           all_in_focus=self._bits.narrowed(result.all_in_focus),
                           lights=tuple(map(self._bits.narrowed, result.lights)),
                           significant_bits=self._bits.bits if wide else 8,
                           backend=result.backend or self.backend.name,
                           backend_choice='' if result.backend else self.backend.choice)
        finally:
            self.reset()

    def _without(self, spots: NDArray[np.bool_], ordered: list[int]) -> Method:
        """Work on the slices anew, in the order of their numbers, without spots of the sensor."""
        defects = SensorDefects(spots)
        for number in ordered:  # one after the other: they need no room twice
            item = self._slices[number]
            self._slices[number] = replace(item, image=defects.filled(item.image),
                                           lights=tuple(map(defects.filled, item.lights)))
            del item
        self._sensor.learn(defects)
        return self._worked_anew([self._slices[number] for number in ordered])

    def _next_number(self) -> int:
        return max(self._reports, default=-1) + 1

    def _replace(self, item: Slice) -> None:
        """Drop the slice that a newer one at the same position replaces."""
        for number, earlier in list(self._slices.items()):
            if earlier.position == item.position:
                del self._slices[number]
                self._reports[number] = SliceReport(
                    number, earlier.focus_distance_m, accepted=False,
                    reason=f'replaced by input {item.number} at the same position',
                    refusal=Refusal.REPLACED)

    def _rescale(self, bits: int, number: int) -> None:
        """Work on the slices so far anew, in which a further slice has found more bits."""
        if self.options.method == 'streaming':
            for earlier in list(self._slices):
                del self._slices[earlier]
                self._reports[earlier] = replace(
                    self._reports[earlier], accepted=False, transform=None, gains=(),
                    reason=f'nearly black beside input {number}', refusal=Refusal.DARK)
            self._admission = Admission(self.options, self.expected_slices)
            self._method = None
            return
        self._notes.append(
            f'input {number} has {bits} significant bits and those before it {self._bits.bits}: '
            'they were processed again; input.significant_bits saves that')
        for earlier, item in self._slices.items():
            # What is shifted out was shifted in.
            image, *lights = (np.right_shift(each, bits - self._bits.bits)
                              for each in (item.image, *item.lights))
            self._slices[earlier] = replace(item, image=image, lights=tuple(lights))
        if self._method is not None:
            self._method = self._worked_anew(list(self._slices.values()))

    def _is_sorted_by(self, found: FoundOrder) -> bool:
        """Sort the slices as their images say, if they can be; returns whether they are."""
        if self._positions_known or self.options.method == 'streaming' or not found.numbers:
            return False
        self._slices = {number: replace(self._slices[number], position=float(rank))
                        for rank, number in enumerate(found.numbers)}
        return True

    def _worked_anew(self, ordered: list[Slice]) -> Method:
        method = begin(self.options, self.backend, ordered[0].image, lean=self._lean)
        for item in ordered:
            link = method.add(item)
            if link is not None:
                self._reports[item.number] = replace(
                    self._reports[item.number], gain=link.gain, residual=link.residual,
                    reason=link.reason, gains=link.gains)
        return method
