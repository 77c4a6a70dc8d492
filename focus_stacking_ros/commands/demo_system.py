# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Player and stacker as processes of their own, and a node that takes what they publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import json
import os
from pathlib import Path
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.result_files import OUTPUT_FILES, Thumbnail, write_result
from focus_stacking_ros.core.slices import SliceReport, StackResult
from focus_stacking_ros.core.stack_files import StackFile
from focus_stacking_ros.interface.images import image_to_array
from focus_stacking_ros.interface.inputs import SliceInput
from focus_stacking_ros.interface.message_stacker import FAILED_STACKS
from focus_stacking_ros.interface.node_options import NodeOptions
from focus_stacking_ros.interface.qos import output_profile
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

__all__ = ['Outcome', 'run_system']

_START_SECONDS = 30.0
_STALL_SECONDS = 120.0
_TIMEOUT_SECONDS = 5.0  # after the last image, where some cannot be read
_STOP_SECONDS = 20.0
_DEPTH = 'depth/image'
_IMAGES = ('all_in_focus/image', _DEPTH, 'confidence/image', 'slice_index/image')


@dataclass(frozen=True)
class Outcome:
    """
    What a demonstration came to.

    :param slices: accepted slices
    :param backend: name of the backend
    :param seconds: from the first image sent to the last result received
    :param summary: a line about the result
    :param left_out: files that are not part of the result
    :param files: names of the written files
    """

    slices: int
    backend: str
    seconds: float
    summary: str
    left_out: tuple[Path, ...]
    files: tuple[str, ...]


class _Receiver(Node):
    """Takes the slices, for the overview, and all results."""

    def __init__(self, metric: bool, **node_arguments: Any) -> None:
        super().__init__('receiver', **node_arguments)
        self._metric = metric
        self.results: dict[str, Any] = {}
        self.thumbnails: list[Thumbnail] = []
        self.first_slice = self.last_message = 0.0
        self.failure = ''
        for name in _IMAGES:
            self.create_subscription(Image, name, self._keeper(name), output_profile())
        self.create_subscription(String, 'report', self._keeper('report'), output_profile())
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)
        self._slices = SliceInput(self, NodeOptions(input_reliability='reliable'), self._slice,
                                  self.get_logger().error)

    def complete(self) -> bool:
        # Without distances there is no metric depth, and no message with it.
        return set(self.results) >= {*_IMAGES, 'report'} - {'' if self._metric else _DEPTH}

    def _keeper(self, name: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            self.results[name] = message
            self.last_message = time.monotonic()
        return keep

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if (status.name == f'{self.get_namespace().lstrip("/")}/stacker: stack'
                    and any(item.key == FAILED_STACKS for item in status.values)):
                self.failure = status.message

    def _slice(self, pair: Any) -> None:
        self.last_message = time.monotonic()
        self.first_slice = self.first_slice or self.last_message
        self.thumbnails.append(Thumbnail.of(image_to_array(pair.image), pair.position,
                                            metric=self._metric))


class _Process:
    """A node as a process of its own, its output kept for when it fails."""

    def __init__(self, started: list[_Process], module: str, namespace: str, log: Path,
                 **parameters: object) -> None:
        self.name, self._log = module.rsplit('.', 1)[-1], log
        command = [sys.executable, '-m', module, '--ros-args', '-r', f'__ns:={namespace}']
        for name, value in parameters.items():
            # JSON is YAML: nothing in a folder's name is taken for more than a name.
            words = json.dumps(value, ensure_ascii=False)
            command += ['-p', f'{name.replace("__", ".")}:={words}']
        with log.open('wb') as output:
            # A session of its own: Ctrl-C reaches this process only, which ends the others.
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                             stdin=subprocess.DEVNULL, start_new_session=True)
        started.append(self)

    def check(self, *, may_end: bool = False) -> None:
        """Raise CommandError if the process has ended before its time."""
        code = self._process.poll()
        if code is not None and not (may_end and code == 0):
            raise CommandError(f'{self.name} ended with exit code {code}: {self.last_words()}')

    def last_words(self, mark: str = '') -> str:
        """Return the last line the process wrote, of those with a mark."""
        lines = [line for line in self._log.read_text(errors='replace').strip().splitlines()
                 if mark in line]
        return lines[-1] if lines else ''

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def run_system(folder: Path, files: list[StackFile], output: Path, rate: float) -> Outcome:
    """
    Play a folder to the stacking node and write what the topics carry.

    :param folder: images, with a meta.json or without
    :param files: the same images
    :param output: folder for the results
    :param rate: images per second
    :raises CommandError: a process ended, nothing came, or the folder cannot be written
    """
    # A namespace of its own keeps the demonstration off a robot that shares the network.
    namespace = f'/focus_stacking_demo_{os.getpid()}_{secrets.token_hex(4)}'
    metric = files[0].focus_distance_m is not None
    with tempfile.TemporaryDirectory(prefix='focus_stacking_log_') as logs, \
            _receiver(metric, namespace) as (receiver, executor):
        started: list[_Process] = []
        try:
            with _signals_put_off():
                stacker = _Process(
                    started, 'focus_stacking_ros.nodes.stacker_node', namespace,
                    Path(logs, 'stacker'), stack__size=len(files),
                    focus__unit='metres' if metric else 'raw',
                    stack__timeout=max(_TIMEOUT_SECONDS, 3 / rate))
            _spin(executor, lambda: receiver.count_publishers(f'{namespace}/report'),
                  stacker.check, 'the stacking node to start')
            with _signals_put_off():
                player = _Process(
                    started, 'focus_stacking_ros.nodes.player_node', namespace,
                    Path(logs, 'player'), folder=str(folder.absolute()), rate=rate,
                    wait_for_subscribers=2)
            _spin(executor, lambda: receiver.first_slice, player.check, 'the first image')

            def check() -> None:
                stacker.check()
                player.check(may_end=True)
                if receiver.failure:
                    why = [process.last_words(mark) for process, mark
                           in ((player, '[ERROR]'), (stacker, '[WARN]'))]
                    raise CommandError('; '.join([receiver.failure, *filter(None, why)]))
                if time.monotonic() - receiver.last_message > _STALL_SECONDS:
                    raise CommandError(f'no result after {_STALL_SECONDS:.0f} s; the stacking '
                                       f'node says: {stacker.last_words()}')

            _spin(executor, receiver.complete, check, '', timeout_seconds=float('inf'))
        finally:
            for process in reversed(started):
                process.stop()
        result, report = _result(receiver.results, files)
        write_result(output, result, report, receiver.thumbnails)
        return Outcome(sum(frame['accepted'] for frame in report['frames']), report['backend'],
                       receiver.last_message - receiver.first_slice, _summary(result),
                       _left_out(report, files),
                       OUTPUT_FILES)


