# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page of performance: its markers, and the commands that it names."""

from __future__ import annotations

import re

from focus_stacking_ros.cli import _parser
from marked_page import replaced
from performance_page import PAGE, sections, tables_of
import pytest


def test_every_table_has_its_place_and_its_command_works() -> None:
    text = PAGE.read_text(encoding='utf-8')
    for name, arguments in sections('FOLDER', 'SWEEP', 'TREE', '1920x1080', 3):
        assert replaced(text, name, '')
        parsed = _parser(['benchmark']).parse_args(['benchmark', *arguments])
        assert parsed.rounds == 3
        before = text.partition(f'<!-- {name} -->')[0].rpartition('<!-- end of')[2]
        for flag in (part for part in arguments if part.startswith('--') and part != '--rounds'):
            if not name.endswith('-streaming') or flag == '--methods':  # it names what differs
                assert flag in before, (name, flag)
    assert replaced(text, 'machine', '')
    markers = set(re.findall(r'<!-- end of ([\w-]+) -->', text))
    assert markers == {'machine', *(name for name, _ in sections('F', 'S', 'T', '1x1', 1))}


def test_titles_are_left_out_of_tables() -> None:
    assert tables_of('10 images\n\n## Node\n\n| a |\n| --- |\n') == '10 images\n\n| a |\n| --- |'


def test_without_another_version_there_is_no_comparison() -> None:
    assert 'against' not in dict(sections('FOLDER', 'SWEEP', '', '1920x1080', 3))
    with pytest.raises(ValueError, match='markers'):
        replaced('no markers', 'against', '')
