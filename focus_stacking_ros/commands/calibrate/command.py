# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``calibrate``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import focus_stacking_ros.backends  # noqa: F401 - registers what may be chosen
from focus_stacking_ros.commands.calibrate.files import as_json, as_parameters, from_json, plot
from focus_stacking_ros.commands.calibrate.targets import Chessboard, fused_target, GivenTarget
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.terminal import say, show_progress
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.png_encoding import encode_png
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.optics.calibration import is_distance
from focus_stacking_ros.core.optics.lens_calibration import (
    calibrated,
    CalibrationError,
    check_target,
    LensCalibration,
    Target,
)
from focus_stacking_ros.core.optics.target_plane import SIDES, turned
from focus_stacking_ros.core.optics.tilted_calibration import calibrated_by_tilt
from focus_stacking_ros.core.slices import SliceError, StackError
from focus_stacking_ros.core.stack.backend import backend_choices, BackendError, create_backend

__all__ = ['CALIBRATION_FILE', 'add_parser']

#: What ``--check`` reads.
CALIBRATION_FILE = 'calibration.json'
_MOST_DEGREES = 80.0  # of a turned target
_NOT_HELD = 1  # exit code of a check that the calibration does not pass


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'calibrate', help='calibrate a lens',
        description='From focal stacks of a flat textured target, square to the camera at known '
        'distances, or turned by a known angle, find the table of focus positions, the field '
        'curvature and the change of magnification of a lens. Writes parameters for the nodes '
        '(lens_rising.yaml, lens_falling.yaml: sweep directions are kept apart), '
        'calibration.json and calibration.png. A folder holds the images and meta.json with '
        'their focus_positions.')
    parser.set_defaults(run=_run)
    parser.add_argument('targets', nargs='*', type=_target, metavar='FOLDER=METRES',
                        help='stack of a target, and its distance along the optical axis')
    parser.add_argument('--tilted', nargs='+', type=_tilted, default=[],
                        metavar='FOLDER=METRES,DEGREES,SIDE',
                        help='stack of a target that is turned: its distance where the optical '
                        'axis meets it, the angle, and the side of the image that is farther '
                        f'({", ".join(SIDES)}); one makes a table')
    view = parser.add_mutually_exclusive_group()
    view.add_argument('--focal-length', type=float, metavar='PIXELS',
                      help='for --tilted: fx of the camera info')
    view.add_argument('--pixel-size', type=float, metavar='MICROMETRES',
                      help='for --tilted with a telecentric lens: side of a pixel on the object')
    parser.add_argument('--output', type=Path, metavar='DIR', help='folder for what is found')
    parser.add_argument('--check', type=Path, metavar='FILE',
                        help=f'tell whether the {CALIBRATION_FILE} of an earlier calibration '
                        'still holds on the targets; exit code 1 where it does not')
    parser.add_argument('--tolerance', type=float, default=0.2, metavar='SLICES',
                        help='greatest error of a check (default: 0.2 of the distance of two '
                        'slices)')
    parser.add_argument('--chessboard', type=_chessboard, metavar='COLUMNSxROWS,MILLIMETRES',
                        help='inner corners and side of a square of the target: tells the size of '
                        'a pixel on it, too')
    parser.add_argument('--backend', default='auto', choices=backend_choices(),
                        help='who does the per-slice work (default: auto)')


def _target(words: str) -> GivenTarget:
    folder, _, metres = words.rpartition('=')
    try:
        distance = float(metres)
    except ValueError:
        distance = float('nan')
    if not folder or not is_distance(distance):
        raise argparse.ArgumentTypeError(f'{words!r} is not of the form FOLDER=METRES')
    return GivenTarget(Path(folder), distance)


def _tilted(words: str) -> tuple[GivenTarget, float, str]:
    """Return a target, the angle that it is turned by, in degrees, and its farther side."""
    target, _, side = words.rpartition(',')
    target, _, angle = target.rpartition(',')
    try:
        degrees = float(angle)
    except ValueError:
        degrees = 0.0
    if not (0 < degrees < _MOST_DEGREES and side in SIDES):
        raise argparse.ArgumentTypeError(f'{words!r} is not of the form FOLDER=METRES,DEGREES,'
                                         f'SIDE with a side of {", ".join(SIDES)}')
    return _target(target), degrees, side


