# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run other focus-stacking programs, where they are installed, on a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
import hashlib
import json
from pathlib import Path
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import cv2
from focus_stacking_ros.commands.benchmark import launcher
from focus_stacking_ros.commands.benchmark.whole_process import run_process, RunError
from helpers import metrics
import numpy as np
from numpy.typing import NDArray
from scores import Outcome
from truth_stack import TruthStack

__all__ = ['PEERS', 'Job', 'Peer', 'installed_peers', 'measured', 'run_peer', 'version']

Steps = Iterator[list[str]]
SHINE_STACKER = Path(launcher.__file__).with_name('shine_stacker.py')


@dataclass(frozen=True)
class Job:
    """
    One run of a peer.

    :param programs: paths
    :param images: the slices in the order of exposure, alone in their folder
    :param reference: number of the slice to align to
    :param folder: to work in
    :param output: the image to write
    """

    programs: Sequence[str]
    images: Sequence[Path]
    reference: int
    folder: Path
    output: Path

    @property
    def reference_first(self) -> list[str]:
        """Paths of the slices from the end of the stack that is the reference to the other."""
        images = self.images if self.reference == 0 else self.images[::-1]
        return [str(path) for path in images]


@dataclass(frozen=True)
class Peer:
    """
    Another program.

    :param programs: that must be on PATH, or whose paths are given
    :param commands: called with a job; yields command lines, each when the one before has ended
    :param references: numbers of the slices to align to, of the one that is asked for and the
        count of slices; each is tried, the best image counts
    :param gives_index: whether maps.npz with a slice index lies beside its image
    :param version_arguments: with which the first program tells its version
    """

    programs: tuple[str, ...]
    commands: Callable[[Job], Steps]
    references: Callable[[int, int], tuple[int, ...]]
    gives_index: bool = False
    version_arguments: tuple[str, ...] = ('--version',)


def _focusweave(job: Job) -> Steps:
    yield [job.programs[0], str(job.images[0].parent), '--reference', str(job.reference),
           '--keep-size', '--min-shift', '0', '--output', str(job.output)]


def _enfuse(job: Job) -> Steps:
    yield [job.programs[0], '-m', '-a', str(job.folder / 'al_'), '--use-given-order',
           *job.reference_first]
    # It leaves out what it cannot align.
    yield [job.programs[1], '--exposure-weight=0', '--saturation-weight=0', '--contrast-weight=1',
           '--contrast-window-size=5', '--hard-mask', '-o', str(job.folder / 'fused.tif'),
           *map(str, sorted(job.folder.glob('al_*.tif')))]
    # It cannot write PNG with some colour profiles.
    yield [sys.executable, '-c', 'import cv2, sys; a, b = sys.argv[1:]; '
           'assert cv2.imwrite(b, cv2.imread(a, cv2.IMREAD_UNCHANGED)), a',
           str(job.folder / 'fused.tif'), str(job.output)]


def _focus_stack(job: Job) -> Steps:
    yield [job.programs[0], '--no-opencl', '--threads=2', '--nocrop',
           f'--reference={job.reference}', f'--output={job.output}', *map(str, job.images)]


def _script(job: Job) -> Steps:
    yield [job.programs[0], str(Path(__file__).with_name('homography_laplacian.py')), '--output',
           str(job.output.parent), *job.reference_first]


def _shine_stacker(job: Job) -> Steps:
    yield [job.programs[0], str(SHINE_STACKER), '--work', str(job.folder), '--reference',
           str(job.reference), '--output', str(job.output), *map(str, job.images)]


def _asked(reference: int, count: int) -> tuple[int, ...]:
    return (reference,)


