# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stack a command was given, or the built-in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import tempfile

__all__ = ['given_stack']


@contextmanager
def given_stack(given: Path | None) -> Iterator[Path]:
    """
    Yield the folder of a stack; that of the built-in one lasts as long as the context.

    :param given: a folder, None for the built-in stack
    """
    if given is not None:
        yield given
        return
    from focus_stacking_ros.simulation import built_in_stack, write_stack
    with tempfile.TemporaryDirectory(prefix='focus_stacking_') as name:
        write_stack(built_in_stack(), Path(name))
        yield Path(name)
