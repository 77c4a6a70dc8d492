# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Start the stacking node for a camera that is running already."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    ('namespace', '', 'namespace of the cell; all topics are relative to it'),
    ('params_file', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'focus_stacking.yaml']),
     'YAML file of parameters'),
    ('backend', 'auto', 'who does the per-slice work: auto, opencv, native, emulation, kria'),
    ('image', 'image', 'topic of the images'),
    ('focus_position', 'focus_position', 'topic of the focus positions'),
    ('camera_info', 'camera_info', 'topic of the camera infos'),
)

# Page faults of large messages cost more than copying them, so the allocator keeps its memory.
KEEP_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': '1073741824',
    'MALLOC_TRIM_THRESHOLD_': '4294967296',
    'MALLOC_TOP_PAD_': '67108864',
}


def generate_launch_description():
    """Return the stacking node with its arguments."""
    stacker = Node(
        package='focus_stacking_ros', executable='stacker', name='stacker', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'),
            {'backend': ParameterValue(LaunchConfiguration('backend'), value_type=str)}],
        remappings=[
            ('image', LaunchConfiguration('image')),
            ('image/compressed', [LaunchConfiguration('image'), '/compressed']),
            ('focus_position', LaunchConfiguration('focus_position')),
            ('camera_info', LaunchConfiguration('camera_info'))],
        additional_env=KEEP_MEMORY)
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=words)
          for name, default, words in ARGUMENTS),
        stacker])
