# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The memory of a cell that sweeps without end does not grow, over tens of stacks or more.

FOCUS_STACKING_SOAK_STACKS=500 makes it a soak; docs/soak.md has its numbers.
"""

from __future__ import annotations

import os
from pathlib import Path
import runpy
from typing import Any

import pytest

pytestmark = pytest.mark.ros

STACKS = int(os.environ.get('FOCUS_STACKING_SOAK_STACKS', '30'))
SIZE = (160, 120)
SLICE_KB = SIZE[0] * SIZE[1] * 3 / 1024


@pytest.fixture
def soak(repository: Path) -> Any:
    """Return what runs a cell for so many stacks."""
    return runpy.run_path(str(repository / 'test' / 'benchmark' / 'soak.py'))['soak']


def test_the_memory_of_the_nodes_does_not_grow_with_the_stacks(
        soak: Any, environment: dict[str, str], tmp_path: Path) -> None:
    # What is freed goes back to the system at once, so that tens of stacks tell what is kept.
    environment.update(MALLOC_MMAP_THRESHOLD_='40000', MALLOC_TRIM_THRESHOLD_='0',
                       MALLOC_ARENA_MAX='1')
    seen = soak(STACKS, SIZE, environment, tmp_path)
    assert len(seen.memory_kb) == STACKS
    assert seen.incomplete == 0
    # A result that is kept is some ten slices.
    assert seen.usual_growth_kb('stacker') < 2 * SLICE_KB, seen.memory_kb
    assert seen.usual_growth_kb('sweeper') < SLICE_KB, seen.memory_kb
