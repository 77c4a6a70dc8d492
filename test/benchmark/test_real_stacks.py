# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images of stacks without truth are judged as defined, and runs of programs are kept."""

from __future__ import annotations

import json
from pathlib import Path
import sys

import compare_real_stacks
import cv2
from image_figures import Judge, register, UnregisteredError
import numpy as np
from numpy.typing import NDArray
import peers
import pytest
import real_stacks
from real_stacks import find_stacks, RealStack

SIZE = (320, 240)  # width and height
STILL = [np.eye(3)] * 3


def blurred(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return cv2.GaussianBlur(image, (0, 0), sigma)


@pytest.fixture(scope='module')
def scene() -> NDArray[np.uint8]:
    """Return a picture with texture, whose right half is plain but for faint noise."""
    rng = np.random.default_rng(3)
    image = blurred(rng.integers(0, 256, (*SIZE[::-1], 3)).astype(np.uint8), 1)
    image = cv2.normalize(image, None, 40, 215, cv2.NORM_MINMAX)
    image[:, 160:] = rng.integers(118, 122, (SIZE[1], 160, 3))
    return image


@pytest.fixture(scope='module')
def slices(scene: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return three slices: one has the left in focus, one the middle, one nothing."""
    out = blurred(scene, 3)
    left, middle = out.copy(), out.copy()
    left[:, :80], middle[:, 80:160] = scene[:, :80], scene[:, 80:160]
    for each in (left, middle, out):
        each[:, 160:] = scene[:, 160:]
    return [left, middle, out]


@pytest.fixture(scope='module')
def judge(slices: list[NDArray[np.uint8]]) -> Judge:
    return Judge.of(slices, STILL, SIZE)


def test_the_scene_itself_is_as_sharp_as_the_slices(judge: Judge, scene: NDArray[np.uint8]
                                                    ) -> None:
    figures = judge.figures(scene)
    assert figures['sharpness'] == pytest.approx(1, abs=0.01)
    assert figures['sharpness_p5'] == pytest.approx(1, abs=0.01)
    assert figures['overshoot'] == 0
    assert figures['mottle'] == pytest.approx(1)


def test_what_is_blurred_in_a_part_shows_in_the_percentile(judge: Judge,
                                                           scene: NDArray[np.uint8]) -> None:
    image = scene.copy()
    image[:, :40] = blurred(scene, 3)[:, :40]
    figures = judge.figures(image)
    assert 0.8 < figures['sharpness'] < 0.95
    assert figures['sharpness_p5'] < 0.3


def test_overshoot_is_in_grey_levels(judge: Judge, scene: NDArray[np.uint8]) -> None:
    image = scene.copy()
    image[:, 160:] += 10  # plain: the slices do not differ there
    assert judge.figures(image)['overshoot'] == pytest.approx(10 / 2, abs=0.01)


def test_mottle_is_a_ratio_of_deviations(judge: Judge, scene: NDArray[np.uint8]) -> None:
    image = scene.copy()
    image[:, 160:] = 120 + 3 * (image[:, 160:].astype(np.int16) - 120)
    assert judge.figures(image)['mottle'] == pytest.approx(3, rel=0.1)


def test_slices_are_judged_where_their_transforms_put_them(scene: NDArray[np.uint8],
                                                           slices: list[NDArray[np.uint8]]
                                                           ) -> None:
    shift = np.array([[1.0, 0, 7], [0, 1, -4], [0, 0, 1]])
    moved = [slices[0], *(cv2.warpPerspective(each, shift, SIZE) for each in slices[1:])]
    judge = Judge.of(moved, [np.eye(3), shift, shift], SIZE)
    assert judge.figures(scene)['sharpness'] == pytest.approx(1, abs=0.01)
    assert judge.inside.sum() == (SIZE[0] - 7) * (SIZE[1] - 4)


def test_slices_and_images_are_judged_at_one_brightness(
        scene: NDArray[np.uint8], slices: list[NDArray[np.uint8]]) -> None:
    def lit(image: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
        return np.rint(image * gain).astype(np.uint8)
    uneven = [lit(slices[0], 0.8), slices[1], lit(slices[2], 1.15)]
    judge = Judge.of(uneven, STILL, SIZE)
    mixed = scene.copy()  # what a program makes that takes each slice as it is
    mixed[:, :80] = lit(scene[:, :80], 0.8)
    for image in (scene, lit(scene, 0.8), lit(scene, 1.15)):
        figures = judge.figures(image)
        assert figures['sharpness'] == pytest.approx(1, abs=0.01)
        assert figures['sharpness_p5'] == pytest.approx(1, abs=0.03)
    assert judge.figures(scene)['mottle'] == pytest.approx(1, abs=0.05)
    assert judge.figures(mixed)['sharpness'] < 0.97
    assert judge.figures(mixed)['overshoot'] == 0


def test_figures_that_a_stack_does_not_support_are_left_out() -> None:
    plain = np.full((240, 320, 3), 90, np.uint8)
    assert Judge.of([plain] * 3, STILL, SIZE).figures(plain) == {'overshoot': 0}
    spot = plain.copy()
    spot[100:110, 100:110] = np.random.default_rng(4).integers(0, 256, (10, 10, 3))
    judge = Judge.of([spot, plain, plain], STILL, SIZE)
    assert 0 < judge.strong.mean() < 0.01
    assert 'sharpness' not in judge.figures(spot)


def test_the_nearest_to_one_is_the_best_sharpness() -> None:
    scores = {'a': {'default': {'sharpness': 0.97}, 'x': {'sharpness': 1.2},
                    'y': {'sharpness': 0.96}, 'z': {'error': 'none'}}}
    text = compare_real_stacks.markdown(scores, {'x': '2.0', 'y': '', 'z': ''})
    assert '| a | **0.970** | 1.200 | 0.960 |' in text
    assert '| x 2.0 | 0 of 1 | 1 of 1 |' in text
    assert '| y | 1 of 1 | 1 of 1 |' in text
    assert text.splitlines()[7].startswith('| z | 1 of 1 | 1 of 1 |')
    assert text.splitlines()[7].endswith('| 1 |')


def test_another_grid_is_registered_and_other_pictures_are_refused(scene: NDArray[np.uint8]
                                                                   ) -> None:
    matrix = np.array([[1.03, 0, -6.0], [0, 1.03, 4]])
    other = cv2.warpAffine(scene, matrix, (340, 260), flags=cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REFLECT)
    found = register(other, scene)[20:-20, 20:140].astype(int)
    assert np.abs(found - scene[20:-20, 20:140]).mean() < 3
    with pytest.raises(UnregisteredError, match='cannot be registered'):
        register(np.full_like(scene, 50), scene)


@pytest.fixture
def folder(tmp_path: Path, slices: list[NDArray[np.uint8]]) -> Path:
    """Return a folder that holds one stack, whose names need the natural order."""
    place = tmp_path / 'stacks' / 'leaf'
    place.mkdir(parents=True)
    for number, image in zip((8, 9, 10), slices, strict=True):
        cv2.imwrite(str(place / f'shot{number}.png'), image)
    (place / 'notes.txt').write_text('not a slice')
    return place.parent


def test_stacks_are_found_in_natural_order(folder: Path, tmp_path: Path) -> None:
    stack, = find_stacks([folder])
    assert stack.name == 'leaf'
    assert [path.name for path in stack.images] == ['shot8.png', 'shot9.png', 'shot10.png']
    assert find_stacks([folder / 'leaf']) == [stack]
    with pytest.raises(ValueError, match=r"named 'leaf' as well; rename"):
        find_stacks([folder, folder / 'leaf'])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='holds two images'):
        find_stacks([tmp_path / 'empty'])


def program(place: Path, body: str) -> str:
    """Write a program named as the peer `focus-stack`; it counts its runs in a file."""
    path = place / 'focus-stack'
    path.write_text(f'#!{sys.executable}\nimport os, shutil, sys\nif "--version" in sys.argv:\n'
                    '    sys.exit("focus-stack 7.1, a stand-in with OpenCV 4.6")\n'
                    f'print("x", end="", file=open({str(place / "runs")!r}, "a"))\n{body}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
def test_programs_run_once_and_ours_again_after_a_change(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    copies = program(tmp_path, 'output, = (a[9:] for a in sys.argv if a.startswith("--output="))\n'
                               'shutil.copyfile(sys.argv[-3], output)')  # the first slice
    monkeypatch.setenv('PATH', '/usr/bin:/bin')
    monkeypatch.setattr(sys, 'argv', [
        'compare', str(folder), '--output', str(tmp_path / 'out'), '--program', copies,
        '--peers', 'FocusWeave,focus-stack'])
    compare_real_stacks.main()
    said = capsys.readouterr().out
    assert 'without FocusWeave: focusweave not installed' in said
    assert '| focus-stack 7.1 | 1 of 1 |' in said
    scores = json.loads((tmp_path / 'out' / 'real_stacks.json').read_text())['leaf (3)']
    assert scores['default']['sharpness'] > 0.9
    assert scores['focus-stack']['sharpness'] < 0.85
    assert scores['default']['cpu'] > 0.1
    ours = list((tmp_path / 'out' / 'cache').glob('leaf-*/ours-*'))
    assert len(ours) == 1
    monkeypatch.setattr(real_stacks, 'our_version', lambda: 'changed')
    compare_real_stacks.main()
    assert (tmp_path / 'runs').read_text() == 'x'
    assert len(list((tmp_path / 'out' / 'cache').glob('leaf-*/ours-*'))) == 2
    assert (tmp_path / 'out' / 'images' / 'leaf' / 'focus-stack.png').exists()


def test_a_program_that_fails_has_its_reason_and_another_reference(
        folder: Path, tmp_path: Path) -> None:
    stack, = find_stacks([folder])
    paths = [program(tmp_path, 'sys.exit("no pattern" if "--reference=0" in sys.argv else 0)')]
    with pytest.raises(real_stacks.RunError, match='no pattern'):
        real_stacks.run_other('focus-stack', paths, '7.1', stack, 0, tmp_path / 'cache')
    with pytest.raises(real_stacks.RunError, match='no pattern'):  # kept as well
        real_stacks.run_other('focus-stack', paths, '7.1', stack, 0, tmp_path / 'cache')
    assert (tmp_path / 'runs').read_text() == 'x'
    missing = real_stacks.run_other('focus-stack', paths, '7.1', stack, 1, tmp_path / 'cache')
    with pytest.raises(real_stacks.RunError, match='is no image'):
        real_stacks.read(missing)
    assert peers.PEERS['focus-stack'].references(0, 3) == (0, 1)
    assert peers.version('focus-stack', paths) == '7.1'


def test_a_stack_is_known_by_its_slices(folder: Path, tmp_path: Path) -> None:
    stack, = find_stacks([folder])
    assert RealStack('x', stack.images).digest() == stack.digest()
    assert RealStack('leaf', stack.images[::-1]).digest() != stack.digest()
