# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
``stack`` with files of random damage: exit code 0, or 2 with one line, and nothing left behind.

The examples are the same in every run. FOCUS_STACKING_FUZZ=20000 tries that many others of every
kind instead.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any

import cv2
from focus_stacking_ros import cli
from focus_stacking_ros.cli import main
from helpers.image_data import chunk, png
from helpers.stacks import make_stack
import numpy as np
from PIL import Image
import pytest

hypothesis = pytest.importorskip('hypothesis', reason='Hypothesis makes the files')
some = hypothesis.strategies

EXAMPLES = int(os.environ.get('FOCUS_STACKING_FUZZ', '0'))
bounded = hypothesis.settings(
    max_examples=EXAMPLES or 60, derandomize=not EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))

STACK = make_stack((24, 32), 2, channels=3)
GREY = STACK.images[1][..., 0]
EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010f] = 6, 'Maker'


def pillow(form: str, image: np.ndarray = STACK.images[1], mode: str = 'RGB', **how: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        source = Image.fromarray(image)
        source = source if source.mode == mode else source.convert(mode)
        source.save(file, form, **how)
        file.seek(0)
        return file.read()


def sixteen(compression: int) -> bytes:
    image = STACK.images[1].astype(np.uint16) * 257
    return cv2.imencode('.tiff', image, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1].tobytes()


SEEDS = {
    'PNG': png(STACK.images[1], extra=chunk(b'eXIf', EXIF.tobytes()[6:])),
    'PNG palette': pillow('PNG', mode='P', transparency=3),
    'PNG grey 16': png(GREY.astype(np.uint16) * 257),
    'JPEG': pillow('JPEG', exif=EXIF.tobytes()),
    'JPEG progressive': pillow('JPEG', mode='L', progressive=True),
    'TIFF': pillow('TIFF', exif=EXIF.tobytes()),
    'TIFF LZW': pillow('TIFF', compression='tiff_lzw'),
    'TIFF deflate grey': pillow('TIFF', GREY, 'L', compression='tiff_adobe_deflate'),
    'TIFF 1 bit': pillow('TIFF', mode='1', compression='group4'),
    'TIFF JPEG': pillow('TIFF', compression='jpeg'),
    'TIFF alpha': pillow('TIFF', mode='RGBA', compression='tiff_lzw'),
    'TIFF 16': sixteen(1),
    'TIFF 16 LZW': sixteen(5),
    'TIFF pages': pillow('TIFF', save_all=True, append_images=[Image.fromarray(GREY)],
                         description='ImageJ=1.5\nimages=2\nslices=2\nspacing=2\nunit=mm\n'),
    'WebP': pillow('WEBP', exif=EXIF.tobytes()),
    'BMP': pillow('BMP'),
}
SUFFIXES = {'PNG': 'png', 'JPEG': 'jpg', 'TIFF': 'tif', 'WebP': 'webp', 'BMP': 'bmp'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('fuzzed')
    cv2.imwrite(str(folder / 'good.png'), STACK.images[0])
    with pytest.MonkeyPatch.context() as patch:
        parser = cli._parser(['stack'])  # once: a quarter of the time of a run
        patch.setattr(cli, '_parser', lambda _arguments: parser)
        yield folder
    shutil.rmtree(folder)


def is_note(line: str) -> bool:
    """Return whether a line only tells what the command has made of its input."""
    return 'orientation tags differ' in line


def check(folder: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Run and expect success, or one line and nothing else."""
    before = sorted(folder.rglob('*'))
    capfd.readouterr()
    code = main(['stack', *arguments, '--output', str(folder / 'out'), '--backend', 'opencv'])
    out, error = capfd.readouterr()
    assert out == ''
    if code == 0:
        assert (folder / 'out' / 'report.json').is_file()
        shutil.rmtree(folder / 'out')
        assert [line for line in error.splitlines() if not is_note(line)] == []
    else:
        assert code == 2, error
        lines = [line for line in error.splitlines() if not is_note(line)]
        assert len(lines) == 1, error
        assert lines[0].startswith('focus_stacking_ros stack: ')
    assert sorted(folder.rglob('*')) == before


@some.composite
def mutations(draw: Any, data: bytes) -> bytes:
    """Return data with bytes changed, taken away, put in, and an end cut off."""
    changed = bytearray(data)
    # Headers are short, and what is wrong in them goes far.
    places = some.one_of(some.integers(0, min(len(data) - 1, 400)),
                         some.integers(0, len(data) - 1))
    for _ in range(draw(some.integers(1, 6))):
        place = min(draw(places), len(changed))
        kind = draw(some.sampled_from(['set', 'set', 'set', 'big', 'cut', 'put', 'end']))
        if kind == 'set':
            changed[place:place + 1] = bytes([draw(some.integers(0, 255))])
        elif kind == 'big':
            number = draw(some.sampled_from([0, 1, 0x7fffffff, 0xffffffff, 0x10000, 50_000]))
            order = draw(some.sampled_from(['little', 'big']))
            changed[place:place + 4] = number.to_bytes(4, order)
        elif kind == 'cut':
            del changed[place:place + draw(some.integers(1, 40))]
        elif kind == 'put':
            changed[place:place] = draw(some.binary(max_size=20))
        else:
            del changed[place:]
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize('kind', SEEDS)
def test_damaged_images(folder: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = folder / f'bad.{SUFFIXES[kind.split(maxsplit=1)[0]]}'

    @bounded
    @hypothesis.given(mutations(SEEDS[kind]))
    def damage(data: bytes) -> None:
        path.write_bytes(data)
        images = ([str(path)] if 'pages' in kind else [str(folder / 'good.png'), str(path)])
        check(folder, images, capfd)

    try:
        damage()
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize('kind', SEEDS)
def test_whole_images_are_no_damage(folder: Path, kind: str,
                                    capfd: pytest.CaptureFixture[str]) -> None:
    path = folder / f'good.{SUFFIXES[kind.split(maxsplit=1)[0]]}'
    kept = path.read_bytes() if path.exists() else None
    path.write_bytes(SEEDS[kind])
    try:
        from focus_stacking_ros.core.files.image_files import read_slice
        assert sorted(read_slice(path).image.shape[:2]) == [24, 32]
        assert capfd.readouterr() == ('', '')
    finally:
        path.unlink() if kept is None else path.write_bytes(kept)


NUMBERS = some.one_of(
    some.floats(), some.integers(), some.just(10 ** 400), some.floats(0.01, 10))
VALUES = some.recursive(
    some.one_of(some.none(), some.booleans(), NUMBERS, some.text()),
    lambda inner: some.one_of(some.lists(inner), some.dictionaries(some.text(), inner)),
    max_leaves=12)
CONTENTS = some.one_of(
    VALUES, some.fixed_dictionaries({'focus_distances_m': some.one_of(
        VALUES, some.lists(NUMBERS, min_size=2, max_size=2), some.lists(VALUES))}),
    some.fixed_dictionaries({'focus_distances_m': some.lists(
        some.sampled_from([0.1, 0.2, 1, -1, 0.0]), min_size=2, max_size=2)}))
TEXTS = some.one_of(
    CONTENTS.map(json.dumps),
    some.text(), some.binary(),
    # What dumps does not write: keys given twice, depth, numbers of any length.
    CONTENTS.map(lambda value: f'{{"focus_distances_m": [1, 2], "focus_distances_m": '
                               f'{json.dumps(value)}}}'),
    some.integers(1, 5000).map(lambda depth: '[' * depth + ']' * depth),
    some.integers(1, 6000).map(lambda digits: f'{{"focus_distances_m": [1, {"9" * digits}]}}'),
    some.sampled_from(['{"focus_distances_m": [0.1, 0.2]}', '{"focus_distances_m": [NaN, 1]}',
                       '\ufeff{}', '{"focus_distances_m": [1e-400, 1e400]}']))


@pytest.mark.slow
def test_odd_focus_files(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = folder / 'board'
    place.mkdir()
    for number, image in enumerate(STACK.images):
        cv2.imwrite(str(place / f'{number}.png'), image)

    @bounded
    @hypothesis.given(TEXTS)
    def odd(text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode('utf-8', 'surrogatepass')
        (place / 'meta.json').write_bytes(data)
        check(place, [str(place)], capfd)

    odd()
