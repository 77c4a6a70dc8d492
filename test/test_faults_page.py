# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of faults names the tests that show it, and what they look at."""

from __future__ import annotations

import ast
from pathlib import Path
import re
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
#: No fault, or shown by what the other nodes do.
NOT_COUNTED = {
    'test_an_image_that_comes_later_than_its_position_is_taken',
    'test_a_user_that_starts_anew_gets_the_last_result',
    'test_continuous_sweeping_survives_the_restart_of_any_node'}


class _Line(NamedTuple):
    """A line of the table."""

    fault: str
    said: str
    entry: str
    counters: list[str]
    tests: list[str]


def lines() -> list[_Line]:
    """Return the lines of both tables."""
    found = []
    for line in (ROOT / 'docs' / 'faults.md').read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if len(cells) != 5 or cells[0] in ('Fault', '---'):
            continue
        fault, _, said, counted, tests = cells
        entry, _, counters = counted.partition(':')
        found.append(_Line(fault, said, entry, re.findall('`([^`]+)`', counters),
                           re.findall('`([^`]+)`', tests)))
    return found


def sources() -> dict[str, str]:
    """Return the text of every test of the nodes, decorators included."""
    found = {}
    tests = ROOT / 'test' / 'ros'
    for path in [*tests.glob('*/test_node*.py'), *tests.glob('system/test_*.py')]:
        text = path.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith('test_'):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found[node.name] = '\n'.join(text.splitlines()[first - 1:node.end_lineno])
    return found


@pytest.mark.parametrize('line', lines(), ids=lambda line: line.fault)
def test_a_line_names_a_test_that_looks_at_its_counter(line: _Line) -> None:
    known = sources()
    assert line.tests
    for name in line.tests:
        assert name in known
    if not line.counters or NOT_COUNTED.intersection(line.tests):
        return
    text = ' '.join(known[name] for name in line.tests)
    for counter in line.counters:
        kind, colon, code = counter.partition(': ')
        # That of a parametrised test is put together in it.
        forms = [counter, counter.replace(' ', '_'), f"'{code}'" if colon else counter]
        assert any(form in text for form in forms), counter
        assert not colon or kind in text
        assert f"'{line.entry}'" in text


def test_every_test_of_a_fault_is_in_the_table() -> None:
    named = {name for line in lines() for name in line.tests}
    text = (ROOT / 'test' / 'ros' / 'stacker' / 'test_node_faults.py').read_text()
    tests = {node.name for node in ast.parse(text).body
             if isinstance(node, ast.FunctionDef) and node.name.startswith('test_')}
    assert tests - named == set()


def test_what_is_said_is_said_in_the_code() -> None:
    code = ' '.join(path.read_text() for path in (ROOT / 'focus_stacking_ros').rglob('*.py'))
    code = re.sub(r"'\s+f?'", '', code)  # texts that go over several lines
    for line in lines():
        for quoted in re.findall('"([^"]+)"', line.said):
            parts = re.split(r'\.\.\.|\d+|: | on SIG', quoted)
            missing = [part for part in parts if part.strip(' :;=') not in code]
            assert missing == [], line.fault
