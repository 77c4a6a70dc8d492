# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the topics a result goes out on: what is on them, for whom, and when.

Publishers, subscribers and lifecycle are real; the results are made up, so that what must come
out is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
import json
import math
from typing import Any

from focus_stacking_ros.core.align.coverage import coverage
from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.core.slices import SliceReport, StackResult
from focus_stacking_ros.ros.messages.images import compressed_to_array, image_to_array, ImageError
from focus_stacking_ros.ros.node.qos import (
    matched_events,
    output_profile,
    UnsupportedEventTypeError,
)
from focus_stacking_ros.ros.stacker import outputs as outputs_module
from focus_stacking_ros.ros.stacker.message_stacker import Delivery
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.outputs import build_outputs, ResultPublisher
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
import pytest
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

IMAGES = ('all_in_focus/image', 'depth/image', 'depth/preview', 'confidence/image',
          'confidence/preview', 'slice_index/image', 'valid/image', 'depth_std/image',
          'height/image')
CAMERA_INFOS = ('all_in_focus/camera_info', 'depth/camera_info', 'confidence/camera_info')
COMPRESSED = ('all_in_focus/image/compressed', 'depth/preview/compressed',
              'confidence/preview/compressed')
OUTPUTS = {*IMAGES, *CAMERA_INFOS, *COMPRESSED, 'points', 'normals', 'report'}
HEIGHT, WIDTH = 6, 10


def make_delivery(seconds: int = 3, encoding: str = 'bgr8', *, metric: bool = True) -> Delivery:
    """Return a result with that stamp and a depth, if any, of ``seconds / 10`` metres and more."""
    generator = np.random.default_rng(seconds)
    dtype = np.uint16 if encoding.endswith('16') else np.uint8
    shape = (HEIGHT, WIDTH) if encoding.startswith('mono') else (HEIGHT, WIDTH, 3)
    depth = (seconds / 10 + np.linspace(0, 0.01, WIDTH, dtype=np.float32)) * np.ones(
        (HEIGHT, 1), np.float32)
    depth[0, :2] = np.nan
    if not metric:
        depth[:] = np.nan
    confidence = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    result = StackResult(
        all_in_focus=generator.integers(0, np.iinfo(dtype).max, shape, dtype), depth_m=depth,
        confidence=confidence, slice_index=4 * confidence, reports=(SliceReport(
            0, seconds / 10 if metric else None),), reference=0, noise_sigma=1.0,
        depth_std_m=0.01 * depth)
    header = Header(frame_id='camera_optical_frame')
    header.stamp.sec = seconds
    return Delivery(result, {'stamp': {'sec': seconds, 'nanosec': 0}, 'noise_sigma': 1.0}, header,
                    encoding, (seconds - 1, 0), NodeOptions())


def make_camera_info() -> CameraInfo:
    info = CameraInfo(header=Header(frame_id='elsewhere'), width=WIDTH, height=HEIGHT)
    info.k = [500.0, 0.0, 4.5, 0.0, 500.0, 2.5, 0.0, 0.0, 1.0]
    return info


def built(delivery: Delivery, options: NodeOptions | None = None,
          camera_info: CameraInfo | None = None) -> dict[str, Any]:
    return {name: build() for name, build in build_outputs(
        delivery, camera_info, options or NodeOptions()).items()}


# What is on the topics


def test_every_output_carries_the_header_of_the_result() -> None:
    delivery = make_delivery()
    messages = built(delivery, camera_info=make_camera_info())
    assert set(messages) == OUTPUTS
    for name in (*IMAGES, *CAMERA_INFOS, *COMPRESSED, 'points', 'normals'):
        assert messages[name].header == delivery.header, name
    for name in IMAGES:
        assert (messages[name].width, messages[name].height) == (WIDTH, HEIGHT)


def test_the_maps_are_the_result() -> None:
    delivery = make_delivery()
    messages = built(delivery)
    for name, expected in (('depth/image', delivery.result.depth_m),
                           ('confidence/image', delivery.result.confidence),
                           ('depth_std/image', delivery.result.depth_std_m),
                           ('slice_index/image', delivery.result.slice_index)):
        assert messages[name].encoding == '32FC1'
        np.testing.assert_array_equal(image_to_array(messages[name]), expected)
    seen = image_to_array(messages['valid/image'])
    np.testing.assert_array_equal(seen, coverage(
        [each.transform for each in delivery.result.reports], seen.shape))


