# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NodeOptions: the tunables of the stacking node that are not the algorithm's."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.backend import BACKEND_CHOICES
from focus_stacking_ros.core.calibration import FOCUS_UNITS
from focus_stacking_ros.core.option import check_options, option
from focus_stacking_ros.core.session import STACK_ENDS

__all__ = ['NodeOptions']


@dataclass(frozen=True)
class NodeOptions:
    """
    Tunables of the stacking node; declared like StackOptions, used in the same way.

    :raises OptionError: an option has a wrong type or is outside its range
    """

    backend: str = option(
        'auto', 'who does the per-slice work; auto takes the first that works here',
        choices=BACKEND_CHOICES)
    autostart: bool = option(
        True, 'configure and activate the node at start; false leaves that to a lifecycle '
        'manager')

    input_transport: str = option(
        'raw', 'subscribe image (raw) or image/compressed (compressed)', group='input',
        choices=('raw', 'compressed'))
    input_reliability: str = option(
        'auto', 'reliability of the subscriptions; auto is best effort only where every '
        'publisher of the images is', group='input',
        choices=('auto', 'reliable', 'best_effort'))
    input_depth: int = option(
        20, 'messages that the subscriptions and the pairing keep', group='input',
        unit='messages', limits=(1, 1000))

    focus_unit: str = option(
        'metres', 'unit of the focus position; raw positions order the slices but give no '
        'metric depth', group='focus', choices=FOCUS_UNITS)
    focus_offset_metres: float = option(
        0.0, 'added to the focus distance; a lens scale that counts from the sensor needs a '
        'negative one', group='focus', unit='metres', limits=(-10.0, 10.0))

    stack_end: str = option(
        'count', 'what ends a stack: count (stack.size slices), reversal (the focus sweep turns '
        'or jumps back) or service (~/process); stack.timeout always does', group='stack',
        choices=STACK_ENDS)
    stack_size: int = option(
        10, 'slices of a stack', group='stack', unit='slices', limits=(2, 255))
    stack_timeout: float = option(
        5.0, 'time since the last slice after which a stack ends', group='stack',
        unit='seconds', limits=(0.05, 86400.0))

    output_stamp: str = option(
        'last', 'stamp of the results: that of the last slice or of the reference slice',
        group='output', choices=('last', 'reference'))
    depth_encoding: str = option(
        '32FC1', 'encoding of the depth image: metres (32FC1) or millimetres (16UC1, 0 is none)',
        group='depth', choices=('32FC1', '16UC1'))
    preview_near: float = option(
        0.0, 'depth shown as nearest in the preview; 0 for both ends: the range of each result',
        group='preview', unit='metres', limits=(0.0, 1000.0))
    preview_far: float = option(
        0.0, 'depth shown as farthest in the preview', group='preview', unit='metres',
        limits=(0.0, 1000.0))

    def __post_init__(self) -> None:
        check_options(self)
