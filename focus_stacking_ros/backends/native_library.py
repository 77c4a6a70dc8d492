# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library (backends/cpp): where it is, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import cache
import os
from pathlib import Path
from typing import Any

from focus_stacking_ros.backends.native_build import build_of, built_from, LIBRARY, reason_file
from focus_stacking_ros.core.stack.backend import BackendError
from focus_stacking_ros.version import __version__
import numpy as np
from numpy.typing import NDArray

__all__ = ['LIBRARY', 'LIBRARY_VARIABLE', 'AverageStructure', 'FrontStructure',
           'LumaAverageStructure', 'NativeLibrary', 'find_library', 'plain']

#: Environment variable that names the library elsewhere.
LIBRARY_VARIABLE = 'FOCUS_STACKING_NATIVE'
_PREFIX = 'focus_stacking_native_'
_WAY_OUT = 'build it with `make native` in a checkout, or install the package again'
_INTEGER, _POINTER = ctypes.c_int32, ctypes.c_void_p
_ARGUMENTS = {
    'set_threads': [_INTEGER],
    'differences': [_POINTER, *[_INTEGER] * 5, _POINTER],
    'log_norm': [_POINTER, *[_INTEGER] * 4, _POINTER, *[_INTEGER] * 2, _POINTER],
    'front': [_POINTER],
    'average': [_POINTER],
    'average_luma': [_POINTER],
    'align': [_POINTER, *[_INTEGER] * 2, *[_POINTER] * 4, *[_INTEGER] * 4, _POINTER],
    'accumulate': [_POINTER, *[_INTEGER] * 6, *[_POINTER] * 8],
    'pyramid': [_POINTER, *[_INTEGER] * 4, *[_POINTER] * 3, _INTEGER, *[_POINTER] * 2],
    'fit_level': [_POINTER] * 5,
    'fuse': [_POINTER] * 2,
    'guide': [_POINTER] * 3,
    'guide_rows': [_POINTER, _INTEGER, _INTEGER, *[_POINTER] * 3],
    'falls': [_POINTER] * 3,
    'peaks': [_POINTER],
    'state_falls': [_POINTER, ctypes.c_float, ctypes.c_float, _POINTER],
    'state_peaks': [_POINTER],
    'surface': [_POINTER],
    'evidence': [_POINTER],
    'judge': [_POINTER],
    'rims': [_POINTER],
    'deflate': [_POINTER, _INTEGER, _INTEGER, _POINTER, _POINTER],
    'beside': [_POINTER],
    'spread': [_POINTER],
    'faint': [_POINTER],
    'blocks': [_POINTER],
    'energy': [_POINTER],
    'compare': [_POINTER, _POINTER, _INTEGER, _POINTER],
    'forget_comparisons': [],
}


class FrontStructure(ctypes.Structure):
    """A slice and what is made of it in one pass; see backends/cpp/front.hpp."""

    _fields_ = (*((name, _POINTER) for name in (
        'image', 'luma', 'half', 'sharpness', 'ring', 'cross', 'noise', 'channel_noise',
        'light')),
        *((name, _INTEGER) for name in (
            'rows', 'columns', 'channels', 'wide', 'reverse', 'stride', 'noise_step',
            'light_step', 'cell_rows', 'cell_columns', 'cells_y', 'cells_x')))


class AverageStructure(ctypes.Structure):
    """A slice and the average that it is added to; see backends/cpp/average.hpp."""

    _fields_ = (*((name, _POINTER) for name in (
        'image', 'sharpness', 'columns_x', 'rows_x', 'columns_y', 'rows_y', 'total', 'weight')),
        *((name, _INTEGER) for name in ('rows', 'columns', 'channels', 'kind', 'separable')),
        ('gains', ctypes.c_float * 3))


class LumaAverageStructure(ctypes.Structure):
    """A slice and the average of luma that it is added to; see backends/cpp/luma_average.hpp."""

    _fields_ = (*((name, _POINTER) for name in (
        'luma', 'sharpness', 'columns_x', 'rows_x', 'columns_y', 'rows_y', 'total', 'weight',
        'sharpest')),
        *((name, _INTEGER) for name in ('rows', 'columns', 'separable')),
        ('gain', ctypes.c_float))


def find_library() -> Path:
    """
    Return the native library.

    It is where ``FOCUS_STACKING_NATIVE`` says, else beside this file.

    :raises BackendError: there is none
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise BackendError(f'{LIBRARY_VARIABLE} is {named}, and there is no such file')
        return Path(named)
    library = Path(__file__).with_name(LIBRARY)
    if not library.is_file():
        raise BackendError(f'the native library {library} is not built{_why(library)}; '
                           f'{_WAY_OUT}, or set {LIBRARY_VARIABLE}')
    return library


def _why(library: Path) -> str:
    """Return why a library could not be built, if that was tried."""
    try:
        return f' ({reason_file(library).read_text(encoding="utf-8").strip()})'
    except OSError:
        return ''


def plain(array: NDArray[Any], dtype: type, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Return an array without gaps, itself where it has none; ValueError where it is another."""
    if array.dtype != dtype or (shape is not None and array.shape != shape):
        raise ValueError(f'expected {np.dtype(dtype)} {shape or ""}, got {array.dtype} '
                         f'{array.shape}')
    return np.ascontiguousarray(array)


@cache
def _loaded(library: Path) -> dict[str, Callable[..., int]]:
    """Return the functions of a library by their names, the prefix left out."""
    try:
        found = ctypes.CDLL(str(library))
        _check(library)
        functions = {name: getattr(found, _PREFIX + name) for name in _ARGUMENTS}
    except (OSError, AttributeError) as error:
        raise BackendError(f'the native library {library} cannot be loaded: {error}; '
                           f'{_WAY_OUT}') from error
    for name, function in functions.items():
        function.restype, function.argtypes = _INTEGER, _ARGUMENTS[name]
    return functions


def _check(library: Path) -> None:
    """
    Refuse a library of another version, and in a checkout one of other sources.

    :raises BackendError: it is one
    """
    made_from, wanted = build_of(library) or 'unknown', built_from() or __version__
    if made_from != wanted and (' ' in wanted or made_from.partition(' ')[0] != wanted):
        raise BackendError(f'the native library {library} is built from {made_from}, and this '
                           f'host needs {wanted}; {_WAY_OUT}')


class NativeLibrary:
    """
    The functions of a library.

    :param library: its path
    :raises BackendError: it cannot be loaded, or is built from something else
    """

    def __init__(self, library: Path) -> None:
        self._functions = _loaded(library)

    def set_threads(self, count: int) -> int:
        """
        Set how many threads the library works in, in the whole process; returns what it was.

        :param count: 0 for as many as this process may use processors
        """
        return self._functions['set_threads'](count)

    def call(self, name: str, *arguments: Any) -> None:
        """
        Call a function, arrays by the address of their first value; other threads go on meanwhile.

        :raises MemoryError: there is no memory left
        """
        if self._functions[name](*(
                each.ctypes.data if isinstance(each, np.ndarray) else each
                for each in arguments)):
            raise MemoryError(f'the native library has no memory left to {name}')
