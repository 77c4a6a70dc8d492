# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Batches in real processes: resumed, killed, on a cluster; nothing is repeated or lost."""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.batch.jobs import jobs_in
from focus_stacking_ros.commands.batch.mark import MARK_FILE
from focus_stacking_ros.simulation import built_in_stack
from focus_stacking_ros.simulation.write import write_stack
from helpers.ros_helpers import wait_until
import pytest

COUNT = 3
WAIT = 60.0  # seconds until a process must have ended


@pytest.fixture(scope='module')
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('parts')
    for number in range(COUNT):
        write_stack(built_in_stack(seed=number, size=(96, 128), count=4),
                    folder / f'part_{number}')
        shutil.rmtree(folder / f'part_{number}' / 'truth')
    return folder


@pytest.fixture
def parts(template: Path, tmp_path: Path) -> Path:
    """Return a folder of stacks of one's own."""
    return shutil.copytree(template, tmp_path / 'parts')


def marks(output: Path) -> dict[str, int]:
    """Return when each finished stack was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in output.rglob(MARK_FILE)}


def run(parts: Path, output: Path, *flags: str) -> int:
    return main(['batch', str(parts), '--output', str(output), *flags])


def started(parts: Path, output: Path, *flags: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-m', 'focus_stacking_ros', 'batch', str(parts),
                             '--output', str(output), *flags], start_new_session=True,
                            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def children(process: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for task in Path(f'/proc/{process}/task').iterdir():
        found += [int(word) for word in (task / 'children').read_text().split()]
    return found


def test_every_folder_of_images_is_a_stack(parts, tmp_path, capsys) -> None:
    (parts / 'notes').mkdir()
    (parts / 'notes' / 'read me.txt').write_text('nothing')
    shutil.copytree(parts / 'part_0', parts / 'tray' / 'part_0')
    shutil.copytree(parts / 'part_0', parts / '.hidden')
    assert run(parts, tmp_path / 'out') == 0
    assert f'{COUNT + 1} stacks' in capsys.readouterr().out
    assert {str(path.parent.relative_to(tmp_path / 'out'))
            for path in (tmp_path / 'out').rglob(MARK_FILE)} == {
        'part_0', 'part_1', 'part_2', 'tray/part_0'}
    mark = json.loads((tmp_path / 'out' / 'part_1' / MARK_FILE).read_text())
    assert mark['slices'] == mark['inputs'] == 4
    assert 0 < mark['confident'] <= 1
    report = json.loads((tmp_path / 'out' / 'part_1' / 'report.json').read_text())
    assert report['frames'][0]['focus_distance_m'] is not None  # of its meta.json


@pytest.mark.slow
def test_recordings_are_stacks_too(parts, tmp_path, capsys) -> None:
    recordings = pytest.importorskip('commands.bag.recordings')
    stack = built_in_stack(seed=7, size=(96, 128), count=4)
    sweep = recordings.slices_of(stack.slices, stack.focus_distances_m)
    later = recordings.slices_of(stack.slices, stack.focus_distances_m,
                                 start_ns=recordings.START_NS + 60 * 10 ** 9)
    for number in range(1, COUNT):
        shutil.rmtree(parts / f'part_{number}')
    recordings.write(parts / 'tray' / 'bag', sweep + later)
    file = next((parts / 'tray' / 'bag').glob('*.mcap'))
    shutil.copyfile(file, parts / 'alone.mcap')
    output = tmp_path / 'out'
    assert run(parts, output, '--stack-size', '4') == 0
    assert {str(path.parent.relative_to(output)) for path in output.rglob(MARK_FILE)} == {
        'part_0', *(f'{name}{end}' for name in ('tray/bag', 'alone')
                    for end in ('', '/stack_000', '/stack_001'))}
    page = (output / 'index.html').read_text()
    for name in ('tray/bag/stack_000', 'tray/bag/stack_001', 'alone.mcap/stack_001', 'part_0'):
        assert f'>{name}</a>' in page
    assert 'src="tray/bag/stack_001/thumbnail.png"' in page
    assert (output / 'alone' / 'stack_001' / 'depth.tiff').read_bytes() == (
        output / 'tray' / 'bag' / 'stack_000' / 'depth.tiff').read_bytes()
    before = marks(output)
    assert run(parts, output, '--stack-size', '4') == 0
    assert marks(output) == before
    assert '3 of 3 stacks are done already' in capsys.readouterr().err
    file.write_bytes(file.read_bytes()[:100])
    assert run(parts, output, '--stack-size', '4') == 2
    assert 'tray/bag: focus_stacking_ros bag: ' in capsys.readouterr().err


def test_a_second_run_repeats_nothing_and_does_what_has_changed(parts, tmp_path, capsys) -> None:
    output = tmp_path / 'out'
    assert run(parts, output) == 0
    before = marks(output)
    assert run(parts, output) == 0
    assert marks(output) == before
    assert f'{COUNT} of {COUNT} stacks are done already' in capsys.readouterr().err
    image = next((parts / 'part_1').glob('*.png'))
    os.utime(image, (1, 1))
    shutil.rmtree(output / 'part_2')
    assert run(parts, output) == 0
    after = marks(output)
    assert {name for name in before if after[name] != before[name]} == {'part_1', 'part_2'}
    assert run(parts, output, '--reference', 'last') == 0
    assert all(marks(output)[name] != after[name] for name in after)


def test_a_folder_within_the_batch_may_take_the_results(parts) -> None:
    shutil.rmtree(parts / 'part_2')
    assert run(parts, parts / 'out') == 0
    assert len(jobs_in(parts, parts / 'out', [])) == COUNT - 1


def test_a_stack_that_fails_is_told_and_the_others_are_done(parts, tmp_path, capsys) -> None:
    broken = sorted((parts / 'part_1').glob('*.png'))[2]
    broken.write_bytes(b'no image')
    assert run(parts, tmp_path / 'out') == 2
    told = capsys.readouterr().err
    assert f'part_1: focus_stacking_ros stack: {broken}' in told
    assert '1 of 3 stacks have no result' in told
    assert set(marks(tmp_path / 'out')) == {'part_0', 'part_2'}
    page = (tmp_path / 'out' / 'index.html').read_text()
    assert '2 of 3 stacks have a result' in page
    assert 'class="failed"' in page
    assert run(parts, tmp_path / 'out', '--skip-bad') == 0


def test_a_result_made_by_hand_is_no_longer_of_the_batch(parts, tmp_path) -> None:
    output = tmp_path / 'out'
    shutil.rmtree(parts / 'part_2')
    assert run(parts, output) == 0
    assert main(['stack', str(parts / 'part_0'), '--output', str(output / 'part_0')]) == 0
    assert set(marks(output)) == {'part_1'}


@pytest.mark.parametrize(('change', 'words'), [
    (shutil.rmtree, 'it is no folder'),
    (lambda parts: [shutil.rmtree(each) for each in parts.iterdir()],
     'no folder in it holds images')])
def test_nothing_to_do_is_a_line(parts, tmp_path, capsys, change, words) -> None:
    change(parts)
    assert run(parts, tmp_path / 'out') == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_a_killed_process_is_tried_again(parts, tmp_path) -> None:
    batch = started(parts, tmp_path / 'out', '--jobs', '1')
    for child in wait_until(lambda: children(batch.pid)):
        os.kill(child, signal.SIGKILL)
    _, told = batch.communicate(timeout=WAIT)
    assert (batch.returncode, told) == (0, '')
    assert set(marks(tmp_path / 'out')) == {f'part_{number}' for number in range(COUNT)}


@pytest.mark.slow
def test_a_killed_batch_goes_on_where_it_was(parts, tmp_path) -> None:
    output, whole = tmp_path / 'out', tmp_path / 'whole'
    batch = started(parts, output, '--jobs', '1')
    wait_until(lambda: marks(output))
    running = wait_until(lambda: children(batch.pid))
    os.kill(batch.pid, signal.SIGKILL)
    batch.communicate()
    # Its process notices and stops, or has just ended by itself.
    wait_until(lambda: not any(Path(f'/proc/{child}').exists() for child in running))
    before = marks(output)
    assert 0 < len(before) < COUNT
    half = next(iter({f'part_{number}' for number in range(COUNT)} - set(before)))
    (output / half).mkdir(exist_ok=True)
    (output / half / '.depth.tiff.0123456789abcdef').write_bytes(b'half')
    assert run(parts, output) == 0
    after = marks(output)
    assert len(after) == COUNT
    assert {name: after[name] for name in before} == before
    assert not list(output.rglob('.*.tiff.*'))  # nothing half-written
    for name in after:  # as alone
        assert main(['stack', str(parts / name), '--output', str(whole / name)]) == 0
        assert (output / name / 'depth.tiff').read_bytes() == (
            whole / name / 'depth.tiff').read_bytes()


@pytest.mark.slow
def test_two_batches_do_not_write_into_one_folder(parts, tmp_path, capsys) -> None:
    batch = started(parts, tmp_path / 'out', '--jobs', '1')
    wait_until(lambda: children(batch.pid))
    assert run(parts, tmp_path / 'out') == 2
    assert 'another batch is writing into it' in capsys.readouterr().err
    batch.terminate()
    batch.communicate(timeout=WAIT)
    assert batch.returncode == 143
    assert (tmp_path / 'out' / 'index.html').exists()


@pytest.fixture
def cluster() -> Iterator:
    """Return a Dask cluster of two processes."""
    distributed = pytest.importorskip('distributed')
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  dashboard_address=None) as made:
        yield made


@pytest.mark.slow
def test_workers_of_a_cluster_do_the_work_and_may_die(parts, tmp_path, cluster) -> None:
    batch = started(parts, tmp_path / 'out', '--scheduler', cluster.scheduler_address)
    wait_until(lambda: marks(tmp_path / 'out'))
    worker = next(iter(cluster.workers.values()))
    os.kill(worker.pid if isinstance(worker.pid, int) else worker.process.pid, signal.SIGKILL)
    _, told = batch.communicate(timeout=2 * WAIT)
    assert batch.returncode == 0, told
    assert len(marks(tmp_path / 'out')) == COUNT


def test_a_scheduler_that_is_not_there_is_named(parts, tmp_path, capsys, monkeypatch) -> None:
    pytest.importorskip('distributed')
    monkeypatch.setattr('focus_stacking_ros.commands.batch.runners._REACHED_SECONDS', 0.2)
    assert run(parts, tmp_path / 'out', '--scheduler', 'tcp://127.0.0.1:9') == 2
    assert 'nothing answers there' in capsys.readouterr().err
