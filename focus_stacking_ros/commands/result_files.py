# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a result, the same from the command line and from the topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
import json
import os
from pathlib import Path
import re
from typing import Any

from focus_stacking_ros.commands.batch.mark import MARK_FILE, THUMBNAIL_FILE
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.encoding import tiff_parts, with_metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.metadata import fitting
from focus_stacking_ros.core.files.pictures import overview, reduced_to, strip_width
from focus_stacking_ros.core.files.png_encoding import Packer, png_parts
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.slices import Image, StackResult

__all__ = ['DEVIATION_FILE', 'HTML_FILE', 'OUTPUT_FILES', 'Thumbnail', 'check_folder',
           'thumbnail_width', 'write_result']

#: What every method writes; all but notebook write DEVIATION_FILE too.
OUTPUT_FILES = ('all_in_focus.png', 'depth.tiff', 'focus_index.tiff', 'confidence.tiff',
                'overview.png', 'report.json')
DEVIATION_FILE = 'depth_std.tiff'
#: All-in-focus images under further lights, numbered from 1.
LIGHT_FILES = 'all_in_focus_light_{}.png'
#: A page to look at the result in, where one is wanted.
HTML_FILE = 'report.html'

_THUMBNAIL_WIDTH = 800  # pixels


@dataclass(frozen=True)
class Thumbnail:
    """
    A slice for the overview, reduced so that a long stack stays small.

    :param image: at most 800 pixels wide, which the one in the middle of the stack needs
    :param position: what orders the slices near to far
    :param label: its caption
    """

    image: Image
    position: float
    label: str

    @classmethod
    def of(cls, image: Image, position: float, *, metric: bool, width: int = _THUMBNAIL_WIDTH
           ) -> Thumbnail:
        """Reduce an image; ``metric`` says whether the position is in metres."""
        label = f'{position * 1e3:.2f} mm' if metric else f'{position:g}'
        width = min(width, image.shape[1])
        height = max(round(image.shape[0] * width / image.shape[1]), 1)
        return cls(reduced_to(image, width, height), position, label)


def thumbnail_width(place: int, count: int) -> int:
    """
    Return how wide a thumbnail has to be if all slices are accepted, pixels.

    :param place: of the slice in the stack, counted from 0
    :param count: slices of the stack
    """
    return _THUMBNAIL_WIDTH if abs(place - count // 2) <= 1 else strip_width(count)


def check_folder(folder: Path) -> None:
    """
    Tell before the work on a stack what would keep its result from being written.

    :param folder: that is going to be written, or made
    :raises CommandError: it is no folder, or may not be written
    """
    place = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise CommandError(f'{folder}: it cannot be written: {place} is no folder; name another')
    if not os.access(place, os.W_OK | os.X_OK):
        raise CommandError(f'{folder}: it cannot be written: {place} may not be written; name '
                           'another')


def write_result(folder: Path, result: StackResult, report: dict[str, Any],
                 thumbnails: Sequence[Thumbnail], metadata: Metadata | None = None,
                 pages: Mapping[str, Callable[[], bytes]] | None = None,
                 pixel_m: float | None = None) -> None:
    """
    Write all files of a result, or none.

    :param folder: made if it does not exist; files of an earlier result are replaced, those of
        a method that the new result has not are removed
    :param result: the images
    :param report: JSON-ready report
    :param thumbnails: the slices, in any order
    :param metadata: of the reference's file; its colour profile and EXIF data are carried into
        all_in_focus.png, which is upright
    :param pages: further files by name, functions that return their content
    :param pixel_m: side of a pixel on the object, metres, which the TIFFs tell; None where it is
        not known
    :raises CommandError: the folder cannot be written
    """
    ordered = sorted(thumbnails, key=lambda thumbnail: thumbnail.position)
    text = json.dumps(report, indent=2, allow_nan=False) + '\n'
    carried = fitting(metadata or Metadata(), grey=result.all_in_focus.ndim == 2)
    # Here, as commands that only read results need no backends.
    from focus_stacking_ros.backends.native_deflate import fastest_packer
    pack = fastest_packer()
    makers: dict[str, Callable[[], Any]] = {
        'all_in_focus.png': partial(_picture, result.all_in_focus, carried, pack),
        'overview.png': lambda: png_parts(overview(
            [each.image for each in ordered], [each.label for each in ordered], result), pack),
        'depth.tiff': lambda: tiff_parts(result.depth_m, 'm', pixel_m),
        'focus_index.tiff': lambda: tiff_parts(result.slice_index, 'slices', pixel_m),
        'confidence.tiff': lambda: tiff_parts(result.confidence, '', pixel_m),
        'report.json': text.encode,
        **result.step_files, **(pages or {})}
    for light, image in enumerate(result.lights, 1):
        makers[LIGHT_FILES.format(light)] = partial(_picture, image, carried, pack)
    deviation = result.depth_std_m
    if deviation is not None:
        makers[DEVIATION_FILE] = lambda: tiff_parts(deviation, 'm', pixel_m)
    try:
        write_files(folder, makers)
        _remove_stale(folder, result.step_files)
        lights = {path.name for path in folder.glob(LIGHT_FILES.format('*'))}
        for name in {DEVIATION_FILE, HTML_FILE, MARK_FILE, THUMBNAIL_FILE, *lights} - set(makers):
            if (folder / name).is_file():
                (folder / name).unlink()  # of an earlier result
    except ImageFileError as error:
        raise CommandError(str(error)) from error


def _picture(image: Image, metadata: Metadata, pack: Packer | None) -> Any:
    return with_metadata(png_parts(image, pack), metadata)


def _remove_stale(folder: Path, names: Iterable[str]) -> None:
    """Remove numbered files of an earlier result, which had more slices."""
    written = {folder / name for name in names}
    kinds = {_without_number(path) for path in written}
    for place in {path.parent for path in written}:
        for path in place.glob('*.png'):
            if path not in written and _without_number(path) in kinds:
                path.unlink(missing_ok=True)


def _without_number(path: Path) -> str:
    return re.sub(r'\d+$', '', path.stem)