@pytest.mark.parametrize(('encoding', 'published'), [
    ('mono8', 'mono8'), ('mono16', 'mono16'), ('rgb8', 'rgb8'), ('bgr8', 'bgr8'),
    ('rgb16', 'rgb16'), ('bayer_rggb8', 'bgr8'), ('bayer_gbrg16', 'bgr16'), ('yuv422', 'bgr8'),
    ('nv12', 'bgr8')])
def test_the_all_in_focus_image_has_the_encoding_of_the_slices(encoding, published) -> None:
    delivery = make_delivery(encoding=encoding)
    message = built(delivery)['all_in_focus/image']
    assert message.encoding == published
    np.testing.assert_array_equal(image_to_array(message), delivery.result.all_in_focus)


def test_depth_may_be_sent_in_millimetres() -> None:
    delivery = make_delivery()
    message = built(delivery, NodeOptions(depth_encoding='16UC1'))['depth/image']
    assert message.encoding == '16UC1'
    millimetres = image_to_array(message).astype(float)
    known = np.isfinite(delivery.result.depth_m)
    assert (millimetres[~known] == 0).all()
    np.testing.assert_allclose(millimetres[known], 1e3 * delivery.result.depth_m[known], atol=0.51)


def preview(name: str, options: NodeOptions | None = None) -> np.ndarray:
    """Return a preview as red, green and blue from 0 to 255."""
    message = built(make_delivery(), options)[name]
    assert message.encoding == 'rgb8'
    return np.frombuffer(bytes(message.data), np.uint8).reshape(HEIGHT, WIDTH, 3).astype(int)


def test_the_depth_preview_is_red_near_blue_far_and_black_where_unknown() -> None:
    picture = preview('depth/preview')
    assert (picture[0, :2] == 0).all()
    near, far = picture[3, 0], picture[3, -1]
    assert near[0] > near[2] + 50
    assert far[2] > far[0]
    assert len(np.unique(picture[3], axis=0)) == WIDTH  # the range is that of the result


def test_the_depth_preview_may_have_a_fixed_range() -> None:
    # Of a depth of 0.30 to 0.31 metres, all is near, in the middle, or far.
    near, middle, far = (
        preview('depth/preview', NodeOptions(preview_near=low, preview_far=high))[3]
        for low, high in ((0.31, 1.0), (0.20, 0.41), (0.1, 0.3)))
    for picture in (near, far):
        assert len(np.unique(picture, axis=0)) == 1
    assert near[0, 0] > near[0, 2]
    assert far[0, 2] > far[0, 0]
    assert (middle[:, 1] > 200).all()  # green
    assert len(np.unique(middle, axis=0)) > 1


def test_without_distances_there_is_no_depth_and_the_preview_shows_the_slice_index() -> None:
    messages = built(make_delivery(metric=False), NodeOptions(preview_near=0.1, preview_far=0.2),
                     make_camera_info())
    assert set(messages) == OUTPUTS - {'depth/image', 'depth/camera_info', 'depth_std/image',
                                       'height/image', 'points', 'normals'}
    picture = np.frombuffer(bytes(messages['depth/preview'].data), np.uint8).reshape(-1, 3)
    assert picture[0, 0] > picture[0, 2]  # the first slice is the nearest: red
    assert picture[-1, 2] > picture[-1, 0]
    assert picture.any(axis=1).all()


def test_the_confidence_preview_is_white_where_it_is_best() -> None:
    picture = preview('confidence/preview')
    assert (picture == picture[..., :1]).all()  # grey
    assert (picture[0, 0, 0], picture[-1, -1, 0]) == (0, 255)
    assert (np.diff(picture[..., 0].ravel()) > 0).all()


def test_the_report_is_json() -> None:
    delivery = make_delivery()
    report = json.loads(built(delivery)['report'].data)
    assert 'camera.nominal_focal_length' in report.pop('intrinsics')
    assert report == delivery.report


def test_the_report_says_which_intrinsics_the_points_have() -> None:
    for info, options, origin, focal in (
            (make_camera_info(), NodeOptions(camera_nominal_focal_length=900.0), 'camera_info',
             500.0),
            (None, NodeOptions(camera_nominal_focal_length=900.0), 'nominal', 900.0)):
        messages = built(make_delivery(), options, info)
        intrinsics = json.loads(messages['report'].data)['intrinsics']
        assert (intrinsics['origin'], intrinsics['focal_pixels'][0]) == (origin, focal)
        assert messages['points'] is not None