@contextmanager
def _signals_put_off() -> Iterator[None]:
    """Handle signals at the end of a with block: a process must not start unnoticed."""
    heard: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: heard.append(number))
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
              if callable(signal.getsignal(number))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in heard:
        signal.raise_signal(number)


@contextmanager
def _receiver(metric: bool, namespace: str) -> Iterator[tuple[_Receiver, Any]]:
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor(context=context)
    node = _Receiver(metric, context=context, namespace=namespace)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def _spin(executor: Any, until: Callable[[], Any], check: Callable[[], None], what: str,
          timeout_seconds: float = _START_SECONDS) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not until():
        executor.spin_once(timeout_sec=0.1)
        check()
        if time.monotonic() > deadline:
            raise CommandError(f'waited {timeout_seconds:.0f} s for {what}; is another network '
                               'setting (ROS_DOMAIN_ID, RMW_IMPLEMENTATION) in the way?')


def _result(messages: dict[str, Any], files: list[StackFile]
            ) -> tuple[StackResult, dict[str, Any]]:
    """Return the result and its report as the topics carried them, with the files' names."""
    report = json.loads(messages['report'].data)
    paths = {file.position: str(file.path) for file in files}
    reports = []
    for frame in report['frames']:
        frame['file'] = paths.get(frame['position'], '')
        transform = frame['transform']
        reports.append(SliceReport(
            frame['number'], frame['focus_distance_m'], frame['rank'],
            None if transform is None else np.array(transform), frame['gain'],
            frame['residual'], frame['accepted'], frame['reason']))
    image, depth, confidence, index = (
        image_to_array(messages[name]) if name in messages else None for name in _IMAGES)
    if depth is None:
        depth = np.full(index.shape, np.nan, np.float32)
    return StackResult(image, depth, confidence, index, tuple(reports), report['reference'],
                       report['noise_sigma'], tuple(report['notes']), report['timings_ms'],
                       report['backend']), report


def _left_out(report: dict[str, Any], files: list[StackFile]) -> tuple[Path, ...]:
    used = {frame['file'] for frame in report['frames'] if frame['accepted']}
    return tuple(file.path for file in files if str(file.path) not in used)


def _summary(result: StackResult) -> str:
    trusted = float((result.confidence >= 0.5).mean())
    words = f'{trusted:.0%} of the pixels have a confidence of 0.5 or more'
    known = result.depth_m[np.isfinite(result.depth_m)]
    if known.size:
        near, far = np.percentile(known, (1, 99)) * 1e3
        return f'depth from {near:.2f} to {far:.2f} mm; {words}'
    return f'no focus distances, so the depth is a slice index; {words}'
