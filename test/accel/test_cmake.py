# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The package focus_stacking_accel configured, built and installed; run by ``make test-accel``.

What needs Vitis is stood in for by a macro of the same name that makes a file or does not.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess

from focus_stacking_ros.backends.emulation import EmulatedDevice
from focus_stacking_ros.backends.kernel_interface import KERNEL
import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0') in {'', '0'},
    reason='builds the kernel several times; `make test-accel` runs it')
VITIS = """
set(ROS_VITIS TRUE)
macro(vitis_acceleration_kernel)
  cmake_parse_arguments(GIVEN "LINK;PACKAGE" "NAME;FILE;CONFIG;DTSI;SHELLJSON;CLOCK"
    "TYPE;INCLUDE" ${ARGN})
  foreach(each FILE CONFIG DTSI)
    if(NOT EXISTS "${CMAKE_SOURCE_DIR}/${GIVEN_${each}}")
      message(SEND_ERROR "no ${each}")
    endif()
  endforeach()
  %s
endmacro()
"""
MAKES = ''.join(f'file(WRITE ${{CMAKE_BINARY_DIR}}/${{GIVEN_NAME}}.{ending} "made")\n  '
                for ending in ('xclbin', 'bit.bin', 'dtbo'))
MAKES += (f'install(FILES ${{CMAKE_BINARY_DIR}}/{KERNEL}.xclbin ${{CMAKE_BINARY_DIR}}/{KERNEL}'
          f'.bit.bin ${{CMAKE_BINARY_DIR}}/{KERNEL}.dtbo ${{CMAKE_BINARY_DIR}}/shell.json '
          'DESTINATION lib/${PROJECT_NAME})')


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def configured(repository: Path, tmp_path: Path):
    """Return a function that configures the package, with a stand-in of ament_vitis or without."""
    if shutil.which('cmake') is None:
        pytest.skip('cmake is not installed')

    def configure(macro: str | None, *options: str) -> subprocess.CompletedProcess[str]:
        if macro is not None:
            folder = tmp_path / 'vitis'
            folder.mkdir(exist_ok=True)
            (folder / 'ament_vitisConfig.cmake').write_text(VITIS % macro)
            options = (*options, f'-Dament_vitis_DIR={folder}', '-DCMAKE_SYSROOT=/')
        if Path('/usr/share/ament_cmake').is_dir():  # Debian's needs Debian's Python
            options = (*options, '-DPython3_EXECUTABLE=/usr/bin/python3')
        done = run('cmake', '-S', str(repository / 'hw_accel'), '-B', str(tmp_path / 'build'),
                   f'-DCMAKE_INSTALL_PREFIX={tmp_path / "install"}', *options)
        if 'Findament_cmake.cmake' in done.stderr:
            pytest.skip('ament_cmake is not installed; Debian has it as ament-cmake')
        return done
    return configure


def test_build_for_this_machine_gives_the_emulation(configured, tmp_path) -> None:
    configuring = configured(None)
    assert configuring.returncode == 0, configuring.stderr
    done = run('cmake', '--build', str(tmp_path / 'build'), '--target', 'install')
    assert done.returncode == 0, done.stderr
    EmulatedDevice(tmp_path / 'install' / 'lib' / f'lib{KERNEL}_emulation.so')
    assert not list((tmp_path / 'install').rglob('*.xclbin'))
    modules = list((tmp_path / 'install' / 'lib' / KERNEL).glob('pyxrt*.so'))
    needed = ('xrt/xrt/xrt_kernel.h', 'uuid/uuid.h', 'pybind11/pybind11.h')
    if (all(Path('/usr/include', path).is_file() for path in needed)
            and list(Path('/usr/include').glob('python3*/Python.h'))):
        assert len(modules) == 1
        done = run('env', f'PYTHONPATH={modules[0].parent}', '/usr/bin/python3', '-c',
                   'import pyxrt; print(pyxrt.run)')
        assert "class 'pyxrt.run'" in done.stdout, done.stderr
    else:
        assert 'pyxrt is not built' in configuring.stdout


def test_a_kernel_that_was_not_made_stops_the_build(configured, tmp_path) -> None:
    assert configured(MAKES).returncode == 0
    done = configured('')  # the second build fails where the first has left its file
    assert done.returncode != 0
    assert f'v++ did not make {KERNEL}.xclbin' in ' '.join(done.stderr.split())
    assert configured('', '-DNOKERNELS=true').returncode == 0


def test_firmware_is_installed_whole(configured, tmp_path, repository) -> None:
    assert configured(MAKES).returncode == 0
    done = run('cmake', '--build', str(tmp_path / 'build'), '--target', 'install')
    assert done.returncode == 0, done.stderr
    script = tmp_path / 'install' / 'lib' / KERNEL / 'install.sh'
    root = tmp_path / 'root'
    done = run(str(script), str(script.parent), str(root))
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in (root / 'lib/firmware/xilinx' / KERNEL).iterdir())
    assert found == [f'{KERNEL}.bit.bin', f'{KERNEL}.dtbo', f'{KERNEL}.xclbin', 'shell.json']
    (script.parent / f'{KERNEL}.dtbo').write_text('')
    done = run(str(script), str(script.parent), str(tmp_path / 'other'))
    assert done.returncode == 1
    assert f'{KERNEL}.dtbo' in done.stderr
    assert not (tmp_path / 'other').exists()


def test_overlay_compiles(repository, tmp_path) -> None:
    if shutil.which('dtc') is None:
        pytest.skip('dtc is not installed; Debian has it as device-tree-compiler')
    done = run('dtc', '-I', 'dts', '-O', 'dtb', '-o', str(tmp_path / 'overlay.dtbo'),
               str(repository / 'hw_accel' / 'src' / f'{KERNEL}.dtsi'))
    assert done.returncode == 0, done.stderr
    assert f'{KERNEL}.bit.bin'.encode() in (tmp_path / 'overlay.dtbo').read_bytes()
