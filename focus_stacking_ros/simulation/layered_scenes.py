# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated scenes of which one surface is seen through another."""

from __future__ import annotations

import cv2
from focus_stacking_ros.simulation.painting import FINENESS, Painting
from focus_stacking_ros.simulation.scene import Layer, Scene
from focus_stacking_ros.simulation.staging import inspection_view, surface_grain
import numpy as np

__all__ = ['behind_glass']


def behind_glass(seed: int = 0, size: tuple[int, int] = (768, 1024), distance_m: float = 0.25,
                 cover: float = 0.45, rise_m: float = 0.005) -> Scene:
    """
    Return a board of which the right half is seen through a pane with a grain of its own.

    Three thin wires run over the left half, where nothing is before the board but they.

    :param seed: of all grain
    :param size: (height, width) of the view, pixels
    :param distance_m: of the board, metres
    :param cover: share of the light that the pane's own surface gives, 0 to 1
    :param rise_m: by how much the pane is nearer than the board, metres; the wires lie half as far
    :returns: layers far to near: board, wires, pane
    """
    p, _, _, margin, rng = inspection_view(seed, size, 38)
    grain = surface_grain(p, rng, [(1, 0.30), (2, 0.25), (6, 0.15)])
    p.paint(np.ones(p.shape, np.float32), (96, 128, 120), grain)
    board = Layer(*p.finished(distance_m), (0, 0))
    pixels = p.shape[1] // FINENESS
    wires = Painting(p.size, p.scale / FINENESS)
    for share in (0.14, 0.27, 0.4):
        # Two pixels and more of radius: what a lens that resolves the grain resolves, too.
        line = np.zeros(p.shape, np.uint8)
        left = round(share * p.shape[1])
        cv2.line(line, (left, 0), (left + p.shape[0] // 8, p.shape[0]), 255,
                 4 * FINENESS, cv2.LINE_AA)
        wires.paint(line * np.float32(1 / 255), (200, 206, 210),
                    surface_grain(p, rng, [(1, 0.2), (2, 0.2)]))
    wire = Layer(*wires.finished(distance_m - rise_m / 2))
    pane = Painting(p.size, p.scale / FINENESS)
    pane.paint(np.ones(p.shape, np.float32), (150, 140, 130),
               surface_grain(p, rng, [(1, 0.35), (2, 0.30), (6, 0.15)]))
    texture, depth, alpha = pane.finished(distance_m - rise_m)
    alpha = (cover * alpha).astype(np.float32)
    alpha[:, :pixels // 2] = 0
    return Scene('behind_glass', (board, wire, Layer(texture, depth, alpha)), margin)
