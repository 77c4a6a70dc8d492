# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of the options: every declaration can be read back from it."""

from __future__ import annotations

from dataclasses import dataclass
import re

from focus_stacking_ros.core.option import option, OptionSpecification, specifications
from focus_stacking_ros.core.option_table import option_table
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.ros.player.options import PlayerOptions
from focus_stacking_ros.ros.stacker.options import NodeOptions
import pytest

CLASSES = [StackOptions, NodeOptions, PlayerOptions]
OPTIONS = [pytest.param(options_class, item, id=f'{options_class.__name__} {item.name}')
           for options_class in CLASSES for item in specifications(options_class)]


@dataclass(frozen=True)
class Lens:
    """An option of every kind; defaults that are false, empty and zero are shown or not."""

    label: str = option('', 'any words')
    zoom_kind: str = option('tele', 'which lens', group='zoom', choices=('tele', 'wide'))
    zoom_on: bool = option(False, 'power', group='zoom')
    zoom_steps: int = option(3, 'steps', group='zoom', unit='steps', limits=(1, 31), odd=True)
    gain: float = option(0.0, 'gain', limits=(-0.5, 1.0), holds_from='activation')


def rows_of(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table, its head and its line of dashes included."""
    assert table.endswith('|\n')
    lines = table[:-1].split('\n')
    assert all(line.startswith('| ') and line.endswith(' |') for line in lines)
    return [[cell.strip().replace(r'\|', '|') for cell in re.split(r'(?<!\\)\|', line[1:-1])]
            for line in lines]


def row_of(options_class: type, item: OptionSpecification) -> dict[str, str]:
    """Return the cells of one option by the titles of their columns."""
    head, _, *rows = rows_of(option_table(options_class, flags=True))
    [row] = [row for row in rows if row[0] == f'`{item.name}`']
    return dict(zip(head, row, strict=True))


def test_table_is_as_markdown_wants_it() -> None:
    assert option_table(Lens, flags=True) == """\
| Parameter | Flag | Default | Range | Unit | Holds from | Meaning |
| --- | --- | --- | --- | --- | --- | --- |
| `label` | `--label` |  |  |  | next stack | any words |
| `zoom.kind` | `--zoom-kind` | `tele` | tele, wide |  | next stack | which lens |
| `zoom.on` | `--zoom-on` | `false` | true, false |  | next stack | power |
| `zoom.steps` | `--zoom-steps` | `3` | 1 to 31, odd | steps | next stack | steps |
| `gain` | `--gain` | `0.0` | -0.5 to 1 |  | activation | gain |
"""


@pytest.mark.parametrize('options_class', [Lens, *CLASSES])
@pytest.mark.parametrize('flags', [True, False])
def test_there_is_one_row_per_option_in_order(options_class: type, flags: bool) -> None:
    head, dashes, *rows = rows_of(option_table(options_class, flags=flags))
    assert {len(row) for row in (head, dashes, *rows)} == {7 if flags else 6}
    assert set(dashes) == {'---'}
    assert ('Flag' in head) == flags
    items = list(specifications(options_class))
    assert [row[0] for row in rows] == [f'`{item.name}`' for item in items]
    if flags:
        assert [row[1] for row in rows] == [f'`{item.flag}`' for item in items]


def test_there_are_no_flags_unless_asked_for() -> None:
    assert option_table(Lens) == option_table(Lens, flags=False)
    assert '--zoom' not in option_table(Lens)


def test_a_class_without_options_has_a_table_without_rows() -> None:
    @dataclass
    class Nothing:
        plain: int = 3

    assert len(rows_of(option_table(Nothing))) == 2


@pytest.mark.parametrize(('options_class', 'item'), OPTIONS)
def test_default_unit_and_meaning_read_back(options_class: type,
                                            item: OptionSpecification) -> None:
    row = row_of(options_class, item)
    shown = row['Default']
    if item.default == '':
        assert shown == ''
    else:
        words = re.fullmatch('`([^`]+)`', shown).group(1)
        kind = type(item.default)
        if kind is tuple:
            value: object = tuple(map(float, words.split(', ')))
        else:
            value = {'true': True, 'false': False}[words] if kind is bool else kind(words)
        assert value == item.default
    assert (row['Unit'], row['Holds from'], row['Meaning']) == (
        item.unit, item.holds_from, item.meaning)


@pytest.mark.parametrize(('options_class', 'item'), OPTIONS)
def test_range_reads_back(options_class: type, item: OptionSpecification) -> None:
    words = row_of(options_class, item)['Range']
    if isinstance(item.default, bool):
        assert words == 'true, false'
    elif isinstance(item.default, str):
        assert tuple(filter(None, words.split(', '))) == item.choices
    elif item.minimum is None:
        assert words == ''
    else:
        low, high, odd = re.fullmatch(r'(\S+) to ([^\s,]+)(, odd)?', words).groups()
        assert (float(low), float(high), bool(odd)) == (item.minimum, item.maximum, item.odd)
        kind = type(item.default)
        for limit in map(float, (low, high)):
            item.check((limit,) * len(item.default) if kind is tuple else kind(limit))


def test_a_bar_in_words_does_not_begin_a_cell() -> None:
    @dataclass(frozen=True)
    class Bars:
        shape: str = option('a|b', 'either a | b or b | a', unit='a|b', choices=('a|b', 'b'))

    [item] = specifications(Bars)
    row = row_of(Bars, item)
    assert (row['Default'], row['Range'], row['Unit'], row['Meaning']) == (
        '`a|b`', 'a|b, b', 'a|b', 'either a | b or b | a')
