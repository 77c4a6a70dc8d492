# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A stand-in for launch and launch_ros, which are not on PyPI: what a launch file would start.

It has what the launch files of this package use, no more, and starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
import runpy
from types import ModuleType, SimpleNamespace
from typing import Any

import yaml

__all__ = ['Launched', 'launch_modules', 'launched']


class _Substitution:
    """A text that is known when the file is launched."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def perform(self, context: Any) -> str:  # noqa: ARG002
        """Return the text."""
        return str(self.parts[0])


class _Configuration(_Substitution):
    def perform(self, context: Any) -> str:
        return context.values[self.parts[0]]


class _Path(_Substitution):
    def perform(self, context: Any) -> str:
        return '/'.join(_text(part, context) for part in self.parts[0])


class _Share(_Substitution):
    def perform(self, context: Any) -> str:
        assert self.parts[0] == 'focus_stacking_ros'
        return str(context.share)


class _Record(SimpleNamespace):
    """An action with its arguments."""

    kind = ''


def _action(name: str, *positional: str) -> type:
    def begin(self: _Record, *arguments: Any, **keywords: Any) -> None:
        SimpleNamespace.__init__(self, **dict(zip(positional, arguments, strict=False)),
                                 **keywords)
    return type(name, (_Record,), {'__init__': begin, 'kind': name})


@dataclass
class Launched:
    """What would be started."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    """Arguments of each Node, substitutions performed."""
    processes: list[dict[str, Any]] = field(default_factory=list)
    """Arguments of each ExecuteProcess, substitutions performed."""
    declared: dict[str, str] = field(default_factory=dict)
    """Description of each argument of the outermost file."""
    included: list[tuple[str, set[str], set[str]]] = field(default_factory=list)
    """Of each included file: its path, the arguments given, and those it declares."""
    set_parameters: dict[str, Any] = field(default_factory=dict)
    """Parameters of all nodes."""


def launch_modules() -> dict[str, ModuleType]:
    """Return the modules by name, for sys.modules."""
    content = {
        'launch': {'LaunchDescription': _action('LaunchDescription', 'entities')},
        'launch.actions': {
            'DeclareLaunchArgument': _action('DeclareLaunchArgument', 'name'),
            'ExecuteProcess': _action('ExecuteProcess'),
            'IncludeLaunchDescription': _action('IncludeLaunchDescription', 'source'),
            'LogInfo': _action('LogInfo'), 'OpaqueFunction': _action('OpaqueFunction')},
        'launch.launch_description_sources': {'PythonLaunchDescriptionSource': _Substitution},
        'launch.substitutions': {
            'LaunchConfiguration': _Configuration, 'PathJoinSubstitution': _Path},
        'launch_ros': {},
        'launch_ros.actions': {
            'Node': _action('Node'), 'SetParameter': _action('SetParameter', 'name', 'value')},
        'launch_ros.parameter_descriptions': {
            'ParameterValue': _action('ParameterValue', 'value')},
        'launch_ros.substitutions': {'FindPackageShare': _Share}}
    modules = {}
    for name, values in content.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
    return modules


def launched(file: Path, share: Path, arguments: Mapping[str, str]) -> Launched:
    """
    Return what a launch file would start; launch_modules must be in sys.modules.

    :param share: stands for the share folder of the package
    :param arguments: as on the command line
    """
    found = Launched()
    context = SimpleNamespace(values=dict(arguments), share=share)
    _visit(_description(file).entities, context, found, found.declared)
    return found


def _description(file: str | Path) -> Any:
    return runpy.run_path(str(file))['generate_launch_description']()


def _text(value: Any, context: Any) -> Any:
    """Return a value with its substitutions performed."""
    if isinstance(value, _Substitution):
        return value.perform(context)
    if isinstance(value, _Record):  # a ParameterValue: what the text says as YAML, of its type
        return value.value_type(yaml.safe_load(_text(value.value, context)))
    if isinstance(value, dict):
        return {key: _text(item, context) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_text(item, context) for item in value)
    return value


def _visit(entities: list[Any], context: Any, found: Launched, declared: dict[str, str]) -> None:
    for entity in entities:
        if entity.kind == 'DeclareLaunchArgument':
            declared[entity.name] = entity.description
            if hasattr(entity, 'default_value'):
                context.values.setdefault(entity.name, _text(entity.default_value, context))
        elif entity.kind == 'OpaqueFunction':
            _visit(entity.function(context), context, found, declared)
        elif entity.kind == 'IncludeLaunchDescription':
            path = _text(entity.source.parts[0], context)
            given = {name: _text(value, context) for name, value in entity.launch_arguments}
            context.values.update(given)
            inner: dict[str, str] = {}
            _visit(_description(path).entities, context, found, inner)
            found.included.append((path, set(given), set(inner)))
        elif entity.kind == 'SetParameter':
            found.set_parameters[entity.name] = _text(entity.value, context)
        elif entity.kind == 'Node':
            found.nodes.append({key: _text(value, context) for key, value in vars(entity).items()})
        elif entity.kind == 'ExecuteProcess':
            found.processes.append(
                {key: _text(value, context) for key, value in vars(entity).items()})
