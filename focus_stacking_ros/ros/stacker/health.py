# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the operator reads about the stacking node: entries node, input and stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_stacking_ros.core.stack.backend import Backend
from focus_stacking_ros.ros.node.diagnostics import Health
from focus_stacking_ros.ros.node.faults import Faults
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker

__all__ = ['input_health', 'node_health', 'stack_health']


def node_health(active: bool, backend: Backend | None, timings_ms: Mapping[str, Any],
                counters: Mapping[str, int], faults: Faults) -> Health:
    """
    Return the entry of the node itself.

    :param active: whether it is active
    :param backend: None while there is none; its problem is shown
    :param timings_ms: of the latest result, milliseconds
    :param counters: of refused services and parameters, and of errors
    :param faults: those of the entry ``node`` are shown
    """
    values: dict[str, object] = {'active': active}
    problem = ''
    if backend is not None:
        values['backend'], problem = backend.name, backend.problem
        values.update({f'{step} [ms]': value for step, value in timings_ms.items()})
    inactive = '' if active else 'the node is not active'
    return Health('node', {**values, **counters}, '; '.join(
        words for words in (inactive, problem, faults.warning('node')) if words),
        faults.error('node'))


def input_health(source: SliceInput, faults: Faults) -> Health:
    """
    Return the entry of the inputs.

    :param source: the inputs
    :param faults: those of the entry ``input`` are shown
    """
    pairing = source.pairing
    values = {**source.counters, 'untagged images': pairing.untagged_images,
              'positions without image': pairing.tags_without_image,
              'repeated stamps': pairing.repeated_stamps}
    mismatch = ('a publisher offers a quality of service that does not fit: '
                + ', '.join(source.mismatched)) if source.mismatched else ''
    return Health('input', values, '; '.join(
        words for words in (source.publishers, faults.warning('input')) if words),
        '; '.join(words for words in (mismatch, faults.error('input')) if words))


def stack_health(stacker: MessageStacker, waiting: int, faults: Faults) -> Health:
    """
    Return the entry of the running stack and those before it.

    :param stacker: of the node
    :param waiting: slices that wait to be stacked
    :param faults: those of the entry ``stack`` are shown
    """
    values: dict[str, object] = {
        'slices in the running stack': len(stacker),
        'slices of a stack': stacker.size or stacker.end, 'waiting slices': waiting,
        'options that wait for the next stack': stacker.options_wait, **stacker.counters}
    return Health('stack', values, faults.warning('stack'), faults.error('stack'))
