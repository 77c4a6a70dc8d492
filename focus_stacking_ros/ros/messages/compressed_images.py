# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as sensor_msgs/CompressedImage, as image_transport's `compressed` sends them."""

from __future__ import annotations

import array
from typing import Any

import cv2
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.ros.messages.images import array_encoding, ImageError
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

__all__ = ['array_to_compressed', 'compressed_message']


def array_to_compressed(pixels: NDArray[Any], header: Any, encoding: str, form: str,
                        jpeg_quality: int) -> CompressedImage:
    """
    Return a sensor_msgs/CompressedImage.

    :param pixels: (H, W), or (H, W, 3) blue-green-red; uint8 or uint16
    :param header: std_msgs/Header
    :param encoding: of the uncompressed sibling, which image_transport decodes to
    :param form: jpeg or png; 16-bit images are png always, as JPEG has no such
    :param jpeg_quality: 1 to 100
    :raises ImageError: the image cannot be encoded
    """
    if pixels.dtype != np.uint8:
        form = 'png'
    settings = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if form == 'jpeg' else []
    try:
        done, data = cv2.imencode('.jpg' if form == 'jpeg' else '.png', pixels, settings)
    except cv2.error as error:
        raise ImageError(Refusal.ENCODING, f'an array of {pixels.shape}, {pixels.dtype} cannot be '
                         f'compressed as {form}: {error}') from error
    if not done:
        raise ImageError(Refusal.ENCODING, f'an array of {pixels.shape}, {pixels.dtype} cannot be '
                         f'compressed as {form}')
    return compressed_message(
        header, f'{encoding}; {form} compressed {array_encoding(pixels)}', data.data.cast('B'))


def compressed_message(header: Any, form: str, *parts: Any) -> CompressedImage:
    """
    Return a sensor_msgs/CompressedImage.

    :param header: std_msgs/Header
    :param form: its field ``format``
    :param parts: buffers of bytes, one after the other
    """
    message = CompressedImage(header=header, format=form)
    # An array.array is taken as it is; anything else is checked element by element.
    content = array.array('B')
    for part in parts:
        content.frombytes(part)
    message.data = content
    return message
