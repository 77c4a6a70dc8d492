# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The focal stack that comes with the package."""

from __future__ import annotations

from focus_stacking_ros.simulation.camera import Sweep, ThinLens
from focus_stacking_ros.simulation.circuit_board import circuit_board
from focus_stacking_ros.simulation.render import render_stack, SimulatedStack

__all__ = ['BUILT_IN_LENS', 'built_in_stack', 'built_in_sweep']

#: A 50 mm lens at f/4 with 4 % of breathing and the noise of a small industrial sensor.
BUILT_IN_LENS = ThinLens(breathing=-0.04, point_spread_px=0.5, read_noise=0.5, shot_noise=1.5)


def built_in_sweep(count: int = 12, seed: int = 0) -> Sweep:
    """
    Return a sweep over the circuit board, near to far.

    With 12 slices the step is about three quarters of the depth of field, so that every part is
    sharp in at least one slice.

    :param count: number of slices
    :param seed: of the unevenness of the steps
    """
    return Sweep.between(0.2427, 0.2508, count, unevenness=0.2, seed=seed, shake_px=1.0,
                         exposure_flicker=0.01)


def built_in_stack(seed: int = 0, size: tuple[int, int] = (768, 1024),
                   count: int = 12) -> SimulatedStack:
    """
    Return a focal stack of a circuit board as a camera at 25 cm takes it.

    :param seed: of the scene's surfaces, the shake and the noise
    :param size: (height, width) of a slice, pixels; a smaller size shows a smaller board
    :param count: number of slices
    """
    return render_stack(circuit_board(seed, size), BUILT_IN_LENS, built_in_sweep(count, seed),
                        seed)
