# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a command says on standard error: lines always, progress on a terminal only."""

from __future__ import annotations

import sys

__all__ = ['say', 'show_progress']

_CLEARED_LINE = '\r\033[K'


def show_progress(words: str) -> None:
    """Show progress in place of the progress before; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f'{_CLEARED_LINE}{words}', end='', file=sys.stderr, flush=True)


def say(words: str) -> None:
    """Write a line of its own, also where progress stands."""
    print(f'{_CLEARED_LINE if sys.stderr.isatty() else ""}{words}', file=sys.stderr)
