# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS parameters generated from the declared options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from focus_stacking_ros.core.option import OptionError, OptionSpecification, specifications
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.parameter import Parameter

__all__ = ['declare_options', 'descriptor', 'options_guard', 'read_options']

OptionsT = TypeVar('OptionsT')

# Why a parameter cannot be changed once it was read, and the way out.
_WHY_FIXED: dict[str, str] = {
    'start': 'is read when the node starts; set it there',
    'first configuration': 'is read when the node is configured for the first time; set it when '
    'the node starts',
    'first activation': 'is read when the node is activated for the first time; set it when the '
    'node starts',
    'configuration': 'is read when the node is configured; clean the node up first',
    'activation': 'is read when the node is activated; deactivate the node first'}


def descriptor(specification: OptionSpecification, *, read_only: bool = False
               ) -> ParameterDescriptor:
    """Return the descriptor of an option: meaning, unit, range and choices."""
    text = specification.meaning
    if specification.unit:
        text += f' [{specification.unit}]'
    result = ParameterDescriptor(
        description=text, read_only=read_only,
        additional_constraints=specification.range_text if specification.choices
        or specification.odd else '')
    if isinstance(specification.default, tuple):
        result.dynamic_typing = True  # rclpy takes an empty list for one of bytes
        result.additional_constraints = f'a list of numbers {specification.range_text}'.rstrip()
        return result
    if specification.minimum is None or specification.maximum is None:
        return result
    if isinstance(specification.default, float):
        result.floating_point_range = [FloatingPointRange(
            from_value=float(specification.minimum), to_value=float(specification.maximum))]
    else:
        result.integer_range = [IntegerRange(
            from_value=int(specification.minimum), to_value=int(specification.maximum),
            step=2 if specification.odd else 1)]
    return result


def declare_options(node: Any, options_class: type[Any]) -> None:
    """
    Declare a parameter for every option of a class.

    :raises rclpy.exceptions.InvalidParameterValueException: an override is out of range
    """
    for specification in specifications(options_class):
        node.declare_parameter(
            specification.name, list(specification.default) if isinstance(
                specification.default, tuple) else specification.default,
            descriptor(specification))


def read_options(node: Any, options_class: type[OptionsT],
                 changes: Mapping[str, object] | None = None) -> OptionsT:
    """
    Build the options from the node's parameters.

    :param node: where the parameters were declared
    :param options_class: StackOptions or NodeOptions
    :param changes: values by parameter name that replace the current ones
    :raises OptionError: a value is illegal
    """
    changes = changes or {}
    values = {}
    for item in specifications(options_class):
        current = changes.get(item.name, node.get_parameter(item.name).value)
        values[item.attribute] = item.check(current)
    return options_class(**values)


def options_guard(
    node: Any, options_classes: tuple[type[Any], ...],
    past: Callable[[], Collection[str]], changed: Callable[[dict[type[Any], Any]], None],
    tell: Callable[[Mapping[str, object], str], None] = lambda _changes, _refusal: None,
) -> Callable[[list[Parameter]], SetParametersResult]:
    """
    Return a callback that checks parameter changes.

    :param node: where the parameters were declared
    :param options_classes: the options that are parameters
    :param past: returns which of 'start' to 'activation' have been and are not undone; what
        holds from then cannot be changed now
    :param changed: called with the options, by class, that an accepted change makes
    :param tell: called with the values that are to change, by name, and why they may not, '' if
        they may
    """
    known = {item.name: item.holds_from for options in options_classes
             for item in specifications(options)}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        ours = {parameter.name: parameter.value for parameter in parameters
                if parameter.name in known}
        if not ours:  # such as those of qualities of service, dozens where a node starts
            return SetParametersResult(successful=True)
        changes = {name: value for name, value in ours.items()
                   if node.get_parameter(name).value != value}
        try:
            over = past()
            for name in ours:
                if known[name] in over:
                    reason = f'{name} {_WHY_FIXED[known[name]]}'
                    tell(ours, reason)
                    return SetParametersResult(successful=False, reason=reason)
            options = {each: read_options(node, each, ours) for each in options_classes}
        except OptionError as error:
            tell(ours, str(error))
            return SetParametersResult(successful=False, reason=str(error))
        if changes:
            tell(changes, '')
        changed(options)
        return SetParametersResult(successful=True)

    return check
