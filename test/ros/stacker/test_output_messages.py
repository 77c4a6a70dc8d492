# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the messages that are made of a result, which is made up."""

from __future__ import annotations

from dataclasses import replace
import json
import math

from focus_stacking_ros.core.align.coverage import coverage
from focus_stacking_ros.core.region import Region
from focus_stacking_ros.ros.messages.images import compressed_to_array, image_to_array, ImageError
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
from focus_stacking_ros.ros.stacker.view import View
from helpers.deliveries import (
    built,
    CAMERA_INFOS,
    COMPRESSED,
    HEIGHT,
    IMAGES,
    make_camera_info,
    make_delivery,
    OUTPUTS,
    WIDTH,
)
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

pytestmark = pytest.mark.ros


def test_every_output_carries_the_header_of_the_result() -> None:
    delivery = make_delivery()
    messages = built(delivery, camera_info=make_camera_info())
    assert set(messages) == OUTPUTS
    for name in (*IMAGES, *CAMERA_INFOS, *COMPRESSED, 'points', 'normals'):
        assert messages[name].header == delivery.header, name
    for name in IMAGES:
        assert (messages[name].width, messages[name].height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize('nominal', [0.0, 500.0])
def test_the_points_of_a_region_are_where_those_of_the_whole_image_are(nominal: float) -> None:
    region = Region(3, 2, WIDTH, HEIGHT)
    delivery = replace(make_delivery(), view=View(20, 16, region))
    info = make_camera_info()
    info.width, info.height = 20, 16
    info.k[2], info.k[5] = 9.5, 7.5
    options = NodeOptions(camera_nominal_focal_length=nominal)
    messages = built(delivery, options, None if nominal else info)
    points = np.frombuffer(messages['points'].data, np.uint8).reshape(HEIGHT, WIDTH, -1)
    x, y, z = np.ascontiguousarray(points[..., :12]).view(np.float32).transpose(2, 0, 1)
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    known = np.isfinite(z)
    np.testing.assert_allclose((x / z)[known], ((column + 3 - 9.5) / 500)[known], atol=1e-6)
    np.testing.assert_allclose((y / z)[known], ((row + 2 - 7.5) / 500)[known], atol=1e-6)
    if not nominal:
        for name in CAMERA_INFOS:
            told = messages[name]
            assert (told.width, told.height, told.k[2]) == (20, 16, 9.5)
            assert (told.roi.x_offset, told.roi.y_offset) == (3, 2)
            assert (told.roi.width, told.roi.height) == (WIDTH, HEIGHT)


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
    assert set(messages) == OUTPUTS - {
        'depth/image', 'depth/image/compressedDepth', 'depth/camera_info', 'depth_std/image',
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
