# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which stacks a batch has, and one of them done in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
import signal
import subprocess
import sys

from focus_stacking_ros.commands.bag.recording import RECORDING_SUFFIXES
from focus_stacking_ros.commands.batch.mark import fingerprint, mark_of
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.folder import image_files_in, natural_order
from focus_stacking_ros.core.files.writing import remove_unfinished

__all__ = ['Job', 'Outcome', 'do', 'jobs_in']

_DISTANCES = 'meta.json'
_METADATA = 'metadata.yaml'  # of a recording


@dataclass(frozen=True)
class Job:
    """
    A stack to be fused, or a recording with all its stacks.

    :param name: of its folder or file, relative to that of the batch
    :param source: its folder or file, absolute
    :param output: folder of its result, absolute
    :param flags: further arguments of the command
    :param fingerprint: of its files and flags
    :param command: `stack`, or `bag` for a recording
    """

    name: str
    source: Path
    output: Path
    flags: tuple[str, ...]
    fingerprint: str
    command: str = 'stack'

    def is_done(self) -> bool:
        """Return whether its result is there, of the files as they are now."""
        mark = mark_of(self.output)
        return mark is not None and mark.get('fingerprint') == self.fingerprint


@dataclass(frozen=True)
class Outcome:
    """
    What became of a job.

    :param job: the job
    :param problem: why it has no result, '' where it has one
    :param is_killed: whether its process was ended from outside
    """

    job: Job
    problem: str = ''
    is_killed: bool = False


def jobs_in(folder: Path, output: Path, flags: Sequence[str],
            bag_flags: Sequence[str] = ()) -> list[Job]:
    """
    Return a job for each folder with images and each recording, in natural order.

    A folder with recorded files and the metadata of rosbag2 is one recording; without metadata
    each file is one.

    :param folder: it and all folders below are looked into, hidden ones left out
    :param output: folder of the results; folders of the same names are made in it
    :param flags: further arguments of `stack`
    :param bag_flags: further arguments of `bag`
    :raises CommandError: the folder cannot be read, or holds no images
    """
    if not folder.is_dir():
        raise CommandError(f'{folder}: it is no folder; batch takes a folder of folders of images')
    root, target = folder.resolve(), output.resolve()
    found: list[Job] = []
    for place in natural_order([root, *(path for path in root.rglob('*') if path.is_dir())]):
        inside = place.relative_to(root)
        if any(part.startswith('.') for part in inside.parts) or target in (
                place, *place.parents):
            continue
        try:
            found += _recordings_in(place, inside, target, bag_flags)
            images = image_files_in(place)
            if not images:
                continue
            distances = place / _DISTANCES
            files = [*images, distances] if distances.is_file() else images
            found.append(Job(str(inside) if inside.parts else root.name, place,
                             target / (inside if inside.parts else root.name), tuple(flags),
                             fingerprint(files, flags)))
        except (OSError, ImageFileError) as error:
            raise CommandError(f'{place}: it cannot be read: {error}') from error
    if not found:
        raise CommandError(f'{folder}: no folder in it holds images; batch takes a folder of '
                           'folders of images, or of recordings')
    return found


def _recordings_in(place: Path, inside: Path, target: Path, flags: Sequence[str]) -> list[Job]:
    """Return a job for the recording that a folder is, or for each that it holds."""
    files = natural_order(path for path in place.iterdir() if path.suffix in RECORDING_SUFFIXES
                          and not path.name.startswith('.') and path.is_file())
    if files and (place / _METADATA).is_file():
        name = inside if inside.parts else Path(place.name)
        return [Job(str(name), place, target / name, tuple(flags),
                    fingerprint(files, flags), 'bag')]
    return [Job(str(inside / path.name), path, target / inside / path.stem, tuple(flags),
                fingerprint([path], flags), 'bag') for path in files]


def do(job: Job, begun: Callable[[subprocess.Popen[str]], None] | None = None) -> Outcome:
    """
    Fuse one stack or recording in a process of its own, whatever happens to which.

    :param job: the stack, or the recording
    :param begun: called with the process when it runs
    """
    for folder in (job.output, *job.output.glob('stack_*')):
        remove_unfinished(folder)
    command = [sys.executable, '-m', 'focus_stacking_ros', job.command, str(job.source),
               '--output', str(job.output), *job.flags, '--mark', job.fingerprint]
    # A group of its own, as Ctrl-C is for the batch; the open pipe tells it that we are there.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        if begun is not None:
            begun(process)
        told = process.stderr.read()
        code = process.wait()
    if code == 0:
        return Outcome(job)
    if code < 0:
        return Outcome(job, f'its process was ended by {signal.Signals(-code).name}',
                       is_killed=True)
    lines = [line for line in told.splitlines() if line.strip()]
    return Outcome(job, lines[-1] if lines else f'its process ended with {code}')
