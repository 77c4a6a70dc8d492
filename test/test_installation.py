# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The package built and installed from a copy, with a C++ compiler and without."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile

from focus_stacking_ros.backends.native_build import LIBRARY, SOURCES
import pytest

pytestmark = pytest.mark.slow
PACKAGE = 'focus_stacking_ros'
CHOICE = f"""
import {PACKAGE}.backends
from {PACKAGE}.backends.native_library import find_library
from {PACKAGE}.core.stack.backend import create_backend
print(create_backend().choice)
print(find_library())
"""
needs_compiler = pytest.mark.skipif(shutil.which('g++') is None, reason='g++ is not installed')


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """Return a copy of what setup.py needs, as setuptools writes into the folder it builds."""
    target = tmp_path / 'copy'
    for name in (PACKAGE, 'config', 'launch', 'resource'):
        shutil.copytree(repository / name, target / name,
                        ignore=shutil.ignore_patterns('*.so', '*.txt', '__pycache__'))
    for path in repository.iterdir():
        if path.is_file() and path.suffix in {'', '.cfg', '.in', '.md', '.py', '.rst', '.toml',
                                              '.xml'}:
            shutil.copy(path, target)
    return target


def run(command: list[str], folder: Path, **variables: str
        ) -> subprocess.CompletedProcess[str]:
    without = {name: value for name, value in os.environ.items()
               if name not in {'CXX', 'CXXFLAGS', 'LDFLAGS', 'PYTHONPATH',
                               'FOCUS_STACKING_NATIVE'}}
    done = subprocess.run([sys.executable, *command], cwd=folder, env={**without, **variables},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def compiler_of(tmp_path: Path, last_words: str) -> dict[str, str]:
    """
    Return variables that name a compiler which writes down what it is told.

    :param last_words: shell commands that compile with the arguments
    """
    compiler = tmp_path / 'compiler'
    compiler.write_text(f'#!/bin/sh\necho "$PWD $@" >> {tmp_path / "said"}\n{last_words}\n')
    compiler.chmod(0o755)
    return {'CXX': str(compiler)}


@pytest.fixture
def hasty(tmp_path: Path) -> dict[str, str]:
    """Return variables by which the library is compiled fast: how fast it runs is not asked."""
    if Path(shutil.which('g++') or '').resolve().name == 'ccache':
        return {}  # it has it already, as it was built for the tests
    return compiler_of(tmp_path, 'exec g++ "$@" -O0')


@needs_compiler
def test_what_is_built_has_the_library_and_takes_it(copy: Path, tmp_path: Path) -> None:
    # As Debian's flags do it; without them it is what the other builds are, which takes no time.
    compiler = compiler_of(tmp_path, 'if [ "$1" = -O2 ]; then shift; fi; exec g++ "$@"')
    done = run(['setup.py', '--quiet', 'build', '--build-lib', str(tmp_path / 'lib')], copy,
               CXXFLAGS='-O2', **compiler)
    assert 'native library' not in done.stderr
    for line in (tmp_path / 'said').read_text().splitlines():
        # The library's own optimisation has the last word.
        assert [word for word in line.split() if word.startswith('-O')][-1:] == ['-O3']
    choice, library = run(['-c', CHOICE], tmp_path, PYTHONPATH=str(tmp_path / 'lib')
                          ).stdout.splitlines()
    assert choice.startswith('auto takes the backend native; ')
    assert library == str(tmp_path / 'lib' / PACKAGE / 'backends' / LIBRARY)
    assert not list((tmp_path / 'lib').rglob('*.cpp'))


@needs_compiler
def test_built_in_place_it_is_found_in_the_checkout(copy: Path, hasty: dict[str, str]) -> None:
    run(['setup.py', '--quiet', 'build_ext', '--inplace'], copy, **hasty)
    library = copy / PACKAGE / 'backends' / LIBRARY
    assert run(['-c', CHOICE], copy).stdout.splitlines()[-1] == str(library)
    first = library.stat()
    run([str(library.with_name('native_build.py'))], copy, **hasty)
    assert library.stat().st_ino == first.st_ino  # it is not built twice
    with (library.parent / 'cpp' / 'library.cpp').open('a') as source:
        source.write('// changed\n')
    said = run(['-c', CHOICE.rpartition('print')[0]], copy).stdout
    assert said.startswith('auto takes the backend opencv; ')
    assert 'is built from' in said
    run([str(library.with_name('native_build.py'))], copy, **hasty)
    assert library.stat().st_ino != first.st_ino
    assert run(['-c', CHOICE], copy).stdout.startswith('auto takes the backend native; ')


def test_without_a_compiler_it_is_installed_and_says_why(copy: Path, tmp_path: Path) -> None:
    done = run(['setup.py', '--quiet', 'install', '--single-version-externally-managed',
                '--prefix', str(tmp_path / 'prefix'), '--record', str(tmp_path / 'record')],
               copy, CXX='/bin/false')
    lines = [line for line in done.stderr.splitlines() if 'native library' in line]
    assert lines == [f'{PACKAGE}: the native library is not built, OpenCV does its work: '
                     '/bin/false ends with exit code 1: it says nothing']
    packages = next((tmp_path / 'prefix').rglob('version.py')).parents[1]
    said = run(['-c', CHOICE.rpartition('print')[0]], tmp_path, PYTHONPATH=str(packages)).stdout
    assert said.startswith('auto takes the backend opencv; ')
    assert f'{LIBRARY} is not built (/bin/false ends with exit code 1: it says nothing)' in said
    assert f'{PACKAGE}/backends/{Path(LIBRARY).stem}.txt' in (tmp_path / 'record').read_text()


@needs_compiler
def test_several_processes_may_build_at_the_same_time(copy: Path, hasty: dict[str, str]
                                                      ) -> None:
    builder = copy / PACKAGE / 'backends' / 'native_build.py'
    running = [subprocess.Popen([sys.executable, str(builder)], stderr=subprocess.PIPE, text=True,
                                env={**os.environ, **hasty})
               for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in running] == 2 * [('', 0)]
    assert [path.name for path in builder.parent.iterdir() if LIBRARY in path.name] == [LIBRARY]
    assert run(['-c', CHOICE], copy).stdout.startswith('auto takes the backend native; ')


def test_copies_in_other_folders_compile_alike(copy: Path, tmp_path: Path) -> None:
    run([str(copy / PACKAGE / 'backends' / 'native_build.py'), '--optional'], copy,
        **compiler_of(tmp_path, 'exit 1'))
    for line in (tmp_path / 'said').read_text().splitlines():
        folder, *arguments = line.split()
        assert folder == str(copy / PACKAGE / 'backends' / 'cpp')
        source = arguments[arguments.index('-c') + 1]
        assert source == Path(source).name  # what it becomes does not hold the folder's name


def test_a_source_distribution_has_the_sources(copy: Path, tmp_path: Path) -> None:
    run(['setup.py', '--quiet', 'sdist', '--dist-dir', str(tmp_path)], copy)
    with tarfile.open(next(tmp_path.glob('*.tar.gz'))) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    sources = {f'{PACKAGE}/backends/cpp/{path.name}' for path in SOURCES.iterdir()}
    assert len(sources) > 5
    assert sources | {'setup.py', 'package.xml', 'launch/replay.launch.py', 'LICENSE'} <= names


@needs_compiler
def test_a_wheel_is_for_every_python_of_a_platform(copy: Path, tmp_path: Path) -> None:
    try:
        known = importlib.util.find_spec('setuptools.command.bdist_wheel')
    except ImportError:
        known = None
    if known is None and importlib.util.find_spec('wheel') is None:
        pytest.skip('neither setuptools nor wheel can make wheels here; .ci/run makes one')
    run(['setup.py', '--quiet', 'bdist_wheel', '--dist-dir', str(tmp_path)], copy)
    wheel = next(tmp_path.glob('*.whl'))
    assert '-py3-none-' in wheel.name
    assert not wheel.name.endswith('-any.whl')
    assert f'{PACKAGE}/backends/{LIBRARY}' in zipfile.ZipFile(wheel).namelist()


@needs_compiler
def test_the_command_that_tries_a_wheel_works(repository: Path) -> None:
    tomllib = pytest.importorskip('tomllib')  # Python 3.11 and newer
    table = tomllib.loads((repository / 'pyproject.toml').read_text())['tool']['cibuildwheel']
    assert table['archs'] == ['x86_64', 'aarch64']
    program, *arguments = shlex.split(table['test-command'])
    assert program == 'python'
    run([str(repository / PACKAGE / 'backends' / 'native_build.py')], repository)
    run(arguments, repository)
