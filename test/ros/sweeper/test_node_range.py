# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The search for a range over real topics: service, action, region of interest, faults."""

from __future__ import annotations

from functools import lru_cache
import json
from typing import Any

import cv2
from focus_stacking_ros.ros.sweeper.exposing import Exposer
from helpers.bench import Bench
from helpers.cell import values
from helpers.requests import set_parameter
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
import pytest
from rclpy.action import ActionClient
from sensor_msgs.msg import RegionOfInterest

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

#: The camera sees two halves; the left one is sharp here, the right one there, metres.
LEFT, RIGHT = 0.104, 0.108
FAST = {'sweep.positions': [0.2, 0.3], 'settle.time': 0.01, 'range.near': 0.09,
        'range.far': 0.125, 'range.count': 13}
_BLUR_PER_DIOPTRE = 2.0


@lru_cache(maxsize=200)
def halves(metres: float) -> np.ndarray:
    """Return what the camera sees: (128, 160) with noise."""
    generator = np.random.default_rng(3)
    texture = generator.integers(0, 255, (128, 160)).astype(np.float32)
    image = np.empty_like(texture)
    for part, sharp in ((np.s_[:, :80], LEFT), (np.s_[:, 80:], RIGHT)):
        sigma = 0.7 + _BLUR_PER_DIOPTRE * abs(1 / metres - 1 / sharp)
        image[part] = cv2.GaussianBlur(texture, (0, 0), sigma)[part]
    image += np.random.default_rng(round(metres * 1e6)).normal(0, 1, image.shape)
    return np.dstack([np.clip(image, 0, 255).astype(np.uint8)] * 3)


def plain(metres: float) -> np.ndarray:
    """Return a picture of nothing, but noise."""
    return np.random.default_rng(round(metres * 1e6)).normal(128, 2, (128, 160, 3)).astype(
        np.uint8)


def find(bench: Bench) -> Any:
    return bench.answer(bench.begin('find_range'))


def test_a_found_range_is_that_of_the_next_sweep(ros_context: RosContext) -> None:
    with Bench(ros_context, FAST) as bench:
        bench.view = halves
        response = find(bench)
        assert response.success, response.message
        found = json.loads(response.message)
        assert bench.tags == []  # no stacking node hears of it
        assert 0.095 < found['near'] < LEFT < RIGHT < found['far'] < 0.118
        assert 1 / found['near'] - 1 / found['far'] <= 1.5 * (1 / LEFT - 1 / RIGHT)
        assert found['exposures'] == len(bench.commands) >= 2 * 13
        assert (found['unit'], found['step_unit']) == ('metres', 'dioptres')
        named = {name: bench.sweeper.get_parameter(f'sweep.{name}').value
                 for name in ('near', 'far', 'count')}
        assert named == {name: found[name] for name in named}
        answer = bench.sweep()
        assert json.loads(answer.message)['slices'] == found['count']
        bench.wait_for_diagnostics('sweep', lambda status: values(status).get(
            'ranges found') == '1')


def test_the_region_of_interest_is_what_is_looked_at(ros_context: RosContext) -> None:
    with Bench(ros_context, FAST) as bench:
        bench.view = halves
        talker = bench.node.create_publisher(RegionOfInterest, 'roi', 1)
        spin_until(bench.executor, talker.get_subscription_count, what='the sweeper')
        talker.publish(RegionOfInterest(width=80, do_rectify=True))
        bench.expect_told('sweep', 'do_rectify is not', '[sweeper]: a region of interest with',
                          parameter_changes_refused=1)
        talker.publish(RegionOfInterest(width=72, height=128))
        spin_until(bench.executor, lambda: bench.sweeper.options.roi_width == 72)
        found = json.loads(find(bench).message)
        assert found['near'] < LEFT < found['far'] < RIGHT
        assert set_parameter(bench, 'roi.width', 200, 'sweeper').successful
        assert 'is not inside the image of 160 x 128' in find(bench).message


