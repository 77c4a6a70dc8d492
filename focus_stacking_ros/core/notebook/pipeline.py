# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The method ``notebook``: the steps of the study in their order, from slices to a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import cv2
from focus_stacking_ros.core.align.chain import Entry, Link
from focus_stacking_ros.core.align.pairwise import Pair
from focus_stacking_ros.core.align.stages import PortableAlignment
from focus_stacking_ros.core.align.warping import identity
from focus_stacking_ros.core.depth.metric import (
    choose_reference,
    metric_depth,
    stack_faults,
    stack_notes,
)
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.focus.noise import noise_sigma
from focus_stacking_ros.core.notebook.linear_filters import filtered_response, gaussian_filter
from focus_stacking_ros.core.notebook.other_filters import filling_transform, median_filter
from focus_stacking_ros.core.notebook.pictures import step_files
from focus_stacking_ros.core.notebook.post_processing import binarize
from focus_stacking_ros.core.notebook.selection import NO_DATA, Selection, WeightedSum
from focus_stacking_ros.core.notebook.steps import AlignedSlice, MARGIN, SELECTING, Steps, WEIGHING
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import (
    FloatImage,
    Image,
    Slice,
    SliceReport,
    StackError,
    StackResult,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['Notebook', 'contrast_confidence', 'dense_levels', 'image_align']

_BLUR_RADIUS = 6  # pixels, of the Gaussian that blurs the weights
_CONFIDENT = 0.05  # sum of responses, white is 1
_MEDIAN_RADIUS = 3  # pixels


def image_align(reference: Slice, slices: list[Slice], model: str) -> list[AlignedSlice]:
    """
    ``ImageAlign[reference, slices, TransformationClass -> "Translation"]``.

    :param reference: one of the slices
    :param slices: near to far
    :param model: translation, or none where nothing moves
    """
    stages = PortableAlignment()
    template = stages.prepare(luma(reference.image))
    aligned = []
    for item in slices:
        if item is reference:
            aligned.append(AlignedSlice(item, Link(identity())))
            continue
        found = Pair(template, stages.prepare(luma(item.image)), stages).register(model)
        aligned.append(AlignedSlice(item, Link(found.transform, 1.0, found.residual,
                                               found.reason)))
    return aligned


def contrast_confidence(total: FloatImage) -> FloatImage:
    """
    ``Total[responses]``, clipped to 0 to 1 as an image shows it.

    :param total: (H, W) float32 sum of the responses of all slices, white is 1
    """
    return np.asarray(np.clip(total, 0, 1))


def dense_levels(filled: NDArray[np.uint8], raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the filled depth, and the raw one in the gaps that are open to the border."""
    return np.where(filled > 0, filled, raw)


@dataclass
class _Sums:
    """What one pass over the slices gives; all (H, W)."""

    selection: Selection
    average: WeightedSum
    total: FloatImage


class Notebook:
    """
    The study's pipeline; it needs the whole stack, so all work is done at its end.

    Of the options it obeys ``reference``, ``alignment_model`` none and ``depth_fill``; all other
    numbers are the study's.

    :param options: tunables
    """

    def __init__(self, options: StackOptions) -> None:
        self._options = options

    @property
    def entries(self) -> tuple[()]:
        """Return nothing: nothing is known of a slice before the end."""
        return ()

    def add(self, item: Slice) -> None:
        """Take note of a slice; nothing is known of it before the end."""

    def defects(self, slices: Mapping[int, Slice]) -> None:
        """Return None: the study knows of no sensor."""

    def order(self) -> None:
        """Return None: the study takes slices as they come."""

    def finish(self, slices: Mapping[int, Slice], reports: Mapping[int, SliceReport]
               ) -> StackResult:
        """
        Run the pipeline.

        :param slices: the accepted slices by input number
        :param reports: reports of all inputs by input number
        :raises StackError: the images are all margin
        """
        clock = perf_counter()
        ordered = sorted(slices.values(), key=lambda item: item.position)
        shape = ordered[0].image.shape
        if min(shape[:2]) <= 2 * MARGIN:
            raise StackError(f'images of {shape[1]}x{shape[0]} pixels are all margin: the '
                             f'notebook method needs more than {2 * MARGIN} pixels along each '
                             'side; use another method')
        entries = [Entry(item.number, item.position, Link(identity()), None) for item in ordered]
        reference = slices[choose_reference(entries, self._options.reference, shape).number]
        model = 'none' if self._options.alignment_model == 'none' else 'translation'
        aligned = image_align(reference, ordered, model)
        timings = {'align': (perf_counter() - clock) * 1e3}
        clock = perf_counter()
        steps = self._steps(reference.image, aligned)
        timings['measure'] = (perf_counter() - clock) * 1e3
        return self._result(steps, reference, reports, timings)

    def _steps(self, reference: Image, aligned: list[AlignedSlice]) -> Steps:
        sums = _one_pass(aligned)
        inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
        confidence = np.zeros(reference.shape[:2], np.float32)
        confidence[inner] = contrast_confidence(sums.total)[inner]
        raw = np.zeros(reference.shape[:2], np.uint8)
        raw[inner] = sums.selection.level[inner]
        # The margin has no confidence, so it is masked without further ado.
        masked = np.where(binarize(confidence, _CONFIDENT), raw, 0).astype(np.uint8)
        filled = np.zeros_like(raw)
        filled[inner] = filling_transform(median_filter(np.ascontiguousarray(masked[inner]),
                                                        _MEDIAN_RADIUS))
        in_focus, weighted = reference.copy(), reference.copy()
        in_focus[inner] = sums.selection.in_focus(reference.dtype)[inner]
        weighted[inner] = sums.average.mean(reference.dtype)[inner]
        return Steps(tuple(aligned), sums.selection.greatest, in_focus, weighted, raw, confidence,
                     masked, filled)

    def _result(self, steps: Steps, reference: Slice, reports: Mapping[int, SliceReport],
                timings: dict[str, float]) -> StackResult:
        inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
        levels = cv2.copyMakeBorder(
            dense_levels(steps.filled[inner], steps.raw[inner]), MARGIN, MARGIN, MARGIN, MARGIN,
            cv2.BORDER_REPLICATE)
        index = levels.astype(np.float32) - np.float32(1)
        distances = [each.source.focus_distance_m for each in steps.slices]
        unknown = None if self._options.depth_fill else steps.masked == 0
        final = dict(reports)
        for rank, each in enumerate(steps.slices):
            final[each.source.number] = replace(
                final[each.source.number], rank=rank, transform=each.link.transform,
                residual=each.link.residual, reason=each.link.reason)
        noises = [noise_sigma(luma(each.source.image)) for each in steps.slices]
        return StackResult(
            steps.in_focus, metric_depth(index, distances, unknown), steps.confidence, index,
            tuple(final[number] for number in sorted(final)), reference.number,
            min((sigma for sigma in noises if sigma > 0), default=0.0), stack_notes(distances),
            timings, 'opencv', step_files(steps), faults=stack_faults(distances))


def _one_pass(aligned: list[AlignedSlice]) -> _Sums:
    """Align, filter and sum up one slice after the other, so that one is in memory at a time."""
    shape = aligned[0].source.image.shape
    sums = _Sums(Selection(shape), WeightedSum(shape), np.zeros(shape[:2], np.float32))
    for each in aligned:
        image, valid = each.image(), each.valid()
        sums.average.add(image, gaussian_filter(filtered_response(image, *WEIGHING), _BLUR_RADIUS),
                         valid)
        response = filtered_response(image, *SELECTING)
        if valid is not None:
            response[valid == 0] = NO_DATA
        sums.total += np.maximum(response, 0)
        sums.selection.add(image, response)
    return sums
