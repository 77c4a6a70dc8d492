# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A command and who started it: lines always, progress on a terminal only; when that ends."""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ['end_with_input', 'say', 'show_progress']

_CLEARED_LINE = '\r\033[K'


def show_progress(words: str) -> None:
    """Show progress in place of the progress before; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f'{_CLEARED_LINE}{words}', end='', file=sys.stderr, flush=True)


def say(words: str) -> None:
    """Write a line of its own, also where progress stands."""
    print(f'{_CLEARED_LINE if sys.stderr.isatty() else ""}{words}', file=sys.stderr)


def end_with_input() -> None:
    """Stop this process when its standard input ends, as it does when who started it is gone."""
    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
