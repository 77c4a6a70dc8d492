# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Simulated scenes whose highlights are many times brighter than white.

Out of focus such a highlight is a disc with a hard edge: the aperture's image, clipped by the
sensor. The light of a highlight fills the whole aperture here; real ones may fill a part of it.
"""

from __future__ import annotations

import cv2
from focus_stacking_ros.simulation.painting import linear, noise, Painting
from focus_stacking_ros.simulation.scene import Layer, Scene
from focus_stacking_ros.simulation.staging import (
    far_to_near,
    inspection_view,
    light_relief,
    part_layer,
    surface_grain,
    WIDTH_MM,
)
import numpy as np
from numpy.typing import NDArray

__all__ = ['ball_grid', 'rough_metal']

Array = NDArray[np.float32]


def rough_metal(seed: int = 0, size: tuple[int, int] = (768, 1024), distance_m: float = 0.25,
                glints_per_mm2: float = 3.0) -> Scene:
    """
    Return a milled and blasted metal part with a slope, a pocket, a bolt, and glints all over.

    :param seed: of grain and glints
    :param size: (height, width) of the view, pixels
    :param distance_m: of the lowest surface, metres
    :param glints_per_mm2: number of facets that mirror the lamp, up to 30 times white
    """
    p, x, y, margin, rng = inspection_view(seed, size, 36)
    slope = 3.0 * np.clip((x + 0.25 * y) / WIDTH_MM + 0.5, 0, 1)
    # A pocket with walls of about 45 degrees, 2 mm deep.
    inside = np.minimum(4.2 - np.abs(x + 4.5), 3.4 - np.abs(y - 3.0))
    pocket = 1.6 * np.clip(inside, 0, 1)
    height = cv2.GaussianBlur((1.8 + slope - pocket).astype(np.float32), (0, 0), 0.1 * p.scale)
    blasted = surface_grain(p, rng, [(1, 0.14), (2, 0.10), (5, 0.06)])
    # Traces of the mill: long in one direction.
    traces = cv2.GaussianBlur(noise(rng, p.shape, [(1, 1.0), (3, 0.5)]), (0, 0), 24, sigmaY=0.8)
    traces *= 0.12 / max(float(traces.std()), 1e-6)
    p.paint(np.ones(p.shape, np.float32), (146, 150, 154), blasted + traces)
    p.relief_m += height / 1000
    light_relief(p, height + 0.02 * surface_grain(p, rng, [(3, 0.5), (8, 0.5)]), 30.0, 0.5)
    _add_glints(p, rng, glints_per_mm2)
    layers = [Layer(*p.finished(distance_m))]
    origin = (p.shape[1] / 2 / p.scale, p.shape[0] / 2 / p.scale)

    def bolt(part: Painting) -> None:
        mask = part.disc(2.6, 2.6, 2.5)
        part.paint(mask, (120, 124, 128), noise(rng, part.shape, [(2, 0.12), (4, 0.10)]))
        part.bevel(mask, 0.5, 0.0004, 0.8)
        part.paint(part.rectangle(0.7, 2.35, 3.8, 0.5), (40, 42, 44),
                   noise(rng, part.shape, [(2, 0.15)]))
        _add_glints(part, rng, glints_per_mm2, mask)
    layers.append(part_layer(p, (origin[0] + 3.0, origin[1] - 5.5), (5.2, 5.2),
                             distance_m - 0.0065, bolt))
    return Scene('rough_metal', far_to_near(layers), margin)


def ball_grid(seed: int = 0, size: tuple[int, int] = (768, 1024),
              distance_m: float = 0.25) -> Scene:
    """
    Return the solder balls of a bowed ball grid array: a repeated pattern, a highlight on each.

    Highlights are up to forty times as bright as white, the ground is dark.

    :param seed: of grain, of the balls' sizes and of those that are missing
    :param size: (height, width) of the view, pixels
    :param distance_m: of the ground at its corners, metres
    """
    p, x, y, margin, rng = inspection_view(seed, size, 37)
    pitch, radius = 1.27, 0.4
    columns, rows = np.round(x / pitch), np.round(y / pitch)
    number = (rows * 64 + columns + 4096).astype(np.int64)
    sizes = (radius * rng.uniform(0.9, 1.04, 8192)).astype(np.float32)
    sizes[rng.random(8192) < 0.06] = 0
    own = sizes[number]
    away = np.hypot(x - columns * pitch, y - rows * pitch)
    cap = np.sqrt(np.maximum(own ** 2 - away ** 2, 0)).astype(np.float32)
    bow = 4.5 * np.clip(1 - (x ** 2 + 1.5 * y ** 2) / (WIDTH_MM / 2) ** 2, 0, None)
    ground = surface_grain(p, rng, [(1, 0.12), (3, 0.10), (9, 0.06)])
    p.paint(np.ones(p.shape, np.float32), (38, 52, 30), ground)
    ball = np.clip((own - away) * p.scale, 0, 1).astype(np.float32)
    tin = surface_grain(p, rng, [(1, 0.08), (2, 0.08), (6, 0.08)])
    p.paint(ball, (150, 154, 158), tin)
    p.relief_m += (cap + bow).astype(np.float32) / 1000
    light_relief(p, cv2.GaussianBlur(cap, (0, 0), 1.5), 500.0, 40.0, ball)
    return Scene('ball_grid', (Layer(*p.finished(distance_m)),), margin)


def _add_glints(painting: Painting, rng: np.random.Generator, per_mm2: float,
                where: Array | float = 1.0) -> None:
    """Add facets of 15 to 40 µm that mirror the lamp."""
    height, width = painting.shape
    count = round(per_mm2 * height * width / painting.scale ** 2)
    light = np.zeros(painting.shape, np.float32)
    places = rng.integers(0, (width, height), (count, 2))
    brightness = np.clip(rng.lognormal(1.0, 1.0, count), 0.5, 30)
    for (left, top), value, radius in zip(places.tolist(), brightness.tolist(),
                                          rng.uniform(0.015, 0.04, count), strict=True):
        cv2.circle(light, (left, top), max(round(radius * painting.scale), 1), value, -1)
    light = cv2.GaussianBlur(light, (0, 0), 0.7) * np.float32(1) * where
    painting.colour += light[..., None] * linear((250, 252, 255))
