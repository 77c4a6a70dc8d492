# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``stack`` for image files, ``demo`` for the whole ROS 2 system."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys

from focus_stacking_ros.commands import demo, stack
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.version import __version__

__all__ = ['main']

#: Exit code of a command that was stopped by SIGINT, as shells have it.
_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='focus_stacking_ros',
        description='Depth from focus: a focal stack becomes an all-in-focus image, a metric '
        'depth map and a confidence map.')
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for module in (stack, demo):
        module.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command.

    :param arguments: by default those of the process
    :returns: exit code: 0 where everything is written; 2 where the input or the call is at
        fault, after one line on standard error that says what; 130 after Ctrl-C
    """
    parsed = _parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except CommandError as error:
        print(f'focus_stacking_ros {parsed.command}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0
