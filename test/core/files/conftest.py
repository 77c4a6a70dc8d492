# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A user whom permission bits stop."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import tempfile

import pytest

NOBODY = 65534


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """Yield a folder of a user whom permission bits stop; root is that user meanwhile."""
    folder = Path(tempfile.mkdtemp())
    as_root = os.geteuid() == 0
    try:
        if as_root:
            try:
                os.chown(folder, NOBODY, NOBODY)
                os.seteuid(NOBODY)
            except OSError as error:
                pytest.skip(f'permission bits do not stop root, who cannot be nobody: {error}')
        if not os.access(folder, os.R_OK | os.W_OK, effective_ids=True):
            pytest.skip(f'nobody cannot reach {folder}')
        yield folder
    finally:
        if as_root:
            os.seteuid(0)
        for place, names, _ in os.walk(folder):
            for name in names:
                Path(place, name).chmod(0o700)
        shutil.rmtree(folder)
