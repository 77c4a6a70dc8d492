# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happens once per stack: peak, depth, confidence and the all-in-focus image."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import cache, partial
import itertools
from time import perf_counter
from typing import Any

import cv2
from focus_stacking_ros.core.align.chain import Entry, registration_model
from focus_stacking_ros.core.align.detail import Detail, LEVELS
from focus_stacking_ros.core.align.joint import JointRefinement
from focus_stacking_ros.core.align.misfit import VISIBLE
from focus_stacking_ros.core.align.refinement_ahead import RefinementAhead
from focus_stacking_ros.core.align.warping import (
    faded,
    identity,
    inverse,
    is_covered,
    is_identity,
    joined,
    reduced,
    warp,
)
from focus_stacking_ros.core.depth.curves import sweep_coordinate
from focus_stacking_ros.core.depth.metric import (
    choose_brightness,
    choose_reference,
    depth_deviation,
    metric_depth,
    stack_faults,
    stack_notes,
)
from focus_stacking_ros.core.depth.rims import receded
from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.focus.noisy_slices import noisy_slices
from focus_stacking_ros.core.fuse.faint import coarser_where_faint, faintness
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.fuse.narrow_gate import NARROWED
from focus_stacking_ros.core.fuse.unmixing import unmixed
from focus_stacking_ros.core.fuse.unsure import raised_noise
from focus_stacking_ros.core.memory import return_free_memory, return_shared_memory
from focus_stacking_ros.core.optics.field import with_field
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import (
    FloatImage,
    Image,
    ResultFault,
    Slice,
    SliceReport,
    StackResult,
)
from focus_stacking_ros.core.stack.accumulation import Accumulation
from focus_stacking_ros.core.stack.block_evidence import guide_by_blocks
from focus_stacking_ros.core.stack.estimate import DepthEstimate, estimate_depth, Placed
from focus_stacking_ros.core.stack.fusion_guide import alike_of, belying, slices_of_gate
from focus_stacking_ros.core.stack.guide_source import GuideSource
from focus_stacking_ros.core.stack.order_check import shaken_notes
from focus_stacking_ros.core.stack.self_check import looked_at, SharpnessOfSlices
from focus_stacking_ros.core.stack.streamed import streamed_image
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['finish']

#: Standard deviation of the blur at the width of the focus curve from the focus, pixels.
_BLUR_OF_SPAN_PX = 1.1
#: Factor on how far from the index that blur lets slices enter: what is blurred has little weight
#: by its sharpness already.
_HELD_BACK = 1.5
_RIM = 18  # pixels over which a slice that ends within the picture fades out
_UNUSUAL = 1.25  # ratio of a slice's gain to the usual one from which on it is told


