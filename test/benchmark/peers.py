# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run other focus-stacking programs, where they are installed, on a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import shutil
import sys
import tempfile

import cv2
from methods import run_process, RunError
import metrics
import numpy as np
from scores import Outcome
from truth_stack import TruthStack

__all__ = ['PEERS', 'Peer', 'installed_peers', 'run_peer']

Steps = Iterator[list[str]]


@dataclass(frozen=True)
class Peer:
    """
    Another program.

    :param programs: that must be on PATH, or whose paths are given
    :param commands: called with paths of the programs, the stack, the folder to work in and the
        output file; yields command lines, each when the one before has ended
    :param gives_index: whether maps.npz with a slice index lies beside its image
    """

    programs: tuple[str, ...]
    commands: Callable[[Sequence[str], TruthStack, Path, Path], Steps]
    gives_index: bool = False


def _focusweave(programs: Sequence[str], stack: TruthStack, folder: Path, output: Path) -> Steps:
    yield [programs[0], str(stack.folder / 'images'), '--reference', str(stack.reference),
           '--keep-size', '--min-shift', '0', '--output', str(output)]


def _enfuse(programs: Sequence[str], stack: TruthStack, folder: Path, output: Path) -> Steps:
    yield [programs[0], '-m', '-a', str(folder / 'al_'), '--use-given-order',
           *map(str, stack.reference_first)]
    # It leaves out what it cannot align.
    yield [programs[1], '--exposure-weight=0', '--saturation-weight=0', '--contrast-weight=1',
           '--contrast-window-size=5', '--hard-mask', '-o', str(output),
           *map(str, sorted(folder.glob('al_*.tif')))]


def _focus_stack(programs: Sequence[str], stack: TruthStack, folder: Path, output: Path) -> Steps:
    yield [programs[0], '--no-opencl', '--threads=2', '--nocrop',
           f'--reference={stack.reference}', f'--output={output}', *map(str, stack.images)]


def _script(programs: Sequence[str], stack: TruthStack, folder: Path, output: Path) -> Steps:
    yield [programs[0], str(Path(__file__).with_name('homography_laplacian.py')), '--output',
           str(output.parent), *map(str, stack.reference_first)]


#: The other programs by the name of the tables. The last one is `homography_laplacian`.
PEERS: dict[str, Peer] = {
    'FocusWeave': Peer(('focusweave',), _focusweave),
    'align_image_stack + enfuse': Peer(('align_image_stack', 'enfuse'), _enfuse),
    'focus-stack': Peer(('focus-stack',), _focus_stack),
    'SIFT + Laplacian': Peer((sys.executable,), _script, gives_index=True),
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
    return there, missing


def run_peer(name: str, programs: Sequence[str], stack: TruthStack, *, fresh: bool) -> Outcome:
    """
    Run a peer, or return what it gave before, its image registered to the truth.

    :param name: a key of `PEERS`
    :param programs: paths of its programs
    :param stack: with truth and an all-in-focus image
    :param fresh: run it although a result is in the stack's cache
    :raises RunError: it failed
    """
    peer = PEERS[name]
    example = list(peer.commands(programs, stack, Path('work'), Path('output.png')))
    key = hashlib.sha256(repr(example).encode()
                         + Path(__file__).with_name('homography_laplacian.py').read_bytes())
    folder = stack.folder / 'peers' / f'{name.split(maxsplit=1)[0]}-{key.hexdigest()[:10]}'
    output, facts = folder / 'all_in_focus.png', folder / 'run.json'
    if fresh or not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        facts.write_text(json.dumps(_measured(peer, programs, stack, output)))
    known = json.loads(facts.read_text())
    if 'error' in known:
        raise RunError(known['error'])
    image = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise RunError(f'{name} wrote no image')
    image = image[..., :3]  # enfuse writes an alpha channel
    if image.dtype != stack.all_in_focus.dtype:
        image = (image // 257).astype(np.uint8) if image.dtype == np.uint16 else (
            image * np.uint16(257))
    index = None
    if peer.gives_index:
        with np.load(folder / 'maps.npz') as maps:
            index = maps['index']
        # It counts from the reference on.
        nearest_first = (stack.focus_distances_m is None or stack.focus_distances_m[
            stack.reference] == min(stack.focus_distances_m))
        if not nearest_first:
            index = len(stack.images) - 1 - index
    registered = metrics.registered(image, stack.all_in_focus)
    if registered is None:
        raise RunError('its image cannot be registered to the truth')
    return Outcome(registered, index, seconds=known['seconds'], megabytes=known['megabytes'])


def _measured(peer: Peer, programs: Sequence[str], stack: TruthStack, output: Path) -> dict:
    """Run a peer's programs; return seconds and megabytes, or the error."""
    seconds = megabytes = 0.0
    with tempfile.TemporaryDirectory() as work:
        for command in peer.commands(programs, stack, Path(work), output):
            try:
                took, peak = run_process(command, folder=Path(work))
            except RunError as error:
                return {'error': str(error)}
            seconds, megabytes = seconds + took, max(megabytes, peak)
    return {'seconds': seconds, 'megabytes': megabytes}
