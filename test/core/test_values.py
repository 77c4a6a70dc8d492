# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Immutable values do what those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

from focus_stacking_ros.core.values import dataclass
import pytest


@dataclass(frozen=True)
class Point:
    """A value with all that fields may have."""

    x: float
    y: float = 2.0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)
    hidden: int = dataclasses.field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            object.__setattr__(self, 'x', 0.0)


@dataclasses.dataclass(frozen=True)
class Usual:
    """The same by the standard library."""

    x: float
    y: float = 2.0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)
    hidden: int = dataclasses.field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            object.__setattr__(self, 'x', 0.0)


@pytest.mark.parametrize(('values', 'named'), [
    ((1.0,), {}), ((1.0, 3.0), {}), ((), {'x': 1.0}), ((1.0,), {'hidden': 4, 'y': 5.0}),
    ((-1.0, 3.0, ['a'], 9), {})])
def test_a_value_is_what_it_usually_is(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    value, usual = Point(*values, **named), Usual(*values, **named)
    assert vars(value) == vars(usual)
    assert repr(value) == repr(usual).replace('Usual', 'Point')
    assert dataclasses.asdict(value) == dataclasses.asdict(usual)
    assert hash(value) == hash(usual)
    assert value == Point(*values, **named)
    assert value != usual
    assert value != dataclasses.replace(value, y=7.0)
    assert copy.deepcopy(value) == value == pickle.loads(pickle.dumps(value))
    assert dataclasses.replace(value, tags=['other']) == value  # they are not compared


@pytest.mark.parametrize(('values', 'named'), [
    ((), {}), ((1, 2, [], 3, 4), {}), ((1,), {'x': 1}), ((1,), {'z': 1})])
def test_what_a_value_does_not_take_is_an_error(values: tuple[Any, ...],
                                                named: dict[str, Any]) -> None:
    for kind in (Point, Usual):
        with pytest.raises(TypeError, match=kind.__name__):
            kind(*values, **named)


def test_nothing_of_a_value_can_be_changed() -> None:
    value = Point(1.0)
    with pytest.raises(dataclasses.FrozenInstanceError, match='y'):
        value.y = 1.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match='new'):
        value.new = 1.0  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError, match='y'):
        del value.y
    assert vars(value) == {'x': 1.0, 'y': 2.0, 'tags': [], 'hidden': 0}


def test_values_do_not_share_what_is_made_for_each() -> None:
    assert Point(1.0).tags is not Point(1.0).tags


def test_it_is_told_what_a_value_takes() -> None:
    assert list(inspect.signature(Point).parameters) == ['x', 'y', 'tags', 'hidden']
    assert inspect.signature(Point).parameters['y'].default == 2.0
    assert inspect.signature(Point).parameters['x'].default is inspect.Parameter.empty


def test_what_may_change_is_of_the_standard_library() -> None:
    with pytest.raises(ValueError, match='standard library'):
        dataclass(frozen=False)
