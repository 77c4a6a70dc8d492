# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The command line with the emulation, in C++ and with OpenCV: byte-identical files, on real images.

Run by ``make test-accel``: four slices of every stack as they are, and one in all variants.
FOCUS_STACKING_TEST_ACCEL=all takes all slices of all stacks in all variants: a quarter of an hour.
"""

from __future__ import annotations

import os
from pathlib import Path
import re

import cv2
from focus_stacking_ros.cli import main
import numpy as np
import pytest

SETTING = os.environ.get('FOCUS_STACKING_TEST_ACCEL', '0')
pytestmark = pytest.mark.skipif(
    SETTING in {'', '0'}, reason='takes minutes; `make test-accel` runs it')
STACKS = ('cmcguinness', 'pcb_switch', 'synth_motorcycle', 'synth_pcb', 'synth_plane',
          'synth_textureless', *(f'hci14/{name}' for name in (
              'Boxes', 'Cotton', 'Dino', 'Medieval', 'Pens', 'Sideboard', 'Town')))
FILES = ('depth.tiff', 'focus_index.tiff', 'confidence.tiff', 'all_in_focus.png')
IMAGES = {'.png', '.jpg', '.jpeg'}


def cropped(image: np.ndarray) -> np.ndarray:
    height, width = min(image.shape[0], 719), min(image.shape[1], 957)
    return image[:height - (height + 1) % 2, :width - (width + 1) % 2]


VARIANTS = {
    'whole': lambda image: image, 'cropped': cropped,
    'mono8': lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
    '16 bit': lambda image: image.astype(np.uint16) * np.uint16(257),
    'streaming': lambda image: image,
    'log_norm': cropped,
}


def slices_of(folder: Path) -> list[Path]:
    """Return the images of a stack in their order, without its truth."""
    def order(path: Path) -> tuple[str, int]:
        return (path.stem.rstrip('0123456789'),
                int(re.sub(r'.*?(\d*)$', r'\1', path.stem) or 0))
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGES
                   and not re.search('aif|mask', path.stem, re.IGNORECASE)), key=order)


@pytest.mark.parametrize(('stack', 'variant'), [
    (stack, variant) for stack in STACKS for variant in VARIANTS
    if SETTING == 'all' or variant == 'whole' or stack == 'synth_pcb'])
def test_files_are_byte_identical(shared_data: Path, tmp_path: Path, stack: str,
                                  variant: str) -> None:
    folder = shared_data / stack
    if not folder.is_dir():
        pytest.skip(f'no stack {folder}')
    paths = slices_of(folder)
    assert len(paths) >= 4
    names = []
    for path in paths if SETTING == 'all' else paths[:4]:
        names.append(str(tmp_path / f'{path.stem}.png'))
        cv2.imwrite(names[-1], VARIANTS[variant](cv2.imread(str(path))),
                    [cv2.IMWRITE_PNG_COMPRESSION, 1])
    options = {'streaming': ['--method', 'streaming'],
               'log_norm': ['--focus-measure-operator', 'log_norm']}.get(variant, [])
    for backend in 'native', 'emulation':  # OpenCV's transforms are rounded in another way
        assert main(['stack', *names, *options, '--output', str(tmp_path / backend),
                     '--backend', backend]) == 0
    for name in FILES:
        ours, theirs = ((tmp_path / backend / name).read_bytes()
                        for backend in ('native', 'emulation'))
        assert ours == theirs, name
    for backend in 'native', 'emulation':
        report = (tmp_path / backend / 'report.json').read_text()
        assert f'"backend": "{backend}"' in report
