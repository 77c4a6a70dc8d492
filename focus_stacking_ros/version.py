# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The version of the package, its one home."""

from __future__ import annotations

__all__ = ['__version__']

__version__ = '0.1.0'
