# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the focus position of an image comes from; each source is a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focus_stacking_ros.ros.stacker.focus_sources.diagnostics import DiagnosticsSource
from focus_stacking_ros.ros.stacker.focus_sources.float32 import Float32Source
from focus_stacking_ros.ros.stacker.focus_sources.joint_state import JointStateSource
from focus_stacking_ros.ros.stacker.focus_sources.point import PointSource
from focus_stacking_ros.ros.stacker.focus_sources.source import FocusSource, OnTag, Warn
from focus_stacking_ros.ros.stacker.focus_sources.transform import TransformSource
from focus_stacking_ros.ros.stacker.focus_sources.typed import TypedSource
from focus_stacking_ros.ros.stacker.options import NodeOptions

__all__ = ['FocusSource', 'create_source']


def create_source(options: NodeOptions, tag: OnTag, warn: Warn,
                  now: Callable[[], int]) -> FocusSource:
    """
    Return the source that ``focus.source`` names.

    :param options: of the node
    :param tag: called with a stamp and the focus position, in ``focus.unit``, of the image that
        carries it
    :param warn: called with a kind of fault and a sentence when tags are missing or doubtful
    :param now: the node's clock, nanoseconds
    """
    makers: dict[str, Callable[[], Any]] = {
        'point': lambda: PointSource(tag),
        'joint_state': lambda: JointStateSource(
            options.focus_joint, options.focus_joint_gap, options.input_depth, tag, warn),
        'float32': lambda: Float32Source(tag, warn, now),
        'diagnostics': lambda: DiagnosticsSource(
            options.focus_diagnostics_key, options.focus_diagnostics_hardware, tag, warn),
        'tf': lambda: TransformSource(tag),
        'typed': lambda: TypedSource(tag)}
    source: FocusSource = makers[options.focus_source]()
    return source
