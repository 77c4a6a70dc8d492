# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a stack of a batch leaves beside its result: that it is done, from what, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.files.pictures import (
    confidence_picture,
    depth_picture,
    eight_bit,
    robust_range,
)
from focus_stacking_ros.core.files.png_encoding import encode_png
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.version import __version__
import numpy as np

__all__ = ['MARK_FILE', 'THUMBNAIL_FILE', 'fingerprint', 'mark_of', 'mark_recording',
           'marked_files']

#: Written last of all files of a result, so that where it is all others are.
MARK_FILE = 'batch.json'
#: All-in-focus image, depth and confidence side by side.
THUMBNAIL_FILE = 'thumbnail.png'
_THUMBNAIL_PX = 240  # width of each of the three
_SURE = 0.5  # confidence of the share that is told


def fingerprint(files: Sequence[Path], flags: Sequence[str]) -> str:
    """
    Return what tells whether a result is of these files, as they are now, by these options.

    :param files: everything that the result is made from
    :param flags: what the command line says besides
    :raises OSError: a file cannot be looked at
    """
    import hashlib  # stack, which has no use for it, imports this module
    said = [__version__, *flags]
    for file in files:
        stat = file.stat()
        said.append(f'{file.name} {stat.st_size} {stat.st_mtime_ns}')
    return hashlib.sha256('\0'.join(said).encode()).hexdigest()


def mark_of(folder: Path) -> dict[str, Any] | None:
    """Return what a finished stack has left, None where there is no finished one."""
    try:
        mark = json.loads((folder / MARK_FILE).read_text())
    except (OSError, ValueError):
        return None
    return mark if isinstance(mark, dict) else None


def mark_recording(folder: Path, made_from: str, stacks: Sequence[Path], problems: Sequence[str]
                   ) -> None:
    """
    Leave the mark of a recording, whose stacks have marks of their own.

    :param folder: of its results
    :param made_from: see `fingerprint`
    :param stacks: folders of its stacks, all in it
    :param problems: what could not be read or fused
    :raises ImageFileError: it cannot be written
    """
    mark = {'fingerprint': made_from, 'stacks': [each.name for each in stacks],
            'problems': list(problems)}
    write_files(folder, {MARK_FILE: (json.dumps(mark, indent=2) + '\n').encode})


def marked_files(result: StackResult, made_from: str) -> dict[str, Callable[[], Any]]:
    """
    Return the files of the mark by name, functions that return their content; the mark is last.

    :param result: the stack's result
    :param made_from: its `fingerprint`
    """
    mark = {'fingerprint': made_from, 'slices': sum(each.accepted for each in result.reports),
            'inputs': len(result.reports),
            'confident': round(float((result.confidence >= _SURE).mean()), 4),
            'noise_sigma': round(result.noise_sigma, 3),
            'faults': list(result.faults.values()), 'remarks': list(result.remarks)}
    return {THUMBNAIL_FILE: lambda: encode_png(_thumbnail(result)),
            MARK_FILE: (json.dumps(mark, indent=2) + '\n').encode}


def _thumbnail(result: StackResult) -> Any:
    metric = bool(np.isfinite(result.depth_m).any())
    shown = result.depth_m if metric else result.slice_index
    height = max(round(shown.shape[0] * _THUMBNAIL_PX / shown.shape[1]), 1)
    return np.hstack([
        cv2.resize(picture, (_THUMBNAIL_PX, height), interpolation=cv2.INTER_AREA)
        for picture in (eight_bit(result.all_in_focus, result.significant_bits),
                        depth_picture(shown, *robust_range(shown)),
                        confidence_picture(result.confidence))])
