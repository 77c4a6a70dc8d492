# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The package as a whole: versions, licences, the direction of imports, what is installed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
import importlib
from pathlib import Path
import re
import runpy
import shutil
import subprocess
import sys
from unittest import mock
from xml.etree import ElementTree

from focus_stacking_ros.version import __version__
import pytest
import setuptools

PACKAGE = 'focus_stacking_ros'
SPDX = ('# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors',
        '# SPDX-License-Identifier: Apache-2.0')
ROS = {'ament_index_python', 'builtin_interfaces', 'cv_bridge', 'diagnostic_msgs',
       'geometry_msgs', 'launch', 'launch_ros', 'lifecycle_msgs', 'rcl_interfaces', 'rclpy',
       'sensor_msgs', 'std_msgs', 'std_srvs', 'tf2_ros'}
#: What the modules of a folder may import of this package, beside the folder itself, by the folder
#: or the module; see docs/architecture.md. What is not named here is below all stages.
LAYERS = {
    'core': {'version', 'core'},
    'core/focus': {'core/slices', 'core/threads'},
    'core/align': {'core/slices', 'core/options', 'core/threads', 'core/focus'},
    'core/depth': {'core/slices', 'core/threads', 'core/focus', 'core/align'},
    'core/fuse': {'core/slices', 'core/threads', 'core/focus', 'core/align'},
    'core/optics': {'core/slices'},
    'core/files': {'core/slices', 'core/threads', 'core/optics'},
    'core/metrology': {'core/slices'},
    'core/notebook': {'core/slices', 'core/options', 'core/focus', 'core/align', 'core/depth',
                      'core/files'},
    'backends': {'core', 'version'},
    'simulation': set(),
    'ros': {'backends', 'core', 'launch_environment', 'ros', 'simulation', 'version'},
    'ros/messages': {'core/refusal', 'core/region', 'core/slices', 'core/files', 'core/optics'},
    'ros/node': {'core/memory', 'core/option', 'ros/messages', 'launch_environment'},
    'ros/stacker': {'core', 'backends', 'version', 'ros/messages', 'ros/node'},
    'ros/sweeper': {'core', 'ros/messages', 'ros/node'},
    'ros/sim_camera': {'core', 'simulation', 'ros/messages', 'ros/node'},
    'ros/player': {'core', 'ros/messages', 'ros/node'},
}
#: What may import ROS; commands/bag in functions only, as it works without.
WITH_ROS = ('ros', 'commands/demo', 'commands/bag', 'commands/benchmark/node_run.py',
            'commands/benchmark/node_publisher.py')


def sources(repository: Path) -> list[Path]:
    names = ('.ci', 'docs', 'examples', PACKAGE, 'launch', 'test')
    return [*sorted(path for name in names for path in (repository / name).rglob('*.py')),
            repository / 'setup.py']


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield node.module
            yield from (f'{node.module}.{name.name}' for name in node.names)


@pytest.fixture(scope='module')
def manifest(repository: Path) -> ElementTree.Element:
    return ElementTree.parse(repository / 'package.xml').getroot()


@pytest.fixture(scope='module')
def arguments(repository: Path) -> dict:
    """Return what setup.py gives to setuptools."""
    with mock.patch.object(setuptools, 'setup') as setup:
        runpy.run_path(str(repository / 'setup.py'))
    return setup.call_args.kwargs


def test_versions_agree(repository: Path, manifest: ElementTree.Element, arguments: dict) -> None:
    newest = re.search(r'^(\d+\.\d+\.\d+) \(', (repository / 'CHANGELOG.rst').read_text(),
                       re.MULTILINE)
    assert newest is not None
    assert (manifest.findtext('version') == arguments['version'] == newest.group(1)
            == __version__)


def test_manifest_and_setup_agree(manifest: ElementTree.Element, arguments: dict) -> None:
    maintainer = manifest.find('maintainer')
    assert manifest.get('format') == '3'
    assert manifest.findtext('name') == arguments['name'] == PACKAGE
    assert manifest.findtext('license') == arguments['license'] == 'Apache-2.0'
    assert (maintainer.text, maintainer.get('email')) == (arguments['maintainer'],
                                                          arguments['maintainer_email'])


def test_every_source_file_names_its_licence(repository: Path) -> None:
    assert [str(path) for path in sources(repository)
            if tuple(path.read_text().splitlines()[:3 if path.read_text().startswith('#!') else 2]
                     [-2:]) != SPDX] == []


def test_files_stay_short(repository: Path) -> None:
    lengths = {str(path): len(path.read_text().splitlines())
               for path in (repository / PACKAGE).rglob('*.py')}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def is_below(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f'{folder}/')


@pytest.mark.parametrize('layer', LAYERS)
def test_imports_go_one_way(repository: Path, layer: str) -> None:
    allowed = LAYERS[layer]
    wrong = []
    for path in (repository / PACKAGE / layer).rglob('*.py'):
        for name in imports(path):
            top, _, rest = name.partition('.')
            target = rest.replace('.', '/')
            if top == PACKAGE and target and not any(
                    is_below(target, folder) for folder in {layer, *allowed}):
                wrong.append(f'{path.name}: {name}')
    assert wrong == []


def test_core_imports_nothing_by_its_name(repository: Path) -> None:
    wrong = [path.name for path in (repository / PACKAGE / 'core').rglob('*.py')
             if any(name.partition('.')[0] == 'importlib' for name in imports(path))]
    assert wrong == []  # the test above could not see where such an import goes


def test_every_folder_has_its_layer(repository: Path) -> None:
    folders = {str(path.parent.relative_to(repository / PACKAGE))
               for root in ('core', 'ros') for path in (repository / PACKAGE).rglob('__init__.py')
               if path.parent.parent.name == root}
    assert folders - set(LAYERS) == {'core/stack'}  # the conductor knows them all


