# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the message of each topic is made of a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from focus_stacking_ros.core.align.coverage import coverage
from focus_stacking_ros.core.files.pictures import confidence_picture, depth_picture, robust_range
from focus_stacking_ros.core.slices import FloatImage, StackResult
from focus_stacking_ros.ros.messages.camera_info import with_header, with_region
from focus_stacking_ros.ros.messages.cloud import cloud_message
from focus_stacking_ros.ros.messages.compressed_depth import depth_to_compressed
from focus_stacking_ros.ros.messages.compressed_images import array_to_compressed
from focus_stacking_ros.ros.messages.images import array_to_image, depth_to_image, output_encoding
from focus_stacking_ros.ros.messages.intrinsics import (
    find_intrinsics,
    Intrinsics,
    IntrinsicsError,
    pixel_rays,
)
from focus_stacking_ros.ros.messages.strict_json import strict_json
from focus_stacking_ros.ros.messages.typed_report import typed_report
from focus_stacking_ros.ros.node.typed_interfaces import Interfaces
from focus_stacking_ros.ros.stacker.delivery import Delivery
from focus_stacking_ros.ros.stacker.height import height_message
from focus_stacking_ros.ros.stacker.normals import normals_message
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.view import View
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_msgs.msg import String

__all__ = ['Builder', 'build_outputs', 'light_topic']

#: Makes a message, None where there is nothing to publish.
Builder = Callable[[], Any]


def light_topic(light: int) -> str:
    """Return the topic of the all-in-focus image under a further light, counted from 1."""
    return f'all_in_focus/light_{light}/image'


def build_outputs(delivery: Delivery, camera_info: Any | None, options: NodeOptions,
                  warn: Callable[[str], object] = lambda _words: None,
                  kinds: Interfaces | None = None) -> dict[str, Builder]:
    """
    Return how to make the message of each topic; nothing is computed yet.

    :param delivery: the result
    :param camera_info: sensor_msgs/CameraInfo of the whole image of the reference slice; None: no
        camera infos
    :param options: encodings, preview range, nominal intrinsics
    :param warn: called with a sentence when there is somebody to see points and no way to them
    :param kinds: the typed messages, None where they are not installed
    :returns: functions without arguments, by topic name, which return None where there is
        nothing to publish; no depth where no slice has a distance, the preview shows the slice
        index then
    """
    result, header = delivery.result, delivery.header
    if camera_info is not None and delivery.view is not None and delivery.view.region:
        camera_info = with_region(camera_info, delivery.view.region)
    metric = any(report.focus_distance_m is not None for report in result.reports
                 if report.accepted)
    shown = result.depth_m if metric else result.slice_index
    pictures: dict[str, tuple[Builder, str]] = {
        'all_in_focus/image': (lambda: result.all_in_focus, output_encoding(delivery.encoding)),
        'depth/preview': (lambda: depth_picture(shown, *_preview_range(shown, metric, options)),
                          'rgb8'),
        'confidence/preview': (lambda: confidence_picture(result.confidence), 'rgb8')}
    builders: dict[str, Builder] = {
        'confidence/image': lambda: array_to_image(result.confidence, header, '32FC1'),
        'slice_index/image': lambda: array_to_image(result.slice_index, header, '32FC1'),
        'valid/image': lambda: array_to_image(coverage(
            [each.transform for each in result.reports], result.confidence.shape), header,
            'mono8')}
    for name, (picture, encoding) in pictures.items():
        builders[name] = partial(_image, picture, header, encoding)
        builders[f'{name}/compressed'] = partial(_compressed, picture, header, encoding, options)
    for light, image in enumerate(result.lights, 1):
        builders[light_topic(light)] = partial(
            array_to_image, image, header, output_encoding(delivery.encoding))
    if metric:
        builders['depth/image'] = lambda: depth_to_image(
            result.depth_m, header, options.depth_encoding)
        builders['depth/image/compressedDepth'] = lambda: depth_to_compressed(
            result.depth_m, header, options.depth_encoding)
        builders['height/image'] = partial(_height, delivery, camera_info, options, warn)
        for name, make in (('points', _cloud), ('normals', normals_message)):
            builders[name] = partial(_on_rays, make, delivery, camera_info, options, warn)
        if result.depth_std_m is not None:
            deviation = result.depth_std_m
            builders['depth_std/image'] = lambda: array_to_image(deviation, header, '32FC1')
    if camera_info is not None:
        for output in ('all_in_focus', *(['depth'] if metric else []), 'confidence'):
            builders[f'{output}/camera_info'] = lambda: with_header(camera_info, header)
    builders['report'] = lambda: String(data=strict_json(
        _report(delivery, camera_info, options)))
    if kinds is not None:
        builders['stack_report'] = lambda: typed_report(
            kinds, _report(delivery, camera_info, options))
    return builders


def _image(picture: Builder, header: Any, encoding: str) -> Image:
    return array_to_image(picture(), header, encoding)


def _compressed(picture: Builder, header: Any, encoding: str, options: NodeOptions
                ) -> CompressedImage:
    return array_to_compressed(picture(), header, encoding, options.output_compressed_format,
                               options.output_jpeg_quality)


def _intrinsics(delivery: Delivery, camera_info: Any | None, options: NodeOptions) -> Intrinsics:
    height, width = delivery.result.depth_m.shape
    view = delivery.view or View(width, height)
    found = find_intrinsics(camera_info, view.width, view.height,
                            rectified=options.input_rectified,
                            nominal_focal_pixels=options.camera_nominal_focal_length)
    if found.origin == 'nominal' and view.region is not None:  # the middle is that of the whole
        x, y = found.centre_pixels
        return replace(found, centre_pixels=(x - view.region.x_offset, y - view.region.y_offset))
    return found


def _on_rays(make: Callable[[StackResult, Any, Any], Any], delivery: Delivery,
             camera_info: Any | None, options: NodeOptions, warn: Callable[[str], object]) -> Any:
    height, width = delivery.result.depth_m.shape
    try:
        rays = pixel_rays(_intrinsics(delivery, camera_info, options), width, height)
    except IntrinsicsError as error:
        warn(str(error))
        return None
    return make(delivery.result, rays, delivery.header)


def _cloud(result: StackResult, rays: Any, header: Any) -> PointCloud2:
    return cloud_message(result.depth_m, rays, result.all_in_focus, result.confidence, header,
                         result.significant_bits)


def _height(delivery: Delivery, camera_info: Any | None, options: NodeOptions,
            warn: Callable[[str], object]) -> Image | None:
    try:
        intrinsics: Intrinsics | None = _intrinsics(delivery, camera_info, options)
    except IntrinsicsError:
        intrinsics = None
    return height_message(delivery.result, intrinsics, delivery.header, warn)


def _report(delivery: Delivery, camera_info: Any | None, options: NodeOptions
            ) -> dict[str, Any]:
    try:
        intrinsics: Any = _intrinsics(delivery, camera_info, options).as_dict()
    except IntrinsicsError as error:
        intrinsics = str(error)
    return {**delivery.report, 'intrinsics': intrinsics}


def _preview_range(shown: FloatImage, metric: bool, options: NodeOptions
                   ) -> tuple[float, float]:
    if options.preview_near == options.preview_far or not metric:
        return robust_range(shown)
    return options.preview_near, options.preview_far
