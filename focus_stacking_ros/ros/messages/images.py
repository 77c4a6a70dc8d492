# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs images to arrays and back, without needless copies."""

from __future__ import annotations

from dataclasses import dataclass
import sys
from typing import Any

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import decode
from focus_stacking_ros.core.refusal import Refusal, RefusedError
from focus_stacking_ros.core.slices import FloatImage, stored
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.messages.semi_planar import SEMI_PLANAR, semi_planar_to_bgr
import numpy as np
from numpy.typing import NDArray

__all__ = ['ImageError', 'array_encoding', 'array_to_image', 'compressed_to_array',
           'depth_to_image', 'image_to_array', 'in_millimetres', 'output_encoding']


class ImageError(RefusedError):
    """
    An image message cannot be used, or an image not be sent.

    :param refusal: the kind of reason
    :param message: the reason, with its figures and the way out
    """


@dataclass(frozen=True)
class _Format:
    """
    How an encoding lies in memory, and what turns it into grey or blue-green-red.

    :param dtype: of a channel
    :param channels: per pixel
    :param conversion: OpenCV's colour conversion code, None where there is nothing to do
    :param reverse: whether red comes first: the pixels are looked at from behind, not copied
    :param published: encoding of the all-in-focus image made of such slices
    :param back: colour conversion from blue-green-red to this encoding
    """

    dtype: type[np.generic]
    channels: int
    conversion: int | None = None
    reverse: bool = False
    published: str = ''
    back: int | None = None


def _formats() -> dict[str, _Format]:
    formats = {
        'mono8': _Format(np.uint8, 1), '8UC1': _Format(np.uint8, 1),
        'mono16': _Format(np.uint16, 1), '16UC1': _Format(np.uint16, 1),
        'bgr8': _Format(np.uint8, 3), '8UC3': _Format(np.uint8, 3),
        'bgr16': _Format(np.uint16, 3), '16UC3': _Format(np.uint16, 3),
        '32FC1': _Format(np.float32, 1)}
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        formats[f'rgb{bits}'] = _Format(dtype, 3, reverse=True, back=cv2.COLOR_BGR2RGB)
        formats[f'rgba{bits}'] = _Format(dtype, 4, cv2.COLOR_RGBA2BGR, back=cv2.COLOR_BGR2RGBA)
        formats[f'bgra{bits}'] = _Format(dtype, 4, cv2.COLOR_BGRA2BGR, back=cv2.COLOR_BGR2BGRA)
        # OpenCV names a Bayer pattern after its second row, ROS after its first.
        for pattern, conversion in (
                ('rggb', cv2.COLOR_BayerBG2BGR), ('bggr', cv2.COLOR_BayerRG2BGR),
                ('gbrg', cv2.COLOR_BayerGR2BGR), ('grbg', cv2.COLOR_BayerGB2BGR)):
            formats[f'bayer_{pattern}{bits}'] = _Format(dtype, 1, conversion,
                                                        published=f'bgr{bits}')
    for name, conversion in (
            ('yuv422', cv2.COLOR_YUV2BGR_UYVY), ('uyvy', cv2.COLOR_YUV2BGR_UYVY),
            ('yuv422_yuy2', cv2.COLOR_YUV2BGR_YUY2), ('yuyv', cv2.COLOR_YUV2BGR_YUY2)):
        formats[name] = _Format(np.uint8, 2, conversion, published='bgr8')
    return formats


_FORMATS = _formats()
_LEAST_MOSAIC = 3  # pixels; OpenCV fills the border from the pixels beside it


