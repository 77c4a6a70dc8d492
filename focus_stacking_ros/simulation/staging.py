# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the inspection scenes share: the view, the lamp, grain, parts."""

from __future__ import annotations

from collections.abc import Callable

import cv2
from focus_stacking_ros.simulation.painting import FINENESS, linear, noise, Painting
from focus_stacking_ros.simulation.scene import Layer
import numpy as np
from numpy.typing import NDArray

__all__ = ['WIDTH_MM', 'far_to_near', 'inspection_view', 'light_relief', 'part_layer',
           'surface_grain']

Array = NDArray[np.float32]
#: What every view shows, millimetres.
WIDTH_MM = 24.6
#: Where the lamp is: to the left, up, and towards the camera (the direction of -depth).
LAMP = np.array([-0.4, -0.5, 0.77], np.float32)


def inspection_view(seed: int, size: tuple[int, int], stream: int) -> tuple[
        Painting, Array, Array, int, np.random.Generator]:
    """Return a painting of the ground, x and y from its middle in mm, margin, random numbers."""
    margin = round(0.035 * size[1]) + 8
    painting = Painting((size[0] + 2 * margin, size[1] + 2 * margin), size[1] / WIDTH_MM)
    height, width = painting.shape
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / np.float32(painting.scale)
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2) / np.float32(painting.scale)
    return painting, x[None], y[:, None], margin, np.random.default_rng([seed, stream])


def surface_grain(p: Painting, rng: np.random.Generator,
                  octaves: list[tuple[float, float]]) -> Array:
    """Return noise for a painting; sizes in finished pixels."""
    return noise(rng, p.shape, [(size * FINENESS, deviation) for size, deviation in octaves])


def light_relief(p: Painting, height_mm: Array, shininess: float, highlight: float,
                 where: Array | float = 1.0) -> None:
    """
    Shade a height field by a lamp: Lambert's law, and highlights by Blinn's.

    Source: J. Blinn, "Models of light reflection for computer synthesized pictures", 1977,
    doi:10.1145/563858.563893.
    """
    slope_x = cv2.Sobel(height_mm, -1, 1, 0) * (p.scale / 8)
    slope_y = cv2.Sobel(height_mm, -1, 0, 1) * (p.scale / 8)
    length = np.sqrt(slope_x ** 2 + slope_y ** 2 + 1)
    lamp = LAMP / np.linalg.norm(LAMP)
    half = lamp + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    lambert = (-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) / length
    p.colour *= (0.25 + 0.75 * np.clip(lambert / lamp[2], 0, 1.6))[..., None]
    blinn = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0, 1)
    p.colour += (highlight * blinn ** shininess * where)[..., None] * linear((250, 252, 255))


def part_layer(p: Painting, corner: tuple[float, float], size: tuple[float, float], depth_m: float,
               draw: Callable[[Painting], None]) -> Layer:
    """Return a small layer; corner (x, y) and size (width, height) in mm."""
    scale = p.scale / FINENESS
    part = Painting((round(size[1] * scale) + 2, round(size[0] * scale) + 2), scale)
    draw(part)
    return Layer(*part.finished(depth_m), (round(corner[0] * scale), round(corner[1] * scale)))


def far_to_near(layers: list[Layer]) -> tuple[Layer, ...]:
    """Return the ground, then the parts sorted."""
    return (layers[0], *sorted(layers[1:], key=lambda layer: -float(np.median(layer.depth_m))))
