# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Player and stacker as processes of their own, and a node that takes what they publish."""

from __future__ import annotations

from functools import partial
from pathlib import Path
import time
from typing import Any

from focus_stacking_ros.commands.demo.growing_line import GrowingLine
from focus_stacking_ros.commands.demo.nodes import own_namespace, spin_until, started_nodes
from focus_stacking_ros.commands.demo.receiver import (
    Outcome,
    received_result,
    Receiver,
    summary,
)
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.result_files import (
    DEVIATION_FILE,
    OUTPUT_FILES,
    write_result,
)
from focus_stacking_ros.core.files.stack_files import StackFile
from focus_stacking_ros.ros.node.own_context import in_own_context

__all__ = ['run_system']

_STALL_SECONDS = 120.0
_TIMEOUT_SECONDS = 5.0  # after the last image, where some cannot be read


def run_system(folder: Path, files: list[StackFile], output: Path, rate: float) -> Outcome:
    """
    Play a folder to the stacking node and write what the topics carry.

    :param folder: images, with a meta.json or without
    :param files: the same images
    :param output: folder for the results
    :param rate: images per second
    :raises CommandError: a process ended, nothing came, or the folder cannot be written
    """
    namespace = own_namespace()
    metric = files[0].focus_distance_m is not None
    with GrowingLine(len(files)) as line, in_own_context(
            partial(Receiver, metric, line=line, count=len(files)), namespace=namespace) as (
                receiver, executor):
        with started_nodes(namespace) as start:
            stacker = start(
                'stacker', stack__size=len(files), focus__unit='metres' if metric else 'raw',
                stack__timeout=max(_TIMEOUT_SECONDS, 3 / rate))
            spin_until(executor, lambda: receiver.count_publishers(f'{namespace}/report'),
                       stacker.check, 'the stacking node to start')
            player = start('player', folder=str(folder.absolute()), rate=rate,
                           wait_for_subscribers=2)
            spin_until(executor, lambda: receiver.first_slice, player.check, 'the first image')

            def check() -> None:
                stacker.check()
                player.check(may_end=True)
                if receiver.failure:
                    why = [process.last_words(mark) for process, mark
                           in ((player, '[ERROR]'), (stacker, '[WARN]'))]
                    raise CommandError('; '.join([receiver.failure, *filter(None, why)]))
                if time.monotonic() - receiver.last_message > _STALL_SECONDS:
                    raise CommandError(f'no result after {_STALL_SECONDS:.0f} s; the stacking '
                                       f'node says: {stacker.last_words()}')

            spin_until(executor, receiver.complete, check, '', timeout_seconds=float('inf'))
        result, report = received_result(receiver.results, files)
        write_result(output, result, report, receiver.thumbnails)
        return Outcome(sum(frame['accepted'] for frame in report['frames']), report['backend'],
                       receiver.last_message - receiver.first_slice, summary(result),
                       _left_out(report, files), (*OUTPUT_FILES, DEVIATION_FILE))


def _left_out(report: dict[str, Any], files: list[StackFile]) -> tuple[Path, ...]:
    used = {frame['file'] for frame in report['frames'] if frame['accepted']}
    return tuple(file.path for file in files if file.name not in used)
