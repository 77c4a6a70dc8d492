# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the installed executables do before a node is there."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

#: Sends a signal as soon as the module of the node is looked for.
PROGRAM = """
import os, sys
from focus_stacking_ros import executables
assert 'numpy' not in sys.modules and 'rclpy' not in sys.modules, 'already imported'

class Finder:
    def find_spec(name, path=None, target=None):
        if name == 'focus_stacking_ros.ros.{name}.node':
            os.kill(os.getpid(), {number:d})

sys.meta_path.insert(0, Finder)
executables.{name}()
sys.exit('the signal was not heard')
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('name', ['stacker', 'player', 'sweeper', 'sim_camera'])
def test_a_signal_while_the_node_is_imported_ends_it_cleanly(
        name: str, number: signal.Signals, environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, '-c', PROGRAM.format(
        name=name, number=number)],
                          env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
