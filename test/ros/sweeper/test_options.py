# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tunables of the sweeper and of the simulated camera, with real parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from focus_stacking_ros.core.optics.lens_scale import LensScaleError
from focus_stacking_ros.core.optics.sweep_plan import SweepPlanError
from focus_stacking_ros.core.option import OptionError, specifications
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.sim_camera.options import SimCameraOptions
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from helpers.ros_helpers import RosContext
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

RANGE = {'sweep_near': 0.2, 'sweep_far': 0.3}


def test_a_list_wins_over_a_range() -> None:
    options = SweepOptions(sweep_positions=(0.3, 0.2, 0.25), **RANGE, sweep_count=9)
    assert options.positions() == (0.3, 0.2, 0.25)
    assert len(SweepOptions(**RANGE, sweep_count=9).positions()) == 9


def test_the_count_follows_from_the_optics_where_they_are_given() -> None:
    with pytest.raises(SweepPlanError, match='not given'):
        SweepOptions(**RANGE, lens_f_number=4.0, lens_focal_length=0.05).positions()
    counts = [len(SweepOptions(
        **RANGE, lens_f_number=number, lens_focal_length=0.05, camera_pixel_size=6e-6).positions())
        for number in (4.0, 8.0)]
    assert counts[0] > counts[1] > 2


def test_nothing_to_sweep_says_what_to_set() -> None:
    with pytest.raises(SweepPlanError, match=r'sweep\.near'):
        SweepOptions().positions()


def test_continuous_sweeping_needs_monotone_positions() -> None:
    for positions in ((0.2, 0.3, 0.4), (0.4, 0.3)):
        SweepOptions(continuous=True, sweep_positions=positions).positions()
    with pytest.raises(SweepPlanError, match='rise or fall'):
        SweepOptions(continuous=True, sweep_positions=(0.2, 0.4, 0.3)).positions()


def test_the_tolerance_is_a_share_of_the_smallest_step() -> None:
    options = SweepOptions(settle_by='feedback', settle_tolerance=0.1, settle_time=0.3)
    settling = options.settling((0.2, 0.4, 0.25))
    assert settling.tolerance == pytest.approx(0.005)
    assert settling.seconds == 0.3
    assert SweepOptions().settling((0.2, 0.4)).tolerance is None


def test_a_calibration_table_is_checked() -> None:
    options = SweepOptions(lens_unit='table', lens_table='10: 0.2, 5: 0.3')
    assert options.lens_scale().value(0.2) == pytest.approx(10.0)
    with pytest.raises(LensScaleError, match=r"lens\.table is '10: 0\.2'.*two pairs"):
        SweepOptions(lens_unit='table', lens_table='10: 0.2').lens_scale()


@pytest.mark.parametrize('options', [SweepOptions, SimCameraOptions])
def test_every_tunable_is_explained_and_takes_its_own_default(options: type[Any]) -> None:
    for item in specifications(options):
        assert len(item.meaning.split()) >= 2, item.name
        assert item.check(item.default) == item.default


@pytest.mark.parametrize(('attribute', 'illegal'), [
    ('settle_by', 'hope'), ('lens_driver', 'hand'), ('sweep_count', 256), ('settle_time', -0.1),
    ('camera_timeout', 0.0), ('sweep_positions', 'near'), ('stacker_on_failure', 'cry')])
def test_what_makes_no_sense_is_refused(attribute: str, illegal: object) -> None:
    with pytest.raises(OptionError, match=attribute.replace('_', '.', 1)):
        SweepOptions(**{attribute: illegal})


@pytest.fixture
def node(ros_context: RosContext) -> Iterator[Node]:
    made = Node('options', context=ros_context.context, parameter_overrides=[
        Parameter('sweep.positions', value=[1, 2, 3])])
    yield made
    made.destroy_node()


@pytest.mark.ros
def test_lists_are_parameters_that_can_be_given_and_changed(node: Node) -> None:
    declare_options(node, SweepOptions)
    assert read_options(node, SweepOptions).sweep_positions == (1.0, 2.0, 3.0)
    changes = []
    node.add_on_set_parameters_callback(options_guard(
        node, (SweepOptions,), lambda: (), changes.append))
    assert node.set_parameters([Parameter('sweep.positions', value=[0.1, 0.2])])[0].successful
    assert changes[-1][SweepOptions].sweep_positions == (0.1, 0.2)
    assert read_options(node, SweepOptions).sweep_positions == (0.1, 0.2)
    refused = node.set_parameters([Parameter('sweep.positions', value='near')])[0]
    assert (refused.successful, 'list of numbers' in refused.reason) == (False, True)
    assert node.set_parameters([Parameter('sweep.positions', value=[])])[0].successful
    assert read_options(node, SweepOptions).sweep_positions == ()


@pytest.mark.ros
def test_a_descriptor_says_that_it_takes_a_list(node: Node) -> None:
    declare_options(node, SweepOptions)
    described = node.describe_parameter('sweep.positions')
    assert 'list of numbers' in described.additional_constraints
