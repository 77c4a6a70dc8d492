# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``measure``: heights, steps, profiles and roughness of a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.output_folder import check_folder
from focus_stacking_ros.commands.result_files import DEVIATION_FILE
from focus_stacking_ros.core.files.encoding import encode_tiff
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import read_image
from focus_stacking_ros.core.files.mesh import encode_ply
from focus_stacking_ros.core.files.pictures import depth_picture, eight_bit, robust_range
from focus_stacking_ros.core.files.planes import pixel_size_of, read_plane
from focus_stacking_ros.core.files.png_encoding import encode_png
from focus_stacking_ros.core.files.writing import write_files
from focus_stacking_ros.core.metrology.height import profile_along, step_between
from focus_stacking_ros.core.metrology.plane import fit_plane, MIN_CONFIDENCE, ReferencePlane
from focus_stacking_ros.core.metrology.roughness import roughness_of
from focus_stacking_ros.core.metrology.view import MeasurementError, Region, View
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np

__all__ = ['add_parser']

_REGION = 'X,Y,WIDTH,HEIGHT'
_MOST_VERTICES = 1_000_000  # of a mesh that viewers turn without stuttering


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser's subcommands."""
    parser = commands.add_parser(
        'measure', help='measure heights in a result',
        description='Fit a plane to the surface that a folder written by `stack` holds, and '
        'measure heights over it: steps, profiles, roughness. Prints what it finds and writes '
        'height.tiff (metres over the plane, towards the camera), height.png, measurements.json, '
        'profile.csv and, where the size of pixels is known, surface.ply (a coloured mesh). '
        'Regions and places are in pixels of the result.')
    parser.set_defaults(run=_run)
    parser.add_argument('result', type=Path, metavar='FOLDER', help='what `stack` has written')
    parser.add_argument('--output', type=Path, metavar='DIR',
                        help='folder for what is measured (default: FOLDER)')
    parser.add_argument('--plane', type=_region, metavar=_REGION,
                        help='where the reference plane is looked for (default: everywhere)')
    parser.add_argument('--step', type=_region, nargs=2, action='append', default=[],
                        metavar=_REGION, help='upper and lower region of a step; may be repeated')
    parser.add_argument('--profile', type=_place, nargs=2, metavar='X,Y',
                        help='start and end of a line along which heights are listed')
    parser.add_argument('--profile-width', type=int, default=1, metavar='PIXELS',
                        help='parallel lines that are averaged (default: 1)')
    parser.add_argument('--roughness', type=_region, action='append', default=[], metavar=_REGION,
                        help='region whose Sa, Sq and Sz (ISO 25178-2) are told; may be repeated')
    parser.add_argument('--s-filter', type=float, metavar='PIXELS',
                        help='nesting index of the S-filter (default: none)')
    parser.add_argument('--l-filter', type=float, metavar='PIXELS',
                        help='nesting index of the L-filter (default: none)')
    view = parser.add_mutually_exclusive_group()
    view.add_argument('--focal-length', type=float, metavar='PIXELS',
                      help='of a camera with perspective: fx of its camera info')
    view.add_argument('--pixel-size', type=float, metavar='MICROMETRES',
                      help='side of a pixel on the object, with a telecentric lens (default: what '
                      'depth.tiff tells, as of a stack of OME-TIFF)')
    parser.add_argument('--centre', type=_place, metavar='X,Y',
                        help='where the optical axis meets the image (default: its middle)')
    parser.add_argument('--min-confidence', type=float, default=MIN_CONFIDENCE, metavar='0..1',
                        help='from which pixels are measured (default: %(default)s)')


def _numbers(words: str, count: int, kind: Callable[[str], Any], form: str) -> list[Any]:
    try:
        values = [kind(word) for word in words.split(',')]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise argparse.ArgumentTypeError(f'{words!r} is not of the form {form}')
    return values


def _region(words: str) -> Region:
    return Region(*_numbers(words, 4, int, _REGION))


def _place(words: str) -> tuple[float, float]:
    x, y = _numbers(words, 2, float, 'X,Y')
    return x, y


def _run(parsed: argparse.Namespace) -> None:
    output = parsed.output or parsed.result
    check_folder(output)
    try:
        depth = _depth_of(parsed.result / 'depth.tiff')
        confidence = _beside(parsed.result / 'confidence.tiff', depth)
        deviation = _beside(parsed.result / DEVIATION_FILE, depth)
        view = View(parsed.focal_length, parsed.centre, _given_pixel_m(parsed))
        plane = fit_plane(depth, view, confidence=confidence, deviation_m=deviation,
                          region=parsed.plane, min_confidence=parsed.min_confidence)
        known = depth if confidence is None else np.where(
            confidence >= parsed.min_confidence, depth, np.float32(np.nan))
        height = plane.height_m(known)
        found = _measured(parsed, plane, height, deviation)
        makers: dict[str, Callable[[], Any]] = {
            'height.tiff': lambda: encode_tiff(height, 'm', _pixel_m(plane)),
            'height.png': lambda: encode_png(depth_picture(height, *robust_range(height)))}
        if view.focal_length_px is not None or view.pixel_m is not None:
            colours = _colours(parsed.result / 'all_in_focus.png', depth)
            makers['surface.ply'] = lambda: _mesh(view, known, colours)
        if parsed.profile:
            table = _profile(parsed, plane, height, found)
            makers['profile.csv'] = table.encode
        makers['measurements.json'] = (json.dumps(found, indent=2) + '\n').encode
        write_files(output, makers)
    except (ImageFileError, MeasurementError) as error:
        raise CommandError(str(error)) from error
    print('\n'.join(_lines(found)))


