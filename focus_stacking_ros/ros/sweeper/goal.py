# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The goal of a sweep action as options of the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math
from typing import Any

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS
from focus_stacking_ros.core.optics.range_search import RangeError
from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.messages.focus_position import unit_number
from focus_stacking_ros.ros.sweeper.options import SweepOptions

__all__ = ['RANGE_AUTO', 'GoalError', 'ordered']

#: As in focus_stacking_interfaces/Sweep.Goal: the range is to be found.
RANGE_AUTO = 1

_LEAST_POSITIONS = 2


class GoalError(ValueError):
    """No sweep can be made of a goal; the words say why."""


def ordered(goal: Any, options: SweepOptions) -> SweepOptions:
    """
    Return the options of a sweep with what its goal says.

    Whether the ends make a sweep is found when its positions are chosen, as for parameters.

    :param goal: focus_stacking_interfaces/Sweep.Goal
    :param options: what holds where the goal is silent
    :raises GoalError: the goal contradicts itself or the parameters, or a value is impossible
    """
    near, far = _number('near', goal.near), _number('far', goal.far)
    count, step = _one('count', goal.count), _number('step', goal.step)
    if goal.unit and goal.unit != unit_number(options.focus_unit):
        name = FOCUS_UNITS[goal.unit - 1] if goal.unit <= len(FOCUS_UNITS) else goal.unit
        raise GoalError(f'the goal is in {name}, and the sweeper in {options.focus_unit}; set '
                        'its focus.unit, or give the goal in its unit')
    if goal.range == RANGE_AUTO:
        if count is not None or step is not None:
            raise GoalError('the goal has a count or a step, and its range is to be found, which '
                            'gives both; leave them empty, or set range to RANGE_GIVEN')
        return _with_travel(options, near, far)
    if goal.range:
        raise GoalError(f'the goal has a range of {goal.range}; it is RANGE_GIVEN or RANGE_AUTO')
    if count is not None and step is not None:
        raise GoalError(f'the goal has a count, {count}, and a step, {step:g}; give one of them')
    if count is not None and count < _LEAST_POSITIONS:
        raise GoalError(f'the goal has a count of {count}; a stack takes at least '
                        f'{_LEAST_POSITIONS} positions')
    given = {'sweep_near': near, 'sweep_far': far, 'sweep_count': count, 'sweep_step': step}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return options
    if options.sweep_positions:
        if near is None or far is None:
            raise GoalError('the sweeper has a list, sweep.positions; a goal that changes it '
                            'gives both near and far')
        changes['sweep_positions'] = ()
    if step is not None:
        changes['sweep_count'] = 0  # follows from the step
    try:
        return replace(options, **changes)
    except OptionError as error:
        raise GoalError(f'the goal is not possible: {error}') from error


def _with_travel(options: SweepOptions, near: float | None, far: float | None) -> SweepOptions:
    try:
        changed = replace(options, range_near=options.range_near if near is None else near,
                          range_far=options.range_far if far is None else far)
        changed.travel()
    except (OptionError, RangeError) as error:
        raise GoalError(f'the goal is not possible: {error}') from error
    return changed


def _one(name: str, values: Sequence[Any]) -> Any | None:
    if len(values) > 1:
        raise GoalError(f'{name} of the goal holds {len(values)} values; it takes one at most')
    return values[0] if len(values) else None


def _number(name: str, values: Sequence[float]) -> float | None:
    value = _one(name, values)
    if value is not None and not math.isfinite(value):
        raise GoalError(f'{name} of the goal is {value}; leave it empty where it is to be that of '
                        'the parameters')
    return None if value is None else float(value)
