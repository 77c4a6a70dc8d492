# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The style that ament asks of a package, by ament's own tools."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # `make lint` has it
CHECKED = ('.ci', 'docs', 'examples', 'focus_stacking_ros', 'launch', 'setup.py', 'test')


def test_flake8(repository: Path) -> None:
    pytest.importorskip('ament_flake8.main')
    # In a process of its own: flake8 forks, and what rclpy leaves behind does not survive that.
    done = subprocess.run(
        [sys.executable, str(repository / 'test' / 'helpers' / 'quick_flake8.py'),
         *(str(repository / name) for name in CHECKED)],
        capture_output=True, text=True, timeout=300, check=False)
    errors = [line for line in done.stdout.splitlines() if line.startswith(str(repository))]
    assert done.returncode == 0, '\n'.join(errors) or done.stderr


def test_pep257(repository: Path) -> None:
    pep257 = pytest.importorskip('ament_pep257.main')
    assert pep257.main(argv=[str(repository / name) for name in CHECKED]) == 0
