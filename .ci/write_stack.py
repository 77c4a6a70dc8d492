# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a small rendered focal stack: write_stack.py FOLDER."""

from __future__ import annotations

import sys

from focus_stacking_ros.simulation import built_in_stack, write_stack


def main(folder: str) -> None:
    """Write six slices of 320x240 pixels with their meta.json."""
    write_stack(built_in_stack(size=(240, 320), count=6), folder)


if __name__ == '__main__':
    main(sys.argv[1])
