# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Play a folder of images, or a recording, to a stacking node of its own."""

import os
from pathlib import Path

from focus_stacking_ros.core.files.stack_files import gives_distances
from focus_stacking_ros.launch_environment import launch_environment
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, SetParameter
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

# Of a recording, as it holds them, from the root; the player's are in the namespace.
TOPICS = ('image', 'focus_position', 'focus_position_stamped', 'joint_states', 'lens_position',
          'camera_info')
ARGUMENTS = (
    ('folder', '', 'folder of images; a meta.json in it gives the focus_distances_m, else the '
     'files themselves may'),
    ('recording', '', 'recording by rosbag2 to play in place of a folder'),
    ('focus_unit', 'metres', 'unit of the focus positions of a recording'),
    *((name, name, f'topic of a recording for {name}, as /camera/image_raw') for name in TOPICS),
    ('namespace', 'replay', 'namespace of both nodes'),
    ('params_file', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'replay.yaml']),
     'YAML file of parameters of both nodes'),
    ('backend', 'auto', 'who does the per-slice work: see the parameter backend'),
    ('rate', '5.0', 'images per second'),
    ('loop', 'false', 'whether to play the folder again and again'),
    ('rviz', 'false', 'whether to start rviz too, where rviz2 is installed: true, false'),
    ('dds_profile', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'dds', 'fastdds_large_images.xml']),
     'Fast DDS profile of both nodes; empty for none. What the environment sets already wins'),
)


def value_of(name, context):
    """Return an argument's value."""
    return LaunchConfiguration(name).perform(context)


def parameters_by_folder(context):
    """Return the parameters of the stacking node that follow from what is played."""
    rate = float(value_of('rate', context))
    if value_of('recording', context):
        unit = value_of('focus_unit', context)
    else:
        folder = Path(value_of('folder', context)).expanduser()
        # Without distances the positions are the numbers of the images, not metres.
        unit = 'metres' if gives_distances(folder) else 'raw'
    return [SetParameter('focus.unit', unit), SetParameter('stack.timeout', max(1.0, 3 / rate))]


def player_actions(context):
    """Return what plays the folder or the recording."""
    folder, recording = value_of('folder', context), value_of('recording', context)
    if bool(folder) == bool(recording):
        raise ValueError('replay.launch.py takes folder:=/path/to/images or '
                         'recording:=/path/to/recording, one of them')
    if recording:
        return [ExecuteProcess(
            cmd=['ros2', 'bag', 'play', recording, *(
                ['--loop'] if value_of('loop', context).lower() in ('true', '1') else [])],
            output='screen',
            additional_env=launch_environment(value_of('dds_profile', context), os.environ))]
    return [Node(
        package='focus_stacking_ros', executable='player', name='player', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'), {
            'folder': ParameterValue(LaunchConfiguration('folder'), value_type=str),
            'rate': ParameterValue(LaunchConfiguration('rate'), value_type=float),
            'loop': ParameterValue(LaunchConfiguration('loop'), value_type=bool)}],
        additional_env=launch_environment(
            LaunchConfiguration('dds_profile').perform(context), os.environ))]


def generate_launch_description():
    """Return the player and the included stacking node."""
    stacker = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([
            FindPackageShare('focus_stacking_ros'), 'launch', 'focus_stacking.launch.py'])),
        launch_arguments={name: LaunchConfiguration(name)
                          for name in ('namespace', 'params_file', 'backend', 'rviz',
                                       'dds_profile', *TOPICS)}.items())
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=words)
          for name, default, words in ARGUMENTS),
        OpaqueFunction(function=parameters_by_folder), stacker,
        OpaqueFunction(function=player_actions)])
