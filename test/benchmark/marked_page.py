# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pages with markers, between which tables are written."""

from __future__ import annotations

from pathlib import Path
import re

__all__ = ['refresh', 'replaced']


def refresh(page: Path, name: str, content: str) -> None:
    """
    Write another content between the markers of a name into a page; see `replaced`.

    :raises ValueError: as there
    """
    page.write_text(replaced(page.read_text(encoding='utf-8'), name, content), encoding='utf-8')


def replaced(text: str, name: str, content: str) -> str:
    """
    Return a page with another content between the markers of a name.

    :raises ValueError: the page has no such markers, or has them twice
    """
    pattern = re.compile(rf'(<!-- {name} -->\n).*?(<!-- end of {name} -->)', re.DOTALL)
    text, count = pattern.subn(lambda found: found[1] + content + found[2], text)
    if count != 1:
        raise ValueError(f'the page has the markers of {name!r} {count} times, not once')
    return text
