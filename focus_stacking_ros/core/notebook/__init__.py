# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The study in Wolfram language that the project began as, step by step: the baseline."""

from __future__ import annotations

from focus_stacking_ros.core.notebook.pipeline import Notebook

__all__ = ['Notebook']
