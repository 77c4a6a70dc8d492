# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Depth from focus and all-in-focus images for ROS 2.

The library half is importable without ROS::

    from focus_stacking_ros import FocusStacker, StackOptions
"""

from __future__ import annotations

from focus_stacking_ros import backends  # noqa: F401  (registers the backends)
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import SliceError, SliceReport, StackError, StackResult
from focus_stacking_ros.core.stacker import FocusStacker

__all__ = ['FocusStacker', 'SliceError', 'SliceReport', 'StackError', 'StackOptions',
           'StackResult']