@pytest.mark.parametrize('number', [math.nan, math.inf])
def test_a_report_is_json_whatever_the_camera_says(number: float) -> None:
    info = make_camera_info()
    info.distortion_model, info.d = 'plumb_bob', [number] * 5
    report = build_outputs(make_delivery(), info, NodeOptions())['report']()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert json.loads(report.data, parse_constant=refuse)['stamp'] == {'sec': 3, 'nanosec': 0}


def test_an_uncalibrated_camera_gets_no_points_and_it_is_said_why() -> None:
    words: list[str] = []
    builders = build_outputs(make_delivery(), CameraInfo(width=WIDTH, height=HEIGHT),
                             NodeOptions(), words.append)
    assert words == []  # nobody has asked for them
    assert builders['points']() is None
    assert builders['normals']() is None
    assert 'not calibrated' in words[0]


def test_a_result_without_standard_deviation_publishes_none() -> None:
    delivery = make_delivery()
    plain = replace(delivery, result=replace(delivery.result, depth_std_m=None))
    assert 'depth_std/image' not in built(plain)
    assert 'depth_std/image' in built(delivery)


@pytest.mark.parametrize(('encoding', 'form', 'published'), [
    ('bgr8', 'jpeg', 'bgr8; jpeg compressed bgr8'), ('rgb8', 'png', 'rgb8; png compressed bgr8'),
    ('mono8', 'png', 'mono8; png compressed mono8'),
    ('rgb16', 'jpeg', 'rgb16; png compressed bgr16')])
def test_compressed_images_are_those_of_their_siblings(encoding, form, published) -> None:
    delivery = make_delivery(encoding=encoding)
    messages = built(delivery, NodeOptions(output_compressed_format=form, output_jpeg_quality=100))
    message = messages['all_in_focus/image/compressed']
    assert message.format == published
    pixels = compressed_to_array(message)
    if published.split()[1] == 'png':
        np.testing.assert_array_equal(pixels, delivery.result.all_in_focus)
    else:  # colours of a noise image are subsampled
        assert pixels.shape == delivery.result.all_in_focus.shape
        assert bytes(message.data[:2]) == b'\xff\xd8'
    for name in ('depth/preview', 'confidence/preview'):
        sibling = image_to_array(messages[name])
        difference = np.abs(compressed_to_array(messages[f'{name}/compressed']).astype(int)
                            - sibling.astype(int))
        assert difference.mean() < (25 if form == 'jpeg' else 1e-9)


def test_the_quality_of_a_jpeg_decides_its_size() -> None:
    delivery = make_delivery()
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    delivery = replace(delivery, result=replace(delivery.result, all_in_focus=image))
    sizes = [len(built(delivery, NodeOptions(output_jpeg_quality=quality))[
        'all_in_focus/image/compressed'].data) for quality in (20, 95)]
    assert 2 * sizes[0] < sizes[1]


def test_camera_infos_are_the_given_one_under_the_header_of_the_result() -> None:
    messages = built(make_delivery(), camera_info=make_camera_info())
    for name in CAMERA_INFOS:
        assert (messages[name].k[0], messages[name].width) == (500.0, WIDTH)
    assert set(built(make_delivery())) == OUTPUTS - set(CAMERA_INFOS)


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    delivery = make_delivery()
    unusable = replace(delivery.result, all_in_focus=None, depth_m=None, confidence=None,
                       slice_index=None, depth_std_m=np.array('none'))
    builders = build_outputs(replace(delivery, result=unusable), None, NodeOptions())
    for name in (*IMAGES, *COMPRESSED, 'points', 'normals'):
        with pytest.raises((AttributeError, TypeError, ImageError)):
            builders[name]()


# For whom, and when