def finish(accumulation: Accumulation, slices: MutableMapping[int, Slice],
           reports: Mapping[int, SliceReport], options: StackOptions) -> StackResult:
    """
    Turn an accumulated stack into its result.

    :param accumulation: slices in the order of their positions, rising or falling
    :param slices: the accepted slices by input number; taken out when they have served
    :param reports: reports of all inputs by input number
    :param options: tunables
    """
    clock = perf_counter()
    # What registered the slices is let go before they are registered once more.
    average, sharpest = accumulation.hand_over()
    entries = list(accumulation.entries)
    if accumulation.ahead is not None:
        entries = _refined(accumulation, accumulation.ahead, slices, options)
    return_shared_memory()
    clock = accumulation.count_time('place', clock)
    displaced = _displaced(entries)
    backwards = entries[0].position > entries[-1].position
    if backwards:
        entries = entries[::-1]
    reference = choose_reference(entries, options.reference, accumulation.shape)
    level = choose_brightness(entries, reference)
    placed = _placed(entries, reference, level, accumulation.shaken, backwards=backwards)
    shape, dtype, channels = accumulation.shape, *_kind(slices[reference.number].image)
    distances = [slices[entry.number].focus_distance_m for entry in entries]
    streaming = options.method == 'streaming'
    if streaming:
        average = warp(average, placed.origin, border=cv2.BORDER_REPLICATE)
        image, guide_luma = streamed_image(
            average, level.link.gains if channels > 1 else (level.link.gain,), dtype)
        del average
        return_shared_memory()  # that was the largest plane there is
    else:  # at half the size bilinear interpolation would blur too much
        guide_luma = warp(average, reduced(placed.origin, 2), cv2.INTER_CUBIC,
                          cv2.BORDER_REPLICATE)
        guide_luma *= np.float32(1) / np.float32(level.link.gain)
        del average
    estimate = estimate_depth(accumulation, placed, guide_luma, distances, channels, options)
    clock, span = accumulation.count_time('depth', clock), estimate.span
    # Whole planes are let go as soon as they have served: here a stack needs most memory.
    guide = None if sharpest is None else _guide(
        accumulation, placed, sharpest, estimate, guide_luma, options)
    del sharpest, guide_luma
    accumulation.forget_curves()
    placed = replace(placed, entries=[replace(entry, responses={}) for entry in placed.entries])
    reference, level = (replace(each, sharpness=None, coarse=None) for each in (reference, level))
    del entries
    return_free_memory()
    if guide is None:
        compared, lights = None, list[Image]()
        deviation = estimate.deviation
        index, confidence = doubled([estimate.index, estimate.confidence], shape)
    else:
        blocks = accumulation.guide.blocks(guide)
        faint = faintness(blocks.sharpest, blocks.noise, blocks.calm)
        guide.raised = raised_noise(blocks.first_noise, blocks.sharpest, blocks.first_calm,
                                    estimate.confidence)
        noise_of_blocks = blocks.noise if guide.raised is None else blocks.noise * guide.raised
        del blocks
        coarse = [entry.coarse for entry in placed.entries if entry.coarse is not None]
        retained = _fusion_slices(accumulation, placed, level, slices, faint)
        guide_by_blocks(guide, retained, coarse, noise_of_blocks,
                        max(1, round(slices_of_gate(span))),
                        accumulation.fusion.greatest_blocks)
        del coarse
        of_lights = [retained, *(_under_light(light, accumulation, placed, level, slices, retained)
                                 for light in range(options.stack_lights - 1))]
        del retained
        return_shared_memory()  # that of what blocks tell would be beside all planes of a tile
        images = [accumulation.fuse(FusionJob(each, guide, options.fusion_sharpness_power))
                  for each in of_lights]
        of_lights = [[item.without_sharpness() for item in each] for each in of_lights]
        guide = guide.of_noise()
        index, confidence, deviation = estimate.index, estimate.confidence, estimate.deviation
        del estimate
        return_shared_memory()
        clock = accumulation.count_time('fuse', clock)
        # While what follows leaves a processor idle at times.
        compared = _compared(accumulation, placed, slices, distances, span)
        step = max(span, 1.0)
        index, confidence = doubled([index, confidence], shape)
        located, known = accumulation.depth.rims(index, confidence, images[0], step)
        noise = cache(partial(accumulation.guide.noise, guide))  # of all lights, where needed
        image, *lights = (unmixed(each, located, known, of_light, noise, step, accumulation.fusion)
                          for each, of_light in zip(images, of_lights, strict=True))
        # Where the blur of near surfaces explains what lies beside them, they end at their edges.
        if image is not images[0]:
            index = receded(index, located, confidence)
        del located, known, guide, noise, of_lights, images
        clock = accumulation.count_time('rims', clock)
    if compared is not None:
        shortfall = compared.shortfall(image, accumulation.noise)
    else:  # streamed slices are known in the grid and brightness of the first
        assert accumulation.sharpness is not None
        shortfall = accumulation.sharpness.shortfall(accumulation.sharpness.energy(
            image, inverse(placed.origin), level.link.gain), accumulation.noise)
    blurred = shortfall.note(options.method)
    accumulation.count_time('check', clock)
    slices.clear()
    return_shared_memory()  # planes at full size follow
    final = dict(reports)
    for rank, entry in enumerate(placed.entries):
        final[entry.number] = replace(
            final[entry.number], rank=rank, transform=placed.transforms[rank],
            gain=placed.gains[rank], gains=_channel_gains(entry, level),
            reason=entry.link.reason, misfit=entry.link.misfit)
    # Without distances there is no depth that might deviate.
    if None not in distances:
        deviation, = doubled([deviation], shape)
    unknown = None if options.depth_fill else confidence < options.depth_min_confidence
    depth = with_field(metric_depth(index, distances, unknown), options.depth_field)
    return StackResult(
        image, depth, confidence, index,
        tuple(final[number] for number in sorted(final)), reference.number, accumulation.noise,
        (*_misfits(placed.entries), *_unusual(placed, accumulation.shaken),
         *shaken_notes(accumulation.shaken, left_out=not streaming),
         *accumulation.remarks(placed.transforms), *stack_notes(distances)),
        dict(accumulation.timings_ms),
        depth_std_m=depth_deviation(deviation, index, depth, distances),
        faults={**displaced, **({ResultFault.BLURRED: blurred} if blurred else {}),
                **stack_faults(distances)},
        lights=tuple(lights))


