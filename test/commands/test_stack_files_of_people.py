# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``stack`` with files as people have them: it works, or says in one line why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import io
import json
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.files.image_files import decode
from focus_stacking_ros.core.files.planes import pixel_size_of, read_plane
from helpers.forked import command_line, CommandLine
from helpers.image_data import chunk, png
from helpers.stacks import make_stack
import numpy as np
from PIL import Image, ImageCms
import pytest

STACK = make_stack((48, 64), 3, channels=3)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
Save = Callable[[Path, np.ndarray], Any]


@pytest.fixture(scope='module')
def commands(repository: Path) -> Iterator[CommandLine]:
    with command_line(repository) as commands:
        yield commands


def run(commands: CommandLine, folder: Path, *arguments: str, output: str = 'out'
        ) -> tuple[int, str]:
    """Run in a process of its own, as what libraries write by themselves counts too."""
    code, printed, errors = commands.run(
        folder, 'stack', *arguments, '--output', output)
    assert printed == ''
    return code, errors


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / 'out' / 'report.json').read_text())


def by_pillow(mode: str, **how: Any) -> Save:
    return lambda path, image: Image.fromarray(image[..., ::-1]).convert(mode).save(path, **how)


def by_opencv(*flags: int) -> Save:
    return lambda path, image: cv2.imwrite(str(path), image, list(flags))


def by_tifffile(change: Callable[[np.ndarray], np.ndarray] = lambda image: image[..., ::-1],
                **how: Any) -> Save:
    def save(path: Path, image: np.ndarray) -> None:
        tifffile = pytest.importorskip('tifffile', reason='tifffile writes the kinds of TIFF')
        tifffile.imwrite(path, change(image), **how)
    return save


def sixteen(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1].astype(np.uint16) * 257


TAKEN: dict[str, tuple[str, Save]] = {
    'PNG 16-bit colour': ('png', lambda path, image: path.write_bytes(
        png(image.astype(np.uint16) * 257))),
    'PNG palette': ('png', by_pillow('P')),
    'PNG 1 bit': ('png', by_pillow('1')),
    'PNG grey with alpha': ('png', by_pillow('LA')),
    'PNG colour with alpha': ('png', by_pillow('RGBA')),
    'PNG with a bad profile': ('png', lambda path, image: path.write_bytes(
        png(image, extra=chunk(b'iCCP', b'x\0\0no zlib')))),
    'JPEG progressive': ('jpg', by_pillow('RGB', progressive=True)),
    'JPEG CMYK': ('jpg', by_pillow('CMYK')),
    'JPEG grey': ('jpeg', by_pillow('L')),
    'WebP': ('webp', by_pillow('RGB', lossless=True)),
    'BMP': ('bmp', by_pillow('RGB')),
    'TIFF LZW with predictor': ('tif', by_opencv(cv2.IMWRITE_TIFF_COMPRESSION, 5, 317, 2)),
    'TIFF deflate': ('tif', by_pillow('RGB', compression='tiff_adobe_deflate')),
    'TIFF JPEG': ('tif', by_pillow('RGB', compression='jpeg')),
    'TIFF CMYK': ('tif', by_pillow('CMYK')),
    'TIFF palette': ('tif', by_pillow('P')),
    'TIFF 1 bit': ('tif', by_pillow('1')),
    'TIFF grey with alpha': ('tif', by_pillow('LA')),
    'TIFF 16-bit colour': ('tif', by_tifffile(sixteen, photometric='rgb')),
    'TIFF 16-bit colour, deflate': ('tif', by_tifffile(sixteen, photometric='rgb',
                                                       compression='zlib')),
    'TIFF separate planes': ('tif', by_tifffile(
        lambda image: image[..., ::-1].transpose(2, 0, 1), photometric='rgb',
        planarconfig='separate')),
}


@pytest.mark.parametrize('kind', TAKEN)
def test_kinds_that_are_taken(commands: CommandLine, tmp_path: Path, kind: str) -> None:
    suffix, save = TAKEN[kind]
    for number, image in enumerate(STACK.images):
        save(tmp_path / f'{number}.{suffix}', image)
    assert run(commands, tmp_path, '.') == (0, '')
    expected = np.uint16 if '16-bit' in kind else np.uint8
    fused = cv2.imread(str(tmp_path / 'out' / 'all_in_focus.png'), cv2.IMREAD_UNCHANGED)
    assert fused.dtype == expected
    assert fused.ndim == (2 if 'grey' in kind or '1 bit' in kind else 3)
    assert fused.shape[:2] == (48, 64)


def encoded(suffix: str, *flags: int) -> bytes:
    return cv2.imencode(suffix, STACK.images[1], list(flags))[1].tobytes()


def damaged(data: bytes, at: float) -> bytes:
    place = int(len(data) * at)
    return data[:place] + b'\xff' * 40 + data[place + 40:]


def tiff(image: np.ndarray, **how: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'TIFF', **how)
    return file.getvalue()


