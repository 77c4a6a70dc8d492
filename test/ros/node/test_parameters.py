# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the ROS parameters that are generated from the declared options, with real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from focus_stacking_ros.core.option import option, OptionError, specifications
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.ros.node.parameters import (
    declare_options,
    descriptor,
    options_guard,
    read_options,
)
from focus_stacking_ros.ros.player.options import PlayerOptions
from focus_stacking_ros.ros.stacker.options import NodeOptions
from helpers.ros_helpers import RosContext
import pytest
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

pytestmark = pytest.mark.ros

CLASSES = (NodeOptions, StackOptions)
ALL = {item.name: item for each in (*CLASSES, PlayerOptions) for item in specifications(each)}
OURS = {item.name: item for each in CLASSES for item in specifications(each)}


def numeric(item: Any) -> bool:
    return item.minimum is not None


@pytest.fixture
def nodes(ros_context: RosContext) -> Iterator[Any]:
    """Make nodes that are destroyed at the end of the test."""
    made = []

    def make(**overrides: Any) -> Node:
        made.append(Node('options', context=ros_context.context, parameter_overrides=[
            Parameter(name.replace('__', '.'), value=value)
            for name, value in overrides.items()]))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


class Guarded:
    """A node whose parameters are guarded, and what the guard tells."""

    def __init__(self, node: Node, past: set[str] | None = None) -> None:
        self.node, self.changes = node, []
        for each in CLASSES:
            declare_options(node, each)
        self.past = past or set()
        node.add_on_set_parameters_callback(options_guard(
            node, CLASSES, lambda: self.past, self.changes.append))

    def change(self, name: str, value: Any) -> Any:
        """Set a parameter as a service call does; returns rclpy's result."""
        return self.node.set_parameters([Parameter(name, value=value)])[0]

    def get(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self.node.get_parameter(name).value


@pytest.mark.parametrize('name', ALL)
def test_a_descriptor_says_what_the_option_says(name) -> None:
    item = ALL[name]
    result = descriptor(item)
    assert result.description.startswith(item.meaning)
    assert item.unit in result.description
    assert not result.read_only
    ranges = [*result.floating_point_range, *result.integer_range]
    assert [(each.from_value, each.to_value) for each in ranges] == (
        [(item.minimum, item.maximum)] if numeric(item)
        and not isinstance(item.default, tuple) else [])
    assert bool(result.floating_point_range) == (numeric(item) and type(item.default) is float)
    assert [each.step for each in result.integer_range] == (
        [2 if item.odd else 1] if numeric(item) and type(item.default) is int else [])
    for choice in item.choices:
        assert choice in result.additional_constraints.split(', ')
    assert ('odd' in result.additional_constraints) == item.odd


def test_a_descriptor_may_be_read_only() -> None:
    assert descriptor(OURS['stack.size'], read_only=True).read_only


def test_every_option_is_a_parameter_with_its_default_and_descriptor(nodes) -> None:
    node = nodes()
    for each in CLASSES:
        declare_options(node, each)
        assert read_options(node, each) == each()
    for name, item in OURS.items():
        value = node.get_parameter(name).value
        value = tuple(value) if isinstance(item.default, tuple) else value
        assert (value, type(value)) == (item.default, type(item.default)), name
        described = node.describe_parameter(name)
        assert (described.name, described.description) == (name, descriptor(item).description)


def test_the_players_options_are_parameters_too(nodes) -> None:
    node = nodes(rate=2.5, loop=True, folder='/tmp')
    declare_options(node, PlayerOptions)
    assert read_options(node, PlayerOptions) == PlayerOptions(rate=2.5, loop=True, folder='/tmp')


def test_values_given_at_the_start_are_used(nodes) -> None:
    node = nodes(stack__size=7, reference='farthest', depth__fill=True, depth__smoothing=12.5)
    for each in CLASSES:
        declare_options(node, each)
    assert read_options(node, NodeOptions) == NodeOptions(stack_size=7)
    assert read_options(node, StackOptions) == StackOptions(
        reference='farthest', depth_fill=True, depth_smoothing=12.5)


@pytest.mark.parametrize(('name', 'value', 'error'), [
    ('stack__size', 1, InvalidParameterValueException),
    ('stack__size', 65536, InvalidParameterValueException),
    ('focus_measure__window', 8, InvalidParameterValueException),
    ('depth__min_confidence', 1.5, InvalidParameterValueException),
    ('stack__size', 'ten', InvalidParameterTypeException),
    ('depth__min_confidence', 1, InvalidParameterTypeException)])
def test_an_illegal_number_given_at_the_start_is_not_declared(nodes, name, value, error) -> None:
    node = nodes(**{name: value})
    options = NodeOptions if name == 'stack__size' else StackOptions
    with pytest.raises(error, match=name.replace('__', r'\.')):
        declare_options(node, options)


@pytest.mark.parametrize(('name', 'options'), [
    ('reference', StackOptions), ('focus__unit', NodeOptions), ('stack__end', NodeOptions)])
def test_what_rclpy_cannot_check_is_refused_when_the_options_are_read(nodes, name, options
                                                                      ) -> None:
    node = nodes(**{name: 'sideways'})
    declare_options(node, options)
    with pytest.raises(OptionError, match=name.replace('__', r'\.')):
        read_options(node, options)


def test_changes_replace_current_values_and_are_checked_like_them(nodes) -> None:
    node = nodes(depth__fill=True)
    declare_options(node, StackOptions)
    assert read_options(node, StackOptions, {'reference': 'last', 'stack.size': 3}) == (
        StackOptions(depth_fill=True, reference='last'))
    assert node.get_parameter('reference').value == 'narrowest'  # reading sets nothing
    with pytest.raises(OptionError, match=r'depth\.smoothing'):
        read_options(node, StackOptions, {'depth.smoothing': -1.0})


def test_every_legal_extreme_is_taken_and_told(nodes) -> None:
    guarded = Guarded(nodes())
    for name, item in OURS.items():
        kind = type(item.default)
        if kind is tuple:
            for end in item.minimum, item.maximum:
                assert guarded.change(name, [end] * len(item.default)).successful, (name, end)
            continue
        legal = item.choices or ((True, False) if kind is bool else (
            (kind(item.minimum), kind(item.maximum)) if numeric(item) else ('1: 0.3, 2: 0.2',)))
        for value in legal:
            result = guarded.change(name, value)
            assert result.successful, (name, value, result.reason)
            assert guarded.get(name) == value
            told = guarded.changes[-1]
            owner = NodeOptions if hasattr(NodeOptions, item.attribute) else StackOptions
            assert getattr(told[owner], item.attribute) == value
            assert set(told) == set(CLASSES)
        if item.choices:  # what another option may not go with
            assert guarded.change(name, item.default).successful


def test_every_illegal_value_is_refused_with_the_reason_and_changes_nothing(nodes) -> None:
    guarded = Guarded(nodes())
    for name, item in OURS.items():
        kind = type(item.default)
        if item.choices:
            illegal = ['sideways', '', item.choices[0] + ' ']
        elif kind is bool:
            illegal = [1, 'true']
        elif kind is tuple:
            count = len(item.default)
            illegal = [[0.0] * (count + 1), [item.maximum * 1.01] * count, [float('nan')] * count,
                       1.0]
        elif kind is str:
            illegal = ['1 2'] if name == 'focus.table' else [7]  # the others are free texts
        elif kind is int:
            illegal = [int(item.minimum) - 1, int(item.maximum) + 1, float(item.minimum)]
            illegal += [int(item.minimum) + 1] if item.odd else []
        else:
            illegal = [item.minimum - 0.01, item.maximum * 1.01, float('nan'), float('inf'),
                       float('-inf'), str(item.minimum)]
        for value in illegal:
            result = guarded.change(name, value)
            assert not result.successful, (name, value)
            # rclpy checks the type itself, and does not say whose it is; not that of lists.
            told = name if type(value) is kind or kind is tuple else 'type'
            assert told in result.reason, (name, value)
            now = guarded.get(name)
            assert (tuple(now) if kind is tuple else now) == item.default
    assert guarded.changes == []


def test_what_was_read_is_refused_with_the_way_out_until_that_is_undone(nodes) -> None:
    guarded = Guarded(nodes(), {'first activation', 'configuration'})
    for name, value, words in (
            ('input.transport', 'compressed', 'input.transport is read when the node is activated '
             'for the first time; set it when the node starts'),
            ('backend', 'opencv',
             'backend is read when the node is configured; clean the node up first')):
        result = guarded.change(name, value)
        assert (result.successful, result.reason) == (False, words)
    assert guarded.get('input.transport') == 'raw'
    assert guarded.changes == []
    guarded.past.remove('configuration')
    assert guarded.change('backend', 'opencv').successful
    assert guarded.get('backend') == 'opencv'


def test_several_changes_at_once_are_all_made_or_none(nodes) -> None:
    guarded = Guarded(nodes(), {'configuration'})
    for spoiler in (('backend', 'opencv'), ('reference', 'sideways'), ('stack.size', 1)):
        result = guarded.node.set_parameters_atomically([
            Parameter('stack.timeout', value=9.0), Parameter(spoiler[0], value=spoiler[1])])
        assert not result.successful
        assert guarded.get('stack.timeout') == NodeOptions().stack_timeout
    assert guarded.changes == []
    assert guarded.node.set_parameters_atomically([
        Parameter('stack.timeout', value=9.0),
        Parameter('reference', value='nearest')]).successful
    assert guarded.changes == [{NodeOptions: NodeOptions(stack_timeout=9.0),
                                StackOptions: StackOptions(reference='nearest')}]


def test_a_parameter_that_is_not_ours_is_none_of_the_guards_business(nodes) -> None:
    guarded = Guarded(nodes())
    guarded.node.declare_parameter('somebody.elses', 1)
    assert guarded.change('somebody.elses', 2).successful
    assert guarded.changes == []


def test_an_option_without_range_and_unit_has_a_bare_descriptor() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Lens:
        label: str = option('', 'any words')

    item, = specifications(Lens)
    result = descriptor(item)
    assert (result.description, result.additional_constraints) == ('any words', '')
    assert not result.floating_point_range
    assert not result.integer_range