def _kind(image: Image) -> tuple[np.dtype[Any], int]:
    """Return type and channels of an image, which itself is not kept."""
    return image.dtype, 1 if image.ndim == 2 else 3


def _refined(accumulation: Accumulation, ahead: RefinementAhead, slices: Mapping[int, Slice],
             options: StackOptions) -> list[Entry]:
    """Return the entries with the transforms that fit the whole stack best."""
    entries, stages = accumulation.entries, accumulation.alignment
    ordered = [slices[entry.number] for entry in entries]
    known = all(item.magnification is not None for item in ordered)
    model = registration_model(options.alignment_model, magnification_known=known)
    focus = [item.position if item.focus_distance_m is None else 1 / item.focus_distance_m
             for item in ordered]

    def detail(rank: int) -> Detail:
        grey = luma(ordered[rank].image)
        return Detail.of(stages.prepare(grey, LEVELS, entries[rank].valid), grey)

    refinement = JointRefinement(stages, detail, accumulation.shape, model, focus,
                                 [bool(entry.link.reason) for entry in entries])
    refined = refinement.refined([entry.link.transform for entry in entries], ahead.made())
    stages.forget()
    return [replace(entry, link=replace(entry.link, transform=transform, misfit=misfit))
            for entry, transform, misfit in zip(entries, refined.transforms, refined.misfits,
                                                strict=True)]


def _misfits(entries: Sequence[Entry]) -> list[str]:
    """Name the slices whose place is but expected."""
    return [f'slice {entry.number} could not be registered, {entry.link.reason}: its place is '
            'that expected from its neighbours' for entry in entries if entry.link.reason]


def _displaced(entries: Sequence[Entry]) -> dict[ResultFault, str]:
    """Tell which slices do not lie on the one before them, by more than can be overlooked."""
    found = [f'slice {entry.number} by {entry.link.misfit:.1f} px against slice {before.number}'
             for before, entry in itertools.pairwise(entries)
             if entry.link.misfit is not None and entry.link.misfit > VISIBLE]
    return {} if not found else {ResultFault.DISPLACED: (
        f'slices lie beside each other after alignment: {", ".join(found)}; outlines may be seen '
        'twice there. Hold camera and target still, or take pictures closer in time; for a tilted '
        'camera or one in the hand, alignment.model projective may help')}


def _unusual(placed: Placed, shaken: Sequence[int]) -> list[str]:
    """Name the slices whose brightness is far from that of the others."""
    notes, usual = [], float(np.median(placed.gains))
    for rank, (entry, gain) in enumerate(zip(placed.entries, placed.gains, strict=True)):
        ratio = gain / usual
        if entry.link.reason or 1 / _UNUSUAL <= ratio <= _UNUSUAL:
            continue
        words = f'{ratio:.2g} times darker' if ratio > 1 else f'{1 / ratio:.2g} times brighter'
        dropped = '' if rank not in placed.left_out or entry.number in shaken else (
            '; its noise, which was raised with its brightness, would harm the depth: that is '
            'from the other slices')
        notes.append(f'slice {entry.number} came {words} than the others{dropped}')
    return notes