class Screen:
    """
    A node that publishes results, another that looks at them, and what was built for it.

    :param ros: the fixture ``ros_context``
    """

    def __init__(self, ros: RosContext) -> None:
        self.node = LifecycleNode('stacker', context=ros.context)
        self.viewer = Node('viewer', context=ros.context)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.viewer)
        self.now, self.late = 100.0, 0
        self.failed: list[tuple[str, Exception]] = []
        self.outputs = ResultPublisher(
            self.node, NodeOptions(), self.come_late,
            lambda name, error: self.failed.append((name, error)), lambda: self.now)
        assert self.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        self.built: list[tuple[str, int]] = []
        self.messages: dict[str, list[Any]] = defaultdict(list)

    def come_late(self) -> None:
        """Count how often a late subscriber was told of."""
        self.late += 1

    def close(self) -> None:
        """Remove both nodes."""
        self.executor.shutdown()
        self.node.destroy_node()
        self.viewer.destroy_node()

    def look_at(self, name: str) -> Any:
        """Subscribe an output, wait until it is connected, and return the subscription."""
        kind = ResultPublisher.topics()[name]
        before = self.subscribers(name)
        profile = output_profile()
        profile.depth = 10  # so that it sees everything
        subscription = self.viewer.create_subscription(
            kind, name, self.messages[name].append, profile)
        self.wait(lambda: self.subscribers(name) == before + 1, f'a subscriber of {name}')
        return subscription

    def look_away(self, name: str, subscription: Any) -> None:
        """Remove the only subscription of an output."""
        self.viewer.destroy_subscription(subscription)
        self.wait(lambda: self.subscribers(name) == 0, f'no subscriber of {name}')

    def subscribers(self, name: str) -> int:
        """Return how many subscribers an output knows of."""
        return self.outputs._topics[name].publisher.get_subscription_count()

    def publish(self, seconds: int, camera_info: CameraInfo | None = None,
                **instead: Any) -> None:
        """Publish a result with that stamp; ``instead`` are builders by name, __ for a slash."""
        def noted(name: str, build: Any) -> Any:
            def noting() -> Any:
                self.built.append((name, seconds))
                return build()
            return noting

        builders = build_outputs(make_delivery(seconds), camera_info, NodeOptions())
        builders.update({name.replace('__', '/'): build for name, build in instead.items()})
        self.outputs.publish({name: noted(name, build) for name, build in builders.items()})

    def acknowledged(self, name: str) -> None:
        """Wait until the subscribers of an output have what was published."""
        publisher = self.outputs._topics[name].publisher
        assert publisher.wait_for_all_acked(Duration(seconds=10))

    def wait(self, predicate: Any, what: str = 'the condition') -> None:
        """Spin until a condition holds."""
        spin_until(self.executor, predicate, what=what)

    def stamps(self, name: str, count: int) -> list[int]:
        """Wait for messages of an output, and return their stamps in seconds."""
        self.wait(lambda: len(self.messages[name]) >= count, f'{count} messages of {name}')
        return [message.header.stamp.sec for message in self.messages[name]]


@pytest.fixture
def screen(ros_context: RosContext) -> Iterator[Screen]:
    """Yield a `Screen` of an active node."""
    result = Screen(ros_context)
    yield result
    result.close()


def test_all_outputs_are_advertised_reliable_and_for_late_subscribers(screen) -> None:
    screen.wait(lambda: all(screen.viewer.count_publishers(name) for name in OUTPUTS))
    for name in OUTPUTS:
        offered, = screen.viewer.get_publishers_info_by_topic(name)
        assert (offered.qos_profile.reliability, offered.qos_profile.durability) == (
            QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL), name


def test_the_topics_are_those_that_are_advertised(screen) -> None:
    assert set(ResultPublisher.topics()) == OUTPUTS


@pytest.mark.parametrize(('options', 'override', 'expected'), [
    ({'output_reliability': 'best_effort', 'output_durability': 'volatile'}, {},
     ('BEST_EFFORT', 'VOLATILE')),
    ({}, {'durability': 'volatile'}, ('RELIABLE', 'VOLATILE')),
    ({'output_reliability': 'best_effort'}, {'reliability': 'reliable'},
     ('RELIABLE', 'TRANSIENT_LOCAL'))])
def test_quality_of_service_is_that_of_the_options_and_overrides(
        ros_context: RosContext, options, override, expected) -> None:
    node = LifecycleNode('stacker', context=ros_context.context, parameter_overrides=[
        Parameter(f'qos_overrides./points.publisher.{key}', value=value)
        for key, value in override.items()])
    outputs = ResultPublisher(node, NodeOptions(**options))
    profile = outputs._topics['points'].publisher.qos_profile
    profiles = [profile]
    outputs._renew('points', outputs._topics['points'])
    profiles.append(outputs._topics['points'].publisher.qos_profile)
    assert [(each.reliability.name, each.durability.name) for each in profiles] == 2 * [expected]
    node.destroy_node()


