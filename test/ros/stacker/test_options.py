# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tunables of the stacking node."""

from __future__ import annotations

from focus_stacking_ros.core.optics.calibration import FOCUS_UNITS, FocusScale
from focus_stacking_ros.core.option import OptionError, specifications
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import MAX_SLICES
from focus_stacking_ros.core.stack.backend import backend_choices
from focus_stacking_ros.core.stack.end import STACK_ENDS
from focus_stacking_ros.ros.stacker.options import FOCUS_SOURCES, NodeOptions
import pytest

OPTIONS = {item.name: item for item in specifications(NodeOptions)}


def test_the_names_of_the_contract_are_there() -> None:
    assert {'autostart', 'input.transport', 'input.reliability', 'focus.unit',
            'focus.offset_metres', 'stack.end', 'stack.size', 'stack.timeout', 'output.stamp',
            'depth.encoding'} <= set(OPTIONS)


@pytest.mark.parametrize(('name', 'choices'), [
    ('backend', backend_choices()), ('input.transport', ('raw', 'compressed')),
    ('input.reliability', ('auto', 'reliable', 'best_effort')), ('focus.unit', FOCUS_UNITS),
    ('focus.source', FOCUS_SOURCES), ('output.compressed_format', ('jpeg', 'png')),
    ('output.reliability', ('reliable', 'best_effort')),
    ('output.durability', ('transient_local', 'volatile')),
    ('stack.end', STACK_ENDS), ('output.stamp', ('last', 'reference')),
    ('depth.encoding', ('32FC1', '16UC1'))])
def test_a_choice_takes_exactly_what_the_contract_names(name, choices) -> None:
    attribute = OPTIONS[name].attribute
    for choice in choices:
        assert getattr(NodeOptions(**{attribute: choice}), attribute) == choice
    assert set(OPTIONS[name].choices) == set(choices)
    for wrong in ('', 'sideways', choices[0].upper() + ' ', 1, None):
        with pytest.raises(OptionError, match=name):
            NodeOptions(**{attribute: wrong})


@pytest.mark.parametrize(('name', 'lowest', 'highest'), [
    ('stack.size', 2, MAX_SLICES), ('stack.timeout', 0.05, 86400.0), ('input.depth', 1, 1000),
    ('focus.offset_metres', -10.0, 10.0)])
def test_a_number_is_kept_in_its_range(name, lowest, highest) -> None:
    attribute = OPTIONS[name].attribute
    for value in (lowest, highest):
        assert getattr(NodeOptions(**{attribute: value}), attribute) == value
    step = 1 if isinstance(lowest, int) else 1e-3
    for value in (lowest - step, highest + step, float('nan'), float('inf'), str(lowest), True):
        with pytest.raises(OptionError, match=name):
            NodeOptions(**{attribute: value})


def test_the_defaults_are_those_of_the_contract() -> None:
    options = NodeOptions()
    assert options.autostart
    assert (options.backend, options.input_transport, options.input_reliability,
            options.input_depth, options.focus_unit, options.stack_end, options.output_stamp,
            options.depth_encoding) == (
        'auto', 'raw', 'auto', 20, 'metres', 'count', 'last', '32FC1')
    assert FocusScale(options.focus_unit, options.focus_offset_metres).distance_m(0.2) == 0.2


def test_no_name_is_taken_twice_by_the_node_and_the_algorithm() -> None:
    algorithm = {item.name for item in specifications(StackOptions)}
    assert not algorithm & set(OPTIONS)


@pytest.mark.parametrize('name', OPTIONS)
def test_every_tunable_is_explained_with_its_unit_and_range(name) -> None:
    item = OPTIONS[name]
    assert len(item.meaning.split()) > 2
    number = isinstance(item.default, (int, float)) and not isinstance(item.default, bool)
    assert bool(item.unit) == number
    assert item.range_text or isinstance(item.default, str)  # names and tables are free texts


@pytest.mark.parametrize(('values', 'words'), [
    ({'focus_table': '100 0.3'}, r'focus\.table.*no pair'),
    ({'focus_table': '1: 0.3, 2: 0.1, 3: 0.2'}, r'focus\.table.*monotone')])
def test_a_table_that_is_none_is_an_error_that_says_why(values, words) -> None:
    with pytest.raises(OptionError, match=words):
        NodeOptions(**values)


def test_the_scale_has_the_table_of_the_text_and_the_offset() -> None:
    options = NodeOptions(focus_unit='raw', focus_table='100: 0.35, 400: 0.21',
                          focus_offset_metres=0.01)
    assert options.focus_scale().distance_m(400.0) == pytest.approx(0.22)
    assert NodeOptions(focus_unit='raw').focus_scale().distance_m(400.0) is None


def test_travel_of_the_camera_is_metres_whatever_the_unit() -> None:
    options = NodeOptions(focus_source='tf', focus_unit='dioptres', focus_offset_metres=0.3)
    assert options.focus_scale().distance_m(0.0) == 0.3
