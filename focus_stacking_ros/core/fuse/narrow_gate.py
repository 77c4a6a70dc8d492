# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Where only the slices next to the index are averaged, although there is noise.

As many slices are averaged as noise is stronger than what blur changes, and of a faint texture the
sharpness of a single pixel tells no more than noise does. Over blocks of pixels it does: where the
slices next to the index are the sharpest, their neighbours would blur the texture. Averaging fewer
leaves more noise, which is worth it as far as nobody sees it.
"""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.block_sharpness import TOLD
from focus_stacking_ros.core.fuse.faint import noise_sharpness, Plane
from focus_stacking_ros.core.fuse.greatest_blocks import SharpestBlocks, SMOOTHED
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['NARROWED', 'SURE', 'VISIBLE_NOISE', 'narrow_gates', 'seen']

#: Noise of which half is seen, standard deviation in 8-bit grey levels.
VISIBLE_NOISE = 0.8
#: Standard deviation of a narrow gate, slices of a sweep that is not fine: a slice one beyond the
#: sharpest enters with exp(-2).
NARROWED = 0.5
#: Confidence of the index from which on it says which slices are next to it.
SURE = 0.5


def seen(noise: FloatImage) -> FloatImage:
    """Return how much noise is seen, 0 to 1: one half at `VISIBLE_NOISE`; see `narrow_gates`."""
    fourth = np.square(np.square(noise))
    return np.asarray(fourth / (fourth + np.float32(VISIBLE_NOISE ** 4)), np.float32)


def narrow_gates(blocks: SharpestBlocks, confidence: FloatImage, noise: FloatImage
                 ) -> Plane | None:
    """
    Return where gates are to be narrow: (ceil(H / 4), ceil(W / 4)) uint8, 1, else 0.

    That is where most of the blocks around tell that the slices next to the index are the
    sharpest, the more of them the more noise is seen.

    :param blocks: how sharp the slices next to the index are
    :param confidence: as these, float32, 0 to 1, of the index
    :param noise: as these, float32, standard deviation, 8-bit grey levels
    :returns: None where it is nowhere
    """
    told = blocks.lead() > noise_sharpness(noise) * np.float32(TOLD)
    told &= confidence >= np.float32(SURE)
    most = cv2.blur(told.astype(np.float32), SMOOTHED) * (1 - seen(noise)) > np.float32(0.5)
    return most.view(np.uint8) if most.any() else None
