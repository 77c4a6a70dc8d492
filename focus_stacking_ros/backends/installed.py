# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the package focus_stacking_accel leaves what it builds."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ['library_folders']


def library_folders() -> list[Path]:
    """Return where to look: hw_accel/build of this checkout, then lib of every ROS prefix."""
    prefixes = [part for part in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if part]
    return [Path(__file__).resolve().parents[2] / 'hw_accel' / 'build',
            *(Path(prefix) / 'lib' for prefix in prefixes)]
