# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Refusal: every reason for which a slice is not part of its stack, and what mends it."""

from __future__ import annotations

from enum import Enum

__all__ = ['Refusal', 'RefusedError', 'refusal_table']


class Refusal(Enum):
    """
    Why a slice is refused; the message of each case has the figures.

    The counters of the nodes, ``refusal`` in the report and the table in ``docs/faults.md`` come
    from here.

    :ivar code: key for counters and reports
    :ivar meaning: what is wrong, for a user
    :ivar remedy: the option or the action that mends it
    """

    SIZE = (
        'size', 'its width and height are not those of the first slice, or less than 3 pixels',
        'a new stack (`~/reset`) after a change of the size')
    ENCODING = (
        'encoding', 'its channels or bits are not those of the first slice, or of a kind that is '
        'not known', 'a new stack (`~/reset`) after a change of the encoding; the message lists '
        'the encodings')
    BITS = (
        'bits', 'a pixel has more significant bits than are given, or than the slices before it, '
        'of which `method: streaming` keeps none to work on anew',
        '`input.significant_bits`')
    MASK = (
        'mask', 'its mask of valid pixels does not fit it, or leaves none: it is transparent',
        'the file, or who makes the mask')
    DARK = (
        'dark', 'it is nearly black beside a later slice, with which `method: streaming` begins '
        'anew', 'an exposure that is the same for all slices, or `input.significant_bits`')
    LIGHTS = (
        'lights', 'it has not as many images at its focus position as `stack.lights` says',
        '`stack.lights`, or who switches the lights: each image with the same focus position, '
        'none lost')
    PAYLOAD = (
        'payload', 'its data are cut short, do not fit what is said of them, or are no image',
        'the driver, or the file')
    POSITION = (
        'position', 'its focus position is not finite, no positive distance or beyond the table, '
        'or it has a distance and the others have none',
        'the source of the positions; `focus.unit`, `focus.table`')
    UNIT = (
        'unit', 'its typed focus position has another unit than `focus.unit`, none, or a distance '
        'in metres that contradicts it', 'the sender of the positions; `focus.unit`')
    MAGNIFICATION = (
        'magnification', 'its magnification is not finite and positive',
        '`alignment.magnification_per_dioptre`, or the calibration of the camera')
    ORDER = (
        'order', 'it does not continue the sweep, and `method: streaming` keeps no slices to sort',
        'a monotone sweep, or another `method`')
    MEMORY = (
        'memory', 'the stack has as many slices as it can hold',
        '`fusion.max_retained_megabytes`, `method: streaming`, or an earlier end of the stack')
    MOTION = (
        'motion', 'the camera has moved since the first slice, or TF does not say where it was',
        'an arm that stands still in a sweep; `motion.max_metres`, `motion.wait`')
    REPLACED = (
        'replaced', 'a later slice has the same position and took its place',
        'nothing, where that was wanted; else one position for each slice')

    def __init__(self, code: str, meaning: str, remedy: str) -> None:
        self.code, self.meaning, self.remedy = code, meaning, remedy


def refusal_table() -> str:
    """Return all refusals as a Markdown table, one row each."""
    rows = [('Code', 'A slice is refused because', 'What mends it'), ('---',) * 3,
            *((f'`{each.code}`', each.meaning, each.remedy) for each in Refusal)]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows) + '\n'


class RefusedError(ValueError):
    """
    Something was refused.

    :param refusal: the kind of reason
    :param message: the reason, with its figures and the way out
    """

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal

    @property
    def code(self) -> str:
        """Short key for counters."""
        return self.refusal.code
