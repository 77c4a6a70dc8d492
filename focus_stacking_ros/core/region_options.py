# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tunables of the region of interest, the same for every node that has one."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.option import option
from focus_stacking_ros.core.region import Region

__all__ = ['RegionOptions']

_LIMITS = 0, 2**31 - 1


@dataclass(frozen=True)
class RegionOptions:
    """What options have of which a part is the region of interest; it checks nothing itself."""

    roi_x_offset: int = option(
        0, 'leftmost column of the region of interest, which is all that is looked at; all 0: '
        'the whole image', group='roi', unit='pixels', limits=_LIMITS)
    roi_y_offset: int = option(
        0, 'topmost row of the region of interest', group='roi', unit='pixels', limits=_LIMITS)
    roi_width: int = option(
        0, 'width of the region of interest; 0: up to the right edge', group='roi',
        unit='pixels', limits=_LIMITS)
    roi_height: int = option(
        0, 'height of the region of interest; 0: up to the lower edge', group='roi',
        unit='pixels', limits=_LIMITS)

    def region(self) -> Region:
        """Return the region of interest."""
        return Region(self.roi_x_offset, self.roi_y_offset, self.roi_width, self.roi_height)
