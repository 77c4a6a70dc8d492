# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stamp of a message, as a key that dictionaries take."""

from __future__ import annotations

__all__ = ['Stamp']

#: Seconds and nanoseconds.
Stamp = tuple[int, int]
