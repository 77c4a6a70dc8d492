# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON files with the focus distances of a stack."""

from __future__ import annotations

import json
from pathlib import Path

from focus_stacking_ros.core.files.errors import ImageFileError

__all__ = ['focus_distances_from']


def focus_distances_from(path: Path) -> list[float]:
    """
    Return the list focus_distances_m, in metres, of a JSON file.

    :raises ImageFileError: it cannot be read or holds no such list of numbers
    """
    try:
        # As floats, integers of any size are read; too large a number is infinite.
        content = json.loads(path.read_bytes(), parse_int=float)
    except OSError as error:
        raise ImageFileError(f'{path}: {error.strerror or error}') from error
    except (RecursionError, ValueError) as error:
        raise ImageFileError(f'{path}: it is not JSON: {error}') from error
    distances = content.get('focus_distances_m') if isinstance(content, dict) else None
    if not isinstance(distances, list) or not all(
            isinstance(item, float) for item in distances):
        raise ImageFileError(f'{path}: it needs the key focus_distances_m with a list of numbers, '
                             'in metres')
    return distances
