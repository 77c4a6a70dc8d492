# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the results of all methods have in common: reference slice, metric depth, notes."""

from __future__ import annotations

from collections.abc import Sequence

from focus_stacking_ros.core.align.chain import Entry
from focus_stacking_ros.core.align.warping import view_area
from focus_stacking_ros.core.depth.curves import metres
from focus_stacking_ros.core.slices import FloatImage, ResultFault
from focus_stacking_ros.core.threads import by_bands
import numpy as np
from numpy.typing import NDArray

__all__ = ['choose_brightness', 'choose_reference', 'depth_deviation', 'implausible_distances',
           'metric_depth', 'stack_faults', 'stack_notes']

#: Views whose corners differ by less than this count as equally narrow, pixels.
_SAME_VIEW = 0.25
# Distances from which on steps are looked at, metres, and the shortest step there, dioptres: an
# aperture of 50 mm blurs by 0.05 mrad over it, which is half a pixel of a lens of 50 mm.
_FAR, _FAR_STEP = 10.0, 1e-3
_NEAR = 1e-3  # metres; no lens focuses so near, measured from its optical centre
_USUAL_BRIGHTNESS = 1.25  # ratio of the gains up to which a reference's brightness is usual


def choose_reference(entries: Sequence[Entry], rule: str, shape: tuple[int, ...]) -> Entry:
    """
    Choose the slice whose grid the results are delivered in.

    A slice that could not be registered may be anywhere, or black: it is chosen by no rule, but
    the nearest to it that could.

    :param entries: near to far
    :param rule: a choice of the option ``reference``
    :param shape: of a slice
    """
    usable = [entry for entry in entries if not entry.link.reason] or entries
    if rule in ('first', 'last'):
        return (min if rule == 'first' else max)(usable, key=lambda entry: entry.number)
    if rule == 'narrowest':
        areas = [view_area(entry.link.transform, (shape[0], shape[1])) for entry in usable]
        tolerance = 2 * _SAME_VIEW / float(np.hypot(shape[0], shape[1]) / 2)
        return next(entry for entry, area in zip(usable, areas, strict=True)
                    if area <= min(areas) * (1 + tolerance))
    ranks = {entry.number: rank for rank, entry in enumerate(entries)}
    wanted = {'nearest': 0, 'farthest': len(entries) - 1, 'middle': len(entries) // 2}[rule]
    return min(usable, key=lambda entry: abs(ranks[entry.number] - wanted))


def choose_brightness(entries: Sequence[Entry], reference: Entry) -> Entry:
    """
    Choose the slice whose brightness and colour the results have.

    The reference, unless its brightness is unusual: then that of the middle brightness.

    :param entries: of all slices
    :param reference: slice whose grid the results are delivered in
    """
    usable = sorted((entry for entry in entries if not entry.link.reason),
                    key=lambda entry: entry.link.gain) or [reference]
    middle = usable[len(usable) // 2]
    usual = max(middle.link.gain, reference.link.gain) <= _USUAL_BRIGHTNESS * min(
        middle.link.gain, reference.link.gain)
    return reference if usual and not reference.link.reason else middle


def metric_depth(index: FloatImage, distances: Sequence[float | None],
                 unknown: NDArray[np.bool_] | None) -> FloatImage:
    """
    Return the depth in metres, NaN where it is unknown or no slice has a distance.

    :param index: (H, W) float32 slice index
    :param distances: focus distance of each slice in metres, near to far, None where not metric
    :param unknown: (H, W), None where nothing is
    """
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return np.full(index.shape, np.nan, np.float32)

    def depth(rows: slice) -> FloatImage:
        band = metres(index[rows], known)
        if unknown is not None:
            band[unknown[rows]] = np.nan
        return band

    return by_bands(depth, np.empty_like(index), 'depth')


def depth_deviation(deviation: FloatImage, index: FloatImage, depth_m: FloatImage,
                    distances: Sequence[float | None]) -> FloatImage:
    """
    Return the standard deviation of the depth in metres, NaN where there is no depth.

    :param deviation: (H, W) float32 standard deviation of the index, slices; not looked at where
        there is no depth
    :param index: (H, W) float32 slice index
    :param depth_m: (H, W) float32 metres, NaN where unknown
    :param distances: focus distance of each slice in metres, near to far, None where not metric
    """
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return np.full(index.shape, np.nan, np.float32)
    # The index is linear in dioptres between slices, and dz = z² d(1 / z).
    per_slice = np.abs(np.diff(1 / np.asarray(known, np.float64))).astype(np.float32)

    def band(rows: slice) -> FloatImage:
        depth = depth_m[rows]
        step = per_slice[np.clip(index[rows].astype(np.intp), 0, len(per_slice) - 1)]
        return np.asarray(depth * depth * step * deviation[rows], np.float32)

    return by_bands(band, np.empty_like(index), 'depth')


def stack_notes(distances: Sequence[float | None]) -> tuple[str, ...]:
    """
    Return what the number of the slices and their positions mean for the depth.

    :param distances: focus distance of each slice, None where not metric
    """
    notes = []
    if len(distances) == 2:
        notes.append('two slices have no sub-slice peak: the depth is one of two planes')
    if None in distances:
        notes.append('the focus positions are not metric: there is a slice index but no depth')
    return tuple(notes)


def stack_faults(distances: Sequence[float | None]) -> dict[ResultFault, str]:
    """
    Return what may be wrong with the distances of the slices, a sentence each.

    :param distances: focus distance of each slice in metres, None where not metric
    """
    doubt = implausible_distances(distances)
    return {ResultFault.DISTANCES: doubt} if doubt else {}


def implausible_distances(distances: Sequence[float | None]) -> str:
    """
    Return why focus distances may be in another unit than metres, '' where they may well be.

    Far away the depth of field is long: the blur of a thin lens is aperture times difference in
    dioptres (as an angle), so a sweep whose steps no aperture could tell apart was not made
    there. Millimetres that are taken for metres are such sweeps. Nothing is told of a unit that
    makes distances that could be true.

    :param distances: focus distance of each slice in metres, None where not metric
    """
    known = sorted(distance for distance in distances if distance is not None)
    if len(known) < max(2, len(distances)):
        return ''
    what = f'the focus distances, {known[0]:g} to {known[-1]:g} m, are implausible: '
    if known[-1] < _NEAR:
        return (f'{what}no lens focuses so near; check whether the focus positions are in the '
                'unit they are taken for (focus.unit of the node)')
    step = float(np.median(-np.diff(1 / np.asarray(known))))
    if known[0] > _FAR and step < _FAR_STEP:
        return (f'{what}steps of {step:.1g} dioptres are too short to be told apart so far away; '
                'check whether the focus positions are in the unit they are taken for '
                '(focus.unit of the node), such as millimetres taken for metres')
    return ''
