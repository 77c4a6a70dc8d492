# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The host of the KV260 on the real libxrt, with its shim without hardware; by ``make test-accel``.

XRT 2.13 is what goes with KRS on the KV260, and Debian 12 has the libraries of that version. The
Python module is an installed pyxrt, or else hw_accel/host/pyxrt.cpp, built for this Python.
"""

from __future__ import annotations

from importlib.util import find_spec
import json
import os
from pathlib import Path
import subprocess
import sys
import sysconfig

from accel import xrt_calls
from accel.kernel_builds import built
from focus_stacking_ros.backends.emulation import find_library
from focus_stacking_ros.backends.kernel_interface import KERNEL
from focus_stacking_ros.core.stack.backend import BackendError
from helpers.strict_pyxrt import StrictPyxrt
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the kernel and a Python module; `make test-accel` runs it')
NO_LIBRARY = 'libxrt1 with its noop shim is not installed; Debian 12 has it'
#: What the stand-in does where the real module raises nothing.
HERE = {'fine': 'returns', 'wrong': 'AssertionError', 'undefined': 'AssertionError',
        'hang': 'AssertionError'}


@pytest.fixture(scope='module')
def shim() -> Path:
    """Return the folder with XRT's libraries, the shim without hardware among them."""
    found = sorted(Path('/usr/lib').glob('*/libxrt_noop.so.2'))
    if not found:
        pytest.skip(NO_LIBRARY)
    return found[0].parent


@pytest.fixture(scope='module')
def module(shim: Path, repository: Path) -> None:
    """Build a pyxrt for this Python where none is installed; the backend finds it."""
    if find_spec('pyxrt') is not None:
        return
    if not all(Path('/usr/include', path).is_file()
               for path in ('xrt/xrt/xrt_kernel.h', 'uuid/uuid.h')):
        pytest.skip('there is no pyxrt, nor libxrt-dev and uuid-dev, which Debian 12 has')
    headers = Path('/usr/include')
    if find_spec('pybind11') is not None:
        import pybind11

        headers = Path(pybind11.get_include())
    if not (headers / 'pybind11').is_dir():
        pytest.skip('pybind11 is not installed; Debian has it as pybind11-dev')
    python = Path(sysconfig.get_path('include'))
    if not (python / 'Python.h').is_file():
        pytest.skip(f'{python}/Python.h is missing; Debian has it in python3-dev')
    built(repository, 'pyxrt', f'PYTHON_INCLUDE={python}', f'PYBIND11_INCLUDE={headers}',
          f'PYXRT=build/{KERNEL}/pyxrt{sysconfig.get_config_var("EXT_SUFFIX")}')


@pytest.fixture
def called(shim: Path, module: None, repository: Path, tmp_path: Path):
    """Return a function that runs xrt_calls.py with the real library."""
    home = tmp_path / 'xrt'
    home.mkdir()
    (home / 'lib').symlink_to(shim)
    paths = [str(path) for path in (repository, repository / 'test',
                                    os.environ.get('PYTHONPATH')) if path]
    environment = {**os.environ, 'XILINX_XRT': str(home), 'XCL_EMULATION_MODE': 'noop',
                   'USER': os.environ.get('USER', 'user'), 'PYTHONPATH': os.pathsep.join(paths)}

    def call(*names: str, seconds: float = 120) -> dict | str:
        try:
            done = subprocess.run(
                [sys.executable, '-m', 'accel.xrt_calls', str(tmp_path), *names],
                env=environment, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return 'hang'
        if done.returncode < 0:
            return 'died'
        if 'Could not open device' in done.stderr:
            pytest.skip('this XRT has no noop shim')
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
    return call


def test_stacks_through_the_real_library_are_those_of_the_cpu(called) -> None:
    found = called('stacks')
    assert found == {f'{method} {channels}': ['kria', True]
                     for method in ('default', 'streaming') for channels in (1, 3)}


def test_the_real_library_does_what_the_calls_say(called) -> None:
    expected = {name: 'returns' if what == 'fine' else what
                for name, (_, what) in xrt_calls.CALLS.items()
                if what not in {'undefined', 'hang', 'wrong'}}
    assert called(*expected) == expected


def test_what_is_wrong_raises_nothing_in_the_real_library(called) -> None:
    names = [name for name, (_, what) in xrt_calls.CALLS.items() if what == 'wrong']
    # In a process of its own, which seldom dies of it.
    assert called(*names) in ('died', dict.fromkeys(names, 'returns'))


def test_what_waits_for_ever_does(called) -> None:
    names = [name for name, (_, what) in xrt_calls.CALLS.items() if what == 'hang']
    assert [called(name, seconds=5) for name in names] == ['hang']


@pytest.mark.parametrize('name', xrt_calls.CALLS)
def test_the_stand_in_does_the_same(name, tmp_path) -> None:
    call, what = xrt_calls.CALLS[name]
    try:
        world = xrt_calls.World(StrictPyxrt(find_library()), tmp_path)
    except BackendError as error:
        pytest.skip(str(error))
    assert xrt_calls.outcome_of(call, world) == HERE.get(what, what)
