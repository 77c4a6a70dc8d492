# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The declared options as a Markdown table for the documentation."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.option import specifications

__all__ = ['option_table']


def option_table(options_class: type[Any], *, flags: bool = False) -> str:
    """
    Return a Markdown table of the options of a class, one row each.

    :param options_class: dataclass whose fields are declared with core.option.option
    :param flags: whether there is a column with the command-line flag
    """
    head = ['Parameter', *(['Flag'] if flags else []), 'Default', 'Range', 'Unit',
            'Holds from', 'Meaning']
    rows = [head, ['---'] * len(head)]
    for item in specifications(options_class):
        default: object = item.default
        if isinstance(item.default, bool):
            default = str(item.default).lower()
        elif isinstance(item.default, tuple) and item.default:
            default = ', '.join(map(str, item.default))
        shown = f'`{default}`' if default not in ('', ()) else ''
        rows.append([f'`{item.name}`', *([f'`{item.flag}`'] if flags else []), shown,
                     item.range_text, item.unit, item.holds_from, item.meaning])
    escaped = [[cell.replace('|', r'\|') for cell in row] for row in rows]
    return '\n'.join(f'| {" | ".join(row)} |' for row in escaped) + '\n'