def test_an_illegal_override_is_an_error_that_names_it(ros_context: RosContext) -> None:
    node = LifecycleNode('stacker', context=ros_context.context, parameter_overrides=[
        Parameter('qos_overrides./depth/image.publisher.durability', value='for ever')])
    with pytest.raises(OptionError, match=r'qos_overrides\./depth/image\.publisher'):
        ResultPublisher(node)
    assert node.count_publishers('/all_in_focus/image') == 0
    node.destroy_node()


def test_nothing_but_the_report_is_made_for_nobody(screen) -> None:
    screen.publish(1, make_camera_info())
    assert screen.built == [('report', 1)]
    assert not screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.built == [('report', 1)]


def test_what_is_subscribed_is_made_once_and_the_report_last(screen) -> None:
    for name in ('report', 'depth/image', 'depth/camera_info'):
        screen.look_at(name)
    screen.publish(1, make_camera_info())
    assert sorted(screen.built[:2]) == [('depth/camera_info', 1), ('depth/image', 1)]
    assert screen.built[2:] == [('report', 1)]
    assert screen.stamps('depth/image', 1) == [1]
    assert screen.stamps('depth/camera_info', 1) == [1]
    screen.wait(lambda: screen.messages['report'])
    screen.outputs.serve_late_subscribers()
    assert len(screen.built) == 3
    screen.publish(2, make_camera_info())
    assert screen.stamps('depth/image', 2) == [1, 2]


@pytest.mark.parametrize('name', sorted(OUTPUTS - {'report'}))
def test_who_comes_late_gets_the_last_result(screen, name) -> None:
    screen.publish(1, make_camera_info())
    screen.publish(2, make_camera_info())
    assert not screen.outputs.has_late_subscribers()
    screen.look_at(name)
    assert screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.stamps(name, 1) == [2]
    assert [item for item in screen.built if item[0] == name] == [(name, 2)]
    assert not screen.outputs.has_late_subscribers()


def test_the_second_late_subscriber_gets_what_the_first_one_got(screen) -> None:
    screen.publish(1)
    screen.look_at('depth/image')
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_at('depth/image')
    assert screen.stamps('depth/image', 2) == [1, 1]
    assert not screen.outputs.has_late_subscribers()
    assert screen.built.count(('depth/image', 1)) == 1


def test_the_report_is_there_for_who_comes_late(screen) -> None:
    screen.publish(1)
    screen.look_at('report')
    screen.wait(lambda: screen.messages['report'])
    assert json.loads(screen.messages['report'][0].data)['stamp']['sec'] == 1


def test_a_volatile_subscriber_is_served_late_too(screen) -> None:
    screen.publish(1)
    screen.viewer.create_subscription(Image, 'depth/preview',
                                      screen.messages['depth/preview'].append,
                                      QoSProfile(depth=1))
    screen.wait(screen.outputs.has_late_subscribers)
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/preview', 1) == [1]


def test_a_result_without_camera_info_leaves_none_of_the_one_before(screen) -> None:
    screen.publish(1, make_camera_info())
    screen.publish(2)
    screen.look_at('depth/camera_info')
    assert not screen.outputs.has_late_subscribers()


def test_what_somebody_has_asked_for_is_made_for_who_comes_late(screen) -> None:
    subscription = screen.look_at('depth/image')
    screen.publish(1)
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_away('depth/image', subscription)
    screen.publish(2)
    screen.outputs.follow_subscribers()
    screen.look_at('depth/image')
    screen.wait(lambda: screen.stamps('depth/image', 1)[-1] == 2, 'the second result')
    assert screen.stamps('depth/image', 1) == [1, 2]  # the first of them before it was gone
    assert not screen.outputs.has_late_subscribers()


