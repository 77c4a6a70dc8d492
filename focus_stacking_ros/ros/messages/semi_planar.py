# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YUV images of two planes, as cameras and hardware decoders give them: NV12 and its like."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['SEMI_PLANAR', 'semi_planar_to_bgr']


class _Layout(NamedTuple):
    """How many pixels share a pair of U and V, and whether V comes first."""

    across: int
    down: int
    v_first: bool


#: Layout by encoding. sensor_msgs names nv21 and nv24; drivers publish the others alike.
SEMI_PLANAR = {
    'nv12': _Layout(2, 2, False), 'nv21': _Layout(2, 2, True),
    'nv16': _Layout(2, 1, False), 'nv61': _Layout(2, 1, True),
    'nv24': _Layout(1, 1, False), 'nv42': _Layout(1, 1, True)}


def semi_planar_to_bgr(data: NDArray[np.uint8], width: int, height: int, step: int,
                       encoding: str) -> NDArray[Any]:
    """
    Return the pixels of an image of a plane of Y and one of alternating U and V.

    The values are those of ITU-R BT.601, Y from 16 to 235, as of the other YUV encodings.

    :param data: (N,) uint8, the planes one after the other
    :param width: pixels
    :param height: pixels
    :param step: bytes from one row of Y to the next; a row of U and V has as many, of nv24 and
        nv42 twice as many
    :param encoding: a key of SEMI_PLANAR
    :returns: (H, W, 3) uint8 blue-green-red
    :raises ValueError: the size does not fit the encoding, or the data not the size
    """
    layout = SEMI_PLANAR[encoding]
    if not (width and height):
        raise ValueError(f'the image has {width}x{height} pixels')
    if width % layout.across or height % layout.down:
        raise ValueError(f'the image is {width}x{height} pixels, and {encoding} needs an even '
                         f'width{" and height" * (layout.down == 2)}')
    if step < width:
        raise ValueError(f'the step is {step} bytes, and a row of {width} pixels of {encoding} '
                         f'takes {width}')
    rows, chroma_step = height // layout.down, step * 2 // layout.across
    chroma_row = 2 * width // layout.across
    # The last row may come without its padding.
    needed = height * step + (rows - 1) * chroma_step + chroma_row
    if data.size < needed:
        raise ValueError(f'the payload has {data.size} bytes, and {width}x{height} pixels of '
                         f'{encoding} with a step of {step} bytes take {needed}')
    luma: NDArray[np.uint8] = np.ndarray((height, width), np.uint8, data, strides=(step, 1))
    chroma: NDArray[np.uint8] = np.ndarray((rows, chroma_row), np.uint8, data, height * step,
                                           (chroma_step, 1))
    if layout.down == 2:
        together = np.concatenate([luma, chroma])
        return cv2.cvtColor(together, cv2.COLOR_YUV2BGR_NV21 if layout.v_first
                            else cv2.COLOR_YUV2BGR_NV12)
    conversion = cv2.COLOR_YUV2BGR_YVYU if layout.v_first else cv2.COLOR_YUV2BGR_YUY2
    if layout.across == 2:
        return cv2.cvtColor(np.stack([luma, chroma], -1), conversion)
    # Each pixel twice, so that it has its own U and V.
    doubled = cv2.cvtColor(np.stack([np.repeat(luma, 2, axis=1), chroma], -1), conversion)
    return np.ascontiguousarray(doubled[:, ::2])
