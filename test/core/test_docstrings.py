# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings give what they say; formulas with a DOI have one of its form."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
import re

import pytest

CORE = Path(__file__).parents[2] / 'focus_stacking_ros' / 'core'
WITH_EXAMPLES = [path for path in sorted(CORE.rglob('*.py')) if '>>> ' in path.read_text()]


@pytest.mark.parametrize('path', WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    name = '.'.join(path.relative_to(CORE.parents[1]).with_suffix('').parts)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, 'what was printed says which'


def test_the_stages_have_examples() -> None:
    assert {path.parent.name for path in WITH_EXAMPLES} >= {'align', 'core', 'depth', 'optics',
                                                            'stack'}


def test_sources_have_the_form_of_a_doi() -> None:
    texts = {path: path.read_text() for path in sorted(CORE.rglob('*.py'))}
    named = [(path.name, doi) for path, text in texts.items()
             for doi in re.findall(r'doi:(\S+)', text)]
    assert len(named) > 4
    form = r'10\.\d{4,}/[\w./:()-]+\w[,;.)"]*'
    assert [each for each in named if not re.fullmatch(form, each[1])] == []
