# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated camera, sweeper and stacker as processes: a closed loop, scored against its truth."""

from __future__ import annotations

from functools import partial
import json
from pathlib import Path
import time
from typing import Any

from focus_stacking_ros.commands.demo.growing_line import GrowingLine
from focus_stacking_ros.commands.demo.nodes import own_namespace, spin_until, started_nodes
from focus_stacking_ros.commands.demo.receiver import (
    Outcome,
    received_result,
    Receiver,
    summary,
)
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.result_files import (
    DEVIATION_FILE,
    OUTPUT_FILES,
    write_result,
)
from focus_stacking_ros.commands.score import score_depth
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.own_context import in_own_context
from std_srvs.srv import Trigger

__all__ = ['CELL_PARAMETERS', 'run_cell']

_SWEEP_SECONDS = 300.0
_RESULT_SECONDS = 30.0
_TRUTH = 'truth/depth/image'

#: Parameters of the nodes of a simulated cell; config/demo.yaml has the same.
CELL_PARAMETERS: dict[str, dict[str, Any]] = {
    'sim_camera': {
        'camera.rate': 10.0, 'camera.latency': 0.1,
        # The grid of the narrowest slice, which the results are in.
        'truth.focus': 0.2427},
    'sweeper': {
        'sweep.near': 0.2427, 'sweep.far': 0.2508,
        'lens.f_number': 4.0, 'lens.focal_length': 0.05, 'camera.pixel_size': 6e-6,
        'settle.by': 'feedback', 'settle.time': 0.1},
    'stacker': {'stack.timeout': 10.0},
}
_NODES = ('sim_camera', 'sweeper', 'stacker')


def run_cell(output: Path, rate: float) -> Outcome:
    """
    Let a simulated cell make one sweep, and write what the topics carry.

    :param output: folder for the results
    :param rate: images of the camera per second
    :raises CommandError: a process ended, the sweep failed, or the folder cannot be written
    """
    namespace = own_namespace()
    parameters = {**CELL_PARAMETERS,
                  'sim_camera': {**CELL_PARAMETERS['sim_camera'], 'camera.rate': rate}}
    with GrowingLine() as line, in_own_context(
            partial(Receiver, True, (_TRUTH,), line), namespace=namespace) as (receiver, executor):
        with started_nodes(namespace) as start:
            started = [start(name, **{key.replace('.', '__'): value for key, value
                                      in parameters[name].items()})
                       for name in _NODES]

            def check() -> None:
                for process in started:
                    process.check()

            client = receiver.create_client(Trigger, 'sweeper/sweep')
            spin_until(executor, client.service_is_ready, check, 'the sweeper to start')
            # The first image says that the camera has drawn its scene.
            spin_until(executor, lambda: receiver.first_image, check, 'the first image')
            began = time.monotonic()
            future = client.call_async(Trigger.Request())
            spin_until(executor, future.done, check, 'the sweep', _SWEEP_SECONDS)
            if not future.result().success:
                raise CommandError(f'the sweep failed: {future.result().message}')
            spin_until(executor, receiver.complete, check, 'the result', _RESULT_SECONDS)
        result, report = received_result(receiver.results)
        answer = json.loads(future.result().message)
        if report['stamp'] != answer['stamp']:
            raise CommandError('the result is not that of the sweep: is somebody else publishing '
                               f'in {namespace}?')
        distances = [frame['focus_distance_m'] for frame in report['frames'] if frame['accepted']]
        score = score_depth(result.depth_m, image_to_array(receiver.results[_TRUTH]), distances)
        write_result(output, result, report, receiver.thumbnails)
        return Outcome(len(distances), report['backend'], receiver.last_message - began,
                       f'{summary(result)}\n{score}', (), (*OUTPUT_FILES, DEVIATION_FILE))