def image_to_array(message: Any) -> NDArray[Any]:
    """
    Return the pixels of a sensor_msgs/Image.

    :returns: (H, W) grey or (H, W, 3) blue-green-red, uint8 or uint16 (float32 for 32FC1); a
        read-only view of the message where it can be, which keeps the message's data alive; of
        rgb8 and rgb16 one with its channels reversed
    :raises ImageError: an unknown encoding, or a payload that does not fit the header
    """
    if message.encoding in SEMI_PLANAR:
        try:
            return semi_planar_to_bgr(np.frombuffer(message.data, np.uint8), message.width,
                                      message.height, message.step, message.encoding)
        except ValueError as error:
            raise ImageError(Refusal.PAYLOAD, str(error)) from error
    form = _FORMATS.get(message.encoding)
    if form is None:
        return _by_cv_bridge(message)
    if form.conversion in (cv2.COLOR_YUV2BGR_UYVY, cv2.COLOR_YUV2BGR_YUY2) and message.width % 2:
        raise ImageError(Refusal.PAYLOAD, f'the image is {message.width} pixels wide, and '
                         f'{message.encoding} needs an even width')
    pixels = _payload(message, form)
    if form.conversion is None:
        return pixels[..., ::-1] if form.reverse else pixels
    if message.encoding.startswith('bayer_'):
        return _demosaiced(pixels, form.conversion)
    return cv2.cvtColor(pixels, form.conversion)


def _demosaiced(mosaic: NDArray[Any], conversion: int) -> NDArray[Any]:
    """Return the colours behind a Bayer filter, (H, W, 3) blue-green-red."""
    if min(mosaic.shape) < _LEAST_MOSAIC:
        raise ImageError(
            Refusal.PAYLOAD, f'the image has {mosaic.shape[1]}x{mosaic.shape[0]} pixels, '
            f'and a Bayer pattern takes {_LEAST_MOSAIC} along each side')
    return cv2.cvtColor(mosaic, conversion)


def _payload(message: Any, form: _Format) -> NDArray[Any]:
    """Return the payload as a read-only array in the machine's byte order."""
    height, width, step = message.height, message.width, message.step
    item = np.dtype(form.dtype)
    row = width * form.channels * item.itemsize
    if not (height and width):
        raise ImageError(Refusal.PAYLOAD, f'the image has {width}x{height} pixels')
    if step < row:
        raise ImageError(Refusal.PAYLOAD, f'the step is {step} bytes, and {width} pixels of '
                         f'{message.encoding} take {row}')
    data = np.frombuffer(message.data, np.uint8)
    # The last row may come without its padding.
    needed = (height - 1) * step + row
    if data.size < needed:
        raise ImageError(
            Refusal.PAYLOAD, f'the payload has {data.size} bytes, and {width}x{height} pixels of '
            f'{message.encoding} with a step of {step} bytes take {needed}')
    strange = bool(message.is_bigendian) != (sys.byteorder == 'big') and item.itemsize > 1
    wire = item.newbyteorder() if strange else item
    shape = (height, width) if form.channels == 1 else (height, width, form.channels)
    strides: tuple[int, ...] = (step, form.channels * item.itemsize, item.itemsize)
    pixels: NDArray[Any] = np.ndarray(shape, wire, data, strides=strides[:len(shape)])
    if strange or step % item.itemsize:
        pixels = pixels.astype(item)
    pixels.flags.writeable = False
    return pixels


def _by_cv_bridge(message: Any) -> NDArray[Any]:
    """Convert an encoding that is not ours by cv_bridge, where it is installed."""
    known = ', '.join((*_FORMATS, *SEMI_PLANAR))
    try:
        from cv_bridge import CvBridge
    except Exception as error:
        raise ImageError(
            Refusal.ENCODING, f'the encoding {message.encoding!r} is none of {known}; cv_bridge, '
            f'which knows more, cannot be imported ({error}): install ros-$ROS_DISTRO-cv-bridge, '
            'or convert the images') from error
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, 'bgr8'))
    except Exception as error:
        raise ImageError(
            Refusal.ENCODING, f'the encoding {message.encoding!r} is none of {known}, and '
            f'cv_bridge cannot convert it: {error}') from error