def _placed(entries: list[Entry], reference: Entry, level: Entry, shaken: Sequence[int], *,
            backwards: bool) -> Placed:
    """Return the slices, near to far, in the reference's pixel grid and the level's brightness."""
    origin = identity() if is_identity(reference.link.transform) else inverse(
        reference.link.transform)
    transforms = [identity() if entry is reference else joined(entry.link.transform, origin)
                  for entry in entries]
    gains = [entry.link.gain / level.link.gain for entry in entries]
    if entries[0].coarse is None:  # slices are not retained
        left_out = [rank for rank, entry in enumerate(entries) if not entry.is_measured]
    else:
        left_out = noisy_slices(gains, [entry.noise for entry in entries])
        left_out += [rank for rank, entry in enumerate(entries) if entry.number in shaken]
    # Between usual brightnesses it is not worth its rounding.
    state_gain = 1.0 if level is reference else 1 / level.link.gain
    return Placed(entries, transforms, gains, origin, backwards, left_out, state_gain)


def _compared(accumulation: Accumulation, placed: Placed, slices: Mapping[int, Slice],
              distances_m: Sequence[float | None], span: float) -> SharpnessOfSlices:
    """Return how sharp the retained slices are that the all-in-focus image is compared with."""
    steps = sweep_coordinate(distances_m, [entry.position for entry in placed.entries])
    matching = [rank for rank in placed.measured if not placed.entries[rank].link.reason]
    return SharpnessOfSlices(
        accumulation.shape, [(slices[placed.entries[rank].number].image, placed.transforms[rank],
                              placed.gains[rank]) for rank in looked_at(matching, steps, span)],
        accumulation.fusion)


def _channel_gains(entry: Entry, level: Entry) -> tuple[float, ...]:
    return tuple(gain / other for gain, other in zip(entry.link.gains, level.link.gains,
                                                     strict=True))


def _fusion_slices(accumulation: Accumulation, placed: Placed, level: Entry,
                   slices: Mapping[int, Slice], faint: NDArray[np.uint8] | None
                   ) -> list[FusionSlice]:
    """Return what is fused; each sharpness goes there from its entry, which keeps none."""
    def fusion_slice(rank: int) -> FusionSlice:
        entry, transform = placed.entries[rank], placed.transforms[rank]
        placed.entries[rank] = replace(entry, sharpness=None, coarse=None)
        sharpness = accumulation.sharpness_of(entry, slices[entry.number])
        if faint is not None and entry.coarse is not None:
            sharpness = coarser_where_faint(sharpness, entry.coarse, faint, transform,
                                            entry.valid, accumulation.fusion.mixed)
        if not is_covered(accumulation.shape, transform):  # it ends within the picture
            sharpness = faded(sharpness, _RIM, in_place=True)
        return FusionSlice(slices[entry.number].image, sharpness, transform,
                           _channel_gains(entry, level), entry.valid)

    with lasting_threads('fusion') as pool:
        return list(pool.results(fusion_slice, range(len(placed.entries))))


def _guide(accumulation: Accumulation, placed: Placed, sharpest: NDArray[np.uint8],
           estimate: DepthEstimate, luma_of_average: FloatImage, options: StackOptions
           ) -> GuideSource:
    """Return what decides how much of each slice enters; its noise is not raised yet."""
    span, levels = estimate.span, accumulation.noise_levels
    sharpest = warp(sharpest, reduced(placed.origin, 2))
    # A slice of something else is sharp where the index has missed nothing.
    missed = None if any(entry.link.reason for entry in placed.entries) else belying(
        sharpest, levels.sigma(luma_of_average))
    return GuideSource(
        accumulation.shape, estimate.calm, estimate.confidence, estimate.continuity,
        luma_of_average, sharpest, missed, accumulation.brightness.spread(), placed.origin,
        levels.table(), _BLUR_OF_SPAN_PX / (_HELD_BACK * span),
        options.fusion_depth_gate * slices_of_gate(span), alike_of(span, accumulation.noise),
        narrowed=NARROWED * max(1.0, slices_of_gate(span)))


def _under_light(light: int, accumulation: Accumulation, placed: Placed, level: Entry,
                 slices: Mapping[int, Slice], retained: Sequence[FusionSlice]
                 ) -> list[FusionSlice]:
    """Return the retained slices with their images under a further light, counted from 0."""
    return [replace(each, image=slices[entry.number].lights[light],
                    gain=accumulation.light_gains.relative(entry.number, level.number, light))
            for each, entry in zip(retained, placed.entries, strict=True)]
