# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page about the architecture shows the folders and imports that there are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re

import pytest

PACKAGE = 'focus_stacking_ros'
#: Links of the page, as text and target.
LINK = re.compile(r'\[`([^`]+)`\]\(([^)]+)\)')


@pytest.fixture(scope='module')
def page(repository: Path) -> str:
    return (repository / 'docs' / 'architecture.md').read_text()


@pytest.fixture(scope='module')
def folders(repository: Path) -> set[str]:
    """Return every folder of the package with modules in it, relative to it."""
    root = repository / PACKAGE
    found = {path.parent.relative_to(root).as_posix() for path in root.rglob('*.py')}
    return found - {'.', 'ros'}  # those have an __init__.py and what starts the rest


def section(page: str, title: str) -> str:
    """Return what stands below a title, up to the next one."""
    return re.split(r'^## ', page.partition(f'\n## {title}')[2], flags=re.MULTILINE)[0]


def test_links_lead_to_what_they_say(repository: Path, page: str) -> None:
    links = LINK.findall(page)
    assert len(links) > 50
    wrong = [target for text, target in links
             if not (repository / 'docs' / target).exists() or not target.endswith(text)]
    assert wrong == []


def test_every_folder_is_named(page: str, folders: set[str]) -> None:
    table = section(page, 'Folders').partition('```\n')[2]
    assert {text for text, _ in LINK.findall(table)} == folders


def test_every_task_leads_to_one_folder_and_a_module_in_it(repository: Path, page: str,
                                                           folders: set[str]) -> None:
    rows = [[cell.strip() for cell in line.strip('| ').split(' | ')]
            for line in section(page, 'Where do I look').splitlines() if '](' in line
            and line.startswith('|')]
    assert len(rows) > 9
    for _, where, first in rows:
        (folder, _), = LINK.findall(where)
        assert folder in folders
        for module in re.findall(r'`(\w+\.py)`', first):
            assert (repository / PACKAGE / folder / module).exists(), (folder, module)


def imported(path: Path, root: Path) -> Iterator[str]:
    """Yield the folders and modules of the package that a module imports, without .py."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or '', *(f'{node.module}.{name.name}' for name in node.names)]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        for name in names:
            place = root.joinpath(*name.split('.')[1:])
            if name.startswith(f'{PACKAGE}.') and (place.with_suffix('.py').exists()
                                                   or (place / '__init__.py').exists()):
                yield place.relative_to(root).as_posix()


def arrows_of(page: str) -> dict[str, set[str]]:
    """Return what each folder of the picture imports, by its solid arrows."""
    picture = page.partition('```mermaid\n')[2].partition('```')[0]
    names = dict(re.findall(r'(\w+)\["([\w/]+)[^"]*"\]', picture))
    arrows: dict[str, set[str]] = {name: set() for key, name in names.items()
                                   if not re.search(rf'subgraph {key}\[', picture)}
    for tail, heads in re.findall(r'(\w+) --> (.+)', re.sub(r'\["[^"]*"\]', '', picture)):
        arrows[names[tail]] |= {names[head] for head in heads.split(' & ')}
    return arrows


def reached(arrows: dict[str, set[str]], start: str) -> set[str]:
    """Return all that can be reached along arrows."""
    found: set[str] = set()
    waiting = set(arrows[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= arrows[name]
    return found


def test_every_import_follows_the_arrows_of_the_picture(repository: Path, page: str) -> None:
    root, arrows = repository / PACKAGE, arrows_of(page)

    def shown(place: str) -> str:
        """Return what a folder or module belongs to in the picture, '' for the package's own."""
        within = [name for name in arrows if place == name or place.startswith(f'{name}/')]
        return max(within, key=len, default='')

    used: dict[str, set[str]] = {name: set() for name in arrows}
    for path in root.rglob('*.py'):
        here = shown(path.relative_to(root).with_suffix('').as_posix())
        if here:
            used[here] |= {shown(place) for place in imported(path, root)} - {here, ''}
    assert {name: wrong for name in arrows if (wrong := used[name] - reached(arrows, name))} == {}
    assert [name for name in arrows if name in reached(arrows, name)] == []
