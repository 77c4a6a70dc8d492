# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A slice that is to be fused into the all-in-focus image."""

from __future__ import annotations

from dataclasses import dataclass, replace

from focus_stacking_ros.core.fuse.fixed_map import fixed_gain
from focus_stacking_ros.core.slices import Image, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['FusionSlice']


@dataclass(frozen=True)
class FusionSlice:
    """
    One retained slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16, unwarped
    :param sharpness: (H, W) uint8, unwarped
    :param transform: result pixel -> slice pixel
    :param gain: factor on the image's grey values, or one for each channel
    :param valid: (H, W) uint8, 255 where the image has data, else 0; None where it has it
        everywhere
    """

    image: Image
    sharpness: NDArray[np.uint8]
    transform: Transform
    gain: float | tuple[float, ...]
    valid: NDArray[np.uint8] | None = None

    def gains(self) -> tuple[int, ...]:
        """Return the gain of every channel in 1/16384."""
        channels = self.image.shape[2] if self.image.ndim == 3 else 1
        values = np.broadcast_to(np.asarray(self.gain, np.float64), (channels,))
        return tuple(fixed_gain(float(value)) for value in values)

    def without_sharpness(self) -> FusionSlice:
        """Return the slice for what only looks at its image, with no sharpness."""
        return replace(self, sharpness=np.empty((0, 0), np.uint8))
