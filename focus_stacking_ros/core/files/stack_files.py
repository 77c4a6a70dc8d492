# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A focal stack as image files: which image was taken at which focus distance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import math
from pathlib import Path

from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.focus_file import focus_distances_from
from focus_stacking_ros.core.files.folder import image_files_in
from focus_stacking_ros.core.files.image_files import Header, headers, read_slice
from focus_stacking_ros.core.optics.calibration import is_distance

__all__ = ['META_FILE', 'StackFile', 'bad_distances', 'gives_distances', 'near_to_far',
           'orientation_note', 'stack_files', 'stack_folder']

#: File of a folder that holds the focus distances.
META_FILE = 'meta.json'


@dataclass(frozen=True)
class StackFile:
    """
    One image of a focal stack: a file, or a page of one.

    :param path: the file
    :param number: input number, counted from 0 in the order the images were named in
    :param focus_distance_m: distance of the focal plane in metres, None where unknown
    :param header: which image of the file it is
    :param orientation: EXIF orientation that it is read with; None: its own
    :param page: number of the page, counted from 1; None: the file has one
    :param lights: images of the same view and focus under further lights
    """

    path: Path
    number: int
    focus_distance_m: float | None = None
    header: Header = field(default=Header(), repr=False)
    orientation: int | None = None
    page: int | None = None
    lights: tuple[StackFile, ...] = ()

    @property
    def position(self) -> float:
        """Return what orders the images, near to far: metres or the input number."""
        if self.focus_distance_m is not None:
            return self.focus_distance_m
        return float(self.number)

    @property
    def name(self) -> str:
        """Return what to call it in a message."""
        return f'{self.path}' if self.page is None else f'{self.path}, page {self.page}'

    def read(self) -> Decoded:
        """
        Read the image, and those under further lights, upright.

        :raises ImageFileError: it cannot be used; the message names it
        """
        try:
            decoded = read_slice(self.path, self.header, self.orientation)
        except ImageFileError as error:
            reason = str(error).removeprefix(f'{self.path}: ')
            raise ImageFileError(f'{self.name}: {reason}') from error
        for file in self.lights:
            own = file.orientation if self.orientation is None else self.orientation
            decoded = decoded.with_light(replace(file, orientation=own).read())
        return decoded


def stack_files(paths: Sequence[Path], distances: Sequence[float] | None, lights: int = 1
                ) -> list[StackFile]:
    """
    Return the images of a stack in the order their files were named in.

    The pages of a TIFF are images of a stack; such a file is a stack by itself. Without
    ``distances``, the positions along Z that it gives, or the focus distances that cameras write,
    are the focus distances, where all of them can be such (positive, no two the same); else there
    are none.

    Images of one view are turned alike: where the files' orientations differ and their sizes do
    not, the camera has guessed differently from slice to slice, as one that looks down does, and
    the most frequent orientation holds for all.

    :param paths: image files
    :param distances: focus distances in metres, one per image, or per position where there are
        several lights; None: unknown
    :param lights: images that follow one another at each position, each under another light
    :raises ImageFileError: another number of distances than of images, several files one of
        which has several pages, or a position without all of its images
    """
    files: list[StackFile] = []
    for path in paths:
        found = headers(path)
        if len(found) > 1 and len(paths) > 1:
            raise ImageFileError(f'{path}: it holds {len(found)} images, and there are other '
                                 'files beside it; a file of several pages is a stack by itself, '
                                 'so give it alone or store its pages as files')
        files += [StackFile(path, len(files) + number, header=header,
                            page=number + 1 if len(found) > 1 else None)
                  for number, header in enumerate(found)]
    if lights > 1:
        files = _by_lights(files, lights)
    if distances is None:
        return _alike(_at_own_positions(files))
    if len(distances) != len(files):
        what = 'image' if lights == 1 else 'position'
        raise ImageFileError(f'there are {len(distances)} focus distances for {len(files)} '
                             f'{what}s; give one per {what}')
    return _alike([replace(file, focus_distance_m=float(distance))
                   for file, distance in zip(files, distances, strict=True)])