def compressed_to_array(message: Any) -> NDArray[Any]:
    """
    Return the pixels of a sensor_msgs/CompressedImage.

    What image_transport compresses of a Bayer camera is the mosaic, as if it were grey; the
    format names its pattern (``bayer_rggb8; png compressed``).

    :returns: (H, W) grey or (H, W, 3) blue-green-red, uint8 or uint16
    :raises ImageError: the data is cut short or no image
    """
    try:
        pixels = decode(message.data, f'the image with format {message.format!r}')
    except ImageFileError as error:
        raise ImageError(Refusal.PAYLOAD, str(error)) from error
    encoding = message.format.partition(';')[0].strip().lower()
    if pixels.ndim == 2 and encoding.startswith('bayer_'):
        # The depth is that of the picture: a JPEG of 16 bits has 8.
        form = _FORMATS.get(encoding)
        if form is None or form.conversion is None:
            raise ImageError(
                Refusal.ENCODING, f'the format {message.format!r} names a Bayer pattern that is '
                'none of ' + ', '.join(name for name in _FORMATS if name.startswith('bayer_')))
        return _demosaiced(pixels, form.conversion)
    return pixels


def output_encoding(encoding: str) -> str:
    """
    Return the encoding of the all-in-focus image made of slices in ``encoding``.

    The same; bgr8 or bgr16 for Bayer, YUV and what cv_bridge converts.
    """
    form = _FORMATS.get(encoding)
    return 'bgr8' if form is None else form.published or encoding


def array_encoding(pixels: NDArray[Any]) -> str:
    """Return the encoding of a (H, W) or (H, W, 3) blue-green-red uint8 or uint16 array."""
    return f'{"mono" if pixels.ndim == 2 else "bgr"}{8 * pixels.dtype.itemsize}'


def array_to_image(pixels: NDArray[Any], header: Any, encoding: str) -> Any:
    """
    Return a sensor_msgs/Image.

    :param pixels: (H, W), or (H, W, 3) blue-green-red whatever the encoding's order; uint8,
        uint16 or float32
    :param header: std_msgs/Header
    :param encoding: what to send it as; alpha channels are full
    :raises ImageError: the encoding does not fit the array
    """
    form = _FORMATS.get(encoding)
    fits = form is not None and not form.published and pixels.dtype == form.dtype and (
        pixels.ndim == (2 if form.channels == 1 else 3)) and (
            pixels.ndim == 2 or pixels.shape[2] == 3)
    if form is None or not fits:
        raise ImageError(
            Refusal.ENCODING, f'an array of {pixels.shape}, {pixels.dtype} cannot be sent as '
            f'{encoding!r}')
    inside, is_reversed = stored(pixels)
    if form.reverse and is_reversed:
        pixels = inside
    elif form.back is not None:
        pixels = cv2.cvtColor(pixels, form.back)
    message = message_type('sensor_msgs/msg/Image')(
        header=header, encoding=encoding, height=pixels.shape[0], width=pixels.shape[1],
        is_bigendian=sys.byteorder == 'big',
        step=pixels.shape[1] * form.channels * pixels.dtype.itemsize)
    # Filled in place: of what is assigned some versions of rclpy check each element, or copy it.
    message.data.frombytes(np.ascontiguousarray(pixels).data.cast('B'))
    return message


def depth_to_image(depth_m: FloatImage, header: Any, encoding: str) -> Any:
    """
    Return a depth map as REP-118 has it.

    :param depth_m: (H, W) float32 metres, NaN where unknown
    :param header: std_msgs/Header
    :param encoding: 32FC1 (metres, NaN unknown) or 16UC1 (millimetres, 0 unknown or beyond 65 m)
    :raises ImageError: another encoding
    """
    if encoding == '32FC1':
        endless = np.isinf(depth_m)
        if endless.any():
            depth_m = np.where(endless, np.float32(np.nan), depth_m)
        return array_to_image(depth_m, header, encoding)
    if encoding != '16UC1':
        raise ImageError(
            Refusal.ENCODING, f'a depth map cannot be sent as {encoding!r}; it can as 32FC1 or '
            '16UC1')
    return array_to_image(in_millimetres(depth_m), header, encoding)


def in_millimetres(depth_m: FloatImage) -> NDArray[np.uint16]:
    """
    Return a depth map as 16UC1 has it.

    :param depth_m: (H, W) float32 metres
    :returns: (H, W) millimetres, rounded; 0 where unknown or beyond 65 m
    """
    millimetres = np.where(np.isfinite(depth_m), depth_m, 0) * 1000 + 0.5
    millimetres[(millimetres < 0) | (millimetres >= 65536)] = 0
    return millimetres.astype(np.uint16)
