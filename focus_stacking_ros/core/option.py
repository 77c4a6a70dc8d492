# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How a tunable is declared: one dataclass field with its name, unit, range and meaning.

>>> @dataclass(frozen=True)
... class Options:
...     depth_limit: float = option(
...         0.5, 'greatest depth', group='depth', unit='m', limits=(0, 10))
>>> limit, = specifications(Options)
>>> limit.name, limit.flag, limit.range_text
('depth.limit', '--depth-limit', '0 to 10')
>>> limit.check(11)
Traceback (most recent call last):
    ...
focus_stacking_ros.core.option.OptionError: depth.limit is 11.0; it takes 0 to 10
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, Field, field, fields, MISSING
import math
from typing import Any, get_args, Literal

__all__ = ['HoldsFrom', 'OptionError', 'OptionSpecification', 'check_options', 'option',
           'specifications']

#: When a node reads a parameter, and so from when on a change of it holds.
HoldsFrom = Literal[
    'start', 'first configuration', 'first activation', 'configuration', 'activation',
    'next stack', 'next sweep', 'now']

Value = bool | int | float | str | tuple[float, ...]


class OptionError(ValueError):
    """An option has a value of the wrong type or outside its range."""


@dataclass(frozen=True)
class OptionSpecification:
    """
    Everything known about one tunable; parameters, flags and docs are generated from it.

    :param attribute: name of the dataclass field, such as ``depth_min_confidence``
    :param name: dotted parameter name, such as ``depth.min_confidence``
    :param default: default value; its type is the option's type, a tuple is a list of numbers
    :param meaning: one sentence for a user
    :param unit: unit of the value, '' where it has none
    :param minimum: smallest legal number, None where unbounded or not a number
    :param maximum: largest legal number, None where unbounded or not a number
    :param choices: the legal strings, empty where any is legal
    :param odd: whether an integer must be odd
    :param holds_from: from when on a change of the parameter holds
    """

    attribute: str
    name: str
    default: Value
    meaning: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    odd: bool = False
    holds_from: HoldsFrom = 'next stack'

    @property
    def flag(self) -> str:
        """Command-line flag, such as ``--depth-min-confidence``."""
        return '--' + self.attribute.replace('_', '-')

    @property
    def range_text(self) -> str:
        """Legal values in words, for help texts and tables."""
        if self.choices:
            return ', '.join(self.choices)
        if isinstance(self.default, bool):
            return 'true, false'
        if self.minimum is None or self.maximum is None:
            return ''
        return f'{self.minimum:.15g} to {self.maximum:.15g}' + (', odd' if self.odd else '')

    def check(self, value: object) -> Value:
        """
        Return ``value`` in the option's own type.

        :raises OptionError: wrong type, not finite, out of range or not one of the choices
        """
        kind = type(self.default)
        if kind is tuple:
            return self._check_numbers(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise OptionError(
                f'{self.name} is {value!r}, a {type(value).__name__}; it takes a {kind.__name__}')
        assert isinstance(value, (bool, int, float, str))
        if self.choices and value not in self.choices:
            raise OptionError(f'{self.name} is {value!r}; it takes one of: {self.range_text}')
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            # The comparison is false for NaN, which no option takes.
            if not (math.isfinite(value) and low <= value <= high):
                raise OptionError(f'{self.name} is {value!r}; it takes {self.range_text}')
            if self.odd and value % 2 == 0:
                raise OptionError(f'{self.name} is {value!r}; it takes an odd number')
        return value

    def _check_numbers(self, value: object) -> tuple[float, ...]:
        """Return a list of numbers, each of which must be in the range, as a tuple of floats."""
        items = tuple(value) if isinstance(value, Iterable) and not isinstance(
            value, (str, bytes)) else None
        if items is None or not all(isinstance(item, (int, float)) and not isinstance(item, bool)
                                    for item in items):
            raise OptionError(f'{self.name} is {value!r}; it takes a list of numbers')
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        for item in items:
            if not (math.isfinite(item) and low <= item <= high):
                raise OptionError(f'{self.name} has {item!r} in it; it takes {self.range_text}')
        return tuple(float(item) for item in items)


def option(
    default: Value,
    meaning: str,
    *,
    group: str = '',
    unit: str = '',
    limits: tuple[float, float] | None = None,
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] = (),
    odd: bool = False,
    holds_from: HoldsFrom | None = None,
) -> Any:
    """
    Declare a tunable as a dataclass field.

    :param default: default value; its type becomes the option's type
    :param meaning: one sentence for a user
    :param group: leading words of the field's name that become the dotted prefix of the parameter
    :param unit: unit of the value
    :param limits: smallest and largest legal number
    :param choices: the legal strings, or what returns them where they are in a table that grows
    :param odd: whether an integer must be odd
    :param holds_from: from when on a change of the parameter holds; by default what the class
        variable ``HOLDS_FROM`` says, else from the next stack on
    """
    if holds_from is not None and holds_from not in get_args(HoldsFrom):
        raise OptionError(f'an option cannot hold from {holds_from!r}; it can from: '
                          f'{", ".join(get_args(HoldsFrom))}')
    minimum, maximum = limits if limits is not None else (None, None)
    return field(default=default, metadata={'option': {
        'meaning': meaning, 'group': group, 'unit': unit, 'minimum': minimum,
        'maximum': maximum, 'choices': choices, 'odd': odd,
        'holds_from': holds_from}})


def _specification(item: Field[Any], holds_from: HoldsFrom) -> OptionSpecification:
    facts = dict(item.metadata['option'])
    facts['holds_from'] = facts['holds_from'] or holds_from
    group = facts.pop('group')
    if callable(facts['choices']):
        facts['choices'] = facts['choices']()
    name = item.name
    if group:
        prefix = group.replace('.', '_') + '_'
        if not name.startswith(prefix):
            raise OptionError(f'field {name} is not named after its group {group}')
        name = f'{group}.{name[len(prefix):]}'
    assert item.default is not MISSING
    return OptionSpecification(item.name, name, item.default, **facts)


def specifications(options_class: type[Any]) -> Iterator[OptionSpecification]:
    """Yield the specification of every option of a dataclass, in the order of declaration."""
    for item in fields(options_class):
        if 'option' in item.metadata:
            yield _specification(item, getattr(options_class, 'HOLDS_FROM', 'next stack'))


def check_options(options: Any) -> None:
    """
    Check every option of a frozen dataclass instance; integers given for floats are converted.

    :raises OptionError: an option has a wrong type or is outside its range
    """
    for specification in specifications(type(options)):
        value = specification.check(getattr(options, specification.attribute))
        object.__setattr__(options, specification.attribute, value)
