# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated lens with field curvature is calibrated, and then measures what is true."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import shutil
from typing import Any

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.calibrate.files import from_json
from focus_stacking_ros.core.optics.target_plane import turned
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.simulation import Layer, render_stack, Scene, Sweep, ThinLens
import numpy as np
import pytest
import yaml

SIZE, MARGIN = (144, 192), 24
CURVATURE, HYSTERESIS = 0.012, 60.0  # dioptres at half the width; raw positions
NEAR, FAR, COUNT = 0.2427, 0.2508, 15
LENS = ThinLens(breathing=-0.04, point_spread_px=0.5, read_noise=0.5, shot_noise=1.0,
                field_curvature=CURVATURE)


def raw_of(distance_m: float, *, rising: bool = True) -> float:
    """Return what the simulated lens says: far from linear, and another thing on the way back."""
    dioptres = 1 / distance_m
    back = 0 if rising else HYSTERESIS
    return 1000 + 5000 * (dioptres - 4) + 3000 * (dioptres - 4) ** 2 + back


def flat(name: str, texture: np.ndarray, depth_m: np.ndarray) -> Scene:
    """Return a scene of one surface."""
    return Scene(name, (Layer(texture.astype(np.float32), depth_m.astype(np.float32),
                              np.ones(depth_m.shape, np.float32)),), MARGIN)


def target(distance_m: float, seed: int, tilt_m: float = 0.0) -> Scene:
    random = np.random.default_rng(seed)
    height, width = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    texture = cv2.GaussianBlur(random.uniform(0, 1, (height, width, 3)), (0, 0), 0.8)
    texture = np.clip((texture - 0.5) * 2.5 + 0.5, 0, 1).astype(np.float32)
    depth = distance_m + tilt_m * (np.linspace(-0.5, 0.5, width) * np.ones((height, 1)))
    return flat('target', texture, depth)


def write(folder: Path, scene: Scene, *, rising: bool = True, seed: int = 0):
    """Render the sweep over a target and write it; returns the stack."""
    ends = (FAR, NEAR) if rising else (NEAR, FAR)  # nearer is a larger position
    stack = render_stack(scene, LENS, Sweep.between(*ends, COUNT, shake_px=0.5, seed=seed), seed,
                         'middle')
    folder.mkdir()
    for number, image in enumerate(stack.slices):
        cv2.imwrite(str(folder / f'{number:02d}.png'), image)
    (folder / 'meta.json').write_text(json.dumps({'focus_positions': [
        raw_of(each, rising=rising) for each in stack.focus_distances_m]}))
    return stack


STEP = abs(FAR - NEAR) / (COUNT - 1)  # metres
FOCAL, TILT = 1500.0, 9.0  # pixels; degrees


