# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How the native library is built; a program, too, for which ``python3 -I`` is enough.

``setup.py`` runs this file where nothing of the package can be imported yet: it uses the standard
library only. It builds from a checkout or a source distribution; what is installed has no sources.
What only building takes is imported there: every process looks at what it was built from.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
import ctypes
import os
from pathlib import Path
import shlex
import sys

__all__ = ['FLAGS', 'LIBRARY', 'SOURCES', 'BuildError', 'build', 'build_of', 'built_from',
           'reason_file']

#: File name of the library, beside this file unless it is built elsewhere.
LIBRARY = 'libfocus_stacking_native.so'
#: Folder of the C++ sources; what is installed has none.
SOURCES = Path(__file__).resolve().parent / 'cpp'
#: Flags of every build. -O3 comes after what the environment says: with -O2 the library is several
#: times slower. Products and sums stay as they are written, so that every processor rounds alike.
FLAGS = ('-std=c++17', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math',
         '-Wall', '-Wextra', '-fvisibility=hidden', '-pthread')
_COMPILERS = ('g++', 'c++', 'clang++')


class BuildError(Exception):
    """The library cannot be built; the text is one line that says why."""


def build_of(library: Path) -> str | None:
    """Return what a library says it was built from, as `built_from` does; None if it does not."""
    try:
        function = ctypes.CDLL(str(library)).focus_stacking_native_build
    except (OSError, AttributeError):
        return None
    function.restype, function.argtypes = ctypes.c_char_p, []
    return str(function().decode())


def built_from() -> str | None:
    """Return the version and a digest of sources and flags, None where there are no sources."""
    files = sorted(path for path in SOURCES.glob('*.[ch]pp'))
    if not files:
        return None
    import zlib  # loads no library for its digest, as hashlib does
    digest = zlib.crc32(' '.join(FLAGS).encode())
    for path in files:
        digest = zlib.crc32(f'\n{path.name}\n'.encode() + path.read_bytes(), digest)
    import runpy
    version = runpy.run_path(str(SOURCES.parents[1] / 'version.py'))['__version__']
    return f'{version} {digest:08x}'


def reason_file(library: Path) -> Path:
    """Return the file beside a library that says why it could not be built."""
    return library.with_suffix('.txt')


def _run(command: Sequence[str]) -> None:
    """Run a compiler in the folder of the sources; BuildError where it cannot be run or fails."""
    import subprocess
    try:
        done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False,
                              errors='replace')
    except OSError as error:
        raise BuildError(f'{command[0]} cannot be run: {error.strerror or error}') from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if 'error' in line.lower()]
        said = (words or done.stderr.splitlines() or ['it says nothing'])[0].strip()
        raise BuildError(f'{command[0]} ends with exit code {done.returncode}: {said}')


def _compiler() -> list[str]:
    """Return the C++ compiler: CXX, else the first that is installed."""
    named = shlex.split(os.environ.get('CXX', ''))
    if named:
        return named
    import shutil
    for name in _COMPILERS:
        if shutil.which(name):
            return [name]
    raise BuildError('there is no C++ compiler, none of ' + ', '.join(_COMPILERS)
                     + '; CXX may name one')


def _compile(library: Path, made_from: str) -> None:
    """Write a library; BuildError where that fails."""
    import tempfile
    compiler = [*_compiler(), *shlex.split(os.environ.get('CXXFLAGS', '')), *FLAGS, '-fPIC']
    only = {'library.cpp': [f'-DFOCUS_STACKING_BUILD="{made_from}"']}
    with tempfile.TemporaryDirectory(prefix='focus_stacking_native') as folder:
        def compiled(source: Path) -> str:
            target = str(Path(folder, source.with_suffix('.o').name))
            # By its name alone: copies of the checkout in other folders compile alike (ccache).
            _run([*compiler, *only.get(source.name, []), '-c', source.name, '-o', target])
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compiled, sorted(SOURCES.glob('*.cpp'))))
        # Several processes may build at the same time: each puts a whole file in its place.
        part = library.absolute().with_name(f'.{library.name}.{os.getpid()}.part')
        try:
            _run([*compiler, '-shared', *objects, *shlex.split(os.environ.get('LDFLAGS', '')),
                  '-o', str(part)])
            part.replace(library)
        except OSError as error:
            raise BuildError(f'{library} cannot be written: {error.strerror or error}') from error
        finally:
            part.unlink(missing_ok=True)


def build(library: Path) -> bool:
    """
    Build the library, unless it is already there and built from the same sources.

    Where it cannot be built, a file beside it says why; see `reason_file`.

    :param library: where it goes; its folder is made
    :return: whether it had to be built
    :raises BuildError: there are no sources, no compiler, or it fails
    """
    wanted, reason = built_from(), reason_file(library)
    if wanted is None:
        raise BuildError(f'there are no sources in {SOURCES}; build it from a checkout')
    if library.is_file() and build_of(library) == wanted:
        return False
    library.parent.mkdir(parents=True, exist_ok=True)
    try:
        _compile(library, wanted)
    except BuildError as error:
        library.unlink(missing_ok=True)  # of other sources, as was seen above
        reason.write_text(f'{error}\n', encoding='utf-8')
        raise
    reason.unlink(missing_ok=True)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the library in place; returns 1 if that fails, unless that was allowed."""
    parser = argparse.ArgumentParser(description='Build the native library, if it is not there.')
    parser.add_argument('--optional', action='store_true',
                        help='go on without it, with exit code 0 and a line that says so')
    parser.add_argument('--flags', action='store_true', help='print the flags instead')
    given = parser.parse_args(arguments)
    if given.flags:
        print(*FLAGS)
        return 0
    try:
        build(SOURCES.with_name(LIBRARY))
    except BuildError as error:
        print(f'The native library is not built, OpenCV does its work: {error}', file=sys.stderr)
        return 0 if given.optional else 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
