# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the command line imports, and what it says of commands that it does not import."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from focus_stacking_ros import cli
import pytest


def helps(called: str) -> dict[str, str]:
    """Return what is said of each command where one of them is called."""
    parser = cli._parser([called])
    subcommands = next(action for action in parser._actions
                       if isinstance(action, argparse._SubParsersAction))
    return {action.dest: action.help for action in subcommands._choices_actions}


@pytest.mark.parametrize('called', cli._COMMANDS)
def test_a_command_says_of_itself_what_is_said_of_it(called) -> None:
    assert list(helps(called).items()) == list(helps('').items())


def test_no_threads_are_started_for_products_of_matrices() -> None:
    program = ('import os\nfrom focus_stacking_ros.cli import main\n'
               'try:\n    main(["stack", "--help"])\n'
               'finally:\n    print("tasks", len(os.listdir("/proc/self/task")))\n')
    environment = {name: value for name, value in os.environ.items()
                   if name != 'OPENBLAS_NUM_THREADS'}
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          check=False, env=environment)
    assert done.stdout.endswith('tasks 1\n'), done.stderr


@pytest.mark.parametrize(('arguments', 'unwanted'), [
    (['--help'], ('numpy', 'cv2', 'focus_stacking_ros.core')),
    (['measure', '--help'], ('focus_stacking_ros.core.stack', 'focus_stacking_ros.ros'))])
def test_only_what_a_command_needs_is_imported(arguments, unwanted) -> None:
    program = ('import sys\nfrom focus_stacking_ros.cli import main\n'
               f'try:\n    main({arguments})\n'
               f'finally:\n    found = [each for each in {unwanted} if each in sys.modules]\n'
               '    assert not found, found')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert 'usage:' in done.stdout