def _by_lights(files: list[StackFile], lights: int) -> list[StackFile]:
    """Return the image under the first light of each position, with those under the others."""
    if len(files) % lights:
        raise ImageFileError(f'there are {len(files)} images, and with stack.lights {lights} '
                             f'every position has {lights}, one after the other; give all of '
                             'them')
    return [replace(files[first], number=first // lights,
                    lights=tuple(files[first + 1:first + lights]))
            for first in range(0, len(files), lights)]


def _at_own_positions(files: list[StackFile]) -> list[StackFile]:
    """
    Return the images at the positions that their files give, where those are distances.

    A camera may round them, or guess: its own are taken where they rise or fall from file to file.
    """
    positions = [file.header.z_m for file in files]
    by_camera = len(files) > 1 and not any(positions)
    if by_camera:
        positions = [file.header.focused_m for file in files]
    known = [each for each in positions if each is not None and is_distance(each)]
    in_order = known in (sorted(known), sorted(known, reverse=True))
    if len(set(known)) < len(files) or (by_camera and not in_order):
        return files
    return [replace(file, focus_distance_m=position)
            for file, position in zip(files, positions, strict=True)]


def _alike(files: list[StackFile]) -> list[StackFile]:
    """Return the images with the one orientation they are to be read with."""
    sizes = {file.header.size for file in files}
    orientations = Counter(file.header.orientation for file in files)
    if len(orientations) < 2 or len(sizes) > 1:
        return files
    return [replace(file, orientation=orientations.most_common(1)[0][0]) for file in files]


def stack_folder(folder: Path, distances: Sequence[float] | None = None, lights: int = 1
                 ) -> list[StackFile]:
    """
    Return the images of a folder, with the focus distances of its meta.json if it has one.

    :param folder: images in the natural order of their names
    :param distances: focus distances in metres, in place of those of meta.json
    :param lights: see `stack_files`
    :raises ImageFileError: no folder, no images, or an unusable meta.json
    """
    paths = image_files_in(folder)
    if not paths:
        raise ImageFileError(f'{folder} holds no images; give a folder of PNG, JPEG or TIFF '
                             'files; raw images are to be developed first')
    meta = folder / META_FILE
    # A link that leads nowhere is an error, not none.
    if distances is None and (meta.exists() or meta.is_symlink()):
        distances = focus_distances_from(meta)
    return stack_files(paths, distances, lights)


def gives_distances(folder: Path) -> bool:
    """
    Return whether the images of a folder have focus distances; False where it cannot be read.

    :param folder: as `stack_folder` takes it
    """
    try:
        return all(file.focus_distance_m is not None for file in stack_folder(folder))
    except (ImageFileError, OSError):
        return False


def orientation_note(files: Sequence[StackFile]) -> str:
    """Return what to say where files disagree about their orientation, '' where they agree."""
    odd = [file for file in files
           if file.orientation is not None and file.header.orientation != file.orientation]
    if not odd:
        return ''
    return (f'the orientation tags differ from file to file ({odd[0].name} has '
            f'{odd[0].header.orientation}); all images are turned alike, by '
            f'{odd[0].orientation}')


def bad_distances(files: Sequence[StackFile]) -> dict[int, str]:
    """Return why a file's focus distance cannot be used, by input number."""
    reasons: dict[int, str] = {}
    seen: dict[float, StackFile] = {}
    for file in files:
        distance = file.focus_distance_m
        if distance is None:
            continue
        if not is_distance(distance):
            reasons[file.number] = (f'{file.name}: its focus distance is {distance:g} metres; it '
                                    'must be finite and positive')
        elif distance in seen:
            reasons[file.number] = (f'{file.name}: its focus distance of {distance:g} metres is '
                                    f'that of {seen[distance].name} too')
        else:
            seen[distance] = file
    return reasons


def near_to_far(files: Sequence[StackFile]) -> list[StackFile]:
    """Return the files sorted by position; those without a usable one go last."""
    return sorted(files, key=lambda file: (not math.isfinite(file.position), file.position))
