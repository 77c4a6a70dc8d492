# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The style that ament asks of a package, by ament's own tools."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKED = ('.ci', 'docs', 'focus_stacking_ros', 'launch', 'setup.py', 'test')


def test_flake8(repository: Path) -> None:
    flake8 = pytest.importorskip('ament_flake8.main')
    count, errors = flake8.main_with_errors(
        argv=['--linelength', '99', *(str(repository / name) for name in CHECKED)])
    assert count == 0, '\n'.join(errors)


def test_pep257(repository: Path) -> None:
    pep257 = pytest.importorskip('ament_pep257.main')
    paths = [str(repository / name) for name in CHECKED if name != 'setup.py']
    assert pep257.main(argv=paths) == 0
