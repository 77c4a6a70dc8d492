# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The front pass: all that later steps need of a slice, from one pass over its pixels.

Integers, as hw_accel/SPECIFICATION.md writes them down; here with OpenCV and NumPy, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from focus_stacking_ros.core.focus.light import light_cells, LightCells
from focus_stacking_ros.core.focus.measure import (
    focus_measure,
    focus_response,
    halved,
    luma,
    sharpness,
)
from focus_stacking_ros.core.focus.noise import noise_counts
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['Front', 'channel_noise_of', 'front_of', 'needs_channel_noise']


@dataclass(frozen=True)
class Front:
    """
    What is known of a slice before it is registered, in its own pixel grid.

    :param luma: (H, W) int16, 1/16 grey level; None where it was not asked for
    :param half_luma: int16 of `half_size`, the mean of 2x2 pixels
    :param sharpness: (H, W) uint8, see `sharpness`
    :param noise: (16, 1024) uint32, see `noise_counts`
    :param channel_noise: (3, 1024) uint32, the same of each channel over all brightnesses; None
        where no focus measure looks at the channels of a colour image
    :param light: for its exposure
    :param responses: returns the focus responses by operator, int16 of `half_size`; it waits for
        a device that still measures
    """

    luma: NDArray[np.int16] | None
    half_luma: NDArray[np.int16]
    sharpness: NDArray[np.uint8]
    noise: NDArray[np.uint32]
    channel_noise: NDArray[np.uint32] | None
    light: LightCells
    responses: Callable[[], dict[str, NDArray[np.int16]]]


def needs_channel_noise(image: Image, operators: Sequence[str]) -> bool:
    """Return whether a focus measure looks at the channels of a colour image."""
    return image.ndim == 3 and any(focus_measure(name).needs_colour for name in operators)


def channel_noise_of(image: Image, operators: Sequence[str]) -> NDArray[np.uint32] | None:
    """Return `Front.channel_noise` of an image."""
    if not needs_channel_noise(image, operators):
        return None
    return np.stack([noise_counts(luma(image[..., channel])).sum(axis=0, dtype=np.uint32)
                     for channel in range(3)])


def front_of(image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
    """
    Return what later steps need of a slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param operators: focus measures
    :param with_luma: whether the luma at full size is wanted
    :raises KeyError: there is no such focus measure
    """
    grey = luma(image)
    responses = {name: focus_response(image, grey, name) for name in operators}
    return Front(grey if with_luma else None, halved(grey), sharpness(grey), noise_counts(grey),
                 channel_noise_of(image, operators), light_cells(image),
                 lambda: responses)
