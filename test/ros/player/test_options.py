# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tunables of the node that plays a folder of images."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

from focus_stacking_ros.core.option import OptionError, specifications
from focus_stacking_ros.ros.player.options import PlayerOptions
import pytest


def test_the_tunables_are_those_of_the_contract() -> None:
    assert [item.name for item in specifications(PlayerOptions)] == [
        'folder', 'rate', 'loop', 'frame_id', 'wait_for_subscribers', 'depth']
    options = PlayerOptions()
    assert (options.folder, options.loop) == ('', False)
    assert options.rate > 0


@pytest.mark.parametrize(('attribute', 'legal', 'illegal'), [
    ('rate', [0.01, 5, 30.0, 1000.0], [0.0, -1.0, 1001.0, float('nan'), float('inf'), '5']),
    ('wait_for_subscribers', [0, 1, 100], [-1, 101, 1.0, True]),
    ('depth', [1, 1000], [0, 1001, 20.0]),
    ('loop', [True, False], [1, 'true', None]),
    ('folder', ['', '/tmp/stack'], [1, None, b'/tmp']),
    ('frame_id', ['camera_optical_frame'], [1, None])])
def test_each_takes_what_makes_sense_and_says_what_it_does_not_take(attribute, legal, illegal
                                                                    ) -> None:
    for value in legal:
        assert getattr(PlayerOptions(**{attribute: value}), attribute) == value
    for value in illegal:
        with pytest.raises(OptionError, match=attribute):
            PlayerOptions(**{attribute: value})


def test_a_whole_number_for_the_rate_becomes_a_float() -> None:
    assert type(PlayerOptions(rate=5).rate) is float  # else ROS would refuse it later


def test_options_do_not_change_under_way() -> None:
    with pytest.raises(FrozenInstanceError):
        PlayerOptions().rate = 1.0


def test_every_tunable_is_explained() -> None:
    for item in specifications(PlayerOptions):
        assert len(item.meaning.split()) > 2, item.name
