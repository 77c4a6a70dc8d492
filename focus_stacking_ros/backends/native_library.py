# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The native library (hw_accel/native): where it is, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from focus_stacking_ros.backends.installed import find_built
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
from numpy.typing import NDArray

__all__ = ['LIBRARY', 'LIBRARY_VARIABLE', 'EntryStructure', 'NativeLibrary', 'SliceStructure',
           'Tables', 'Tile', 'find_library', 'plain']

#: File name of the library.
LIBRARY = 'libfocus_stacking_native.so'
#: Environment variable that names the library elsewhere.
LIBRARY_VARIABLE = 'FOCUS_STACKING_NATIVE'
_PREFIX = 'focus_stacking_native_'
_VERSION = 2  # kVersion in hw_accel/native/native.hpp
_INTEGER, _POINTER = ctypes.c_int32, ctypes.c_void_p
_ARGUMENTS = {
    'version': [],
    'set_threads': [_INTEGER],
    'differences': [_POINTER, *[_INTEGER] * 5, _POINTER],
    'log_norm': [_POINTER, *[_INTEGER] * 4, _POINTER, *[_INTEGER] * 2, _POINTER],
    'align': [_POINTER, *[_INTEGER] * 2, *[_POINTER] * 4, *[_INTEGER] * 4, _POINTER],
    'accumulate': [_POINTER, *[_INTEGER] * 6, *[_POINTER] * 8],
    'sharpness': [_POINTER] * 4,
    'gate': [_INTEGER, _POINTER, *[_INTEGER] * 2, *[_POINTER] * 5],
    'gated_levels': [_INTEGER, _POINTER, _INTEGER, *[_POINTER] * 2, _INTEGER, *[_POINTER] * 5],
    'average_levels': [_INTEGER, _POINTER, _INTEGER, *[_POINTER] * 5],
    'fuse': [*[_POINTER] * 3, _INTEGER, _POINTER, *[_INTEGER] * 2, _POINTER],
}


class SliceStructure(ctypes.Structure):
    """A retained slice; see hw_accel/native/fuse.hpp."""

    _fields_ = (*((name, _POINTER) for name in (
        'image', 'sharpness', 'columns_x', 'rows_x', 'columns_y', 'rows_y')),
        ('separable', _INTEGER), ('gains', _INTEGER * 3))


class Tile(ctypes.Structure):
    """A tile of the result; see hw_accel/native/fuse.hpp."""

    _fields_ = (*((name, _INTEGER) for name in (
        'rows', 'columns', 'top', 'left', 'height', 'width', 'result_top')),
        *((name, _POINTER) for name in ('near_level', 'near_offset', 'far_level', 'far_offset')))


class EntryStructure(ctypes.Structure):
    """What is known of a slice in a tile; see hw_accel/native/fuse.hpp."""

    _fields_ = (*((name, _POINTER) for name in ('logarithm', 'gate', 'inside')),
                ('number', _INTEGER))


class Tables(ctypes.Structure):
    """Tables of the weights; see hw_accel/native/fuse.hpp."""

    _fields_ = tuple((name, _POINTER) for name in ('penalties', 'averages', 'weights', 'cubic'))


def find_library() -> Path:
    """
    Return the native library.

    It is looked for where ``FOCUS_STACKING_NATIVE`` says, else in this checkout's hw_accel/build,
    else where the package focus_stacking_accel is installed.

    :raises BackendError: there is none
    """
    return find_built(LIBRARY, LIBRARY_VARIABLE, 'native library')


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
        functions = {name: getattr(found, _PREFIX + name) for name in _ARGUMENTS}
    except (OSError, AttributeError) as error:
        raise BackendError(f'the native library {library} cannot be loaded: {error}; build it '
                           'again') from error
    for name, function in functions.items():
        function.restype, function.argtypes = _INTEGER, _ARGUMENTS[name]
    return functions


class NativeLibrary:
    """
    The functions of a library.

    :param library: its path
    :raises BackendError: it cannot be loaded, or is another version
    """

    def __init__(self, library: Path) -> None:
        self._functions = _loaded(library)
        version = self._functions['version']()
        if version != _VERSION:
            raise BackendError(f'the native library {library} has version {version}, and this '
                               f'host needs {_VERSION}; build it again')

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
