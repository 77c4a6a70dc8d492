# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Immutable values: `dataclasses.dataclass` with ``frozen=True``, made many times faster.

That of the standard library writes the source text of half a dozen methods of every class and
compiles it, at every start of a process. Here all classes share theirs.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    def dataclass(*, frozen):
        """Return what makes a class one of immutable values; ``frozen`` is True."""
        if not frozen:
            raise ValueError('what may change is a dataclass of the standard library')
        return _made

__all__ = ['dataclass']


def _made(cls: type[Any]) -> type[Any]:
    """Add what `dataclasses.dataclass` with ``frozen=True`` adds, but for the order."""
    cls = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    cls.__dataclass_params__.frozen = True
    cls.__dataclass_params__.init = True
    added = {'__init__': _initializer(cls), '__signature__': _Signature(), '__repr__': _repr,
             '__eq__': _equal, '__hash__': _hash, '__setattr__': _refuse_to_set,
             '__delattr__': _refuse_to_delete}
    for name, function in added.items():
        if name not in cls.__dict__:
            setattr(cls, name, function)
    return cls


def _initializer(cls: type[Any]) -> Any:
    """Return the method that takes a value for every field, by place or by name."""
    items = dataclasses.fields(cls)
    names = tuple(item.name for item in items)
    usual = {item.name: item.default for item in items if item.default is not dataclasses.MISSING}
    made = {item.name: item.default_factory for item in items
            if item.default_factory is not dataclasses.MISSING}
    after = hasattr(cls, '__post_init__')

    def __init__(self: Any, /, *values: Any, **named: Any) -> None:  # noqa: N807 - is set as that
        if len(values) > len(names):
            raise TypeError(f'{cls.__name__} takes {len(names)} values, got {len(values)}')
        state = self.__dict__
        state.update(zip(names, values, strict=False))
        for name, value in named.items():
            if name in state or name not in names:
                raise TypeError(f'{cls.__name__} has no value {name}, or has got it already')
            state[name] = value
        if len(state) < len(names):
            for name in names:
                if name in state:
                    continue
                if name in made:
                    state[name] = made[name]()
                elif name in usual:
                    state[name] = usual[name]
                else:
                    raise TypeError(f'{cls.__name__} needs a value {name}')
        if after:
            self.__post_init__()
    return __init__


class _Signature:
    """Tells `inspect.signature` what a class takes, once somebody asks."""

    def __get__(self, _instance: Any, owner: type[Any]) -> Any:
        from inspect import Parameter, Signature
        return Signature([
            Parameter(item.name, Parameter.POSITIONAL_OR_KEYWORD, annotation=item.type,
                      default=Parameter.empty if item.default is item.default_factory
                      else item.default)
            for item in dataclasses.fields(owner)], return_annotation=None)


def _compared(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, item.name) for item in dataclasses.fields(value) if item.compare)


def _equal(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    words = (f'{item.name}={getattr(self, item.name)!r}' for item in dataclasses.fields(self)
             if item.repr)
    return f'{self.__class__.__qualname__}({", ".join(words)})'


def _refuse_to_set(_self: Any, name: str, _value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f'cannot assign to field {name!r}')


def _refuse_to_delete(_self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f'cannot delete field {name!r}')