def _asked_or_middle(reference: int, count: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys((reference, count // 2)))


def _either_end(reference: int, count: int) -> tuple[int, ...]:
    return (0, count - 1) if reference == 0 else (count - 1, 0)


#: The other programs by the name of the tables. The last one is `homography_laplacian`.
PEERS: dict[str, Peer] = {
    'FocusWeave': Peer(('focusweave',), _focusweave, _asked_or_middle),
    'align_image_stack + enfuse': Peer(('align_image_stack', 'enfuse'), _enfuse, _either_end),
    'focus-stack': Peer(('focus-stack',), _focus_stack, _asked_or_middle),
    'Shine Stacker': Peer(('shinestacker',), _shine_stacker, _asked_or_middle, version_arguments=(
        '-c', 'import shinestacker as s; print("shinestacker", s.__version__)')),
    'SIFT + Laplacian': Peer((sys.executable,), _script, _asked, gives_index=True),
}


def installed_peers(wanted: Sequence[str], paths: Sequence[str]) -> tuple[
        dict[str, list[str]], dict[str, str]]:
    """
    Return the programs of each peer that can run, and why others cannot.

    :param wanted: names of `PEERS`
    :param paths: of programs that are not on PATH
    """
    given = {Path(path).name: path for path in paths}
    there: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for name in wanted:
        found = [given.get(program) or shutil.which(program) for program in PEERS[name].programs]
        absent = [program for program, path in zip(PEERS[name].programs, found, strict=True)
                  if path is None]
        if absent:
            missing[name] = f'{", ".join(absent)} not installed'
        else:
            there[name] = [str(path) for path in found]
    if 'Shine Stacker' in there:  # driven from Python, by the interpreter it is installed for
        there['Shine Stacker'] = [str(Path(path).with_name('python'))
                                  for path in there['Shine Stacker']]
    return there, missing


def run_peer(name: str, programs: Sequence[str], stack: TruthStack, *, fresh: bool) -> Outcome:
    """
    Run a peer, or return what it gave before: its best image, registered to the truth.

    A blurred reference makes some programs fail, so another one is tried as well.

    :param name: a key of `PEERS`
    :param programs: paths of its programs
    :param stack: with truth and an all-in-focus image
    :param fresh: run it although a result is in the stack's cache
    :raises RunError: it failed
    """
    counted = metrics.inner(stack.index.shape)
    truth = metrics.grey_levels(stack.all_in_focus)
    best: tuple[float, Outcome] | None = None
    for reference in PEERS[name].references(stack.reference, len(stack.images)):
        try:
            outcome = _outcome(name, programs, stack, reference, fresh=fresh)
        except RunError as error:
            reason = error
            continue
        value = metrics.psnr(metrics.grey_levels(outcome.all_in_focus), truth, counted)
        if best is None or value > best[0]:
            best = value, outcome
    if best is None:
        raise reason
    return best[1]


def _outcome(name: str, programs: Sequence[str], stack: TruthStack, reference: int, *,
             fresh: bool) -> Outcome:
    """Return the outcome of one run; its image is registered to the truth."""
    peer = PEERS[name]
    job = Job(programs, stack.images, reference, Path('work'), Path('output.png'))
    key = hashlib.sha256(repr(list(peer.commands(job))).encode()
                         + Path(__file__).with_name('homography_laplacian.py').read_bytes())
    folder = stack.folder / 'peers' / f'{name.split(maxsplit=1)[0]}-{key.hexdigest()[:10]}'
    output, facts = folder / 'all_in_focus.png', folder / 'run.json'
    if fresh or not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        facts.write_text(json.dumps(measured(peer, replace(job, output=output))))
    known = json.loads(facts.read_text())
    if 'error' in known:
        raise RunError(known['error'])
    image = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise RunError(f'{name} wrote no image')
    start = None if stack.transforms is None else stack.transforms[reference]
    registered = metrics.registered(_in_depth_of(stack, image), stack.all_in_focus, start)
    if registered is None:
        raise RunError('its image cannot be registered to the truth')
    index = None
    if peer.gives_index:
        with np.load(folder / 'maps.npz') as maps:
            index = maps['index']
        # It counts from the reference on.
        distances = stack.focus_distances_m
        if distances is not None and distances[reference] != min(distances):
            index = len(stack.images) - 1 - index
    return Outcome(registered, index, seconds=known['seconds'], megabytes=known['megabytes'])


def _in_depth_of(stack: TruthStack, image: NDArray[Any]) -> NDArray[Any]:
    """Return blue, green and red of a peer's image in the truth's bit depth."""
    image = image[..., :3]  # enfuse writes an alpha channel
    if image.dtype == stack.all_in_focus.dtype:
        return image
    return ((image // 257).astype(np.uint8) if image.dtype == np.uint16
            else image * np.uint16(257))


def measured(peer: Peer, job: Job) -> dict[str, Any]:
    """
    Run a peer's programs.

    :param peer: one of `PEERS`
    :param job: its folder is replaced by one that lasts as long as the run
    :return: ``seconds``, ``cpu`` (processor seconds of all processes) and ``megabytes``, or
        ``error``
    """
    seconds = megabytes = 0.0
    before = _processor_seconds()
    with tempfile.TemporaryDirectory() as work:
        for command in peer.commands(replace(job, folder=Path(work))):
            try:
                took, peak = run_process(command, folder=Path(work))
            except RunError as error:
                return {'error': str(error)}
            seconds, megabytes = seconds + took, max(megabytes, peak)
    return {'seconds': seconds, 'cpu': _processor_seconds() - before, 'megabytes': megabytes}


def _processor_seconds() -> float:
    """Return what ended children of this process have used, and theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def version(name: str, programs: Sequence[str]) -> str:
    """
    Return what a peer says is its version, '' where it says nothing of the kind.

    :param name: a key of `PEERS`
    :param programs: paths of its programs
    """
    said = subprocess.run([programs[0], *PEERS[name].version_arguments], capture_output=True,
                          text=True, timeout=120, check=False)
    stem = re.escape(PEERS[name].programs[0])
    found = re.search(rf'{stem}(?: version)? ([\w.]*\d[\w.]*)', said.stdout + said.stderr)
    return '' if found is None else found[1]
