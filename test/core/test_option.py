# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how tunables are declared and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, FrozenInstanceError
import math
from typing import ClassVar

from focus_stacking_ros.core.option import (
    check_options,
    HoldsFrom,
    option,
    OptionError,
    specifications,
)
import pytest


@dataclass(frozen=True)
class Lens:
    """Some options of every type."""

    name: str = option('tele', 'which lens', choices=('tele', 'wide'))
    focus_motor_on: bool = option(True, 'power of the motor', group='focus.motor')
    focus_motor_steps: int = option(7, 'steps', group='focus.motor', unit='steps',
                                    limits=(1, 31), odd=True)
    gain: float = option(0.5, 'gain', limits=(0.0, 1.0))
    label: str = option('', 'any words')
    free: float = option(0.0, 'any number')
    internal: int = field(default=3)

    def __post_init__(self) -> None:
        check_options(self)


def specification(name: str):
    return {item.name: item for item in specifications(Lens)}[name]


def test_every_declared_option_is_listed_in_order_and_nothing_else() -> None:
    assert [item.attribute for item in specifications(Lens)] == [
        'name', 'focus_motor_on', 'focus_motor_steps', 'gain', 'label', 'free']


def test_group_becomes_the_dotted_prefix_of_the_name() -> None:
    assert [item.name for item in specifications(Lens)] == [
        'name', 'focus.motor.on', 'focus.motor.steps', 'gain', 'label', 'free']


def test_flag_is_the_attribute_with_dashes() -> None:
    assert specification('focus.motor.steps').flag == '--focus-motor-steps'


def test_specification_carries_the_declaration() -> None:
    steps = specification('focus.motor.steps')
    assert (steps.default, steps.unit, steps.minimum, steps.maximum, steps.odd, steps.meaning) == (
        7, 'steps', 1, 31, True, 'steps')


def test_range_is_told_in_words() -> None:
    texts = {item.name: item.range_text for item in specifications(Lens)}
    assert texts == {'name': 'tele, wide', 'focus.motor.on': 'true, false',
                     'focus.motor.steps': '1 to 31, odd', 'gain': '0 to 1', 'label': '',
                     'free': ''}


def test_field_outside_its_group_is_an_error() -> None:
    @dataclass(frozen=True)
    class Misnamed:
        aperture: float = option(1.0, 'aperture', group='lens')

    with pytest.raises(OptionError, match='aperture'):
        list(specifications(Misnamed))


def test_integer_for_a_float_becomes_a_float() -> None:
    lens = Lens(gain=1)
    assert lens.gain == 1.0
    assert type(lens.gain) is float


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Lens().gain = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(('attribute', 'value', 'tells'), [
    ('gain', 'much', 'str'),
    ('gain', True, 'bool'),
    ('gain', None, 'NoneType'),
    ('gain', math.nan, '0 to 1'),
    ('gain', math.inf, '0 to 1'),
    ('gain', -0.001, '0 to 1'),
    ('gain', 1.001, '0 to 1'),
    ('free', math.nan, 'nan'),
    ('free', -math.inf, 'inf'),
    ('focus_motor_steps', 7.0, 'float'),
    ('focus_motor_steps', True, 'bool'),
    ('focus_motor_steps', 33, '1 to 31'),
    ('focus_motor_steps', 8, 'odd'),
    ('focus_motor_on', 1, 'int'),
    ('name', 'fisheye', 'tele, wide'),
    ('name', 3, 'int'),
    ('label', 3, 'int'),
])
def test_bad_value_is_an_error_that_names_option_and_reason(attribute, value, tells) -> None:
    with pytest.raises(OptionError) as caught:
        Lens(**{attribute: value})
    name = next(item.name for item in specifications(Lens) if item.attribute == attribute)
    assert str(caught.value).startswith(f'{name} is {value!r}')
    assert tells in str(caught.value)


@pytest.mark.parametrize(('attribute', 'value'), [
    ('gain', 0.0), ('gain', 1.0), ('focus_motor_steps', 1), ('focus_motor_steps', 31),
    ('name', 'wide'), ('focus_motor_on', False), ('label', 'x'), ('free', -1e30)])
def test_values_at_the_limits_are_legal(attribute, value) -> None:
    assert getattr(Lens(**{attribute: value}), attribute) == value


@dataclass(frozen=True)
class Table:
    """A list of numbers."""

    distances: tuple[float, ...] = option((), 'distances', limits=(0.0, 10.0))

    def __post_init__(self) -> None:
        check_options(self)


def test_a_list_of_numbers_becomes_a_tuple_of_floats() -> None:
    for given in ((1, 2.5), [1, 2.5], iter([1, 2.5])):
        distances = Table(distances=given).distances
        assert distances == (1.0, 2.5)
        assert all(type(value) is float for value in distances)
    assert Table().distances == ()


@pytest.mark.parametrize(('given', 'reason'), [
    (1.0, 'a list of numbers'), ('12', 'a list of numbers'), (None, 'a list of numbers'),
    (b'12', 'a list of numbers'), ([True], 'a list of numbers'), (['1'], 'a list of numbers'),
    ([1.0, 11.0], '0 to 10'), ([-0.1], '0 to 10'), ([math.nan], '0 to 10')])
def test_what_is_no_list_of_numbers_in_the_range_is_refused(given: object, reason: str) -> None:
    with pytest.raises(OptionError, match=f'distances .*{reason}'):
        Table(distances=given)


def test_from_when_an_option_holds_is_its_own_or_that_of_its_class() -> None:
    @dataclass(frozen=True)
    class Sweep:
        HOLDS_FROM: ClassVar[HoldsFrom] = 'next sweep'

        near: float = option(0.0, 'nearest')
        node: str = option('', 'of the stack', holds_from='start')

    @dataclass(frozen=True)
    class Stack:
        size: int = option(3, 'slices')

    assert [item.holds_from for item in specifications(Sweep)] == ['next sweep', 'start']
    assert [item.holds_from for item in specifications(Stack)] == ['next stack']
    with pytest.raises(OptionError, match=r"from 'tomorrow'; it can from: start, .*now"):
        option(1, 'one', holds_from='tomorrow')
