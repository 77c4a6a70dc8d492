# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``python3 -m focus_stacking_ros``."""

from __future__ import annotations

import sys

try:
    from focus_stacking_ros.cli import main
    code = main()
except KeyboardInterrupt:  # while it was still being imported
    code = 130
sys.exit(code)