def test_ros_is_imported_where_it_may_be(repository: Path) -> None:
    wrong = []
    for path in (repository / PACKAGE).rglob('*.py'):
        place = path.relative_to(repository / PACKAGE).as_posix()
        if not any(is_below(place, folder) for folder in WITH_ROS):
            wrong += [f'{place}: {name}' for name in imports(path)
                      if name.partition('.')[0] in ROS]
    assert wrong == []


def test_the_command_line_imports_only_what_it_begins_with(repository: Path) -> None:
    """What takes long to import waits until a command needs it."""
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; from {PACKAGE} import cli; cli._parser(["stack"]); '
         'print(*sys.modules)'],
        cwd=repository, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f'{PACKAGE}.commands.stack' in loaded
    slow = {'PIL', 'asyncio', 'email', 'http', 'matplotlib', 'rclpy', 'scipy', 'xml',
            f'{PACKAGE}.backends.native', f'{PACKAGE}.core.stack.stacker', f'{PACKAGE}.simulation'}
    assert slow & loaded == set()


def test_nodes_hold_no_image_arithmetic(repository: Path) -> None:
    wrong = [f'{path.name}: {name}' for path in (repository / PACKAGE / 'ros').glob('*/node.py')
             for name in imports(path) if name.partition('.')[0] in {'cv2', 'numpy'}]
    assert wrong == []


def test_dependencies_cover_what_is_imported(repository: Path,
                                             manifest: ElementTree.Element) -> None:
    declared = {element.text for element in manifest if element.tag.endswith('depend')}
    keys = {'PIL': 'python3-pil', 'cv2': 'python3-opencv', 'numpy': 'python3-numpy',
            'tf2_ros': 'tf2_ros_py'}
    # Without a rosdep key, or one of several ways; who asks for them is told how to install them.
    optional = {'distributed', 'mcap', 'rosbag2_py', 'rosbags'}
    own = {PACKAGE} | set(sys.stdlib_module_names) | optional
    used = {name.partition('.')[0] for folder in (PACKAGE, 'launch')
            for path in (repository / folder).rglob('*.py') for name in imports(path)}
    assert {keys.get(name, name) for name in used - own} <= declared


def test_everything_a_user_needs_is_installed(repository: Path, arguments: dict) -> None:
    installed = {name: {Path(file).name for file in files}
                 for name, files in arguments['data_files']}
    for folder in ('launch', 'config', 'config/dds', 'config/security'):
        there = {path.name for path in (repository / folder).iterdir() if path.is_file()}
        assert there
        assert installed[f'share/{PACKAGE}/{folder}'] == there
    assert 'package.xml' in installed[f'share/{PACKAGE}']
    assert PACKAGE in installed['share/ament_index/resource_index/packages']
    folders = {path.parent for path in (repository / PACKAGE).rglob('*.py')}
    expected = {'.'.join(path.relative_to(repository).parts) for path in folders}
    assert set(arguments['packages']) == expected


def test_type_information_is_installed(repository: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, 'setup.py', '--quiet', 'build_py', '--build-lib', tmp_path],
                   cwd=repository, capture_output=True, check=True)
    assert (tmp_path / PACKAGE / 'core' / 'options.py').exists()
    assert (tmp_path / PACKAGE / 'py.typed').exists()


def test_tests_lie_where_what_they_test_does(repository: Path) -> None:
    root = repository / 'test'
    # Those of several folders, or of none of them.
    own = {'accel', 'benchmark', 'config', 'helpers', 'interfaces', 'ros/system'}
    folders = {path.parent.relative_to(root).as_posix() for path in root.rglob('test_*.py')}
    assert 'core/depth' in folders
    assert [name for name in folders - own if not (repository / PACKAGE / name).is_dir()] == []


@pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
def test_make_demo_takes_folders_of_any_name(repository: Path) -> None:
    folders = ['it\'s "#1"; ü', 'o ut']
    done = subprocess.run(
        ['make', '--silent', 'demo', f'STACK={folders[0]}', f'OUTPUT={folders[1]}',
         'RUN=printf "%s\\n"'],
        cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-4:] == ['--output', folders[1], '--stack', folders[0]]


@pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
def test_make_demo_can_be_told_to_sweep_a_simulated_lens(repository: Path) -> None:
    done = subprocess.run(['make', '--silent', 'demo', 'SIM=1', 'RUN=printf "%s\\n"'],
                          cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == '--sim'


@pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
def test_make_help_lists_every_target(repository: Path) -> None:
    targets = re.search(r'^\.PHONY: help (.+)$', (repository / 'Makefile').read_text(),
                        re.MULTILINE)
    assert targets is not None
    listed = subprocess.run(['make', '--silent', 'help'], cwd=repository, capture_output=True,
                            text=True, check=True).stdout
    assert [name for name in targets.group(1).split() if f'make {name} ' not in listed] == []


@pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
def test_only_make_quick_leaves_tests_out(repository: Path) -> None:
    asked = {target: subprocess.run(
        ['make', '--dry-run', target], cwd=repository, capture_output=True, text=True,
        check=True).stdout for target in ('test', 'quick')}
    assert 'slow' in asked['quick']
    assert ' -m ' not in asked['test'].replace('-m pytest', '')
    assert 'make --no-print-directory test' in (repository / '.ci' / 'run').read_text()


@pytest.mark.ros
def test_entry_points_are_there(arguments: dict) -> None:
    for entry in arguments['entry_points']['console_scripts']:
        module, _, function = entry.partition(' = ')[2].partition(':')
        assert callable(getattr(importlib.import_module(module), function))
