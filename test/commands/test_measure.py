# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``measure`` on results: files, words, bad calls; a simulated part has its true step."""

from __future__ import annotations

import csv
import json
from pathlib import Path
import sys

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.cli import main
from focus_stacking_ros.core.files.encoding import encode_tiff
from focus_stacking_ros.core.files.planes import pixel_size_of, read_plane
from focus_stacking_ros.core.metrology.plane import fit_plane
from focus_stacking_ros.core.metrology.view import Region
from focus_stacking_ros.simulation import (
    BUILT_IN_LENS,
    built_in_sweep,
    circuit_board,
    render_stack,
)
import numpy as np
import pytest


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Return a folder with a step of a millimetre on a table."""
    depth = (0.25 + np.random.default_rng(0).normal(0, 5e-6, (100, 150))).astype(np.float32)
    depth[20:60, 20:60] -= 1e-3
    confidence = np.ones_like(depth)
    confidence[:, 140:] = 0
    picture = np.full((100, 150, 3), (10, 20, 30), np.uint8)
    (tmp_path / 'all_in_focus.png').write_bytes(cv2.imencode('.png', picture)[1].tobytes())
    (tmp_path / 'depth.tiff').write_bytes(encode_tiff(depth).tobytes())
    (tmp_path / 'confidence.tiff').write_bytes(encode_tiff(confidence).tobytes())
    return tmp_path


def test_a_step_a_profile_and_roughness_are_told_and_written(result, capsys) -> None:
    assert main(['measure', str(result), '--pixel-size', '20', '--step', '22,22,36,36',
                 '80,20,50,60', '--profile', '0,40', '100,40', '--roughness', '70,10,60,80',
                 '--l-filter', '25']) == 0
    words = capsys.readouterr().out
    assert 'step 22,22,36,36 over 80,20,50,60: ' in words
    assert 'L-filter Gaussian 500 µm' in words
    found = json.loads((result / 'measurements.json').read_text())
    assert found['steps'][0]['height_m'] == pytest.approx(1e-3, abs=3e-6)
    assert 0 < found['steps'][0]['uncertainty_m'] < 3e-6
    assert found['roughness'][0]['sq_m'] == pytest.approx(5e-6, rel=0.1)
    height = read_plane(result / 'height.tiff')
    assert np.isnan(height[:, 140:]).all()
    mesh = (result / 'surface.ply').read_bytes()
    assert b'element vertex 14000\n' in mesh
    assert b'element face 27522\n' in mesh  # two for each of 99 x 139 squares
    assert cv2.imread(str(result / 'height.png')).shape == (100, 150, 3)
    with (result / 'profile.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 101
    assert float(rows[40]['along_m']) == pytest.approx(40 * 20e-6)
    assert float(rows[40]['height_m']) == pytest.approx(1e-3, abs=20e-6)


def exit_code(arguments: list[str]) -> object:
    """Return the exit code, whether the call or what it names is at fault."""
    with pytest.raises(SystemExit) as stopped:
        sys.exit(main(arguments))
    return stopped.value.code


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--step', '1,2,3', '0,0,5,5'], "'1,2,3' is not of the form X,Y,WIDTH,HEIGHT"),
    (['--step', '0,0,5,5', '140,0,20,5'], 'is not inside the 150x100 pixels'),
    (['--plane', '142,0,5,90'], '0 pixels of the region'),
    (['--profile', 'nan,1', '2,2'], 'is not of the form X,Y'),
    (['--pixel-size', '-3'], 'is not above 0'),
    (['--roughness', '0,0,20,20', '--l-filter', '15'], 'is shorter than 2 nesting indices')])
def test_a_bad_call_is_one_line_and_leaves_nothing(result, capsys, arguments, words) -> None:
    before = sorted(result.iterdir())
    assert exit_code(['measure', str(result), *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count('\n') == 1
    assert sorted(result.iterdir()) == before


def test_without_a_size_of_pixels_there_is_no_mesh(result) -> None:
    assert main(['measure', str(result)]) == 0
    assert not (result / 'surface.ply').exists()


def test_the_size_of_pixels_that_the_depth_tells_is_taken(result, capsys) -> None:
    depth = read_plane(result / 'depth.tiff')
    (result / 'depth.tiff').write_bytes(encode_tiff(depth, 'm', 20e-6).tobytes())
    assert main(['measure', str(result), '--profile', '0,40', '100,40']) == 0
    found = json.loads((result / 'measurements.json').read_text())
    assert found['plane']['pixel_m'] == pytest.approx(20e-6)
    assert (result / 'surface.ply').exists()
    assert pixel_size_of(result / 'height.tiff') == pytest.approx(20e-6)
    assert main(['measure', str(result), '--focal-length', '900']) == 0
    # In perspective a pixel of the plane has the size that follows from its depth.
    assert pixel_size_of(result / 'height.tiff') == pytest.approx(0.25 / 900, rel=1e-2)


def test_a_folder_without_a_result_is_named(tmp_path, capsys) -> None:
    assert main(['measure', str(tmp_path)]) == 2
    assert 'depth.tiff: it cannot be read: No such file' in capsys.readouterr().err


@pytest.mark.parametrize('content', [b'', b'no image', b'II*\0broken'])
def test_a_damaged_plane_is_named(result, capsys, content) -> None:
    (result / 'depth.tiff').write_bytes(content)
    assert main(['measure', str(result)]) == 2
    assert 'depth.tiff: it is no image, or it is damaged' in capsys.readouterr().err


def test_other_planes_are_refused(result, capsys) -> None:
    (result / 'confidence.tiff').write_bytes(encode_tiff(np.ones((9, 9), np.float32)).tobytes())
    assert main(['measure', str(result)]) == 2
    assert 'they are not of one result' in capsys.readouterr().err
    (result / 'depth.tiff').write_bytes(cv2.imencode('.png', np.ones((9, 9), np.uint8))[1])
    assert main(['measure', str(result)]) == 2
    assert 'a plane of float32 was expected' in capsys.readouterr().err


def test_without_metres_there_is_nothing_to_measure(result, capsys) -> None:
    nothing = np.full((100, 150), np.nan, np.float32)
    (result / 'depth.tiff').write_bytes(encode_tiff(nothing).tobytes())
    assert main(['measure', str(result)]) == 2
    assert 'as of a stack without focus distances' in capsys.readouterr().err


def flat_regions(depth_m: np.ndarray, confidence: np.ndarray) -> list[Region]:
    """Return the nearest and the farthest region that is flat and sure."""
    size = 24
    blocks = [Region(x, y, size, size) for y in range(0, depth_m.shape[0] - size, 6)
              for x in range(0, depth_m.shape[1] - size, 6)]
    flat = [block for block in blocks if np.ptp(block.of(depth_m)) < 0.3e-3
            and block.of(confidence).min() >= 0.5]
    flat.sort(key=lambda block: float(block.of(depth_m).mean()))
    return [flat[0], flat[-1]]


@pytest.mark.slow
def test_heights_of_a_simulated_board_are_true(tmp_path, capsys) -> None:
    stack = render_stack(circuit_board(3, (288, 384)), BUILT_IN_LENS, built_in_sweep(12, 3), 3)
    stacker = FocusStacker()
    for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
        stacker.add(image, distance)
    found = stacker.finish()
    for name, plane in (('depth', found.depth_m), ('confidence', found.confidence),
                        ('depth_std', found.depth_std_m)):
        (tmp_path / f'{name}.tiff').write_bytes(encode_tiff(plane).tobytes())
    upper, lower = flat_regions(stack.depth_m, found.confidence)
    assert main(['measure', str(tmp_path), '--step', str(upper), str(lower)]) == 0
    step, = json.loads((tmp_path / 'measurements.json').read_text())['steps']
    true = float(lower.of(stack.depth_m).mean() - upper.of(stack.depth_m).mean())
    assert true > 1e-3
    # The uncertainty is that of the scatter; bias of the peaks, a tenth of a slice, comes on top.
    slice_m = float(np.ptp(stack.focus_distances_m)) / 11
    assert abs(step['height_m'] - true) < 3 * step['uncertainty_m'] + 0.1 * slice_m
    assert step['uncertainty_m'] < 0.3 * slice_m
    height = read_plane(tmp_path / 'height.tiff')
    error = height - fit_plane(stack.depth_m.astype(np.float32)).height_m(stack.depth_m)
    known = np.isfinite(error)
    assert known.mean() > 0.6
    assert abs(np.median(error[known])) < 0.05e-3
    assert np.median(np.abs(error[known])) < 0.1e-3
