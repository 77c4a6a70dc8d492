# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Run ament_flake8 on what is named, without what it does twice: ``quick_flake8.py PATH...``.

Docstrings are left to ament_pep257, which asks the same pydocstyle for more; files are tokenized
for exceptions of flake8-quotes only where there is one; nothing waits for garbage collection.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any


def leave_docstrings_out() -> None:
    """Let flake8-docstrings, where it is installed, find nothing."""
    if (plugin := _plugin('flake8_docstrings')) is not None:
        plugin.pep257Checker.run = lambda _: iter(())


def look_for_exceptions_first() -> None:
    """Let flake8-quotes look for its exceptions only in files with a line that ends so."""
    if (plugin := _plugin('flake8_quotes')) is None:
        return
    thorough = plugin.QuoteChecker.get_noqa_lines

    def get_noqa_lines(checker: Any, lines: list[str]) -> list[int]:
        if not any(line.rstrip('\r\n').endswith('noqa') for line in lines):
            return []
        found: list[int] = thorough(checker, lines)
        return found

    plugin.QuoteChecker.get_noqa_lines = get_noqa_lines


def _plugin(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


if __name__ == '__main__':
    del sys.path[0]  # this folder, whose modules are called as others are
    from ament_flake8.main import main

    gc.disable()  # a syntax tree is gone with its file
    leave_docstrings_out()
    look_for_exceptions_first()
    sys.exit(main(['--linelength', '99', *sys.argv[1:]]))
