# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus distances that cameras and raw developers write into files."""

from __future__ import annotations

from fractions import Fraction
import io
from pathlib import Path
from typing import Any

from focus_stacking_ros.core.files.focus_tags import exif_focus_distance_m, xmp_focus_distance_m
from focus_stacking_ros.core.files.image_files import headers
from focus_stacking_ros.core.files.stack_files import stack_files, stack_folder
from helpers.image_data import picture
from PIL import Image, TiffImagePlugin
import pytest

XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>%s</x:xmpmeta>'
SUFFIXES = ('jpg', 'png', 'tif', 'webp')


def write(path: Path, distance: Any) -> None:
    """Write an image with an EXIF SubjectDistance, or none."""
    values = Image.Exif()
    values[0x010f] = 'Maker'
    if distance is not None:
        camera = values.get_ifd(0x8769)
        camera[0x9206] = TiffImagePlugin.IFDRational(*distance) if isinstance(
            distance, tuple) else TiffImagePlugin.IFDRational(distance)
        values[0x8769] = camera
    Image.fromarray(picture()).save(path, exif=values.tobytes())


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_the_distance_is_found_in_every_format(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f'x.{suffix}', (2534, 10000))
    assert headers(tmp_path / f'x.{suffix}')[0].focused_m == pytest.approx(0.2534)


@pytest.mark.parametrize('value', [
    None, (0, 1), (0xffffffff, 1), (0, 0), (5, 0), 'near', 3.5])
def test_unknown_and_infinite_ones_are_none(value: Any) -> None:
    camera = {} if value is None else {0x9206: TiffImagePlugin.IFDRational(*value) if isinstance(
        value, tuple) else value}
    assert exif_focus_distance_m(camera) is None
    assert exif_focus_distance_m({0x9206: Fraction(1, 4)}) == 0.25


def test_raw_developers_write_it_as_xmp(tmp_path: Path) -> None:
    for number, words in enumerate((b'<a aux:ApproximateFocusDistance="29/100"/>',
                                    b'<aux:ApproximateFocusDistance>29/100<')):
        packet = XMP % words
        file = io.BytesIO()
        Image.fromarray(picture()).save(file, 'JPEG')
        data = file.getvalue()
        segment = b'\xff\xe1' + (len(packet) + 2).to_bytes(2, 'big') + packet
        (tmp_path / f'{number}.jpg').write_bytes(data[:2] + segment + data[2:])
        assert headers(tmp_path / f'{number}.jpg')[0].focused_m == 0.29
    for words in (b'', b'aux:ApproximateFocusDistance="x/1"',
                  b'aux:ApproximateFocusDistance="4294967295/1"',
                  b'aux:ApproximateFocusDistance="1/0"'):
        assert xmp_focus_distance_m(words) is None


@pytest.mark.parametrize(('distances', 'taken'), [
    ([0.25, 0.26, 0.27], True), ([0.27, 0.26, 0.25], True), ([0.25, 0.27, 0.26], False),
    ([0.25, 0.25, 0.26], False), ([0.25, None, 0.27], False)])
def test_those_of_a_sweep_are_taken(tmp_path: Path, distances: list[Any], taken: bool) -> None:
    for number, distance in enumerate(distances):
        value = None if distance is None else Fraction(distance).limit_denominator(1000)
        write(tmp_path / f'{number}.jpg', value)
    found = [file.focus_distance_m for file in stack_folder(tmp_path)]
    assert found == (pytest.approx(distances) if taken else [None] * 3)
    assert stack_files([tmp_path / '0.jpg'], None)[0].focus_distance_m is None  # of no sweep
    given = [0.5, 0.6, 0.7]
    assert [file.focus_distance_m for file in stack_folder(tmp_path, given)] == given
