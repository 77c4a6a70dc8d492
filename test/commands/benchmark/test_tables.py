# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of ``benchmark`` that measure stages, sizes, other versions and the node."""

from __future__ import annotations

from pathlib import Path
import time
from types import SimpleNamespace

import cv2
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.benchmark import command, node
from focus_stacking_ros.commands.benchmark.worker import answer, series
from focus_stacking_ros.commands.benchmark.workers import Cost, HERE, least, Work
from focus_stacking_ros.simulation import built_in_stack, write_stack
import numpy as np
import pytest


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp('stack')
    write_stack(built_in_stack(size=(96, 128), count=3), place)
    return place


def rows_of(lines: str) -> dict[str, list[str]]:
    rows = [line.strip('| ').split(' | ') for line in lines.splitlines() if line[:1] == '|']
    return {row[0]: row[1:] for row in rows}


def test_a_series_goes_from_the_first_image_to_the_last(tmp_path: Path) -> None:
    def grey(files: list[str], count: int) -> list[int]:
        return [int(image[0, 0, 0]) for image in series(files, count, None)]

    files = [str(tmp_path / f'{level}.png') for level in range(10, 60, 10)]
    for file in files:
        cv2.imwrite(file, np.full((4, 6, 3), int(Path(file).stem), np.uint8))
    assert grey(files[::2], 5) == [10, 20, 30, 40, 50]  # with means
    assert grey(files, 5) == [10, 20, 30, 40, 50]
    assert grey(files, 4) == [10, 20, 40, 50]  # of those that there are
    assert grey(files, 2) == [10, 50]
    assert series(files, 2, [12, 8])[0].shape == (8, 12, 3)


def test_slices_come_at_the_rate_that_is_asked_for(monkeypatch) -> None:
    starts: list[float] = []

    class Stacker:  # a stand-in that takes no time
        def __init__(self, *_: object) -> None:
            starts.append(time.perf_counter())

        def add(self, _: object) -> None:
            starts.append(time.perf_counter())

        def finish(self) -> SimpleNamespace:
            return SimpleNamespace(timings_ms={}, backend='stand-in')

    monkeypatch.setattr('focus_stacking_ros.commands.benchmark.worker.FocusStacker', Stacker)
    found = answer([np.zeros((4, 6, 3), np.uint8)] * 4, 'default', 'auto', rate_hz=50)
    began, *added = starts
    assert all(when - began >= number / 50 for number, when in enumerate(added))
    assert found['add'] < 20  # what is waited does not count


def test_of_several_runs_the_least_counts_and_the_most_memory() -> None:
    one = Cost(3, 4, 50, 60, {'measure': 2, 'fuse': 9}, 100, 300, 0.5, 0.7, 10, 'native')
    other = Cost(2, 5, 70, 40, {'measure': 3}, 120, 280, 0.4, 0.9, 10, 'native')
    assert least([one, other]) == Cost(2, 4, 50, 40, {'measure': 2, 'fuse': 9}, 120, 300, 0.4, 0.7,
                                       10, 'native')


@pytest.mark.slow
def test_stages_are_told_in_milliseconds_and_copies(folder, capfd) -> None:
    assert main(['benchmark', '--stack', str(folder), '--rounds', '1', '--methods', 'streaming',
                 '--parts', 'stages', '--slices', '4', '--size', '64x48']) == 0
    output = capfd.readouterr().out
    assert '4 slices, method streaming, backend ' in output
    rows = rows_of(output)
    copied = rows['all slices copied, `np.copyto`']
    rates = [float(row[2]) for row in rows.values() if row[0][0].isdigit()]
    assert copied[3] == '1.0'
    assert max(rates) == float(copied[2]) > 0  # nothing is as fast as a copy
    finish, blurred = rows['`finish`'], rows['all slices blurred, `cv2.GaussianBlur` 5x5']
    assert blurred[4] == '1.00'
    assert float(finish[3]) / float(finish[4]) == pytest.approx(float(blurred[3]), rel=0.1)


@pytest.mark.slow
def test_another_version_is_measured_beside(folder, repository, capfd, monkeypatch) -> None:
    monkeypatch.setattr('focus_stacking_ros.commands.benchmark.tables._COUNTS', (3, 6))
    assert main(['benchmark', '--stack', str(folder), '--rounds', '2', '--against',
                 str(repository)]) == 0
    rows = rows_of(capfd.readouterr().out)
    assert 0.2 < float(rows['`add`, CPU ms'][2]) < 5  # it is the same one
    assert float(rows['`add`, slices at 15 Hz, ms'][0]) > 0
    mine = float(rows['`finish` of 6 slices, ms'][0]) / float(rows['`finish` of 3 slices, ms'][0])
    assert float(rows['`finish` of 6 slices / of 3'][0]) == pytest.approx(mine, rel=0.1, abs=0.1)
    assert main(['benchmark', '--stack', str(folder), '--rounds', '1', '--against',
                 str(repository), '--slices', '4']) == 0
    rows = rows_of(capfd.readouterr().out)
    assert float(rows['`finish` of 4 slices, ms'][0]) > 0
    assert float(rows['peak of the process, MB'][0]) > 50  # libraries are in it


