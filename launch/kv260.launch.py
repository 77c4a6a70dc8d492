# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Start the stacking node on a Kria KV260; without its firmware it warns once and uses the CPU."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    ('namespace', '', 'namespace of the cell; all topics are relative to it'),
    ('params_file', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'focus_stacking.yaml']),
     'YAML file of parameters'),
    ('backend', 'kria', 'who does the per-slice work: kria, or another one to compare with'),
    ('image', 'image', 'topic of the images'),
    ('focus_position', 'focus_position', 'topic of the focus positions, for focus.source point'),
    ('focus_position_stamped', 'focus_position_stamped',
     'topic of the typed focus positions, for focus.source typed'),
    ('joint_states', 'joint_states', 'topic of the joint states, for focus.source joint_state'),
    ('lens_position', 'lens_position', 'topic of the lens position, for focus.source float32'),
    ('camera_info', 'camera_info', 'topic of the camera infos'),
    ('dds_profile', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'dds', 'fastdds_large_images.xml']),
     'Fast DDS profile of the node; empty for none. What the environment sets already wins'),
)


def generate_launch_description():
    """Return the stacking node with the backend of the board."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=words)
          for name, default, words in ARGUMENTS),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution([
                FindPackageShare('focus_stacking_ros'), 'launch', 'focus_stacking.launch.py'])),
            launch_arguments={name: LaunchConfiguration(name) for name, *_ in ARGUMENTS}.items())])