def test_what_nobody_has_looked_at_for_long_is_put_off_again(screen) -> None:
    subscription = screen.look_at('depth/image')
    screen.publish(1)
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_away('depth/image', subscription)
    for seconds in (0, 31):
        screen.now += seconds
        screen.outputs.follow_subscribers()
    # There is nothing newer yet, so the last result is still there.
    subscription = screen.look_at('depth/image')
    assert screen.stamps('depth/image', 2) == [1, 1]
    screen.outputs.follow_subscribers()
    screen.look_away('depth/image', subscription)
    for seconds in (0, 31):
        screen.now += seconds
        screen.outputs.follow_subscribers()
    screen.publish(2)
    assert ('depth/image', 2) not in screen.built
    screen.outputs.follow_subscribers()
    screen.look_at('depth/image')
    screen.acknowledged('depth/image')
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 3) == [1, 1, 2]


def test_nothing_older_is_left_of_an_output_that_a_result_has_not(screen) -> None:
    subscription = screen.look_at('depth/camera_info')
    screen.publish(1, make_camera_info())
    assert screen.stamps('depth/camera_info', 1) == [1]
    screen.publish(2)
    screen.outputs.follow_subscribers()
    screen.look_away('depth/camera_info', subscription)
    screen.outputs.follow_subscribers()
    screen.look_at('depth/camera_info')
    screen.publish(3, make_camera_info())
    assert screen.stamps('depth/camera_info', 2) == [1, 3]


def test_results_are_published_without_a_change_of_the_entities_of_the_node(screen) -> None:
    """Another thread goes through them, as rclpy does in a transition."""
    names = ('depth/image', 'points', 'all_in_focus/image')
    subscriptions = {name: screen.look_at(name) for name in names}
    screen.publish(1, make_camera_info())
    for name, subscription in subscriptions.items():
        screen.look_away(name, subscription)
    before = set(screen.node._managed_entities)
    screen.publish(2, make_camera_info())
    screen.outputs.serve_late_subscribers()
    assert set(screen.node._managed_entities) == before


@pytest.mark.parametrize('events', ['matched', 'not in rclpy', 'not in the middleware'])
def test_late_subscribers_are_noticed(events: str, ros_context: RosContext,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    create = LifecycleNode.create_lifecycle_publisher

    def create_without(node: Any, *arguments: Any, **options: Any) -> Any:
        if 'event_callbacks' in options:
            raise UnsupportedEventTypeError('not here')
        return create(node, *arguments, **options)

    if events == 'not in rclpy':
        monkeypatch.setattr(outputs_module, 'matched_events', lambda _report: None)
    elif events == 'not in the middleware':
        monkeypatch.setattr(LifecycleNode, 'create_lifecycle_publisher', create_without)
    screen = Screen(ros_context)
    try:
        screen.publish(1)
        screen.look_at('depth/image')
        if events != 'matched' or matched_events(lambda: None) is None:
            screen.outputs.follow_subscribers()
        screen.wait(lambda: screen.late, 'the late subscriber to be noticed')
        assert screen.outputs.has_late_subscribers()
    finally:
        screen.close()


def test_what_came_while_the_node_was_inactive_is_served_when_it_is_active(screen) -> None:
    screen.look_at('depth/image')
    assert screen.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    screen.publish(1)
    screen.outputs.serve_late_subscribers()
    assert screen.built == []
    assert screen.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 1) == [1]


def no_depth() -> Any:
    raise KeyError('a bug')


@pytest.mark.parametrize('instead', [no_depth, CameraInfo], ids=['is not made', 'does not fit'])
def test_an_output_that_fails_costs_no_other_one(screen, instead) -> None:
    for name in ('depth/image', 'confidence/image', 'slice_index/image', 'report'):
        screen.look_at(name)
    screen.publish(1, depth__image=instead)
    for name in ('confidence/image', 'slice_index/image'):
        assert screen.stamps(name, 1) == [1]
    screen.wait(lambda: screen.messages['report'])
    (name, error), = screen.failed
    assert (name, type(error)) == ('depth/image', KeyError if instead is no_depth else TypeError)
    screen.outputs.serve_late_subscribers()
    assert len(screen.failed) == 1  # it is not tried again
    screen.publish(2)
    assert screen.stamps('depth/image', 1) == [2]
    assert len(screen.failed) == 1


def test_destroy_removes_the_publishers(screen) -> None:
    screen.wait(lambda: screen.viewer.count_publishers('depth/image') == 1)
    screen.outputs.destroy()
    screen.wait(lambda: not any(screen.viewer.count_publishers(name) for name in OUTPUTS))
    screen.publish(1)
    assert screen.built == []
