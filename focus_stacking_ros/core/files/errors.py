# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file or a folder."""

from __future__ import annotations

__all__ = ['ImageFileError']


class ImageFileError(ValueError):
    """A file or folder cannot be used; the message names it and says why."""
