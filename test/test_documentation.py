# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is generated is up to date, and the README names what there is."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
import re
import subprocess
import sys
from xml.etree import ElementTree

from focus_stacking_ros import StackOptions
from focus_stacking_ros.cli import main
from focus_stacking_ros.core.option import specifications
from focus_stacking_ros.ros.stacker.options import FOCUS_SOURCES, NodeOptions
import pytest

DOCS = Path(__file__).parents[1] / 'docs'


def test_parameter_page_is_what_the_declarations_say(repository: Path) -> None:
    specification = importlib.util.spec_from_file_location(
        'parameters_page', repository / 'docs' / 'parameters.py')
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (repository / 'docs' / 'parameters.md').read_text() == module.parameters_page()


@pytest.mark.parametrize('name', [
    'README.md', 'CONTRIBUTING.md', 'QUALITY_DECLARATION.md',
    *(f'docs/{path.name}' for path in sorted(DOCS.glob('*.md')))])
def test_files_that_are_linked_exist(repository: Path, name: str) -> None:
    text = (repository / name).read_text()
    links = [(repository / name).parent / link
             for link in re.findall(r'\]\((?!http)([^)#]+)', text)]
    links += [repository / link for link in re.findall(r'`(docs/[\w./]+)`', text)]
    assert [str(link) for link in links if not link.exists()] == []


def test_files_that_pages_and_comments_name_exist(repository: Path) -> None:
    """A path may begin at the repository, the package, hw_accel, test, or beside the file."""
    roots = [repository / name for name in ('', 'focus_stacking_ros', 'hw_accel', 'test')]
    files = [*repository.glob('*.md'), *(
        path for folder in ('docs', 'focus_stacking_ros', 'hw_accel', 'launch', 'test')
        for path in (repository / folder).rglob('*')
        if path.suffix in {'.md', '.py', '.hpp', '.cpp', '.sv'} and 'build' not in path.parts)]
    named = {(path, name) for path in files for name in re.findall(
        r'(?<![\w/.$}{*<-])((?:[a-z_]\w*/)+\w+\.(?:py|[ch]pp|md|sv))\b', path.read_text())}
    assert len(named) > 100
    others = ('focus_stacking_accel/', 'sensor_msgs/')  # below include folders
    assert [(str(path), name) for path, name in named if not name.startswith(others)
            and not any((root / name).exists() for root in (*roots, path.parent))] == []


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


def test_every_page_is_linked_in_the_readme(repository: Path) -> None:
    text = (repository / 'README.md').read_text()
    assert [path.name for path in sorted(DOCS.glob('*.md'))
            if path.name != 'start.md' and f'](docs/{path.name})' not in text] == []


def option_classes(repository: Path) -> list[type]:
    """Return the classes of options of the algorithm and of all nodes."""
    nodes = (repository / 'focus_stacking_ros' / 'ros').glob('*/options.py')
    modules = [importlib.import_module(f'focus_stacking_ros.ros.{path.parent.name}.options')
               for path in nodes]
    return [StackOptions, *(value for module in modules for name, value in vars(module).items()
                            if name.endswith('Options'))]


def test_every_parameter_that_a_page_names_exists(repository: Path) -> None:
    known = {item.name for each in option_classes(repository) for item in specifications(each)}
    groups = {name.partition('.')[0] for name in known if '.' in name}
    wrong = []
    for path in [repository / 'README.md', *sorted(DOCS.glob('*.md'))]:
        names = re.findall(rf'`({"|".join(sorted(groups))})\.(\w+)', path.read_text())
        wrong += [f'{path.name}: {group}.{rest}' for group, rest in names
                  if f'{group}.{rest}' not in known and not rest.endswith(('_', 'tiff', 'py'))]
    assert wrong == []


@pytest.mark.ros
def test_the_parameters_of_the_examples_are_legal(repository: Path) -> None:
    import yaml
    examples = re.findall(r'```yaml\n(.*?)```', (repository / 'docs' / 'wiring.md').read_text(),
                          re.DOTALL)
    assert len(examples) > 3
    for example in examples:
        tree = yaml.safe_load(example)['/**']['ros__parameters']
        values = {}
        for key, value in tree.items():
            inner = value.items() if isinstance(value, dict) else ()
            values.update({f'{key}_{name}': item for name, item in inner} or {key: value})
        ours = {item.attribute for item in specifications(NodeOptions)}
        NodeOptions(**{name: value for name, value in values.items() if name in ours})
        StackOptions(**{name: value for name, value in values.items() if name not in ours})


def test_the_scripts_that_pages_name_start_as_they_say(repository: Path) -> None:
    pages = [*repository.glob('*.md'), *DOCS.glob('*.md')]
    scripts = {Path(name).stem for path in pages for name in re.findall(
        r'(?<!PYTHONPATH=. )python3 (test/benchmark/\w+\.py)', path.read_text())}
    assert len(scripts) > 4
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    for script in sorted(scripts):
        # As Python starts them: the folder of the script is on the path, the package is not.
        code = f'import sys; sys.path[0] = "test/benchmark"; import {script}'
        ended = subprocess.run([sys.executable, '-c', code], cwd=repository, env=environment,
                               capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (script, ended.stderr)


def test_every_source_of_focus_positions_is_in_the_table_of_wiring() -> None:
    rows = re.findall(r'^\| `(\w+)` \|', (DOCS / 'wiring.md').read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(FOCUS_SOURCES)


def policy_names(repository: Path) -> tuple[set[str], set[str]]:
    """Return the topics and services of all nodes, as their policies have them."""
    topics, services = set(), set()
    for path in (repository / 'config' / 'security').glob('*.policy.xml'):
        root = ElementTree.parse(path).getroot()
        topics |= {each.text for each in root.iterfind('.//topic')}
        services |= {each.text for each in root.iterfind(".//services[@reply='ALLOW']/service")}
    # What every node has.
    return ({name for name in topics if name not in ('/parameter_events', '/rosout', '/clock')
             and not name.startswith('~/')},
            {name for name in services if 'parameter' not in name and name not in {
                '~/get_type_description', '~/change_state', '~/get_state',
                '~/get_available_states', '~/get_available_transitions',
                '~/get_transition_graph'}})


def test_the_tables_of_topics_are_those_of_the_nodes(repository: Path) -> None:
    """The policies are compared with the nodes themselves, in test_security.py."""
    text = (repository / 'README.md').read_text()
    section = text[text.index('## Topics'):text.index('## When a stack ends')]
    topics, services = policy_names(repository)
    cells = [line.split('|')[1] for line in section.splitlines() if line.startswith('| ')]
    listed = {name for cell in cells for name in re.findall('`([a-zA-Z_/0-9]+)`', cell)}
    for row in cells:  # `truth/depth/image`, each with `camera_info`
        if 'each with `camera_info`' in row:
            listed |= {f'{name.rpartition("/")[0]}/camera_info'
                       for name in re.findall('`(truth/[a-z_/]+)`', row)}
    assert listed == topics
    assert {name for name in services if f'`{name}`' not in section} == set()
