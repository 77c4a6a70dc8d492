# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``stack`` and what goes with it, see `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import cv2
from focus_stacking_ros.commands import measure, stack
from focus_stacking_ros.commands.bag import command as bag
from focus_stacking_ros.commands.bag import record_command as record
from focus_stacking_ros.commands.batch import command as batch
from focus_stacking_ros.commands.benchmark import command as benchmark
from focus_stacking_ros.commands.calibrate import command as calibrate
from focus_stacking_ros.commands.demo import command as demo
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.terminal import say
from focus_stacking_ros.version import __version__

__all__ = ['main']

#: Exit code of a command that was stopped by a signal, as shells have it: this and its number.
_STOPPED = 128


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call in a line, as for all other input, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        say(f'{self.prog}: {message}; `{self.prog} --help` lists what there is')
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog='focus_stacking_ros',
        description='Depth from focus: a focal stack becomes an all-in-focus image, a metric '
        'depth map and a confidence map.')
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for module in (stack, batch, bag, record, calibrate, measure, demo, benchmark):
        module.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command.

    :param arguments: by default those of the process
    :returns: exit code: 0 where everything is written; 2 where the input or the call is at
        fault, after one line on standard error that says what; 130 after Ctrl-C, 143 after
        SIGTERM, 129 after a hangup
    """
    parsed = _parser().parse_args(arguments)
    _silence_opencv()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) == signal.SIG_DFL}
    try:
        parsed.run(parsed)
    except CommandError as error:
        say(f'focus_stacking_ros {parsed.command}: {error}')
        return 2
    except KeyboardInterrupt as stopped:
        number = stopped.args[0] if stopped.args else signal.SIGINT
        return _STOPPED + int(number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    """End like Ctrl-C does: nothing half-written and no process of its own stays behind."""
    signal.signal(number, signal.SIG_IGN)  # a second one must not end the tidying up
    raise KeyboardInterrupt(number)


def _silence_opencv() -> None:
    """Keep OpenCV from telling standard error, in its own words, what an error line says."""
    if 'OPENCV_LOG_LEVEL' not in os.environ:
        # OpenCV 5 has moved it.
        set_level = getattr(cv2, 'setLogLevel', None) or cv2.utils.logging.setLogLevel
        set_level(0)
