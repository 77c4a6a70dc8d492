# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a calibration leaves: parameters for the nodes, figures for a record, a plot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
import json
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.optics.lens_calibration import LensCalibration, Target
import numpy as np
from numpy.typing import NDArray

__all__ = ['as_json', 'as_parameters', 'from_json', 'plot']

_SIZE = 900, 600  # of the plot: width and height, pixels
_MARGIN = 76
_COLOURS = ((160, 80, 0), (0, 80, 200))  # of the directions, blue-green-red
_TICKS = 5
_MOST_PER_DIOPTRE = 1.0  # that alignment.magnification_per_dioptre takes


def as_parameters(lens: LensCalibration, direction: str) -> str:
    """
    Return a YAML file of parameters that the nodes load.

    :param lens: the calibration
    :param direction: of the sweeps it was made from, rising or falling
    """
    table = ', '.join(f'{raw:.9g}: {metres:.9g}' for raw, metres in lens.pairs)
    field = ', '.join(f'{value:.9g}' for value in lens.field)
    share = lens.magnification_per_dioptre
    # Beyond that the option takes none: the magnification is no straight line up to infinity.
    magnification = '' if abs(share) > _MOST_PER_DIOPTRE else f"""
    alignment:
      magnification_per_dioptre: {share:.9g}"""
    return f"""# By `focus_stacking calibrate`, from sweeps of {direction} positions.
/**:
  ros__parameters:
    focus:
      unit: raw
      table: '{table}'
    depth:
      field: [{field}]{magnification}
"""


def as_json(lens: LensCalibration, direction: str) -> dict[str, Any]:
    """
    Return a calibration as JSON-ready values; `from_json` reads them.

    ``magnification`` is that at each position of the table, relative to the first.
    """
    shares = [1 + lens.magnification_per_dioptre / metres for _, metres in lens.pairs]
    return {'direction': direction, 'table': [list(pair) for pair in lens.pairs],
            'field_dioptres': list(lens.field),
            'magnification_per_dioptre': lens.magnification_per_dioptre,
            'magnification': [[raw, share / shares[0]] for (raw, _), share in zip(
                lens.pairs, shares, strict=True)],
            'pixel_size_m': [list(pair) for pair in lens.pixels_m],
            'residuals_dioptres': lens.residuals_dioptres}


def from_json(path: Path) -> dict[str, LensCalibration]:
    """
    Return the calibrations of a file by direction.

    :raises ImageFileError: it cannot be read or is none
    """
    try:
        return {each['direction']: LensCalibration(
            tuple((float(raw), float(metres)) for raw, metres in each['table']),
            tuple(map(float, each['field_dioptres'])), float(each['magnification_per_dioptre']),
            tuple((float(metres), float(size)) for metres, size in each['pixel_size_m']), {})
            for each in json.loads(path.read_text())['calibrations']}
    except OSError as error:
        raise ImageFileError(f'{path}: {error.strerror or error}') from error
    except (KeyError, TypeError, ValueError) as error:
        raise ImageFileError(f'{path}: it is no calibration that `calibrate` has written: '
                             f'{error!r}') from error


def plot(lenses: dict[str, LensCalibration], targets: Sequence[Target]) -> NDArray[np.uint8]:
    """
    Return a picture of the tables, and of the field of the first calibration.

    :param lenses: calibrations by direction
    :param targets: what they are made from
    """
    width, height = _SIZE
    picture = np.full((height, width, 3), 255, np.uint8)
    raws = np.concatenate([target.raw for target in targets])
    dioptres = np.concatenate([lens.dioptres(np.array([raws.min(), raws.max()]))
                               for lens in lenses.values()])
    low, high = dioptres.min(), dioptres.max()

    def at(raw: float, value: float) -> tuple[int, int]:
        x = _MARGIN + (raw - raws.min()) / max(float(np.ptp(raws)), 1e-12) * (
            width - 2 * _MARGIN)
        y = height - _MARGIN - (value - low) / max(high - low, 1e-12) * (height - 2 * _MARGIN)
        return round(float(x)), round(float(y))

    cv2.rectangle(picture, (_MARGIN, _MARGIN), (width - _MARGIN, height - _MARGIN), (160,) * 3)
    for lens, colour in zip(lenses.values(), _COLOURS, strict=False):
        line = np.linspace(raws.min(), raws.max(), 200)
        points = np.array([at(raw, value) for raw, value in zip(
            line, lens.dioptres(line), strict=True)], np.int32)
        cv2.polylines(picture, [points], isClosed=False, color=colour, thickness=2,
                      lineType=cv2.LINE_AA)
        for raw, metres in lens.pairs:
            cv2.circle(picture, at(raw, 1 / metres), 5, colour, -1, cv2.LINE_AA)
    write = partial(_write, picture)
    for number, (name, lens) in enumerate(lenses.items()):
        worst = max(lens.residuals_dioptres.values(), default=0.0)
        write(f'{name}: field (x, y, x2, xy, y2) {", ".join(f"{each:.4g}" for each in lens.field)}'
              f'; residuals up to {worst:.2g} dioptres', (_MARGIN, 24 + 20 * number), _COLOURS[
                  number])
    for share in np.linspace(0, 1, _TICKS):
        raw, value = raws.min() + share * np.ptp(raws), low + share * (high - low)
        x, _ = at(float(raw), float(low))
        _, y = at(float(raws.min()), float(value))
        cv2.line(picture, (x, height - _MARGIN), (x, height - _MARGIN + 6), (160,) * 3)
        cv2.line(picture, (_MARGIN - 6, y), (_MARGIN, y), (160,) * 3)
        write(f'{raw:.6g}', (x - 24, height - _MARGIN + 22))
        write(f'{value:.4g}', (16, y + 5))
        write(f'{1e3 / value:.4g}' if value > 0 else 'infinite', (width - _MARGIN + 8, y + 5))
    write('focus position', (width // 2 - 50, height - 16))
    write('dioptres', (8, _MARGIN - 12))
    write('mm', (width - _MARGIN + 8, _MARGIN - 12))
    return picture


def _write(picture: NDArray[np.uint8], words: str, place: tuple[int, int],
           colour: tuple[int, int, int] = (40, 40, 40)) -> None:
    cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
