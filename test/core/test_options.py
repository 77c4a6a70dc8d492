# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of StackOptions: every tunable is declared whole."""

from __future__ import annotations

from dataclasses import fields, FrozenInstanceError, replace
import re

from focus_stacking_ros.core.option import OptionError, specifications
from focus_stacking_ros.core.options import StackOptions
import pytest


def test_every_field_is_a_declared_option() -> None:
    assert {item.attribute for item in specifications(StackOptions)} == {
        item.name for item in fields(StackOptions)}


@pytest.mark.parametrize('item', list(specifications(StackOptions)),
                         ids=lambda item: item.name)
def test_option_is_declared_whole(item) -> None:
    assert re.fullmatch(r'[a-z_]+(\.[a-z_]+)*', item.name)
    assert item.name.replace('.', '_') == item.attribute
    assert len(item.meaning) > 10
    assert not item.meaning.endswith('.')
    assert item.check(item.default) == item.default
    if isinstance(item.default, str):
        assert item.default in item.choices
    elif not isinstance(item.default, bool):
        assert item.minimum is not None
        assert item.maximum is not None
        assert item.minimum < item.maximum


def test_names_and_flags_are_unique() -> None:
    items = list(specifications(StackOptions))
    assert len({item.name for item in items}) == len({item.flag for item in items}) == len(items)


def test_names_of_the_contract_exist() -> None:
    names = {item.name for item in specifications(StackOptions)}
    assert names >= {'method', 'reference', 'depth.min_confidence', 'depth.fill',
                     'fusion.max_retained_megabytes'}


def test_references_and_defaults_of_the_contract() -> None:
    by_name = {item.name: item for item in specifications(StackOptions)}
    assert set(by_name['reference'].choices) == {
        'narrowest', 'nearest', 'farthest', 'first', 'last', 'middle'}
    assert (StackOptions().reference, StackOptions().depth_min_confidence,
            StackOptions().depth_fill) == ('narrowest', 0.1, False)


def test_options_are_checked_when_made_and_when_replaced() -> None:
    with pytest.raises(OptionError, match=r'depth\.min_confidence'):
        StackOptions(depth_min_confidence=1.5)
    with pytest.raises(OptionError, match=r'focus_measure\.window is 8'):
        replace(StackOptions(), focus_measure_window=8)


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        StackOptions().reference = 'first'  # type: ignore[misc]
