# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Several hosts on one machine: network namespaces, joined by veth pairs and a bridge.

Each has an address and a /dev/shm of its own, so that DDS can only go over the network. This needs
the right to make network namespaces, which root has, and iproute2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import os
import shutil
import subprocess

__all__ = ['Host', 'HostsError', 'several_hosts']

_SHARED_MEMORY_BYTES = 1 << 30


class HostsError(RuntimeError):
    """Network namespaces cannot be made here; says why."""


@dataclass(frozen=True)
class Host:
    """
    A host.

    :param space: name of its network namespace
    :param process: identifier of a process that runs there
    """

    space: str
    process: int

    def command(self, command: Sequence[object]) -> list[str]:
        """Return the command that runs another one on this host."""
        return ['nsenter', '--target', str(self.process), '--net', '--mount',
                f'--wdns={os.getcwd()}', *map(str, command)]


def _ip(*arguments: str) -> None:
    done = subprocess.run(['ip', *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise HostsError(f'ip {" ".join(arguments)}: {done.stderr.strip()}')


def _join(switch: str, space: str, number: int, rate: str) -> None:
    """Connect a network namespace with the bridge in another one."""
    port = f'port{number}'
    _ip('-n', switch, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
    _ip('-n', switch, 'link', 'set', port, 'master', 'bridge', 'up')
    _ip('-n', space, 'addr', 'add', f'10.231.7.{number}/24', 'dev', 'eth0')
    _ip('-n', space, 'link', 'set', 'eth0', 'up')
    _ip('-n', space, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')
    if rate:
        subprocess.run(['tc', '-n', space, 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate',
                        rate, 'burst', '1mb', 'latency', '50ms'], check=True)


def _inhabitant(space: str) -> subprocess.Popen[str]:
    """Start the process that keeps the /dev/shm of a host; it has one once this returns."""
    script = f'mount -t tmpfs -o size={_SHARED_MEMORY_BYTES} tmpfs /dev/shm && echo there && cat'
    process = subprocess.Popen(
        ['ip', 'netns', 'exec', space, 'sh', '-c', script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout is None or process.stdout.readline() != 'there\n':
        _, words = process.communicate()
        raise HostsError(f'a host cannot have its own /dev/shm: {words.strip()}')
    return process


@contextmanager
def several_hosts(names: Sequence[str], rate: str = '') -> Iterator[dict[str, Host]]:
    """
    Make hosts for the time of a ``with`` block; yields them by name.

    :param names: of the hosts
    :param rate: what each may send, as tc has it, such as 1gbit; empty for no limit
    :raises HostsError: they cannot be made here
    """
    for program in ('ip', 'nsenter'):
        if shutil.which(program) is None:
            raise HostsError(f'there is no `{program}`; iproute2 and util-linux have it')
    prefix = f'fs{os.getpid()}'
    switch = f'{prefix}-switch'
    spaces = {name: f'{prefix}-{name}' for name in names}
    made: list[str] = []
    inhabitants: dict[str, subprocess.Popen[str]] = {}
    try:
        for space in (switch, *spaces.values()):
            _ip('netns', 'add', space)
            made.append(space)
            _ip('-n', space, 'link', 'set', 'lo', 'up')
        _ip('-n', switch, 'link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
        _ip('-n', switch, 'link', 'set', 'bridge', 'up')
        for number, (name, space) in enumerate(spaces.items(), 1):
            _join(switch, space, number, rate)
            inhabitants[name] = _inhabitant(space)
        yield {name: Host(spaces[name], each.pid) for name, each in inhabitants.items()}
    finally:
        for each in inhabitants.values():
            each.communicate()  # closes its input, which ends it
        for space in made:
            subprocess.run(['ip', 'netns', 'delete', space], check=False)
