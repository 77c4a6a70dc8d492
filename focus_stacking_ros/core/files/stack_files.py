# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A focal stack as image files: which file was taken at which focus distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path

from focus_stacking_ros.core.files.image_files import (
    focus_distances_from,
    image_files_in,
    ImageFileError,
)
from focus_stacking_ros.core.optics.calibration import is_distance

__all__ = ['META_FILE', 'StackFile', 'bad_distances', 'near_to_far', 'stack_files', 'stack_folder']

#: File of a folder that holds the focus distances.
META_FILE = 'meta.json'


@dataclass(frozen=True)
class StackFile:
    """
    One image file of a focal stack.

    :param path: the file
    :param number: input number, counted from 0 in the order the files were named in
    :param focus_distance_m: distance of the focal plane in metres, None where unknown
    """

    path: Path
    number: int
    focus_distance_m: float | None = None

    @property
    def position(self) -> float:
        """Return what orders the files, near to far: metres or the input number."""
        return float(self.number) if self.focus_distance_m is None else self.focus_distance_m


def stack_files(paths: Sequence[Path], distances: Sequence[float] | None) -> list[StackFile]:
    """
    Return the files of a stack in the order they were named in.

    :param paths: image files
    :param distances: focus distances in metres, one per file; None: unknown
    :raises ImageFileError: another number of distances than of files
    """
    if distances is None:
        return [StackFile(path, number) for number, path in enumerate(paths)]
    if len(distances) != len(paths):
        raise ImageFileError(f'there are {len(distances)} focus distances for {len(paths)} '
                             'images; give one per image')
    return [StackFile(path, number, float(distance))
            for number, (path, distance) in enumerate(zip(paths, distances, strict=True))]


def stack_folder(folder: Path) -> list[StackFile]:
    """
    Return the images of a folder, with the focus distances of its meta.json if it has one.

    :param folder: images in the natural order of their names
    :raises ImageFileError: no folder, no images, or an unusable meta.json
    """
    paths = image_files_in(folder)
    if not paths:
        raise ImageFileError(f'{folder} holds no images; give a folder of PNG, JPEG or TIFF files')
    meta = folder / META_FILE
    given = meta.exists() or meta.is_symlink()  # a link that leads nowhere is an error, not none
    return stack_files(paths, focus_distances_from(meta) if given else None)


def bad_distances(files: Sequence[StackFile]) -> dict[int, str]:
    """Return why a file's focus distance cannot be used, by input number."""
    reasons: dict[int, str] = {}
    seen: dict[float, StackFile] = {}
    for file in files:
        distance = file.focus_distance_m
        if distance is None:
            continue
        if not is_distance(distance):
            reasons[file.number] = (f'{file.path}: its focus distance is {distance:g} metres; it '
                                    'must be finite and positive')
        elif distance in seen:
            reasons[file.number] = (f'{file.path}: its focus distance of {distance:g} metres is '
                                    f'that of {seen[distance].path} too')
        else:
            seen[distance] = file
    return reasons


def near_to_far(files: Sequence[StackFile]) -> list[StackFile]:
    """Return the files sorted by position; those without a usable one go last."""
    return sorted(files, key=lambda file: (not math.isfinite(file.position), file.position))
