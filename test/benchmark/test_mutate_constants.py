# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The constants that are changed to see whether tests notice it."""

from __future__ import annotations

import ast
from pathlib import Path

from mutate_constants import (
    all_constants,
    Constant,
    constants_of,
    CORE,
    FACTORS,
    mutated,
    noticing,
    REPOSITORY,
    Results,
    table,
    WITHOUT_EFFECT,
)
import numpy as np
import pytest

SOURCE = '''"""A module."""
import numpy as np
ONE, OTHER = 3, 0.25  # one after the other
_SIZES = (5, 13)
_LEAST = np.float32(1e-6)
SHARE: float = 1 / 16
NAMES = 'count', 'reversal'
RADII = (3, 2.7), (4, 4.3)
TABLE = np.arange(4)
derived = 2 * ONE
'''
MODULE = f'{CORE}/depth/module.py'


def found() -> dict[str, Constant]:
    return {each.full_name: each for each in constants_of(MODULE, SOURCE)}


def test_numbers_assigned_at_the_top_of_a_module_are_found_one_by_one() -> None:
    assert {name: each.text for name, each in found().items()} == {
        'depth/module.ONE': '3', 'depth/module.OTHER': '0.25', 'depth/module._SIZES[0]': '5',
        'depth/module._SIZES[1]': '13', 'depth/module._LEAST': '1e-6',
        'depth/module.SHARE': '1 / 16', 'depth/module.RADII[0][0]': '3',
        'depth/module.RADII[0][1]': '2.7', 'depth/module.RADII[1][0]': '4',
        'depth/module.RADII[1][1]': '4.3'}


@pytest.mark.parametrize(('name', 'half', 'twice'), [
    ('ONE', 1, 7), ('OTHER', 0.125, 0.5), ('_SIZES[1]', 7, 27), ('_LEAST', 5e-7, 2e-6),
    ('SHARE', 1 / 32, 1 / 8)])
def test_one_number_is_multiplied_and_odd_stays_odd(name: str, half: float, twice: float) -> None:
    for factor, expected in zip(FACTORS, (half, twice), strict=True):
        source = mutated(SOURCE, found()[f'depth/module.{name}'], factor)
        before, after = {}, {}
        for text, values in ((SOURCE, before), (source, after)):
            exec(text, values)
        first, place = name.removesuffix(']').split('[') if '[' in name else (name, '')
        value = after[first][int(place)] if place else after[first]
        assert value == pytest.approx(expected)
        assert isinstance(expected, int) == isinstance(value, int)
        same = [each for each in before if each.isidentifier() and each not in (
            first, '__builtins__', 'np', 'derived')]
        for each in same:
            np.testing.assert_array_equal(before[each], after[each])


def test_every_constant_changes_by_either_factor() -> None:
    constants = all_constants()
    assert len({each.full_name for each in constants}) == len(constants) > 300
    assert {'depth/surface.JUMP', 'fuse/job.TILE[1]', 'stack/finish._RIM'} < {
        each.full_name for each in constants}
    for each in constants:
        source = (REPOSITORY / each.module).read_text(encoding='utf-8')
        for factor in FACTORS:
            changed = mutated(source, each, factor)
            ast.parse(changed)
            assert changed != source, each.full_name


def test_what_is_left_out_exists() -> None:
    names = {each.full_name for each in all_constants()}
    assert {name.removesuffix(' halved').removesuffix(' doubled')
            for name in WITHOUT_EFFECT} <= names


def test_tests_of_the_module_come_before_those_of_its_folder() -> None:
    module = f'{CORE}/depth/curves.py'
    assert noticing(module, 'module') == ['test/core/depth/test_curves.py']
    assert noticing(module, 'folder') == ['test/core/depth']
    assert 'test/core/depth/test_tour_bound.py' in noticing(f'{CORE}/depth/tour.py', 'module')
    assert noticing(f'{CORE}/depth/none.py', 'module') == []


def test_results_of_parts_are_joined(tmp_path: Path) -> None:
    file = tmp_path / 'results.tsv'
    one, other, third = list(found().values())[:3]
    first = Results(file)
    for factor in FACTORS:
        first.add(one, factor, 'module', noticed=True)
        first.add(other, factor, 'module', noticed=False)
    second = Results(file)
    assert second.verdict(other, 0.5) == 'none yet'
    assert second.known(one, 0.5, 'folder')
    assert second.known(other, 0.5, 'module')
    assert not second.known(other, 0.5, 'folder')
    for factor in FACTORS:
        second.add(other, factor, 'folder', noticed=factor > 1)
        if factor < 1:
            second.add(other, factor, 'stacks', noticed=False)
    assert Results(file).verdict(other, 0.5) == 'none'
    assert Results(file).verdict(other, 2.0) == 'folder'
    assert Results(file).verdict(third, 2.0) == 'not run'
    # Another value is another constant.
    changed = Constant(one.module, one.name, '4', one.start)
    assert Results(file).verdict(changed, 2.0) == 'not run'
    assert list(table([one, other, third], Results(file)))[2:] == [
        '| `depth/module` | 3 | 1 | 0 | `OTHER`: none, noticed; '
        '`_SIZES[0]`: not run |']