def _given_pixel_m(parsed: argparse.Namespace) -> float | None:
    """Return the side of a pixel that is given, or that the depth map tells."""
    if parsed.pixel_size is not None:
        return float(parsed.pixel_size) * 1e-6
    if parsed.focal_length is not None:
        return None
    return pixel_size_of(parsed.result / 'depth.tiff')


def _depth_of(path: Path) -> FloatImage:
    depth = read_plane(path)
    if not np.isfinite(depth).any():
        raise MeasurementError(f'{path}: it has no depth in metres, as of a stack without focus '
                               'distances; give them to `stack`')
    return depth


def _beside(path: Path, depth: FloatImage) -> FloatImage | None:
    """Return another plane of the result; None where there is none."""
    if not path.exists():
        return None
    plane = read_plane(path)
    if plane.shape != depth.shape:
        raise ImageFileError(f'{path}: it has {plane.shape} pixels, depth.tiff {depth.shape}; '
                             'they are not of one result')
    return plane


def _colours(path: Path, depth: FloatImage) -> Image:
    """Return the picture of the result in 8 bits."""
    picture = read_image(path)
    if picture.shape[:2] != depth.shape:
        raise ImageFileError(f'{path}: it has {picture.shape[:2]} pixels, depth.tiff '
                             f'{depth.shape}; they are not of one result')
    return eight_bit(picture)


def _mesh(view: View, depth: FloatImage, colours: Image) -> bytes:
    """Return the surface as a mesh, of every second or further pixel where there are many."""
    step = int(np.ceil(np.sqrt(depth.size / _MOST_VERTICES)))
    points = view.points_m(depth)[::step, ::step]
    return encode_ply(points, colours[::step, ::step])


def _pixel_m(plane: ReferencePlane) -> float | None:
    """Return the side of a pixel on the plane in the middle of the image, metres."""
    depth = plane.depth_m()
    return plane.view.pixel_at(float(depth[depth.shape[0] // 2, depth.shape[1] // 2]))


def _measured(parsed: argparse.Namespace, plane: ReferencePlane, height: FloatImage,
              deviation: FloatImage | None) -> dict[str, Any]:
    """Return what is found, JSON-ready, in metres."""
    pixel_m = _pixel_m(plane)
    found: dict[str, Any] = {
        'plane': {'coefficients': plane.coefficients.tolist(), 'inliers': plane.inliers,
                  'scatter_m': plane.scatter_m, 'tilt_degrees': plane.tilt_degrees(),
                  'pixel_m': pixel_m, 'is_perspective': plane.view.focal_length_px is not None},
        'steps': [], 'roughness': []}
    for upper, lower in parsed.step:
        step = step_between(height, upper, lower, deviation)
        found['steps'].append({
            'upper': str(upper), 'lower': str(lower), 'height_m': step.height_m,
            'uncertainty_m': step.uncertainty_m})
    for region in parsed.roughness:
        rough = roughness_of(height, region, s_filter_px=parsed.s_filter,
                             l_filter_px=parsed.l_filter, pixel_m=pixel_m)
        found['roughness'].append({
            'region': str(region), 'sa_m': rough.sa_m, 'sq_m': rough.sq_m, 'sz_m': rough.sz_m,
            'filters': rough.filters})
    return found


def _profile(parsed: argparse.Namespace, plane: ReferencePlane, height: FloatImage,
             found: dict[str, Any]) -> str:
    """Return the table of a profile, and note where it lies."""
    start, end = parsed.profile
    profile = profile_along(height, start, end, width_px=parsed.profile_width,
                            pixel_m=_pixel_m(plane))
    found['profile'] = {'start': list(start), 'end': list(end), 'width_px': parsed.profile_width,
                        'file': 'profile.csv'}
    head = 'along_m' if profile.is_metric else 'along_px'
    return f'{head},height_m\n' + ''.join(
        f'{along:.9g},{value:.9g}\n' for along, value in zip(
            profile.along, profile.height_m.astype(float), strict=True))


def _lines(found: dict[str, Any]) -> list[str]:
    """Return what is found, for people."""
    plane = found['plane']
    tilt = plane['tilt_degrees']
    lines = [f'plane: {plane["inliers"]:.0%} of the pixels lie on it within '
             f'{plane["scatter_m"] * 1e6:.3g} µm (standard deviation)'
             + ('; its tilt takes --pixel-size or --focal-length' if tilt is None else
                f', tilted by {tilt:.3g}°')]
    lines += [f'step {each["upper"]} over {each["lower"]}: {each["height_m"] * 1e6:.4g} µm, '
              f'standard uncertainty {each["uncertainty_m"] * 1e6:.2g} µm'
              for each in found['steps']]
    lines += [f'roughness of {each["region"]}: Sa {each["sa_m"] * 1e6:.3g} µm, Sq '
              f'{each["sq_m"] * 1e6:.3g} µm, Sz {each["sz_m"] * 1e6:.3g} µm ({each["filters"]})'
              for each in found['roughness']]
    return lines
