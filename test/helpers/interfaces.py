# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The package focus_stacking_interfaces, built once and kept for later runs.

FOCUS_STACKING_INTERFACES names the folder of one that is installed already, with the same ROS 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
import fcntl
import hashlib
import importlib.util
import os
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig
from types import ModuleType

from focus_stacking_ros.ros.messages.message_types import message_type
import pytest

__all__ = ['PACKAGE', 'built', 'hide', 'importable', 'why_not', 'with_libraries']

PACKAGE = 'focus_stacking_interfaces'
REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / 'interfaces'
#: What builds in wheels from PyPI need besides; a sourced ROS 2 needs it not, and is not harmed.
WHEELS = REPOSITORY / '.ci' / 'wheels.cmake'
CACHE = REPOSITORY / '.pytest_cache' / 'interfaces'

_modules: dict[str, ModuleType] = {}
_libraries: list[ctypes.CDLL] = []


def why_not() -> str:
    """Return why the package cannot be built here, '' where it can be."""
    missing = [tool for tool in ('cmake', 'make', 'g++')
               if shutil.which(tool, path=_path()) is None]
    missing += [name for name in ('rosidl_generator_py', 'rosidl_adapter', 'ament_package')
                if importlib.util.find_spec(name) is None]
    if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
        missing.append('Python.h')
    return f'{PACKAGE} cannot be built: there is no {", ".join(missing)}' if missing else ''


def built() -> Path:
    """
    Return where the package is installed; builds it, with one processor, unless that was done.

    Processes that need it at the same time wait for the first one.

    :raises RuntimeError: it does not build; the words are those of the build
    """
    if installed := os.environ.get('FOCUS_STACKING_INTERFACES'):
        return Path(installed)
    key = hashlib.sha256(f'{sys.prefix} {sys.version} {_versions()}'.encode())
    for file in (WHEELS, *sorted(path for path in SOURCE.rglob('*') if path.is_file())):
        key.update(file.read_bytes())
    prefix = CACHE / key.hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (prefix / 'share').is_dir():
            _build(prefix)
    return prefix


def with_libraries(environment: dict[str, str], prefix: Path) -> dict[str, str]:
    """Return the environment of a process that finds the package, as after sourcing it."""
    more = {'LD_LIBRARY_PATH': prefix / 'lib', 'PYTHONPATH': _packages(prefix),
            'AMENT_PREFIX_PATH': prefix}
    return {**environment, **{name: os.pathsep.join(part for part in (
        str(path), environment.get(name, '')) if part) for name, path in more.items()}}


@contextmanager
def importable(prefix: Path) -> Iterator[None]:
    """Let this process import the package for the time of a with block."""
    # The loader reads LD_LIBRARY_PATH when a process starts; it knows again what is loaded.
    if not _libraries:
        _libraries.extend(ctypes.CDLL(str(file)) for file in sorted(
            (prefix / 'lib').glob('*.so'), key=lambda file: 'generator_c' not in file.name))
    sys.path.insert(0, str(_packages(prefix)))
    sys.modules.update(_modules)
    try:
        yield
    finally:
        sys.path.remove(str(_packages(prefix)))
        for name in [name for name in sys.modules if name.partition('.')[0] == PACKAGE]:
            _modules[name] = sys.modules.pop(name)


def hide(patch: pytest.MonkeyPatch) -> None:
    """Have the package be missing, also where it is installed."""
    for name in (PACKAGE, f'{PACKAGE}.msg', f'{PACKAGE}.action'):
        patch.setitem(sys.modules, name, None)
    message_type.cache_clear()


def _packages(prefix: Path) -> Path:
    return next(prefix.glob('lib/python*/*-packages'))


def _path() -> str:
    """Return where programs are looked for: first beside Python, where pip puts them."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ['PATH']))


def _versions() -> str:
    """Return what tells distributions apart."""
    import rosidl_generator_py

    return str(rosidl_generator_py.__file__) + str(getattr(
        rosidl_generator_py, '__version__', '')) + os.environ.get('ROS_DISTRO', '')


def _build(prefix: Path) -> None:
    folder = prefix.with_suffix('.build')
    shutil.rmtree(folder, ignore_errors=True)
    paths = os.pathsep.join(part for part in (
        os.environ.get('AMENT_PREFIX_PATH', ''), sys.prefix) if part)
    environment = dict(os.environ, AMENT_PREFIX_PATH=paths, CMAKE_PREFIX_PATH=paths, PATH=_path())
    for command in (
            ['cmake', '-S', str(SOURCE), '-B', str(folder), f'-DCMAKE_INSTALL_PREFIX={prefix}',
             f'-DPython3_EXECUTABLE={sys.executable}', f'-DCMAKE_PROJECT_INCLUDE={WHEELS}',
             '-DBUILD_TESTING=OFF', '-DCMAKE_INSTALL_RPATH=$ORIGIN:$ORIGIN/../../..'],
            ['make', '-s', '-C', str(folder), 'install']):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            shutil.rmtree(prefix, ignore_errors=True)
            raise RuntimeError(f'{PACKAGE} does not build:\n{done.stdout}')
    shutil.rmtree(folder)
