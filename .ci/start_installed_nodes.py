# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Run the nodes that colcon installed: start_installed_nodes.py INSTALL_FOLDER.

A small stack is played to the stacking node, and a simulated cell makes a sweep. Where the kernel
of the FPGA is installed as well, its emulation does the work of the first. With a compiler, the
native backend has to be what 'auto' takes, and the example makes a sweep by the action. Ends with
exit code 1 unless the depth comes out of both and all nodes end with exit code 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

PACKAGE, ACCELERATION = 'focus_stacking_ros', 'focus_stacking_accel'
INTERFACES = 'focus_stacking_interfaces'
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


def received() -> dict[str, Any]:
    """Return the report and the depth image, once both have come."""
    node = Node('observer')
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    found: dict[str, Any] = {}
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


def swept(namespace: str) -> dict[str, Any]:
    """Call the sweeper, and return its answer."""
    node = Node('observer', namespace=namespace)
    client = node.create_client(Trigger, 'sweeper/sweep')
    if not client.wait_for_service(SECONDS):
        raise SystemExit(f'after {SECONDS:.0f} s there was no sweeper')
    future = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(node, future, timeout_sec=SECONDS)
    if not future.done() or not future.result().success:
        raise SystemExit(f'the sweep failed: {future.result()}')
    node.destroy_node()
    return json.loads(future.result().message)


def main(install: Path) -> None:
    """Play a stack with the installed player to the installed stacker, and sweep a cell."""
    root = install / PACKAGE if (install / PACKAGE).is_dir() else install
    packages = next(root.glob('lib/python*/site-packages'))
    parameters = root / 'share' / PACKAGE / 'config' / 'replay.yaml'
    prefixes = [str(path) for path in (root, install / ACCELERATION, install / INTERFACES)
                if path.is_dir()]
    emulated = any(Path(prefix, 'lib', f'lib{ACCELERATION}_emulation.so').is_file()
                   for prefix in prefixes)
    backend = 'emulation' if emulated else 'opencv'
    typed = install / INTERFACES
    if shutil.which('g++') and not typed.is_dir():
        raise SystemExit(f'{INTERFACES} is not installed, and there is a compiler')
    modules = [packages, *typed.glob('lib/python*/site-packages')]
    environment = dict(os.environ, PYTHONUNBUFFERED='1',
                       PYTHONPATH=os.pathsep.join(map(str, modules)),
                       LD_LIBRARY_PATH=f'{typed / "lib"}:{os.environ.get("LD_LIBRARY_PATH", "")}',
                       AMENT_PREFIX_PATH=os.pathsep.join(prefixes),
                       ROS_DOMAIN_ID='93', ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    os.environ.update(environment)
    taken = subprocess.run(
        [sys.executable, '-c', f'import {PACKAGE}.backends; '
         f'from {PACKAGE}.core.stack.backend import create_backend; '
         'print(create_backend().choice)'],
        cwd=install, env=environment, check=True, capture_output=True, text=True).stdout
    print(taken, end='')
    if shutil.which('g++') and not taken.startswith('auto takes the backend native'):
        raise SystemExit('the native backend is not taken, and there is a compiler')
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, 'images')
        subprocess.run([sys.executable, str(Path(__file__).with_name('write_stack.py')),
                        str(images)], env=environment, check=True)
        common = ['--ros-args', '--params-file', str(parameters), '-r', f'__ns:={NAMESPACE}']
        executable = {name: str(root / 'lib' / PACKAGE / name)
                      for name in ('stacker', 'player', 'sim_camera', 'sweeper')}
        rclpy.init()
        with running([executable['stacker'], *common, '-p', f'backend:={backend}'],
                     environment, Path(folder, 'stacker')), \
                running([executable['player'], *common, '-p', f'folder:={images}', '-p',
                         'rate:=10.0'], environment, Path(folder, 'player')):
            found = received()
        cell = ['--ros-args', '--params-file', str(parameters.with_name('demo.yaml')),
                '-r', '__ns:=/demo']
        with running([executable['stacker'], *cell], environment, Path(folder, 'stacker')), \
                running([executable['sim_camera'], *cell], environment, Path(folder, 'camera')), \
                running([executable['sweeper'], *cell], environment, Path(folder, 'sweeper')):
            answer = swept('/demo')
            if typed.is_dir():
                client = root / 'share' / PACKAGE / 'examples' / 'sweep_client.py'
                subprocess.run([sys.executable, str(client), '--ros-args', '-r', '__ns:=/demo'],
                               env=environment, check=True)
        rclpy.shutdown()
    report = json.loads(found['report'].data)
    accepted = sum(frame['accepted'] for frame in report['frames'])
    depth = found['depth/image']
    print(f'{accepted} slices fused by {report["backend"]}, depth of '
          f'{depth.width}x{depth.height}, {depth.encoding}')
    if accepted != 6 or (depth.width, depth.height, depth.encoding) != (320, 240, '32FC1'):
        raise SystemExit('that is not the result of the stack')
    if report['backend'] != backend:
        raise SystemExit(f'that is not the backend {backend}')
    print(f'sweep: {answer}')
    if answer['slices'] != answer['positions'] or answer['missing']:
        raise SystemExit('slices of the sweep are missing')


if __name__ == '__main__':
    main(Path(sys.argv[1]).resolve())