def test_where_an_image_is_lost_the_next_one_shows_the_same(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    expose, wanted = Exposer.expose, set[tuple[int, int]]()

    def watched(exposer: Exposer, lens: Any, positions: Any, options: Any, chosen: Any,
                watch: Any) -> None:
        def told(tag: Any) -> None:
            wanted.add((tag.header.stamp.sec, tag.header.stamp.nanosec))
            chosen(tag)

        expose(exposer, lens, positions, options, told, watch)

    monkeypatch.setattr(Exposer, 'expose', watched)
    with Bench(ros_context, FAST) as bench:
        bench.view = halves
        publish = bench.images.publish
        bench.image_delay = 0.2  # chosen are exposures, whose images are still to come
        bench.images.publish = lambda message: (
            (message.header.stamp.sec, message.header.stamp.nanosec) in wanted
            or publish(message))
        found = json.loads(find(bench).message)
        assert found['near'] < LEFT < RIGHT < found['far']
        assert len(wanted) == found['exposures']


@pytest.mark.parametrize('fault', ['texture', 'image', 'camera', 'travel'])
def test_what_is_missing_is_said(fault: str, ros_context: RosContext) -> None:
    parameters = {**FAST, 'camera.timeout': 0.5}
    words = {'texture': 'no range found: nothing gets sharp between',
             'image': 'no image came within 0.5 s', 'camera': 'the camera says nothing',
             'travel': 'there is no travel to look through'}[fault]
    if fault == 'travel':
        parameters['range.far'] = parameters['range.near']
    with Bench(ros_context, parameters) as bench:
        bench.view = plain
        bench.exposing = fault != 'camera'
        bench.image_delay = 60.0 if fault == 'image' else 0.0
        response = find(bench)
        assert not response.success
        assert words in response.message
        bench.expect_told('sweep', words, words, failed=1)
        assert list(bench.sweeper.get_parameter('sweep.positions').value) == [0.2, 0.3]
        bench.image_delay, bench.exposing = 0.0, True
        bench._late.clear()
        assert bench.sweep().success


@pytest.mark.usefixtures('interfaces')
def test_the_action_finds_its_range_and_is_canceled_meanwhile(ros_context: RosContext) -> None:
    from focus_stacking_interfaces.action import Sweep

    with Bench(ros_context, FAST) as bench:
        bench.view = halves
        client = ActionClient(bench.node, Sweep, 'sweep')
        spin_until(bench.executor, client.server_is_ready, what='the action')
        told: list[Any] = []

        def ask(**goal: Any) -> Any:
            sent = client.send_goal_async(
                Sweep.Goal(range=Sweep.Goal.RANGE_AUTO, **goal),
                feedback_callback=lambda message: told.append(message.feedback))
            spin_until(bench.executor, sent.done, what='the goal to be taken')
            return sent.result()

        def result(handle: Any) -> Any:
            ended = handle.get_result_async()
            spin_until(bench.executor, ended.done, 30, 'the result')
            return ended.result().result

        refused = result(ask(count=[5]))
        assert refused.outcome == refused.OUTCOME_INVALID_GOAL
        assert 'its range is to be found' in refused.message

        handle = ask()
        spin_until(bench.executor, lambda: any(each.phase == each.PHASE_RANGING
                                               and each.position for each in told))
        handle.cancel_goal_async()
        canceled = result(handle)
        assert (canceled.outcome, canceled.stack) == (
            canceled.OUTCOME_CANCELED, canceled.STACK_UNTOUCHED)

        done = result(ask(near=[0.092], far=[0.122]))
        assert done.outcome == done.OUTCOME_DONE, done.message
        positions = [each.position for each in done.report.slices]
        assert done.exposed == done.positions == done.taken == len(positions) == len(bench.tags)
        assert min(positions) < LEFT < RIGHT < max(positions)
        assert bench.sweeper.options.sweep_positions == (0.2, 0.3)  # a goal changes no parameter

        bench.view = plain
        nothing = result(ask())
        assert (nothing.outcome, nothing.stack) == (
            nothing.OUTCOME_NO_RANGE, nothing.STACK_UNTOUCHED)
        client.destroy()