def _given(parsed: argparse.Namespace) -> list[GivenTarget]:
    """Return all targets that are named, each with where it stands."""
    focal, size = parsed.focal_length, parsed.pixel_size
    if parsed.tilted and not any(value is not None and value > 0 for value in (focal, size)):
        raise CommandError('--tilted takes --focal-length PIXELS, or --pixel-size MICROMETRES '
                           'with a telecentric lens: they tell how far the target reaches')
    given = [*parsed.targets, *(
        replace(target, plane=turned(
            target.distance_m, degrees, side, focal_length_px=focal,
            pixel_m=None if size is None else size * 1e-6))
        for target, degrees, side in parsed.tilted)]
    if not given:
        raise CommandError('there are no targets: name FOLDER=METRES, or --tilted '
                           'FOLDER=METRES,DEGREES,SIDE')
    return given


def _chessboard(words: str) -> Chessboard:
    try:
        corners, side = words.split(',')
        columns, rows = map(int, corners.split('x'))
        board = Chessboard(columns, rows, float(side) / 1e3)
    except ValueError:
        board = Chessboard(0, 0, 0.0)
    if min(board.columns, board.rows) < 3 or not is_distance(board.square_m):
        raise argparse.ArgumentTypeError(f'{words!r} is not of the form COLUMNSxROWS,MILLIMETRES '
                                         'with three inner corners at least each way')
    return board


def _run(parsed: argparse.Namespace) -> None:
    if (parsed.output is None) == (parsed.check is None):
        raise CommandError('it takes --output DIR to calibrate, or --check FILE to check')
    named = _given(parsed)
    try:
        lenses = None if parsed.check is None else from_json(parsed.check)
        if parsed.output is not None:
            check_folder(parsed.output)
        backend = create_backend(parsed.backend)
        targets = []
        for given in named:
            show_progress(f'{given.folder} ')
            targets.append(fused_target(given, backend, parsed.chessboard))
        if lenses is None:
            _calibrate(parsed.output, targets)
            return
        held = [_checked(lenses, target, parsed.tolerance) for target in targets]
    except (BackendError, CalibrationError, ImageFileError, SliceError, StackError) as error:
        raise CommandError(str(error)) from error
    if not all(held):
        print('the calibration does not hold: make it anew')
        raise SystemExit(_NOT_HELD)
    print('the calibration holds')


def _direction(target: Target) -> str:
    return 'rising' if target.is_rising else 'falling'


def _calibrate(output: Path, targets: Sequence[Target]) -> None:
    lenses: dict[str, LensCalibration] = {}
    for direction in ('rising', 'falling'):
        ours = [target for target in targets if _direction(target) == direction]
        if ours:
            is_flat = all(target.plane is None for target in ours)
            lenses[direction] = calibrated(ours) if is_flat else calibrated_by_tilt(ours)
    makers: dict[str, Callable[[], Any]] = {
        f'lens_{direction}.yaml': as_parameters(lens, direction).encode
        for direction, lens in lenses.items()}
    makers[CALIBRATION_FILE] = (json.dumps({'calibrations': [
        as_json(lens, direction) for direction, lens in lenses.items()]}, indent=2) + '\n').encode
    makers['calibration.png'] = lambda: encode_png(plot(lenses, targets))
    write_files(output, makers)
    for direction, lens in lenses.items():
        worst = max(lens.residuals_dioptres, key=lambda name: lens.residuals_dioptres[name])
        print(f'{direction} positions: table of {len(lens.pairs)} distances, field curvature '
              f'{lens.field[2]:.4g} and {lens.field[4]:.4g} dioptres, magnification '
              f'{lens.magnification_per_dioptre:.4g} per dioptre; what is left is at most '
              f'{lens.residuals_dioptres[worst]:.2g} dioptres ({worst})')
    if len(lenses) > 1:
        print('a lens that goes back differs: load the file of the direction you sweep in')


def _checked(lenses: dict[str, LensCalibration], target: Target, tolerance: float) -> bool:
    direction = _direction(target)
    if direction not in lenses:
        raise CalibrationError(f'{target.name}: its sweep is {direction}, the calibration was '
                               f'made by sweeps that are {" and ".join(lenses)}')
    found = check_target(lenses[direction], target)
    size = '' if found.scale is None else f', size of a pixel {found.scale:.4f} times that of it'
    holds = found.holds(tolerance)
    say_or_print = print if holds else say
    say_or_print(f'{target.name}: depth off by {found.offset_m * 1e3:.4g} mm, scatter '
                 f'{found.scatter_m * 1e3:.4g} mm, tilted by {found.tilt_m * 1e3:.4g} mm over '
                 f'the width{size}; slices are {found.step_m * 1e3:.4g} mm apart: '
                 f'{"holds" if holds else "does not hold"}')
    return holds
