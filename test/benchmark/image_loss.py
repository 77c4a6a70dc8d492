#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Count the large images that get lost between two processes, by transport and quality of service.

Prints a table of lost/sent and the median and 95 % delay; run from the repository's root. The two
processes share this machine, whatever else runs on it; with --hosts each has a network namespace
and shared memory of its own, as two machines have. That needs root.
"""

from __future__ import annotations

import argparse
import array
from contextlib import nullcontext
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from helpers.hosts import Host, several_hosts  # noqa: E402

WIDTH, HEIGHT = 2048, 1536
DDS = Path(__file__).resolve().parents[2] / 'config' / 'dds'
PROFILES = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
TRANSPORTS = {
    'default': {},
    **{name: dict.fromkeys(PROFILES, str(DDS / name)) for name in (
        'fastdds_large_images.xml', 'fastdds_one_machine.xml', 'fastdds_several_hosts.xml')},
    'LARGE_DATA': {'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA',
                   'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'},
}
QUALITIES = {'reliable 20': ('RELIABLE', 20), 'reliable 5': ('RELIABLE', 5),
             'best effort 5': ('BEST_EFFORT', 5)}
KEEP_MEMORY = {'MALLOC_MMAP_THRESHOLD_': '1073741824', 'MALLOC_TRIM_THRESHOLD_': '4294967296',
               'MALLOC_TOP_PAD_': '67108864'}


def main() -> None:
    """Print the table, or be one of the two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rates', type=float, nargs='+', default=[5.0, 15.0], help='hertz')
    parser.add_argument('--images', type=int, default=40)
    parser.add_argument('--domain', type=int, default=102)  # beyond those of the tests
    parser.add_argument('--size', type=int, nargs=2, default=[WIDTH, HEIGHT],
                        metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--hosts', action='store_true', help='between two network namespaces')
    parser.add_argument('--link', default='', help='with --hosts: what a host may send, such as '
                        '1gbit; no limit without')
    parser.add_argument('--transports', nargs='+', choices=TRANSPORTS, default=list(TRANSPORTS))
    parser.add_argument('--qualities', nargs='+', choices=QUALITIES, default=list(QUALITIES))
    parser.add_argument('--role', nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        role, reliability, depth, rate, result = arguments.role
        work = publish if role == 'publish' else receive
        work(reliability, int(depth), arguments, float(rate), Path(result))
        return
    with several_hosts(('publish', 'receive'), arguments.link) if (
            arguments.hosts) else nullcontext({}) as hosts:
        table(arguments, hosts)


def table(arguments: argparse.Namespace, hosts: dict[str, Host]) -> None:
    """Measure everything and print it."""
    width, height = arguments.size
    print(f'{width}x{height} bgr8, {arguments.images} images: lost/sent (median / 95 % delay, ms)')
    print('| transport | ' + ' | '.join(
        f'{name}, {rate:g} Hz' for name in arguments.qualities for rate in arguments.rates) + ' |')
    for transport in arguments.transports:
        cells = [measure(TRANSPORTS[transport], *QUALITIES[quality], rate, arguments, hosts)
                 for quality in arguments.qualities for rate in arguments.rates]
        print(f'| {transport} | ' + ' | '.join(cells) + ' |', flush=True)


def measure(variables: dict[str, str], reliability: str, depth: int, rate: float,
            arguments: argparse.Namespace, hosts: dict[str, Host] | None = None) -> str:
    """
    Run both processes; returns a cell of the table.

    :param hosts: those of ``publish`` and ``receive``, if they are to have any
    """
    reach = 'SUBNET' if hosts else 'LOCALHOST'
    environment = {**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': reach, **KEEP_MEMORY,
                   **variables, 'ROS_DOMAIN_ID': str(arguments.domain)}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, 'result.json')
        processes = []
        for role in ('receive', 'publish'):
            command = [sys.executable, __file__, '--images', str(arguments.images), '--size',
                       *(str(side) for side in arguments.size), '--role', role, reliability,
                       str(depth), str(rate), str(result)]
            processes.append(subprocess.Popen(
                hosts[role].command(command) if hosts else command, env=environment))
        try:
            for process in processes:
                process.wait(120)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        delays = json.loads(result.read_text())
    lost = arguments.images - len(delays)
    if not delays:
        return f'{lost}/{arguments.images}'
    return (f'{lost}/{arguments.images} ({1e3 * delays[len(delays) // 2]:.0f} / '
            f'{1e3 * delays[int(0.95 * (len(delays) - 1))]:.0f})')


def connect(reliability: str, depth: int):
    """Return a node and the profile of the images."""
    import rclpy
    from rclpy.qos import QoSProfile, QoSReliabilityPolicy
    rclpy.init()
    return rclpy.create_node('loss'), QoSProfile(
        depth=depth, reliability=QoSReliabilityPolicy[reliability])


def publish(reliability: str, depth: int, arguments: argparse.Namespace, rate: float,
            result: Path) -> None:
    """Send images at a rate, then wait until the receiver has ended."""
    width, height = arguments.size
    node, profile = connect(reliability, depth)
    from sensor_msgs.msg import Image
    publisher = node.create_publisher(Image, 'image', profile)
    data = array.array('B', bytes(width * height * 3))
    while not publisher.get_subscription_count():
        time.sleep(0.05)
    time.sleep(0.5)
    for number in range(arguments.images):
        started = time.monotonic()
        message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
        message.data = data
        message.header.frame_id = str(number)
        now = time.time_ns()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, 1_000_000_000)
        publisher.publish(message)
        time.sleep(max(0.0, started + 1 / rate - time.monotonic()))
    deadline = time.monotonic() + 20
    while not result.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def receive(reliability: str, depth: int, arguments: argparse.Namespace, rate: float,
            result: Path) -> None:
    """Take images until the last one or until none has come for a while."""
    import rclpy
    from sensor_msgs.msg import Image
    node, profile = connect(reliability, depth)
    delays: dict[str, float] = {}

    def take(message: Image) -> None:
        stamp = message.header.stamp
        delays[message.header.frame_id] = time.time() - stamp.sec - 1e-9 * stamp.nanosec

    node.create_subscription(Image, 'image', take, profile)
    quiet, started = 4 + 1 / rate, time.monotonic()
    last, known = started + 10, 0
    while len(delays) < arguments.images and time.monotonic() < last + quiet:
        rclpy.spin_once(node, timeout_sec=0.1)
        if len(delays) > known or (not known and node.count_publishers('image') == 0):
            last, known = time.monotonic(), len(delays)
    partial = result.with_suffix('.partial')
    partial.write_text(json.dumps(sorted(delays.values())))
    partial.rename(result)


if __name__ == '__main__':
    main()