def turned_target(seed: int, side: str = 'right') -> Scene:
    """Return a plane that is turned, over the whole sweep from side to side."""
    scene = target(0.2466, seed)
    shape = scene.layers[0].depth_m.shape
    depth = turned(0.2466, TILT, side, focal_length_px=FOCAL).depth_m(shape)
    return flat('turned', scene.layers[0].texture, depth)


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with five targets one way, and three of them the other way."""
    folder = tmp_path_factory.mktemp('targets')
    for number, distance in enumerate((0.2434, 0.245, 0.2466, 0.248, 0.2492)):
        for rising in (True, False) if number % 2 == 0 else (True,):
            name = f'{"up" if rising else "down"}_{number}'
            write(folder / name, target(distance, number), rising=rising, seed=number)
            (folder / f'{name}.txt').write_text(str(distance))
    return folder


def named(folder: Path, pattern: str) -> list[str]:
    return [f'{each.with_suffix("")}={each.read_text()}' for each in sorted(
        folder.glob(f'{pattern}.txt'))]


@pytest.fixture(scope='module')
def calibration(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp('lens')
    assert main(['calibrate', *named(made, '*'), '--output', str(output)]) == 0
    return output


@pytest.mark.slow
def test_the_lens_is_what_it_was_simulated_as(calibration) -> None:
    lenses = from_json(calibration / 'calibration.json')
    assert set(lenses) == {'rising', 'falling'}
    for direction, lens in lenses.items():
        for raw, metres in lens.pairs:
            true = raw_of(metres, rising=direction == 'rising')
            step = abs(raw_of(NEAR) - raw_of(FAR)) / (COUNT - 1)
            assert abs(raw - true) < 0.1 * step
        assert lens.field[2] == pytest.approx(CURVATURE, abs=0.1 * CURVATURE)
        assert lens.field[4] == pytest.approx(CURVATURE, abs=0.15 * CURVATURE)
        assert np.abs(np.array(lens.field)[[0, 1, 3]]).max() < 0.1 * CURVATURE
    assert cv2.imread(str(calibration / 'calibration.png')).shape == (600, 900, 3)
    told = json.loads((calibration / 'calibration.json').read_text())['calibrations'][0]
    sizes = LENS.magnifications([FAR, NEAR, *(metres for _, metres in told['table'])])[2:]
    assert [share for _, share in told['magnification']] == pytest.approx(
        (sizes / sizes[0]).tolist(), abs=2e-3)


def errors_of(folder: Path, stack: Any, *, rising: bool) -> dict[bool, np.ndarray]:
    """Return errors of the depth of sure pixels, with the field of a calibration and without."""
    name = f'lens_{"rising" if rising else "falling"}.yaml'
    parameters = yaml.safe_load((folder / name).read_text())['/**']['ros__parameters']
    StackOptions(**{'_'.join((group, name)): tuple(value) if isinstance(value, list) else value
                    for group in ('depth', 'alignment')
                    for name, value in parameters.get(group, {}).items()})  # all are taken
    node = NodeOptions(focus_unit=parameters['focus']['unit'],
                       focus_table=parameters['focus']['table'])
    scale = node.focus_scale()
    inner = np.s_[8:-8, 8:-8]
    errors = {}
    for field in parameters['depth']['field'], [0.0] * 5:
        stacker = FocusStacker(StackOptions(reference='middle', depth_field=tuple(field)))
        for image, distance in zip(stack.slices, stack.focus_distances_m, strict=True):
            raw = raw_of(distance, rising=rising)
            metres = scale.distance_m(raw)
            if metres is None or np.isnan(metres):
                continue  # beyond the table
            stacker.add(image, metres, position=raw)
        result = stacker.finish()
        error = (result.depth_m - stack.depth_m)[inner]
        sure = (result.confidence[inner] >= 0.5) & np.isfinite(error)
        assert sure.mean() > 0.6
        errors[any(field)] = error[sure]
    return errors


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.slow
@pytest.mark.parametrize('rising', [True, False])
def test_a_tilted_part_has_its_true_depth_over_the_whole_field(calibration, tmp_path, rising
                                                               ) -> None:
    stack = write(tmp_path / 'part', target(0.2466, 77, tilt_m=2e-3), rising=rising, seed=9)
    errors = errors_of(calibration, stack, rising=rising)
    assert root_mean_square(errors[True]) < 0.2 * STEP
    # Without the field it is far off.
    assert root_mean_square(errors[False]) > 2 * root_mean_square(errors[True])


@pytest.mark.slow
def test_one_turned_target_makes_a_calibration(tmp_path, capsys) -> None:
    named = []
    for number, rising in enumerate((True, False)):
        write(tmp_path / str(number), turned_target(3), rising=rising, seed=4 + number)
        named.append(f'{tmp_path / str(number)}=0.2466,{TILT:g},right')
    how = ['--tilted', *named, '--focal-length', f'{FOCAL:g}']
    assert main(['calibrate', *how, '--output', str(tmp_path / 'lens')]) == 0
    lenses = from_json(tmp_path / 'lens' / 'calibration.json')
    step = abs(raw_of(NEAR) - raw_of(FAR)) / (COUNT - 1)
    for direction, lens in lenses.items():
        for raw, metres in lens.pairs:
            assert abs(raw - raw_of(metres, rising=direction == 'rising')) < 0.2 * step
        assert lens.field[2] == lens.field[4] == pytest.approx(CURVATURE, abs=0.2 * CURVATURE)
    # Another part, turned the other way: its depth is true all over the field.
    part = write(tmp_path / 'part', target(0.2466, 77, tilt_m=-2e-3), seed=9)
    error = errors_of(tmp_path / 'lens', part, rising=True)[True]
    assert root_mean_square(error) < 0.2 * STEP
    assert abs(np.median(error)) < 0.1 * STEP
    check = ['calibrate', *how, '--check', str(tmp_path / 'lens' / 'calibration.json')]
    assert main(check) == 0
    assert 'the calibration holds' in capsys.readouterr().out
    check[2] = check[2].replace('right', 'left')
    with pytest.raises(SystemExit):
        main(check)
    assert 'does not hold' in capsys.readouterr().err


@pytest.mark.slow
def test_a_check_tells_whether_a_calibration_holds(made, calibration, tmp_path, capsys) -> None:
    fresh = tmp_path / 'fresh'
    write(fresh, target(0.2466, 5), seed=3)
    check = ['--check', str(calibration / 'calibration.json')]
    assert main(['calibrate', f'{fresh}=0.2466', *check]) == 0
    assert 'the calibration holds' in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:  # the target stands elsewhere
        main(['calibrate', f'{fresh}=0.2470', *check])
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert 'does not hold' in told.err
    assert 'depth off by -0.' in told.err
    write(tmp_path / 'tilted', target(0.2466, 5, tilt_m=2e-3), seed=3)
    with pytest.raises(SystemExit):
        main(['calibrate', f'{tmp_path / "tilted"}=0.2466', *check])
    assert 'tilted by' in capsys.readouterr().err


def test_squares_tell_the_size_of_a_pixel(tmp_path) -> None:
    random = np.random.default_rng(0)
    square = 16
    height, width = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    y, x = np.mgrid[:height, :width]
    board = (((x - MARGIN - 16) // square + (y - MARGIN - 8) // square) % 2).astype(np.float32)
    inside = ((x >= MARGIN + 16) & (x < MARGIN + 16 + 10 * square) & (y >= MARGIN + 8)
              & (y < MARGIN + 8 + 8 * square))
    texture = np.where(inside, 0.15 + 0.7 * board, 0.9)[..., None] * np.ones(3)
    texture = texture * random.uniform(0.85, 1.0, (height, width, 1))
    for number, distance in enumerate((0.2445, 0.2485)):
        scene = flat('board', texture, np.full((height, width), distance))
        write(tmp_path / f'board_{number}', scene)
    assert main(['calibrate', f'{tmp_path / "board_0"}=0.2445', f'{tmp_path / "board_1"}=0.2485',
                 '--output', str(tmp_path / 'out'), '--chessboard', '9x7,0.4']) == 0
    lens = from_json(tmp_path / 'out' / 'calibration.json')['rising']
    assert [metres for metres, _ in lens.pixels_m] == [0.2445, 0.2485]
    # The middle slice shows the scene larger than its widest view does, by at most the breathing.
    for _, size in lens.pixels_m:
        assert 0.95 < size / (0.4e-3 / square) < 1.0


Change = Callable[[Path], None]


def emptied(folder: Path) -> None:
    (folder / 'meta.json').unlink()


def there_and_back(folder: Path) -> None:
    (folder / 'meta.json').write_text(json.dumps({'focus_positions': [
        float(abs(number - 7)) for number in range(COUNT)]}))


def too_few(folder: Path) -> None:
    (folder / 'meta.json').write_text('{"focus_positions": [1.0, 2.0]}')


def featureless(folder: Path) -> None:
    for path in folder.glob('*.png'):
        cv2.imwrite(str(path), np.full((*SIZE, 3), 128, np.uint8))


@pytest.mark.parametrize(('change', 'words'), [
    (emptied, 'meta.json: No such file'), (there_and_back, 'do not rise or fall'),
    (too_few, 'has 2 focus positions for 15 images'), (featureless, 'pixels are sure'),
    (shutil.rmtree, 'No such file')])
def test_a_target_that_tells_nothing_says_why(made, tmp_path, capsys, change: Change, words
                                              ) -> None:
    folder = shutil.copytree(made / 'up_0', tmp_path / 'bad')
    change(folder)
    assert main(['calibrate', f'{made / "up_4"}=0.2492', f'{folder}=0.2434', '--output',
                 str(tmp_path / 'out')]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count('\n') == 1
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('arguments', 'words'), [
    (['one'], "'one' is not of the form FOLDER=METRES"),
    (['one=-2', '--output', 'x'], 'is not of the form FOLDER=METRES'),
    (['one=0.2'], 'it takes --output DIR to calibrate, or --check FILE to check'),
    (['--tilted', 'one=0.2,10', '--output', 'x'], 'is not of the form FOLDER=METRES,DEGREES,SIDE'),
    (['--tilted', 'one=0.2,10,up', '--output', 'x'], 'with a side of right, left, bottom, top'),
    (['--tilted', 'one=0.2,10,top', '--output', 'x'], '--tilted takes --focal-length PIXELS'),
    (['--output', 'x'], 'there are no targets'),
    (['one=0.2', '--check', '/nowhere'], '/nowhere: No such file'),
    (['one=0.2', '--output', 'x', '--chessboard', '2x9,1'], 'is not of the form COLUMNSxROWS')])
def test_a_wrong_call_is_a_line(capsys, tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(['calibrate', *arguments])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert words in capsys.readouterr().err


def test_distances_that_belong_to_other_targets_are_told(made, tmp_path, capsys) -> None:
    assert main(['calibrate', f'{made / "up_0"}=0.2466', f'{made / "up_2"}=0.2434',
                 f'{made / "up_4"}=0.2492', '--output', str(tmp_path / 'out')]) == 2
    assert 'check which distance belongs to which' in capsys.readouterr().err
