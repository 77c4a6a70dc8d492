# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files launched, from an installed package; skipped where launch_ros is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
import json
import os
from pathlib import Path
import signal
import sys
from typing import Any

from helpers.ros_helpers import NodeProcess, RosContext, spin_until
import pytest

pytestmark = [pytest.mark.launch, pytest.mark.ros]
pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed')
packages = pytest.importorskip('ament_index_python.packages', reason='there is no ament index')

LAUNCH = """
import sys
from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch import LaunchDescription
service = LaunchService(noninteractive=True)
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]),
    launch_arguments=[tuple(each.split(':=', 1)) for each in sys.argv[2:]])]))
sys.exit(service.run())
"""
Launch = Callable[..., AbstractContextManager[NodeProcess]]


class Observer:
    """A node that looks at what was launched."""

    def __init__(self, ros: RosContext) -> None:
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node
        self.node = Node('observer', context=ros.context)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Spin until a condition holds."""
        return spin_until(self.executor, condition, 60, what)

    def wait_for_node(self, name: str) -> None:
        """Spin until there is a node with its topics."""
        self.wait(lambda: name in [f'{space.rstrip("/")}/{node}' for node, space
                                   in self.node.get_node_names_and_namespaces()], name)

    def messages(self, kind: type, topic: str, count: int) -> list[Any]:
        """Return the first messages of a topic."""
        from focus_stacking_ros.ros.node.qos import output_profile
        got: list[Any] = []
        self.node.create_subscription(kind, topic, got.append, output_profile())
        self.wait(lambda: len(got) >= count, topic)
        return got[:count]


@pytest.fixture
def observer(ros_context: RosContext) -> Iterator[Observer]:
    """Return a node that looks at what was launched."""
    made = Observer(ros_context)
    yield made
    made.executor.shutdown()
    made.node.destroy_node()


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Launch:
    """Return what launches an installed launch file, and ends it as Ctrl-C does."""
    try:
        share = Path(packages.get_package_share_directory('focus_stacking_ros'))
    except packages.PackageNotFoundError:
        pytest.skip('focus_stacking_ros is not installed by colcon')
    # That of the checkout would be run otherwise.
    environment = dict(environment, PYTHONPATH=os.environ.get('PYTHONPATH', ''))
    del environment['FASTDDS_DEFAULT_PROFILES_FILE']  # which the launch files would respect

    def begin(name: str, *arguments: str) -> AbstractContextManager[NodeProcess]:
        file = share / 'launch' / f'{name}.launch.py'
        return NodeProcess.running([sys.executable, '-c', LAUNCH, file, *arguments], environment,
                                   tmp_path / 'log')
    return begin


def end(launched: NodeProcess, nodes: int) -> None:
    """End what was launched, and see that every node ended well."""
    assert launched.stop(signal.SIGINT, 30) == 0, launched.log
    assert launched.log.count('process has finished cleanly') == nodes, launched.log
    assert 'Traceback' not in launched.log, launched.log


def environment_of(name: str) -> dict[str, str]:
    """Return the environment of the process of an executable."""
    for process in Path('/proc').glob('[0-9]*'):
        try:
            command = (process / 'cmdline').read_bytes().split(b'\0')
            variables = (process / 'environ').read_bytes().decode().split('\0')
        except OSError:
            continue
        values = dict(each.split('=', 1) for each in variables if '=' in each)
        if any(part.endswith(f'/lib/focus_stacking_ros/{name}'.encode()) for part in command) and (
                values.get('ROS_DOMAIN_ID') == os.environ['ROS_DOMAIN_ID']):
            return values
    raise AssertionError(f'no process of {name}')


def test_the_stacking_node_hears_the_camera_that_is_named(run: Launch, observer: Observer) -> None:
    with run('focus_stacking', 'namespace:=cell', 'image:=/camera/image_raw',
             'camera_info:=/camera/camera_info') as launched:
        observer.wait_for_node('/cell/stacker')
        heard = observer.wait(lambda: dict(
            observer.node.get_subscriber_names_and_types_by_node('stacker', '/cell')).keys()
            >= {'/camera/image_raw', '/camera/camera_info', '/cell/focus_position'}, 'topics')
        assert heard
        variables = environment_of('stacker')
        assert 'MALLOC_TRIM_THRESHOLD_' in variables
        assert any('fastdds_large_images.xml' in value for value in variables.values())
        end(launched, 1)


def test_the_demonstration_makes_a_sweep(run: Launch, observer: Observer) -> None:
    from std_msgs.msg import String
    from std_srvs.srv import Trigger
    with run('demo', 'rviz:=false', 'scene:=tilted_plane', 'continuous:=false') as launched:
        client = observer.node.create_client(Trigger, '/demo/sweeper/sweep')
        observer.wait(client.service_is_ready, 'the sweeper')
        observer.wait(lambda: observer.node.count_publishers('/demo/image'), 'the camera')
        future = client.call_async(Trigger.Request())
        observer.wait(future.done, 'the sweep')
        assert future.result().success, future.result().message
        report = json.loads(observer.messages(String, '/demo/report', 1)[0].data)
        assert report['stamp'] == json.loads(future.result().message)['stamp']
        for name in ('stacker', 'sweeper', 'sim_camera'):
            variables = environment_of(name)
            assert 'MALLOC_TRIM_THRESHOLD_' in variables, name
            assert any('fastdds_large_images.xml' in each for each in variables.values()), name
        end(launched, 3)


@pytest.mark.parametrize(('metric', 'loop'), [(True, False), (False, False), (True, True)])
def test_a_folder_is_replayed(metric: bool, loop: bool, run: Launch, observer: Observer,
                              tmp_path: Path) -> None:
    import cv2
    from helpers.cell import focal_stack
    from std_msgs.msg import String
    folder = tmp_path / 'images'
    folder.mkdir()
    for number, (image, _) in enumerate(focal_stack(4)):
        cv2.imwrite(str(folder / f'{number}.png'), image)
    if metric:
        (folder / 'meta.json').write_text('{"focus_distances_m": [0.1, 0.102, 0.104, 0.106]}')
    with run('replay', f'folder:={folder}', 'rate:=20.0', f'loop:={loop}'.lower()) as launched:
        for report in observer.messages(String, '/replay/report', 3 if loop else 1):
            frames = json.loads(report.data)['frames']
            assert [frame['accepted'] for frame in frames] == [True] * 4
            assert [frame['focus_distance_m'] for frame in frames] == (
                [0.1, 0.102, 0.104, 0.106] if metric else [None] * 4)
        end(launched, 2)


def test_without_a_board_the_cpu_does_the_work(run: Launch, observer: Observer) -> None:
    with run('kv260', 'namespace:=cell') as launched:
        observer.wait_for_node('/cell/stacker')
        launched.wait_for_log('a stack ends by')
        assert launched.log.count('using opencv instead') == 1, launched.log
        end(launched, 1)