@pytest.mark.slow
def test_growth_has_a_row_for_each_size(folder, capfd, monkeypatch) -> None:
    monkeypatch.setattr('focus_stacking_ros.commands.benchmark.tables._MANY', (2, 4))
    monkeypatch.setattr('focus_stacking_ros.commands.benchmark.tables._MEGAPIXELS', (0.01, 0.02))
    assert main(['benchmark', '--stack', str(folder), '--rounds', '1', '--methods', 'streaming',
                 '--parts', 'scaling']) == 0
    slices, _, rest = capfd.readouterr().out.partition('| megapixels |')
    assert set(rows_of(f'| megapixels |{rest}')) >= {
        'megapixels', '0.01', '0.02', 'processors', '1'}
    rows = rows_of(slices)
    assert set(rows) >= {'slices', '2', '4'}
    assert max(rows[name][3].count('█') for name in ('2', '4')) == 30


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--parts', 'speed'], '--parts speed: it takes programs, stages, scaling, node'),
    (['--size', 'large'], '--size large: it takes pixels such as 1920x1080'),
    (['--slices', '1'], '--slices 1: it takes a number from 2'),
    (['--against', '/nowhere'], '--against /nowhere: it has no folder focus_stacking_ros')])
def test_what_cannot_be_measured_is_one_line(folder, arguments, words, capfd) -> None:
    assert main(['benchmark', '--stack', str(folder), *arguments]) == 2
    error = capfd.readouterr().err.strip()
    assert words in error
    assert '\n' not in error


@pytest.mark.slow
def test_what_ends_a_worker_is_told(folder, tmp_path, capfd) -> None:
    (tmp_path / 'focus_stacking_ros').mkdir()
    (tmp_path / 'focus_stacking_ros' / '__init__.py').write_text('raise OSError("too old")')
    assert main(['benchmark', '--stack', str(folder), '--against', str(tmp_path)]) == 2
    assert 'has ended: OSError: too old' in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures('environment')
def test_the_node_is_measured_with_the_profile_and_without(folder, capfd, monkeypatch) -> None:
    monkeypatch.setattr(command, '_STACKS', 2)
    monkeypatch.setattr(node, '_IDLE_SECONDS', 0.3)
    assert main(['benchmark', '--stack', str(folder), '--node', '--methods', 'streaming',
                 '--against', str(HERE)]) == 0
    said = capfd.readouterr().out
    rows, variants = rows_of(said), ['profile of the launch files', 'none, as by `ros2 run`']
    assert rows['DDS'] == [*variants, *(f'the other version: {each}' for each in variants)]
    assert 'Beside' not in said
    assert rows['slices lost on their way, of those sent'] == ['0 of 12'] * 4
    assert rows['slices left out as the node was late'] == ['0'] * 4
    assert rows['results received, of those made'] == ['4 of 4'] * 4
    for name in ('the same, greatest, ms', 'of which finishing, median, ms'):
        assert all(0 < float(value) < 5000 for value in rows[name]), name


@pytest.mark.slow
@pytest.mark.usefixtures('environment')
def test_the_node_of_another_version_is_that_version(folder, tmp_path, capfd) -> None:
    (tmp_path / 'focus_stacking_ros').mkdir()
    (tmp_path / 'focus_stacking_ros' / '__init__.py').write_text('raise OSError("too old")')
    assert main(['benchmark', '--stack', str(folder), '--node', '--methods', 'streaming',
                 '--against', str(tmp_path)]) == 2
    assert 'stacker ended with exit code 1: OSError: too old' in capfd.readouterr().err


def test_what_was_lost_is_told_with_where() -> None:
    found = {'start': 0.5, 'idle': 0.4, 'sent': 40, 'lost': 3, 'late': 2, 'made': 3, 'received': 2,
             'delays': [300.0, 500.0, 350.0], 'finishing': [250.0, 400.0, 260.0], 'running': [],
             'cpu': 90.0, 'megabytes': 400.0, 'backend': 'native'}
    rows = rows_of('\n'.join(node.node_lines(Work(10), 15.0, 2, [found, found])))
    assert rows['slices lost on their way, of those sent'] == ['3 of 40', '3 of 40']
    assert rows['results received, of those made'] == ['2 of 3', '2 of 3']
    assert rows['slices left out as the node was late'] == ['2', '2']
    assert rows['of which all else, median, ms'] == ['90', '90']
    assert rows['without a pause between stacks, median, ms'] == ['none', 'none']
