# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kernel by plain Vitis, with stand-ins for its programs, as Vitis itself is not here."""

from __future__ import annotations

import os
from pathlib import Path
import re
import shlex
import shutil
import subprocess

from focus_stacking_ros.backends.kernel_interface import KERNEL
import pytest

pytestmark = pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
VARIABLES = ('PLATFORM=/there/kv260.xpfm', 'VITIS=/vitis', 'CLOCK_HZ=200000000')


def make(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(['make', '-C', str(repository / 'hw_accel'), *arguments],
                          capture_output=True, text=True, check=False)


def commands(said: str, program: str) -> list[list[str]]:
    return [shlex.split(line) for line in said.splitlines() if line.startswith(program + ' ')]


def test_the_kernel_is_compiled_then_linked(repository: Path, tmp_path: Path) -> None:
    done = make(repository, '--dry-run', 'xclbin', f'BUILD={tmp_path}', *VARIABLES)
    assert done.returncode == 0, done.stderr
    compiled, linked = commands(done.stdout, '/vitis/bin/v++')
    for command in compiled, linked:
        assert command[command.index('-t') + 1] == 'hw'
        assert command[command.index('--platform') + 1] == '/there/kv260.xpfm'
    assert '-c' in compiled
    assert compiled[compiled.index('-k') + 1] == KERNEL
    assert compiled[compiled.index('--hls.clock') + 1] == f'200000000:{KERNEL}'
    sources = [name for name in compiled if name.endswith('.cpp')]
    assert [(repository / 'hw_accel' / name).is_file() for name in sources] == [True]
    assert '-l' in linked
    assert compiled[-1] in linked
    assert linked[-1] == f'{tmp_path}/{KERNEL}.hw/{KERNEL}.xclbin'


def test_the_link_has_ports_and_clock_but_no_platform_of_krs(repository: Path,
                                                             tmp_path: Path) -> None:
    configuration = tmp_path / f'{KERNEL}.hw' / 'link.cfg'
    done = make(repository, str(configuration), f'BUILD={tmp_path}', *VARIABLES)
    assert done.returncode == 0, done.stderr
    words = configuration.read_text()
    assert 'platform=' not in words
    assert f'freqHz=200000000:{KERNEL}_1' in words
    assert len(re.findall(r'^sp=', words, re.MULTILINE)) == 4


def test_the_firmware_is_what_the_board_takes(repository: Path, tmp_path: Path) -> None:
    done = make(repository, '--dry-run', 'firmware', f'BUILD={tmp_path}', *VARIABLES)
    assert done.returncode == 0, done.stderr
    folder = f'{tmp_path}/{KERNEL}.hw'
    taken = re.search(r'^for file in (.*); do$', (
        repository / 'hw_accel' / 'firmware' / 'install.sh').read_text(), re.MULTILINE)
    assert taken is not None
    for name in taken[1].replace('$name', KERNEL).split():
        assert f'{folder}/{name}' in done.stdout
    assert [command[-2:] for command in commands(done.stdout, 'xclbinutil')] == [
        ['--input', f'{folder}/{KERNEL}.xclbin']]


@pytest.fixture
def vitis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Return variables of make, with the stand-ins where Vitis would be."""
    for program in 'g++', 'python3':
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    programs = tmp_path / 'vitis' / 'bin'
    programs.mkdir(parents=True)
    for name in 'v++', 'xclbinutil', 'bootgen':
        # A copy would not find the headers beside it.
        (programs / name).symlink_to(Path(__file__).with_name('vitis_stand_in.py'))
    if shutil.which('dtc') is None:
        (programs / 'dtc').write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n'
                                      'test -f "$3" && echo overlay > "$2"\n')
        (programs / 'dtc').chmod(0o755)
    monkeypatch.setenv('PATH', f'{programs}:{os.environ["PATH"]}')
    (tmp_path / 'kv260.xpfm').touch()
    return (f'PLATFORM={tmp_path}/kv260.xpfm', f'VITIS={tmp_path}/vitis', f'BUILD={tmp_path}/b')


@pytest.mark.slow
def test_stand_ins_of_vitis_take_every_step(repository: Path, tmp_path: Path, vitis) -> None:
    folder = tmp_path / 'b' / f'{KERNEL}.hw'
    done = make(repository, 'xclbin', *vitis)
    assert (done.returncode, done.stderr) == (0, '')
    assert (folder / f'{KERNEL}.xclbin').is_file()
    done = make(repository, 'firmware', *vitis)
    assert done.returncode == 0, done.stderr  # dtc warns
    assert ' -k ' not in done.stdout  # what has been built is not built again
    # firmware/install.sh takes these.
    for name in (f'{KERNEL}.xclbin', f'{KERNEL}.bit.bin', f'{KERNEL}.dtbo', 'shell.json'):
        assert (folder / name).stat().st_size > 0


@pytest.mark.parametrize(('change', 'words'), [
    ('CLOCK_HZ=fast', '--hls.clock fast'), ('TARGET=board', 'invalid choice'),
    ('PLATFORM=/nowhere/kv260.xpfm', 'there is no file /nowhere/kv260.xpfm'),
    ('INCLUDE=/nowhere', 'there is no folder /nowhere')])
def test_what_vitis_refuses_ends_make(repository: Path, tmp_path: Path, vitis, change: str,
                                      words: str) -> None:
    done = make(repository, 'xclbin', *vitis, change)
    assert done.returncode != 0
    assert words in done.stderr
    assert not list(tmp_path.rglob('*.xclbin'))


@pytest.mark.parametrize(('variables', 'words'), [
    ((), 'Name a platform: make xclbin PLATFORM='),
    (('PLATFORM=x.xpfm', 'VPP=/bin/echo'), '/bin/echo is not that of Vitis 2022.1')])
def test_what_is_missing_is_named(repository: Path, tmp_path: Path, variables, words) -> None:
    done = make(repository, 'xclbin', f'BUILD={tmp_path}', *variables)
    assert done.returncode != 0
    assert words in done.stderr
