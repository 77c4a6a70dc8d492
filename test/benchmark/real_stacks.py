# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Real stacks as folders of images, and runs of programs on them that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import re
import shutil
import sys
import tempfile
from typing import Any

import cv2
from focus_stacking_ros.commands.benchmark.whole_process import RunError
import numpy as np
from numpy.typing import NDArray
from peers import Job, measured, Peer, PEERS, SHINE_STACKER, Steps

__all__ = ['RealStack', 'find_stacks', 'our_version', 'read', 'run_other', 'run_stack']

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / 'focus_stacking_ros'
SUFFIXES = {'.jpg', '.jpeg', '.png', '.tif', '.tiff'}


@dataclass(frozen=True)
class RealStack:
    """
    A focal stack without truth.

    :param name: of its folder
    :param images: the slices in natural order of their names
    """

    name: str
    images: tuple[Path, ...]

    def digest(self) -> str:
        """Return what identifies the slices, wherever they lie."""
        found = hashlib.sha256()
        for path in self.images:
            found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()[:12]


def find_stacks(folders: Iterable[Path]) -> list[RealStack]:
    """
    Return the stacks in folders: each that holds two images or more, at any depth.

    :raises ValueError: a folder holds none, or two stacks have one name
    """
    stacks: dict[str, RealStack] = {}
    for folder in folders:
        found = False
        for each in sorted([folder, *(path for path in folder.rglob('*') if path.is_dir())]):
            images = sorted((path for path in each.iterdir()
                             if path.suffix.lower() in SUFFIXES), key=_natural)
            if len(images) < 2:
                continue
            found = True
            if each.name in stacks:
                raise ValueError(f'{each}: another stack is named {each.name!r} as well; '
                                 'rename one of the folders')
            stacks[each.name] = RealStack(each.name, tuple(images))
        if not found:
            raise ValueError(f'{folder}: no folder in it holds two images or more')
    return list(stacks.values())


def our_version() -> str:
    """Return a digest of the package's source: results of another one are not these."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob('*')):
        if path.suffix in {'.py', '.c', '.h', '.so'}:
            found.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:12]


def run_stack(stack: RealStack, cache: Path) -> Path:
    """
    Run the package's own command ``stack`` with all defaults, unless it was before.

    :param stack: what to fuse
    :param cache: folder for results
    :return: folder with what the command wrote and run.json
    :raises RunError: it failed
    """
    def commands(job: Job) -> Steps:
        # What is run here is this repository's package, from any folder.
        yield [sys.executable, '-c', f'import sys; sys.path.insert(0, {str(REPOSITORY)!r}); '
               'from focus_stacking_ros.cli import main; sys.exit(main())', 'stack',
               *map(str, job.images), '--output', str(job.output.parent / 'result')]
    ours = Peer((), commands, lambda *_: (0,))
    return _kept(stack, cache, f'ours-{our_version()}', ours, [], 0).parent / 'result'


def run_other(name: str, programs: Sequence[str], version: str, stack: RealStack,
              reference: int, cache: Path) -> Path:
    """
    Run another program, unless this version was run on this stack, in this way, before.

    :param name: a key of `PEERS`
    :param programs: paths of its programs
    :param version: of it
    :param stack: what to fuse
    :param reference: number of the slice to align to
    :param cache: folder for results
    :return: path of its image; run.json lies beside it
    :raises RunError: it failed, now or then
    """
    named = f'{name}-{version}-{reference}-{_way(name, reference)}'
    return _kept(stack, cache, re.sub(r'[^\w.-]+', '_', named), PEERS[name], programs, reference)


def read(path: Path) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 blue, green and red, upright."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise RunError(f'{path.name} is no image')
    return image


def _way(name: str, reference: int) -> str:
    """Return a digest of how a program is called."""
    peer, images = PEERS[name], [Path('0'), Path('1')]
    steps = list(peer.commands(Job(peer.programs, images, reference, Path('work'), Path('out'))))
    without_paths = repr(steps).replace(str(REPOSITORY), '').replace(sys.executable, '')
    return hashlib.sha256(without_paths.encode() + SHINE_STACKER.read_bytes()).hexdigest()[:6]


def _kept(stack: RealStack, cache: Path, name: str, peer: Peer, programs: Sequence[str],
          reference: int) -> Path:
    folder = cache / f'{stack.name}-{stack.digest()}' / name
    output, facts = folder / 'all_in_focus.png', folder / 'run.json'
    if not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with _alone(stack) as images:
            known = measured(peer, Job(programs, images, reference, folder, output))
        facts.write_text(json.dumps(known))
    known = json.loads(facts.read_text())
    if 'error' in known:
        raise RunError(known['error'])
    return output


@contextmanager
def _alone(stack: RealStack) -> Iterator[list[Path]]:
    """Yield links to the slices, numbered and alone in a folder, as some programs want them."""
    with tempfile.TemporaryDirectory() as place:
        links: list[Path] = []
        for number, path in enumerate(stack.images):
            links.append(Path(place, f'{number:04d}{path.suffix.lower()}'))
            links[-1].symlink_to(path.resolve())
        yield links


def _natural(path: Path) -> list[Any]:
    """Return a key that sorts 9 before 10."""
    return [(1, int(part), '') if part.isdigit() else (0, 0, part)
            for part in re.split(r'(\d+)', path.name.lower())]
