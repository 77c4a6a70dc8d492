# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pages of a TIFF were taken, and how large their pixels are, by ImageJ and OME."""

from __future__ import annotations

from collections.abc import Mapping
import math
import re
from typing import TYPE_CHECKING

from focus_stacking_ros.core.files.errors import ImageFileError

if TYPE_CHECKING:
    from xml.etree import ElementTree

__all__ = ['pixel_size_m', 'z_positions']

#: Metres per unit, by the names that ImageJ and OME-XML (2016-06) give to it.
_METRES = {
    'm': 1.0, 'meter': 1.0, 'cm': 1e-2, 'mm': 1e-3, 'millimeter': 1e-3, 'inch': 0.0254,
    'in': 0.0254, 'um': 1e-6, '\u00b5m': 1e-6, '\u03bcm': 1e-6, '\\u00b5m': 1e-6,
    'micron': 1e-6, 'microns': 1e-6, 'micrometer': 1e-6, 'nm': 1e-9, 'nanometer': 1e-9,
}

_SQUARE = 0.01  # difference of the sides of a pixel, relative, that counts as none


def z_positions(description: str, count: int, name: str = '') -> list[float | None]:
    """
    Return where each page was taken along Z.

    ImageJ gives the spacing and, where it is not the first page, the origin; OME-XML gives the
    positions themselves.

    :param description: ImageDescription of the first page
    :param count: pages of the file
    :param name: of the file, as an OME-XML that tells of several files names it
    :returns: metres per page, None where it is not known
    :raises ImageFileError: the pages differ in more than their Z, or some are without a directory
    """
    if description.startswith('ImageJ='):
        return _of_imagej(description, count)
    if '<OME' in description:
        return _of_ome(description, count, name)
    return [None] * count


def pixel_size_m(description: str, across: float, down: float, unit: int) -> float | None:
    """
    Return the side of a pixel on the object, None where nothing tells it, or it is not square.

    A resolution alone tells nothing, as it is that of printing mostly; ImageJ's, with a unit of
    length in the description, and the physical size of OME-XML are those of the object.

    :param description: ImageDescription of the page
    :param across: XResolution, pixels per unit, 0 where there is none
    :param down: YResolution
    :param unit: ResolutionUnit: 1 none, 2 inch, 3 centimetre
    :returns: metres
    """
    sizes: tuple[float, float] = (0.0, 0.0)
    if description.startswith('ImageJ='):
        words = _imagej_values(description).get('unit', '').lower()
        # Written with a resolution per centimetre the unit is only what lengths are shown in.
        metres = 0.01 if unit == 3 and words == 'um' else _METRES.get(words, 0.0)
        if min(across, down) > 0:
            sizes = metres / across, metres / down
    elif '<OME' in description:
        pixels = _ome_pixels(description)
        if pixels is not None:
            values = pixels.attrib
            sizes = (_number(values, 'PhysicalSizeX', 0) * _METRES.get(
                         values.get('PhysicalSizeXUnit', 'um').lower(), 0.0),
                     _number(values, 'PhysicalSizeY', 0) * _METRES.get(
                         values.get('PhysicalSizeYUnit', 'um').lower(), 0.0))
    is_size = min(sizes) > 0 and max(sizes) < math.inf
    return sizes[0] if is_size and math.isclose(*sizes, rel_tol=_SQUARE) else None


def _check_axes(channels: int, times: int) -> None:
    if channels > 1 or times > 1:
        raise ImageFileError(f'its pages are of {channels} channels and {times} times; save the '
                             'slices of one channel and time')


def _number(values: Mapping[str, str], key: str, default: float) -> float:
    try:
        value = float(values.get(key, default))
    except ValueError:
        return default
    return value if math.isfinite(value) else default


def _imagej_values(description: str) -> dict[str, str]:
    return {key.strip().lower(): value.strip() for key, _, value in
            (line.partition('=') for line in description.splitlines())}


def _of_imagej(description: str, count: int) -> list[float | None]:
    values = _imagej_values(description)
    _check_axes(int(_number(values, 'channels', 1)), int(_number(values, 'frames', 1)))
    images = int(_number(values, 'images', 1))
    if images > count:
        raise ImageFileError(f'ImageJ has put {images} images into it and a directory for '
                             f'{count} of them, as it does above 4 GB; save it as an image '
                             'sequence')
    metres = _METRES.get(values.get('unit', '').lower())
    if 'spacing' not in values or metres is None:
        return [None] * count
    spacing, origin = _number(values, 'spacing', 0), _number(values, 'zorigin', 0)
    if spacing == 0:
        return [None] * count
    return [(page - origin) * abs(spacing) * metres for page in range(count)]


def _ome_pixels(description: str) -> ElementTree.Element | None:
    from xml.etree import ElementTree
    if '<!' in re.sub(r'<!--.*?-->', '', description, flags=re.DOTALL):
        return None  # entities have no place in it, and may grow without end
    try:
        return _first(ElementTree.fromstring(description), 'Pixels')
    except ElementTree.ParseError:
        return None


def _of_ome(description: str, count: int, name: str) -> list[float | None]:
    pixels = _ome_pixels(description)
    if pixels is None:
        return [None] * count
    samples = sum(_number(each.attrib, 'SamplesPerPixel', 1) for each in pixels
                  if _kind(each) == 'Channel')
    channels = _number(pixels.attrib, 'SizeC', 1)
    # The samples of one colour image count as channels there.
    _check_axes(int(channels / max(samples, 1)) if _channels(pixels) == 1 else int(channels),
                int(_number(pixels.attrib, 'SizeT', 1)))
    positions = {int(_number(each.attrib, 'TheZ', 0)): _metres(each.attrib) for each in pixels
                 if _kind(each) == 'Plane'}
    return [positions.get(z) for z in _z_of_pages(pixels, count, name)]


def _z_of_pages(pixels: ElementTree.Element, count: int, name: str) -> list[int]:
    """Return the number along Z of each page; pages are in that order where nothing is said."""
    order = list(range(count))
    for each in pixels:
        if _kind(each) != 'TiffData' or 'FirstZ' not in each.attrib:
            continue
        file = next((child.attrib.get('FileName', '') for child in each), '')
        if file and name and file != name:
            continue
        start, first = (int(_number(each.attrib, key, 0)) for key in ('IFD', 'FirstZ'))
        for step in range(int(min(_number(each.attrib, 'PlaneCount', 1), count))):
            if 0 <= start + step < count:
                order[start + step] = first + step
    return order


def _metres(plane: Mapping[str, str]) -> float | None:
    scale = _METRES.get(plane.get('PositionZUnit', '').lower())
    position = _number(plane, 'PositionZ', math.nan)
    return None if scale is None or math.isnan(position) else position * scale


def _kind(element: ElementTree.Element) -> str:
    return element.tag.rpartition('}')[2]


def _channels(pixels: ElementTree.Element) -> int:
    return sum(_kind(each) == 'Channel' for each in pixels)


def _first(root: ElementTree.Element, kind: str) -> ElementTree.Element | None:
    return next((each for each in root.iter() if _kind(each) == kind), None)
