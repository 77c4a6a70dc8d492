# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
More noise than there is, where neither a structure nor a depth tells which slice is right.

Slices may differ in brightness there: by the light of a blurred neighbour, a shadow, something
that moved. Faint structure and what compression left choose one slice here and another beside it,
which is seen as patches. Taken for noise it chooses none, and the image follows the index, which
is smooth. Where a structure is near, or the brightness is the same in all slices, all stays as it
is.
"""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.faint import noise_sharpness
from focus_stacking_ros.core.fuse.job import SHARPNESS_STEP
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['raised_noise']

_GREATEST, _TOLD = 0.15, 2.0  # sharpness above that of the noise, as a share of it: what the
#                               greatest of several has, and what tells half
_APART = np.ones((5, 5), np.uint8)  # a structure within that tells of what is beside it, too
_PATCHY = 4.0  # change of the brightness that is seen as a patch, in those that are still calm
_MORE = 2.0  # noise that is added at most, as a share of what there is
_LEAST = 1 / 16  # share of that which changes anything


def raised_noise(noise: FloatImage, sharpest: NDArray[np.uint8], calm: FloatImage,
                 confidence: FloatImage) -> FloatImage | None:
    """
    Return by how much the noise from which a slice's sharpness has to stand out is raised.

    What is smooth is taken from one pixel of each block of 4x4: (ceil(H / 4), ceil(W / 4)).

    :param noise: float32, standard deviation of the noise, 8-bit grey levels
    :param sharpest: uint8, greatest sharpness of all slices, mean of the block
    :param calm: float32, 0 to 1, where the brightness stays what it is over the stack: exp(-1)
        where it changes as much as what is calm may
    :param confidence: (ceil(H / 2), ceil(W / 2)) float32, 0 to 1, of the depth
    :returns: float32, a factor from 1 on; None where nothing is unsure
    """
    level = noise_sharpness(noise) + np.float32(SHARPNESS_STEP)
    over = np.maximum(sharpest / level - np.float32(1 + _GREATEST), 0) * np.float32(1 / _TOLD)
    patchy = 1 - np.power(calm, np.float32(1 / _PATCHY ** 2))
    share = patchy * (1 - confidence[::2, ::2]) / (1 + over * over)
    share[share < np.float32(_LEAST)] = 0
    share = cv2.erode(share, _APART)
    return np.asarray(1 + np.float32(_MORE) * share, np.float32) if share.any() else None
