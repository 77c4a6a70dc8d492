# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What blocks of pixels tell of the index that slices are fused by."""

from __future__ import annotations

from collections.abc import Sequence

from focus_stacking_ros.core.fuse.block_sharpness import in_blocks, sharpest_blocks
from focus_stacking_ros.core.fuse.faint import Plane
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.greatest_blocks import GreatestOf
from focus_stacking_ros.core.fuse.narrow_gate import narrow_gates, seen
from focus_stacking_ros.core.fuse.soft_structure import soft_structure
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.stack.guide_source import GuideSource
import numpy as np

__all__ = ['guide_by_blocks']


def guide_by_blocks(guide: GuideSource, slices: Sequence[FusionSlice], coarse: Sequence[Plane],
                    noise: FloatImage, reach: int, greatest: GreatestOf) -> None:
    """
    Let a guide know of soft structures that its index has missed, and where gates are narrow.

    :param guide: whose index, confidence and narrow gates change
    :param slices: in the order of the index
    :param coarse: their coarse sharpness, (ceil(H / 4), ceil(W / 4)) uint8, unwarped
    :param noise: as that, float32, standard deviation, 8-bit grey levels
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param greatest: see `core.fuse.greatest_blocks.greatest_blocks`
    """
    size = (noise.shape[1], noise.shape[0])
    index, confidence = in_blocks(guide.index, size), in_blocks(guide.confidence, size)
    # Where surfaces are seen through one another both are to be seen, none is to be chosen.
    single = in_blocks((guide.continuity == 0).astype(np.float32), size) == 0
    soft = soft_structure(slices, coarse, index, np.where(single, confidence, 1), noise, reach,
                          greatest)
    if soft is None and float(seen(noise).min()) >= 0.5:
        return
    of_index, *of_soft = sharpest_blocks(
        slices, [index] if soft is None else [index, soft.index], reach, greatest)
    if soft is not None:
        soft = soft.unless(of_soft[0], noise)
    if soft is not None:
        of_index = of_index.where(soft.told, of_soft[0])
        confidence = np.maximum(confidence, soft.told)
        guide.index, guide.confidence = soft.into(guide.index, guide.confidence)
    guide.narrow = narrow_gates(of_index, confidence, noise)
