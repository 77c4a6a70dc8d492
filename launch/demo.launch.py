# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run a simulated cell: camera, sweeper and stacking node, and rviz where it is installed."""

import os

from focus_stacking_ros.launch_environment import launch_environment
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    ('namespace', 'demo', 'namespace of all nodes'),
    ('params_file', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'demo.yaml']),
     'YAML file of parameters of all nodes'),
    ('backend', 'auto', 'who does the per-slice work: see the parameter backend'),
    ('scene', 'circuit_board', 'what the camera looks at: circuit_board, crossing_wires, dome, '
     'solder_joints, textureless_parts, tilted_plane'),
    ('rate', '10.0', 'images of the camera per second'),
    ('continuous', 'true', 'whether to sweep up and down without end; false: when the service '
     'sweeper/sweep is called'),
    ('rviz', 'true', 'whether to start rviz too, where it is installed: true, false'),
    ('dds_profile', PathJoinSubstitution([
        FindPackageShare('focus_stacking_ros'), 'config', 'dds', 'fastdds_large_images.xml']),
     'Fast DDS profile of all nodes; empty for none. What the environment sets already wins'),
)


def cell_actions(context):
    """Return camera and sweeper."""
    common = {
        'namespace': LaunchConfiguration('namespace'), 'output': 'screen',
        'additional_env': launch_environment(
            LaunchConfiguration('dds_profile').perform(context), os.environ)}
    camera = Node(
        package='focus_stacking_ros', executable='sim_camera', name='sim_camera', **common,
        parameters=[LaunchConfiguration('params_file'), {
            'scene': ParameterValue(LaunchConfiguration('scene'), value_type=str),
            'camera.rate': ParameterValue(LaunchConfiguration('rate'), value_type=float)}])
    sweeper = Node(
        package='focus_stacking_ros', executable='sweeper', name='sweeper', **common,
        parameters=[LaunchConfiguration('params_file'), {
            'continuous': ParameterValue(LaunchConfiguration('continuous'), value_type=bool)}])
    return [camera, sweeper]


def generate_launch_description():
    """Return the included stacking node, rviz, camera and sweeper."""
    stacker = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([
            FindPackageShare('focus_stacking_ros'), 'launch', 'focus_stacking.launch.py'])),
        launch_arguments={name: LaunchConfiguration(name)
                          for name in ('namespace', 'params_file', 'backend', 'rviz',
                                       'dds_profile')}.items())
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=words)
          for name, default, words in ARGUMENTS),
        stacker, OpaqueFunction(function=cell_actions)])