REFUSED: dict[str, tuple[str, bytes]] = {
    'empty': ('png', b''),
    'HTML': ('jpg', b'<!DOCTYPE html><html><body>404</body></html>'),
    'PNG cut short': ('png', encoded('.png')[:-300]),
    'PNG with a wrong checksum': ('png', damaged(encoded('.png'), 0.5)),
    'JPEG cut short': ('jpg', encoded('.jpg')[:-100]),
    'TIFF cut short': ('tif', encoded('.tiff', 259, 1)[:-200]),
    'TIFF with a strip that cannot be decoded': ('tif', damaged(encoded('.tiff', 259, 5), 0.5)),
    'TIFF of floats': ('tif', tiff(STACK.all_in_focus[..., 0])),
    'TIFF of 32 bit': ('tif', tiff(STACK.images[1][..., 0].astype(np.int32))),
    'raw': ('tif', b'II*\0\x10\0\0\0CR\x02\0' + bytes(50)),
    'transparent': ('png', png(np.dstack([STACK.images[1], np.zeros((48, 64), np.uint8)]))),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_kinds_that_are_refused_by_name(
        commands: CommandLine, tmp_path: Path, kind: str) -> None:
    suffix, data = REFUSED[kind]
    for number, image in enumerate(STACK.images):
        cv2.imwrite(str(tmp_path / f'{number}.png'), image)
    (tmp_path / f'bad.{suffix}').write_bytes(data)
    before = sorted(tmp_path.iterdir())
    code, error = run(commands, tmp_path, '0.png', f'bad.{suffix}', '2.png')
    assert code == 2, error
    assert error.count('\n') == 1, error
    assert error.startswith(f'focus_stacking_ros stack: bad.{suffix}: '), error
    assert sorted(tmp_path.iterdir()) == before
    code, error = run(commands, tmp_path, '0.png', f'bad.{suffix}', '2.png', '--skip-bad')
    assert code == 0, error
    assert error.startswith(f'left out: bad.{suffix}: ')
    assert error.count('\n') == 1, error


def test_a_file_of_several_pages_is_a_stack(commands: CommandLine, tmp_path: Path) -> None:
    images = [Image.fromarray(image[..., ::-1]) for image in STACK.images]
    images[0].save(tmp_path / 'x.tif', save_all=True, append_images=images[1:])
    assert run(commands, tmp_path, 'x.tif', '--focus-distances', '0.25,0.27,0.3') == (0, '')
    assert [(frame['file'], frame['page'], frame['focus_distance_m'])
            for frame in report(tmp_path)['frames']] == [
                ('x.tif', 1, 0.25), ('x.tif', 2, 0.27), ('x.tif', 3, 0.3)]
    code, error = run(commands, tmp_path, 'x.tif', 'x.tif', output='other')
    assert (code, error.count('\n')) == (2, 1)
    assert 'x.tif: it holds 3 images' in error


def test_positions_and_size_of_pixels_of_a_microscope_go_into_the_result(
        commands: CommandLine, tmp_path: Path) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile writes OME-TIFF')
    tifffile.imwrite(tmp_path / 'x.ome.tif', np.stack([each[..., 0] for each in STACK.images]),
                     photometric='minisblack', metadata={
        'axes': 'ZYX', 'PhysicalSizeX': 2.5, 'PhysicalSizeY': 2.5,
        'Plane': {'PositionZ': [20.0, 21.0, 22.0], 'PositionZUnit': ['mm'] * 3}})
    assert run(commands, tmp_path, 'x.ome.tif') == (0, '')
    assert report(tmp_path)['pixel_size_m'] == pytest.approx(2.5e-6)
    for name, unit in (('depth', 'm'), ('depth_std', 'm'), ('focus_index', 'slices'),
                       ('confidence', None)):
        with tifffile.TiffFile(tmp_path / 'out' / f'{name}.tiff') as file:
            assert file.imagej_metadata.get('vunit') == unit
        assert pixel_size_of(tmp_path / 'out' / f'{name}.tiff') == pytest.approx(2.5e-6)
    depth = read_plane(tmp_path / 'out' / 'depth.tiff')
    assert 0.0195 < np.nanmin(depth) < np.nanmax(depth) < 0.0225


def tagged(path: Path, image: np.ndarray, orientation: int) -> None:
    values = Image.Exif()
    values[0x0112], values[0x010f] = orientation, 'Maker'
    Image.fromarray(image[..., ::-1]).save(path, exif=values, icc_profile=SRGB)


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'tif', 'webp'])
def test_the_result_is_upright_with_profile_and_exif_data(
        commands: CommandLine, tmp_path: Path, suffix: str) -> None:
    for number, image in enumerate(STACK.images):
        tagged(tmp_path / f'{number}.{suffix}', image, 6)
    assert run(commands, tmp_path, '.') == (0, '')
    with Image.open(tmp_path / 'out' / 'all_in_focus.png') as image:
        assert image.size == (48, 64)
        assert image.info['icc_profile'] == SRGB
        assert image.getexif()[0x010f] == 'Maker'
        assert image.getexif().get(0x0112, 1) == 1
    assert {frame['orientation'] for frame in report(tmp_path)['frames']} == {6}
    # The slices were turned, not only their shape.
    fused = decode((tmp_path / 'out' / 'all_in_focus.png').read_bytes(), 'it').astype(float)
    truth = np.rot90(STACK.all_in_focus, -1)
    assert np.corrcoef(fused.ravel(), truth.ravel())[0, 1] > 0.9


def test_tags_that_change_on_the_way_are_told_and_reported(
        commands: CommandLine, tmp_path: Path) -> None:
    for number, (image, tag) in enumerate(zip(STACK.images, (6, 1, 6), strict=True)):
        tagged(tmp_path / f'{number}.tif', image, tag)
    code, error = run(commands, tmp_path, '.')
    assert (code, error.count('\n')) == (0, 1)
    assert '1.tif has 1' in error
    assert [(frame['orientation'], frame['orientation_tag'])
            for frame in report(tmp_path)['frames']] == [(6, 6), (6, 1), (6, 6)]
