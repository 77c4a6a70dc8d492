#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Stand-ins for v++, xclbinutil and bootgen, as the name says by which it is called.

They take what the user guides of Vitis 2022.1 (UG1393) and of bootgen (UG1283) name and nothing
else, want every file to be there, and write files that the next step recognises. They are no
evidence that the real programs do: those have never been run on this kernel.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import re
import subprocess
import sys
from typing import NoReturn

VERSION = '2022.1'
_PORTS = {'HP0', 'HP1', 'HP2', 'HP3', 'HPC0', 'HPC1'}  # of the Zynq's processing system
_KEYS = {'': {'save-temps', 'debug', 'platform'}, 'clock': {'freqHz'},
         'connectivity': {'nk', 'sp', 'slr', 'sc'}}
_HEADERS = Path(__file__).resolve().parents[2] / 'hw_accel' / 'test' / 'include'


def _stop(words: str) -> NoReturn:
    print(f'ERROR: [v++ 60-602] {words}', file=sys.stderr)
    sys.exit(1)


def _there(path: str) -> Path:
    if not Path(path).is_file():
        _stop(f'there is no file {path}')
    return Path(path)


def _vpp(arguments: list[str]) -> None:
    """Compile or link."""
    if arguments == ['--version']:
        print(f'\n****** v++ v{VERSION} (64-bit)\n  **** SW Build 3524075')
        return
    parser = argparse.ArgumentParser('v++', allow_abbrev=False)
    step = parser.add_mutually_exclusive_group(required=True)
    step.add_argument('-c', '--compile', action='store_true')
    step.add_argument('-l', '--link', action='store_true')
    parser.add_argument('-t', '--target', choices=('sw_emu', 'hw_emu', 'hw'), required=True)
    parser.add_argument('-f', '--platform', required=True)
    parser.add_argument('-o', '--output', required=True)
    parser.add_argument('-k', '--kernel')
    parser.add_argument('-I', '--include', action='append', default=[])
    for name in ('--config', '--temp_dir', '--log_dir', '--report_dir', '--hls.clock'):
        parser.add_argument(name, dest=name.lstrip('-').replace('.', '_'))
    parser.add_argument('inputs', nargs='+')
    given = parser.parse_args(arguments)
    if _there(given.platform).suffix != '.xpfm':
        _stop(f'{given.platform} is no platform')
    if not Path(given.output).parent.is_dir():
        _stop(f'there is no folder for {given.output}')
    files = [_there(each) for each in given.inputs]
    (_compile if given.compile else _link)(given, files)


def _compile(given: argparse.Namespace, sources: list[Path]) -> None:
    if given.kernel is None or Path(given.output).suffix != '.xo':
        _stop('a kernel is compiled to a .xo, and has a name')
    clock = re.fullmatch(r'(\d+):(\w+)', given.hls_clock or '')
    if clock is None or clock[2] != given.kernel or not 1e6 <= int(clock[1]) <= 1e9:
        _stop(f'--hls.clock {given.hls_clock} is not FREQUENCY:{given.kernel}')
    for folder in given.include:
        if not Path(folder).is_dir():
            _stop(f'there is no folder {folder}')
    # Vitis has ap_int.h and hls_stream.h of its own.
    done = subprocess.run(
        ['g++', '-std=c++14', '-fsyntax-only', '-Wno-unknown-pragmas', f'-I{_HEADERS}',
         *(f'-I{folder}' for folder in given.include), *map(str, sources)],
        capture_output=True, text=True, check=False)
    if done.returncode:
        _stop(done.stderr)
    text = '\n'.join(path.read_text() for path in sources)
    if not re.search(rf'extern "C" \{{.*?\bvoid {given.kernel}\(', text, re.DOTALL):
        _stop(f'no function {given.kernel} is extern "C"')
    pointers = re.findall(r'INTERFACE m_axi port=(\w+)', text)
    Path(given.output).write_text(f'xo {given.target} {given.platform} {given.kernel} '
                                  f'{" ".join(pointers)}\n')


def _link(given: argparse.Namespace, objects: list[Path]) -> None:
    if given.kernel is not None or Path(given.output).suffix != '.xclbin':
        _stop('what is linked is an .xclbin, and names its kernels in the configuration')
    words = [path.read_text().split() for path in objects]
    for kind, target, platform, *_ in words:
        if (kind, target, platform) != ('xo', given.target, given.platform):
            _stop('an object is of another target or platform')
    pointers = {kernel: set(names) for _, _, _, kernel, *names in words}
    section, instances, connected = '', dict[str, str](), dict[str, set[str]]()
    for line in _there(given.config).read_text().splitlines():
        text = line.partition('#')[0].strip()
        if text.startswith('['):
            section = text.strip('[]')
        elif text:
            key, _, value = text.partition('=')
            if key not in _KEYS.get(section, set()):
                _stop(f'unrecognised option {key} in [{section}]')
            if key == 'platform' and value != given.platform:
                _stop(f'the configuration names another platform, {value}')
            if key == 'nk':
                kernel, count, name = value.split(':')
                if kernel not in pointers or count != '1':
                    _stop(f'there is no kernel {kernel}')
                instances[name] = kernel
            if key == 'sp':
                name, argument, port = re.split(r'[.:]', value)
                if argument not in pointers[instances[name]] or port not in _PORTS:
                    _stop(f'{value} connects nothing')
                connected.setdefault(name, set()).add(argument)
            if key == 'freqHz' and not re.fullmatch(r'\d+:\w+', value):
                _stop(f'freqHz={value} is of no instance')
    for name, kernel in instances.items():
        if connected.get(name) != pointers[kernel]:
            _stop(f'{name} has pointers that are not connected')
    Path(given.output).write_text('xclbin2\n')


def _xclbinutil(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser('xclbinutil', allow_abbrev=False)
    parser.add_argument('--force', action='store_true')
    parser.add_argument('--dump-section', required=True)
    parser.add_argument('--input', required=True)
    given = parser.parse_args(arguments)
    section, kind, path = given.dump_section.split(':')
    if (section, kind) != ('BITSTREAM', 'RAW') or not _there(given.input).read_text().startswith(
            'xclbin2'):
        _stop('there is no such section')
    Path(path).write_text('bitstream\n')


def _bootgen(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser('bootgen', allow_abbrev=False, prefix_chars='-')
    parser.add_argument('-w', action='store_true')
    parser.add_argument('-image', required=True)
    parser.add_argument('-arch', required=True, choices=('zynq', 'zynqmp', 'versal'))
    parser.add_argument('-process_bitstream', required=True, choices=('bin', 'mcs'))
    given = parser.parse_args(arguments)
    named = re.fullmatch(r'\s*\w+\s*:\s*\{\s*(\S+)\s*\}\s*', _there(given.image).read_text())
    if named is None or _there(named[1]).read_text() != 'bitstream\n':
        _stop(f'{given.image} names no bitstream')
    Path(f'{named[1]}.{given.process_bitstream}').write_text('bitstream of bootgen\n')


if __name__ == '__main__':
    {'v++': _vpp, 'xclbinutil': _xclbinutil, 'bootgen': _bootgen}[Path(sys.argv[0]).name](
        sys.argv[1:])
