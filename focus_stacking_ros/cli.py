# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``stack`` and what goes with it, see `--help`."""

from __future__ import annotations

import argparse
import atexit
from collections.abc import Sequence
import gc
from importlib import import_module
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.terminal import say
from focus_stacking_ros.version import __version__

__all__ = ['main']

#: Exit code of a command that was stopped by a signal, as shells have it: this and its number.
_STOPPED = 128
#: The commands: their module in `commands`, imported where it is called, and what its parser says.
_COMMANDS = {
    'stack': ('stack', 'fuse image files'),
    'batch': ('batch.command', 'fuse many stacks'),
    'bag': ('bag.command', 'fuse the stacks of a recording'),
    'record': ('bag.record_command', 'record a sweep'),
    'calibrate': ('calibrate.command', 'calibrate a lens'),
    'measure': ('measure', 'measure heights in a result'),
    'demo': ('demo.command', 'run the nodes over ROS 2 topics'),
    'benchmark': ('benchmark.command', 'measure speed, memory and quality'),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call in a line, as for all other input, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        say(f'{self.prog}: {message}; `{self.prog} --help` lists what there is')
        sys.exit(2)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser with all commands, of which the one that is called knows its flags."""
    called = next((each for each in arguments if not each.startswith('-')), '')
    parser = _Parser(
        prog='focus_stacking_ros',
        description='Depth from focus: a focal stack becomes an all-in-focus image, a metric '
        'depth map and a confidence map.')
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for name, (module, words) in _COMMANDS.items():
        if name == called:
            import_module(f'focus_stacking_ros.commands.{module}').add_parser(commands)
        else:
            commands.add_parser(name, help=words)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command.

    :param arguments: by default those of the process
    :returns: exit code: 0 where everything is written; 2 where the input or the call is at
        fault, after one line on standard error that says what; 130 after Ctrl-C, 143 after
        SIGTERM, 129 after a hangup
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # At the end nothing is worth being looked for: all goes with the process.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    # Nothing here is a large product of matrices; threads for one would spin at every start.
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    parsed = _parser(arguments).parse_args(arguments)
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
        cv2 = import_module('cv2')  # by now the command has it; `--help` needs none
        # OpenCV 5 has moved it.
        set_level = getattr(cv2, 'setLogLevel', None) or cv2.utils.logging.setLogLevel
        set_level(0)
