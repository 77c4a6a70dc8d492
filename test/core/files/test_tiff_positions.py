# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Positions along Z that ImageJ and OME write into a TIFF."""

from __future__ import annotations

from pathlib import Path

from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import headers
from focus_stacking_ros.core.files.tiff_positions import pixel_size_m, z_positions
from helpers.image_data import picture
import numpy as np
from PIL import Image
import pytest

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'


def ome(planes: str, *, z: int = 3, c: int = 1, t: int = 1, extra: str = '') -> str:
    return OME.format(f'<Image ID="Image:0"><Pixels SizeC="{c}" SizeT="{t}" SizeZ="{z}" '
                      f'DimensionOrder="XYZCT">{extra}{planes}</Pixels></Image>')


def plane(z: int, position: str, unit: str = 'mm') -> str:
    return (f'<Plane TheC="0" TheT="0" TheZ="{z}" PositionZ="{position}" '
            f'PositionZUnit="{unit}"/>')


def test_a_description_of_another_kind_says_nothing() -> None:
    for words in ('', 'a board', '{"shape": [3, 18, 25]}', 'ImageJ', '<html>OME</html>'):
        assert z_positions(words, 3) == [None] * 3


@pytest.mark.parametrize(('unit', 'metres'), [
    ('mm', 1e-3), ('micron', 1e-6), ('um', 1e-6), ('µm', 1e-6), ('\\u00B5m', 1e-6), ('cm', 1e-2),
    ('inch', 0.0254), ('nm', 1e-9)])
def test_imagej_gives_the_spacing_and_the_origin(unit: str, metres: float) -> None:
    words = f'ImageJ=1.53t\nimages=3\nslices=3\nunit={unit}\nspacing=2.5\nloop=false\n'
    assert z_positions(words, 3) == pytest.approx([0, 2.5 * metres, 5 * metres])
    assert z_positions(words + 'zorigin=-4\n', 3) == pytest.approx(
        [10 * metres, 12.5 * metres, 15 * metres])


@pytest.mark.parametrize('words', [
    'unit=mm', 'spacing=2', 'spacing=2\nunit=pixel', 'spacing=0\nunit=mm', 'spacing=x\nunit=mm',
    'spacing=nan\nunit=mm', 'spacing=inf\nunit=mm'])
def test_imagej_without_spacing_or_unit_says_nothing(words: str) -> None:
    assert z_positions(f'ImageJ=1.53t\nimages=3\n{words}\n', 3) == [None] * 3


@pytest.mark.parametrize('words', ['channels=2', 'frames=3', 'channels=2\nframes=3'])
def test_imagej_stacks_of_other_axes_are_refused(words: str) -> None:
    with pytest.raises(ImageFileError, match='one channel and time'):
        z_positions(f'ImageJ=1.53t\nimages=6\n{words}\n', 6)


def test_ome_gives_the_positions() -> None:
    words = ome(plane(0, '100') + plane(2, '102.5') + plane(1, '101.25'))
    assert z_positions(words, 3) == pytest.approx([0.1, 0.10125, 0.1025])
    assert z_positions(ome(plane(0, '100', 'µm')), 2) == [pytest.approx(1e-4), None]


@pytest.mark.parametrize('unit', ['reference frame', 'pixel', ''])
def test_ome_positions_without_a_length_say_nothing(unit: str) -> None:
    assert z_positions(ome(plane(0, '1', unit)), 1) == [None]
    assert z_positions(ome('<Plane TheZ="0" PositionZ="x" PositionZUnit="mm"/>'), 1) == [None]


def test_ome_says_which_page_is_which() -> None:
    planes = plane(0, '100') + plane(1, '101') + plane(2, '102')
    turned = ''.join(f'<TiffData IFD="{page}" FirstZ="{2 - page}" PlaneCount="1"/>'
                     for page in range(3))
    assert z_positions(ome(planes + turned), 3) == pytest.approx([0.102, 0.101, 0.1])
    files = ''.join(f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{z}.tif">'
                    'urn:uuid:0</UUID></TiffData>' for z in range(3))
    assert z_positions(ome(planes + files), 1, '2.tif') == pytest.approx([0.102])


