#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Let a simulated cell sweep without end, and watch the memory of its nodes.

Camera, sweeper and stacking node are processes of their own; every output is subscribed. Prints
the resident memory of each after every so many stacks, and what it grew by per stack, from the
median of the second fifth to that of the last one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, ExitStack
from itertools import pairwise
import json
import os
from pathlib import Path
import statistics
import sys
import tempfile
import time
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'test')]

from focus_stacking_ros.launch_environment import launch_environment  # noqa: E402
from helpers.ros_helpers import NodeProcess, spin_until  # noqa: E402

NODES = ('sim_camera', 'sweeper', 'stacker')
POSITIONS = 4
_STALL_SECONDS = 60.0
_PARAMETERS = {
    'sim_camera': {'scene': 'tilted_plane', 'camera.rate': 40.0, 'camera.latency': 0.0,
                   'camera.exposure_time': 0.0, 'lens.settling_time': 0.01,
                   'lens.dead_time': 0.0},
    'sweeper': {'sweep.near': 0.245, 'sweep.far': 0.255, 'sweep.count': POSITIONS,
                'settle.time': 0.02, 'continuous': True, 'settle.timeout': 20.0,
                'camera.timeout': 20.0, 'stacker.timeout': 20.0},
    'stacker': {'stack.timeout': 20.0}}


class Soak(NamedTuple):
    """What was seen: after each stack the resident kB of each node, and what went wrong."""

    memory_kb: list[dict[str, int]]
    """By name of the node."""
    seconds: float
    """From the first stack to the last one."""
    incomplete: int
    """Stacks with fewer slices than positions."""

    def growth_kb(self, name: str) -> float:
        """Return by how much the memory of a node grew per stack."""
        values = [each[name] for each in self.memory_kb]
        fifth = len(values) // 5
        early, late = values[fifth:2 * fifth], values[-fifth:]
        return (statistics.median(late) - statistics.median(early)) / (len(values) - 2 * fifth)

    def usual_growth_kb(self, name: str) -> float:
        """Return the growth per stack from fifth to fifth: what is needed once is not growth."""
        values = [each[name] for each in self.memory_kb]
        fifth = len(values) // 5
        medians = [statistics.median(values[k * fifth:(k + 1) * fifth]) for k in range(1, 5)]
        return statistics.median(late - early for early, late in pairwise(medians)) / fifth


def resident_kb(process: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f'/proc/{process}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1])
    raise RuntimeError(f'/proc/{process}/status does not say VmRSS')


@contextmanager
def running_cell(size: Sequence[int], environment: dict[str, str], folder: Path
                 ) -> Iterator[dict[str, NodeProcess]]:
    """Run the nodes for the time of a ``with`` block; yields them by name."""
    with ExitStack() as stack:
        cell = {}
        for name in NODES:
            values = dict(_PARAMETERS[name])
            if name == 'sim_camera':
                values.update({'camera.width': size[0], 'camera.height': size[1]})
            command = [sys.executable, '-m', f'focus_stacking_ros.ros.{name}.node',
                       '--ros-args']
            for key, value in values.items():
                command += ['-p', f'{key}:={json.dumps(value)}']
            cell[name] = stack.enter_context(NodeProcess.running(
                command, environment, folder / name))
        yield cell
        for name, node in cell.items():
            if node.stop() != 0:
                raise RuntimeError(f'{name} ended with an error:\n{node.log}')


def soak(stacks: int, size: Sequence[int], environment: dict[str, str], folder: Path,
         tell: Callable[[int, dict[str, int]], None] = lambda _count, _memory: None) -> Soak:
    """
    Run a cell for so many stacks.

    :param size: width and height of the images, pixels
    :param environment: of the processes; this process needs the same ROS domain
    :param folder: for the logs
    :param tell: called with the number of stacks so far and the memory
    :raises TimeoutError: a stack does not come
    """
    from focus_stacking_ros.ros.node.qos import output_profile
    from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node('soak', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    slices: list[int] = []

    def take(name: str, message: Any) -> None:
        if name == 'report':
            slices.append(sum(frame['accepted'] for frame in json.loads(message.data)['frames']))

    for name, kind in ResultPublisher.topics().items():
        node.create_subscription(
            kind, name, lambda message, name=name: take(name, message), output_profile())
    memory: list[dict[str, int]] = []
    with running_cell(size, environment, folder) as cell:
        began = 0.0
        while len(memory) < stacks:
            known = len(slices)
            try:
                spin_until(executor, lambda: len(slices) > known, _STALL_SECONDS,  # noqa: B023
                           f'stack {known + 1}')
            except TimeoutError as error:
                raise TimeoutError('\n'.join(
                    (str(error), *(each.log[-2000:] for each in cell.values())))) from error
            if not began:  # nodes may have been finding each other meanwhile: it does not count
                began = time.monotonic()
                slices.clear()
                continue
            memory.append({name: resident_kb(each.process.pid) for name, each in cell.items()})
            tell(len(memory), memory[-1])
        seconds = time.monotonic() - began
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()
    return Soak(memory, seconds, sum(count < POSITIONS for count in slices))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--stacks', type=int, default=500)
    parser.add_argument('--size', type=int, nargs=2, default=[320, 240],
                        metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--domain', type=int, default=101)  # beyond those of the tests
    parser.add_argument('--launched', action='store_true',
                        help='with the environment that the launch files set')
    arguments = parser.parse_args()
    if arguments.launched:
        os.environ.update(launch_environment(
            str(ROOT / 'config' / 'dds' / 'fastdds_large_images.xml'), os.environ))
    os.environ.update(ROS_DOMAIN_ID=str(arguments.domain),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]), PYTHONUNBUFFERED='1')
    every = max(arguments.stacks // 10, 1)
    print('| stacks | ' + ' | '.join(f'{name}, MB' for name in NODES) + ' |')
    print('| --- ' * (1 + len(NODES)) + '|')

    def tell(count: int, memory: dict[str, int]) -> None:
        if count % every == 0 or count == 1:
            print(f'| {count} | ' + ' | '.join(
                f'{memory[name] / 1024:.1f}' for name in NODES) + ' |', flush=True)

    with tempfile.TemporaryDirectory() as folder:
        result = soak(arguments.stacks, arguments.size, environment, Path(folder), tell)
    print('| growth per stack, kB | ' + ' | '.join(
        f'{result.growth_kb(name):.1f}' for name in NODES) + ' |')
    print(f'{arguments.stacks} stacks of {POSITIONS} slices of {arguments.size[0]}x'
          f'{arguments.size[1]} in {result.seconds:.0f} s; {result.incomplete} of them incomplete')


if __name__ == '__main__':
    main()
