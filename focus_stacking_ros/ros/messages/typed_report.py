# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a stack as a typed message."""

from __future__ import annotations

from collections.abc import Mapping
import math
from typing import Any

from rclpy.parameter import Parameter

__all__ = ['typed_report']

_NO_TRANSFORM = (math.nan,) * 9


def typed_report(kinds: Any, report: Mapping[str, Any]) -> Any:
    """
    Return a focus_stacking_interfaces/StackReport.

    :param kinds: has StackReport, SliceReport and StepDuration
    :param report: what the topic ``report`` says in JSON; what it does not say, as that of another
        version may not, is what the message has by default
    """
    message = kinds.StackReport(
        slices=[_slice(kinds, frame) for frame in report.get('frames', ())],
        reference=int(report.get('reference') or 0),
        noise_sigma=_number(report.get('noise_sigma')),
        significant_bits=int(report.get('significant_bits') or 0),
        notes=[str(note) for note in report.get('notes', ())],
        backend=str(report.get('backend', '')),
        backend_choice=str(report.get('backend_choice', '')),
        options=[Parameter(name, value=value).to_parameter_msg()
                 for name, value in sorted(report.get('options', {}).items())
                 if value is not None],
        durations=[_duration(kinds, step, milliseconds)
                   for step, milliseconds in report.get('timings_ms', {}).items()],
        version=str(report.get('version', '')))
    _fill_header(message.header, report)
    intrinsics = report.get('intrinsics')
    if isinstance(intrinsics, Mapping):
        message.has_intrinsics = True
        message.intrinsics_origin = str(intrinsics['origin'])
        message.focal_length = [_number(value) for value in intrinsics['focal_pixels']]
        message.principal_point = [_number(value) for value in intrinsics['centre_pixels']]
        message.distortion = [_number(value) for value in intrinsics['distortion']]
    elif intrinsics:
        message.intrinsics_origin = str(intrinsics)
    return message


def _slice(kinds: Any, frame: Mapping[str, Any]) -> Any:
    transform = frame.get('transform')
    rank = frame.get('rank')
    message = kinds.SliceReport(
        number=int(frame['number']), position=_number(frame.get('position')),
        focus_distance=_number(frame.get('focus_distance_m')), accepted=bool(frame['accepted']),
        refusal=str(frame.get('refusal') or ''), reason=str(frame.get('reason') or ''),
        rank=-1 if rank is None else int(rank),
        transform=list(_NO_TRANSFORM) if transform is None else [
            _number(value) for row in transform for value in row],
        gain=_number(frame.get('gain')), gains=[_number(value) for value in frame['gains']],
        residual=_number(frame.get('residual')), misfit=_number(frame.get('misfit_px')))
    _fill_header(message.header, frame)
    message.light_stamps = [
        type(message.header.stamp)(sec=stamp['sec'], nanosec=stamp['nanosec'])
        for stamp in frame.get('light_stamps', ())]
    return message


def _fill_header(header: Any, said: Mapping[str, Any]) -> None:
    stamp = said.get('stamp') or {}
    header.stamp.sec, header.stamp.nanosec = stamp.get('sec', 0), stamp.get('nanosec', 0)
    header.frame_id = str(said.get('frame_id', ''))


def _duration(kinds: Any, step: str, milliseconds: float) -> Any:
    message = kinds.StepDuration(step=step)
    nanoseconds = round(milliseconds * 1e6)
    message.duration.sec, message.duration.nanosec = divmod(nanoseconds, 1_000_000_000)
    return message


def _number(value: float | None) -> float:
    """Return a number; JSON has no word for one that is none."""
    return math.nan if value is None else float(value)
