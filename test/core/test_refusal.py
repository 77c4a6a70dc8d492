# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the list of reasons for which slices are refused, and of the page that shows it."""

from __future__ import annotations

from pathlib import Path
import re

import focus_stacking_ros
from focus_stacking_ros.core.refusal import Refusal, refusal_table
from focus_stacking_ros.core.slices import SliceError
import pytest


def test_each_refusal_has_a_code_of_its_own_a_meaning_and_a_remedy() -> None:
    assert len({each.code for each in Refusal}) == len(Refusal)
    for each in Refusal:
        assert each.code == each.name.lower()
        assert each.meaning
        assert each.remedy


@pytest.mark.parametrize('refusal', Refusal)
def test_every_refusal_is_used(refusal: Refusal, repository: Path) -> None:
    uses = [path.name for path in (repository / 'focus_stacking_ros').rglob('*.py')
            if f'Refusal.{refusal.name}' in path.read_text()]
    assert uses


def test_an_error_has_no_code_but_that_of_its_refusal() -> None:
    error = SliceError(Refusal.MOTION, 'it moved')
    with pytest.raises(AttributeError):
        error.code = 'other'  # type: ignore[misc]


def test_it_is_part_of_the_public_interface() -> None:
    assert focus_stacking_ros.Refusal is Refusal


def test_the_page_of_faults_has_all_refusals(repository: Path) -> None:
    # Written by docs/parameters.py, like the tables of the parameters.
    assert refusal_table() in (repository / 'docs' / 'faults.md').read_text()


def test_the_page_of_faults_names_no_other_code(repository: Path) -> None:
    named = re.findall('`refused: ([^`]+)`', (repository / 'docs' / 'faults.md').read_text())
    assert set(named) <= {each.code for each in Refusal}
