# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What ends a command with one line and exit code 2."""

from __future__ import annotations

__all__ = ['CommandError']


class CommandError(Exception):
    """The input or the call is at fault; the message is one line with thing, reason, way out."""
