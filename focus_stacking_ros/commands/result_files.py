# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a result, the same from the command line and from the topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
import json
from pathlib import Path
import re
from typing import Any

from focus_stacking_ros.commands.batch.mark import MARK_FILE, THUMBNAIL_FILE
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.thumbnails import Thumbnail
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.encoding import tiff_parts, with_metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.metadata import fitting
from focus_stacking_ros.core.files.pictures import overview
from focus_stacking_ros.core.files.png_encoding import Packer, png_parts
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.slices import Image, StackResult

__all__ = ['DEVIATION_FILE', 'HTML_FILE', 'OUTPUT_FILES', 'write_result']

#: What every method writes; all but notebook write DEVIATION_FILE too.
OUTPUT_FILES = ('all_in_focus.png', 'depth.tiff', 'focus_index.tiff', 'confidence.tiff',
                'overview.png', 'report.json')
DEVIATION_FILE = 'depth_std.tiff'
#: All-in-focus images under further lights, numbered from 1.
LIGHT_FILES = 'all_in_focus_light_{}.png'
#: A page to look at the result in, where one is wanted.
HTML_FILE = 'report.html'


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
