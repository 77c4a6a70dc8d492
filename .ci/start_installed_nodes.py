# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Run the nodes that colcon installed on a small stack: start_installed_nodes.py INSTALL_FOLDER.

Ends with exit code 1 unless the depth comes out and both nodes end with exit code 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String

PACKAGE = 'focus_stacking_ros'
NAMESPACE = '/replay'
SECONDS = 60.0


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a node for the time of a with block, and check how it ends on SIGINT."""
    print('starting', ' '.join(command), flush=True)
    with log.open('wb') as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    words = log.read_text()
    print(words, flush=True)
    if code != 0 or 'Traceback' in words:
        raise SystemExit(f'{command[0]} ended with exit code {code}')


def received() -> dict[str, object]:
    """Return the report and the depth image, once both have come."""
    node = Node('observer')
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    found: dict[str, object] = {}
    for name, kind in (('report', String), ('depth/image', Image)):
        node.create_subscription(
            kind, f'{NAMESPACE}/{name}',
            lambda message, name=name: found.__setitem__(name, message), latched)
    deadline = time.monotonic() + SECONDS
    while len(found) < 2:
        if time.monotonic() > deadline:
            raise SystemExit(f'after {SECONDS:.0f} s there was only {sorted(found)}')
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    return found


def main(install: Path) -> None:
    """Play a stack with the installed player to the installed stacker."""
    root = install / PACKAGE if (install / PACKAGE).is_dir() else install
    packages = next(root.glob('lib/python*/site-packages'))
    parameters = root / 'share' / PACKAGE / 'config' / 'replay.yaml'
    environment = dict(os.environ, PYTHONPATH=str(packages), PYTHONUNBUFFERED='1',
                       ROS_DOMAIN_ID='93', ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    os.environ.update(environment)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, 'images')
        subprocess.run([sys.executable, str(Path(__file__).with_name('write_stack.py')),
                        str(images)], env=environment, check=True)
        common = ['--ros-args', '--params-file', str(parameters), '-r', f'__ns:={NAMESPACE}']
        executable = {name: str(root / 'lib' / PACKAGE / name) for name in ('stacker', 'player')}
        rclpy.init()
        with running([executable['stacker'], *common], environment, Path(folder, 'stacker')), \
                running([executable['player'], *common, '-p', f'folder:={images}', '-p',
                         'rate:=10.0'], environment, Path(folder, 'player')):
            found = received()
        rclpy.shutdown()
    accepted = sum(frame['accepted'] for frame in json.loads(found['report'].data)['frames'])
    depth = found['depth/image']
    print(f'{accepted} slices, depth of {depth.width}x{depth.height}, {depth.encoding}')
    if accepted != 6 or (depth.width, depth.height, depth.encoding) != (320, 240, '32FC1'):
        raise SystemExit('that is not the result of the stack')


if __name__ == '__main__':
    main(Path(sys.argv[1]).resolve())
