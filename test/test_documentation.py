# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is generated is up to date, and the README names what there is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import re

from focus_stacking_ros.cli import main
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.interface.node_options import NodeOptions
from focus_stacking_ros.interface.sim_camera_options import SimCameraOptions
from focus_stacking_ros.interface.sweep_options import SweepOptions
import pytest


def test_parameter_page_is_what_the_declarations_say(repository: Path) -> None:
    specification = importlib.util.spec_from_file_location(
        'parameters_page', repository / 'docs' / 'parameters.py')
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (repository / 'docs' / 'parameters.md').read_text() == module.parameters_page()


@pytest.mark.parametrize('name', ['README.md', 'CONTRIBUTING.md', 'QUALITY_DECLARATION.md',
                                  'docs/notebook.md', 'docs/parameters.md', 'docs/sweeping.md'])
def test_files_that_are_linked_exist(repository: Path, name: str) -> None:
    text = (repository / name).read_text()
    links = [(repository / name).parent / link
             for link in re.findall(r'\]\((?!http)([^)#]+)', text)]
    links += [repository / link for link in re.findall(r'`(docs/[\w./]+)`', text)]
    assert [str(link) for link in links if not link.exists()] == []


def test_every_picture_of_the_notebook_is_shown(repository: Path) -> None:
    text = (repository / 'docs' / 'notebook.md').read_text()
    pictures = [path.name for path in (repository / 'docs' / 'notebook').iterdir()]
    assert pictures
    assert [name for name in pictures if f'](notebook/{name})' not in text] == []


def test_readme_names_every_launch_file(repository: Path) -> None:
    text = (repository / 'README.md').read_text()
    files = [path.name for path in (repository / 'launch').glob('*.launch.py')]
    assert files
    assert [name for name in files if name not in text] == []


@pytest.mark.parametrize('command', ['stack', 'demo'])
def test_help_needs_no_ros(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    assert '--output' in capsys.readouterr().out


def test_parameters_that_the_page_about_sweeping_names_exist(repository: Path) -> None:
    names = {item.name for options in (SweepOptions, SimCameraOptions, NodeOptions)
             for item in specifications(options)}
    groups = {name.partition('.')[0] for name in names if '.' in name}
    named = re.findall(r'`([a-z_]+(?:\.[a-z_]+)+)(?:: [^`]*)?`', (
        repository / 'docs' / 'sweeping.md').read_text())
    ours = {name for name in named if name.partition('.')[0] in groups}
    assert len(ours) > 10
    assert ours - names == set()
