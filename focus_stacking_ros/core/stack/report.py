# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of one stack: JSON-ready values for the topic and the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
import math
from typing import Any

from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.version import __version__

__all__ = ['stack_report']


def stack_report(result: StackResult, options: StackOptions,
                 details: Mapping[int, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """
    Return what there is to say about a stack.

    :param result: the stack's result
    :param options: the options it was made with
    :param details: more to say per input number, such as its file or its stamp
    :returns: ``frames`` (one per input: the details, focus_distance_m, rank, transform as 3x3
        reference pixel -> slice pixel, gain, residual, misfit_px, accepted, reason and, where it
        is refused, the code of its refusal), ``reference`` (input number), ``noise_sigma``,
        ``significant_bits``, ``notes``, ``options``, ``backend``, ``backend_choice``,
        ``timings_ms``, ``version``; values JSON has no word for, such as NaN, are null
    """
    frames = [{**(details or {}).get(report.number, {}), **report.as_dict()}
              for report in result.reports]
    return _plain({
        'frames': frames, 'reference': result.reference, 'noise_sigma': result.noise_sigma,
        'significant_bits': result.significant_bits,
        'notes': list(result.notes), 'options': asdict(options), 'backend': result.backend,
        'backend_choice': result.backend_choice,
        'timings_ms': {step: round(value, 2) for step, value in result.timings_ms.items()},
        'version': __version__})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