def test_ome_stacks_of_other_axes_are_refused() -> None:
    two = '<Channel ID="0"/><Channel ID="1"/>'
    for words in (ome('', c=2, extra=two), ome('', t=4), ome('', c=2)):
        with pytest.raises(ImageFileError, match='one channel and time'):
            z_positions(words, 6)
    colour = '<Channel ID="0" SamplesPerPixel="3"/>'
    assert z_positions(ome(plane(0, '1'), c=3, extra=colour), 1) == [1e-3]


@pytest.mark.parametrize('words', [
    '<OME', '<OME></OME>', '<OME><Pixels/></OME>', ome('<TiffData IFD="x" FirstZ="y"/>'),
    ome('<TiffData IFD="-5" FirstZ="1" PlaneCount="1e300"/>'), ome('', t=0),
    '<!DOCTYPE OME [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><OME>&b;</OME>'])
def test_odd_xml_says_nothing(words: str) -> None:
    assert z_positions(words, 3) == [None] * 3


def test_what_tifffile_writes_is_found(tmp_path: Path) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile writes ImageJ and OME files')
    stack = np.stack([picture(channels=1)] * 3)
    tifffile.imwrite(tmp_path / 'j.tif', stack, imagej=True,
                     metadata={'axes': 'ZYX', 'spacing': 0.5, 'unit': 'mm'})
    assert [header.z_m for header in headers(tmp_path / 'j.tif')] == pytest.approx(
        [0, 5e-4, 1e-3])
    tifffile.imwrite(tmp_path / 'o.ome.tif', stack, metadata={
        'axes': 'ZYX', 'Plane': {'PositionZ': [100.0, 101.0, 102.0],
                                 'PositionZUnit': ['mm'] * 3}})
    assert [header.z_m for header in headers(tmp_path / 'o.ome.tif')] == pytest.approx(
        [0.1, 0.101, 0.102])


@pytest.mark.parametrize(('words', 'per_unit', 'unit', 'expected'), [
    ('ImageJ=1.53t\nunit=micron\n', 0.5, 1, 2e-6),
    ('ImageJ=1.53t\nunit=\\u00B5m\n', 0.5, 1, 2e-6),
    ('ImageJ=1.53t\nunit=um\n', 5000, 3, 2e-6),
    ('ImageJ=1.53t\nunit=mm\n', 100, 1, 1e-5),
    ('ImageJ=1.53t\nunit=cm\n', 1000, 3, 1e-5),
    ('ImageJ=1.53t\nunit=pixel\n', 1, 1, None),
    ('ImageJ=1.53t\nunit=um\n', 0, 1, None),
    ('', 300, 2, None)])  # of printing
def test_imagej_gives_the_size_of_pixels(words, per_unit, unit, expected) -> None:
    assert pixel_size_m(words, per_unit, per_unit, unit) == pytest.approx(expected)
    assert pixel_size_m(words, per_unit, 2 * per_unit, unit) is None


@pytest.mark.parametrize(('sizes', 'expected'), [
    ('PhysicalSizeX="0.5" PhysicalSizeY="0.5"', 5e-7),
    ('PhysicalSizeX="2" PhysicalSizeXUnit="nm" PhysicalSizeY="0.002"', 2e-9),
    ('PhysicalSizeX="0.5" PhysicalSizeY="0.7"', None), ('PhysicalSizeX="0.5"', None),
    ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1"', None),
    ('PhysicalSizeX="inf" PhysicalSizeY="inf"', None)])
def test_ome_gives_the_size_of_pixels(sizes, expected) -> None:
    words = OME.format(f'<Image><Pixels SizeC="1" SizeT="1" {sizes}/></Image>')
    assert pixel_size_m(words, 0, 0, 2) == pytest.approx(expected)


def test_sizes_of_pixels_that_tifffile_writes_are_found(tmp_path: Path) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile writes ImageJ and OME files')
    tifffile.imwrite(tmp_path / 'j.tif', picture(channels=1), imagej=True, resolution=(0.25, 0.25),
                     metadata={'unit': 'um'})
    tifffile.imwrite(tmp_path / 'o.ome.tif', picture(channels=1), metadata={
        'PhysicalSizeX': 4.0, 'PhysicalSizeY': 4.0})
    Image.fromarray(picture(channels=1)).save(tmp_path / 'p.tif', dpi=(300, 300))
    assert [headers(tmp_path / name)[0].pixel_m for name in ('j.tif', 'o.ome.tif', 'p.tif')] == [
        pytest.approx(4e-6), pytest.approx(4e-6), None]
