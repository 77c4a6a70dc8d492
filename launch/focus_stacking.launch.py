# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Start the stacking node for a camera that is running already, and rviz if it is wanted."""

import os

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from focus_stacking_ros.launch_environment import launch_environment
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CONFIG = [FindPackageShare('focus_stacking_ros'), 'config']
ARGUMENTS = (
    ('namespace', '', 'namespace of the cell; all topics are relative to it'),
    ('params_file', PathJoinSubstitution([*CONFIG, 'focus_stacking.yaml']),
     'YAML file of parameters'),
    ('backend', 'auto', 'who does the per-slice work: see the parameter backend'),
    ('image', 'image', 'topic of the images'),
    ('focus_position', 'focus_position', 'topic of the focus positions, for focus.source point'),
    ('focus_position_stamped', 'focus_position_stamped',
     'topic of the typed focus positions, for focus.source typed'),
    ('joint_states', 'joint_states', 'topic of the joint states, for focus.source joint_state'),
    ('lens_position', 'lens_position', 'topic of the lens position, for focus.source float32'),
    ('camera_info', 'camera_info', 'topic of the camera infos'),
    ('rviz', 'false', 'whether to start rviz too, where rviz2 is installed: true, false'),
    ('rviz_config', PathJoinSubstitution([*CONFIG, 'focus_stacking.rviz']),
     'configuration of rviz'),
    ('rviz_frame', 'camera_optical_frame', 'fixed frame of rviz: that of the images, or one that '
     'TF connects with it'),
    ('dds_profile', PathJoinSubstitution([*CONFIG, 'dds', 'fastdds_large_images.xml']),
     'Fast DDS profile of what is started here, with room for large images in shared memory; '
     'empty for none. What the environment sets already wins'),
)

# What config/focus_stacking.rviz shows; its names are moved into the namespace of the cell.
RVIZ_TOPICS = ('all_in_focus/image', 'confidence/preview', 'depth/image', 'depth/preview',
               'normals', 'points')


def rviz_actions(context):
    """Return rviz, or what to say where it is not installed; nothing where it is not wanted."""
    if LaunchConfiguration('rviz').perform(context).lower() not in ('true', '1'):
        return []
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError:
        return [LogInfo(msg='rviz2 is not installed, so it is not started: '
                            'install ros-$ROS_DISTRO-rviz2')]
    return [Node(
        package='rviz2', executable='rviz2', name='rviz', output='screen',
        namespace=LaunchConfiguration('namespace'),
        arguments=['-d', LaunchConfiguration('rviz_config'),
                   '-f', LaunchConfiguration('rviz_frame')],
        remappings=[*((f'/{name}', name) for name in RVIZ_TOPICS),
                    ('/focus_position', LaunchConfiguration('focus_position'))],
        additional_env=environment(context))]


def environment(context):
    """Return the environment of what is started here."""
    return launch_environment(LaunchConfiguration('dds_profile').perform(context), os.environ)


def stacker_actions(context):
    """Return the stacking node."""
    return [Node(
        package='focus_stacking_ros', executable='stacker', name='stacker', output='screen',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'),
            {'backend': ParameterValue(LaunchConfiguration('backend'), value_type=str)}],
        remappings=[
            ('image/compressed', [LaunchConfiguration('image'), '/compressed']),
            *((name, LaunchConfiguration(name)) for name in (
                'image', 'focus_position', 'focus_position_stamped', 'joint_states',
                'lens_position', 'camera_info'))],
        additional_env=environment(context))]


def generate_launch_description():
    """Return the stacking node and rviz with their arguments."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=words)
          for name, default, words in ARGUMENTS),
        OpaqueFunction(function=stacker_actions), OpaqueFunction(function=rviz_actions)])
