# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Pillow, which reads what OpenCV reads wrongly or noisily.

It is imported when the first file needs it, and told to be silent: what its libraries would write
to standard error in their own words, the one line of an error says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import ctypes
from functools import lru_cache
import warnings

from focus_stacking_ros.core.files.errors import ImageFileError

__all__ = ['refusing', 'silence']


@lru_cache(maxsize=1)
def silence() -> None:
    """Keep Pillow's warnings, and the messages of its libtiff, off standard error."""
    from PIL import _imaging
    warnings.filterwarnings('ignore', module=r'PIL\.')
    # libtiff writes to standard error by itself; a null handler is its way to silence it (see
    # TIFFSetErrorHandler(3)). A library built into Pillow without that name stays as it is.
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(_imaging.__file__)
        for function in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """
    Turn whatever Pillow raises over damaged data into a refusal.

    :param what: the kind of file, such as 'TIFF'
    :raises ImageFileError: instead of any other error
    """
    silence()
    try:
        yield
    except ImageFileError:
        raise
    except MemoryError as error:
        raise ImageFileError(f'it is a {what} too large for the memory') from error
    except Exception as error:  # its parsers raise nearly anything, KeyError and struct.error too
        words = ' '.join(str(error).split()) or type(error).__name__
        raise ImageFileError(f'it is a damaged {what}: Pillow cannot read it: {words}') from error
