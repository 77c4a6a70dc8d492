# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A thin-lens camera that renders focal stacks of inspection scenes, with truth.

::

    from focus_stacking_ros.simulation import built_in_stack, write_stack
    stack = built_in_stack(seed=1)
    write_stack(stack, 'my_stack')
"""

from __future__ import annotations

from focus_stacking_ros.simulation.built_in import BUILT_IN_LENS, built_in_stack, built_in_sweep
from focus_stacking_ros.simulation.camera import Sweep, ThinLens
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.inspection_scenes import (
    crossing_wires,
    dome,
    solder_joints,
    textureless_parts,
    tilted_plane,
)
from focus_stacking_ros.simulation.layered_scenes import behind_glass
from focus_stacking_ros.simulation.reflecting_scenes import ball_grid, rough_metal
from focus_stacking_ros.simulation.render import (
    REFERENCES,
    render_slice,
    render_stack,
    SimulatedStack,
)
from focus_stacking_ros.simulation.scene import Layer, Scene
from focus_stacking_ros.simulation.write import write_stack

__all__ = ['BUILT_IN_LENS', 'REFERENCES', 'Layer', 'Scene', 'SimulatedStack', 'Sweep', 'ThinLens',
           'ball_grid', 'behind_glass', 'built_in_stack', 'built_in_sweep', 'circuit_board',
           'crossing_wires', 'dome', 'render_slice', 'render_stack', 'rough_metal',
           'solder_joints', 'textureless_parts', 'tilted_plane', 'write_stack']
